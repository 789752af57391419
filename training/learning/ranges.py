"""Types of the numbers in a recipe; pydantic checks them when one is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from c2c_env.core import constants as c
from training.arguments import LARGEST_SEED

MOST_THREADS = 1024

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
ThreadCount = Annotated[int, Field(ge=1, le=MOST_THREADS)]
NumEnvs = Annotated[int, Field(ge=1, le=2**16)]
TeamSize = Annotated[int, Field(ge=1, le=1024)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0, le=1e6)]
Tier = Literal["simple", "medium", "complex"]
if TYPE_CHECKING:
    RewardWeights = tuple[float, ...]
else:  # one for each term, so that pydantic names the one that is wrong or missing
    RewardWeights = tuple[(NotNegative,) * c.NUM_TERMS]
