"""Types of the numbers in a recipe; pydantic checks them when one is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core.core_schema import CoreSchema, with_default_schema

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


class ZeroIfLeftOut:
    """Marks an entry of a tuple that may be missing at its end and is 0 then, as pydantic has no sign for that."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_default_schema(handler(source), default=0.0)


if TYPE_CHECKING:
    RewardWeights = tuple[float, ...]
else:  # one for each term, so that pydantic names the one that is wrong or missing
    _OPTIONAL = (Annotated[NotNegative, ZeroIfLeftOut()],) * (c.NUM_TERMS - c.LEAST_WEIGHTS)
    RewardWeights = tuple[(*(NotNegative,) * c.LEAST_WEIGHTS, *_OPTIONAL)]
