"""Types of the numbers in a recipe; pydantic checks them when one is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from c2c_env.core import constants as c

Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Tier = Literal["simple", "medium", "complex"]
if TYPE_CHECKING:
    RewardWeights = tuple[float, ...]
else:  # one for each term, so that pydantic names the one that is wrong or missing
    RewardWeights = tuple[(NotNegative,) * c.NUM_TERMS]
