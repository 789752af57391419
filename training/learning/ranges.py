"""Types of the numbers in a recipe; pydantic checks them when one is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Tier = Literal["simple", "medium", "complex"]
