"""How a language model is asked: every setting of prompted policies. No setting holds a key; it names the variable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from c2c_env.errors import ConfigError, needs_extra, raise_faults, unknown_name

with needs_extra("a setting of prompted policies", "llm"):
    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
_SECRET = ("base_url", "key_variable")  # what is wrong with them may be that a key stands there
_WAYS = {
    "concurrency", "timeout", "attempts", "longest_wait", "budget", "budget_tokens", "cache", "key_variable",
    "most_invalid",
}  # fmt: skip


def _endpoint(url: str) -> str:
    """The URL, if nothing secret can be in it."""
    parts = urlsplit(url)
    secret = parts.username or parts.password or parts.query or parts.fragment
    if secret or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    return url


# the descriptions are what errors expect
Real = int | float  # an integer stays one, so that the answers that were kept under it are found again
AtLeastOne = Annotated[int, Field(ge=1, description="an integer >= 1")]
Price = Annotated[Real | None, Field(ge=0, description="dollars per million tokens >= 0, or none")]
Endpoint = Annotated[str, AfterValidator(_endpoint), Field(
    description="http(s)://HOST/PATH without user, password or query (the key comes from the environment)"
)]  # fmt: skip
Variable = Annotated[
    str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$", description="the name of an environment variable, or none")
]


class ModelSettings(BaseModel):
    """Settings of prompted policies; all faults are reported at once.

    Attributes:
        backend: "openai" (any endpoint that speaks chat completions) or "transformers" (the model is a local folder,
            which is known by its path: put other weights elsewhere).
        base_url: of the endpoint.
        key_variable: environment variable that holds the key; "none" for a server that wants none.
        answer_format: how JSON is asked for: a strict schema, any JSON object, a tool call, or by the prompt alone.
        temperature: of sampling; None leaves it to the server. Above 0 every episode has samples of its own.
        max_tokens: most tokens of an answer; None: as many as the longest sensible answer of the strategy takes, see
            `Strategy.answer_tokens`. Models that reason at length need more.
        concurrency: questions under way at once, over all agents, episodes and cells.
        timeout: seconds for one attempt.
        attempts: of a question before its episode fails.
        longest_wait: seconds; a server that asks for a longer pause stops the run.
        price_in, price_out: dollars per million tokens; None: cost is not known.
        budget: dollars that a run may spend; needs prices.
        budget_tokens: tokens that a run may spend.
        cache: folder of the answers that were paid for.
        most_invalid: a run stops when more than this share of a policy's first answers cannot be used; None: never.
        ask: "always" asks every agent in every step; "events" only when something that matters to it has changed, see
            `agents.prompted.news`.
        judge: a second prompt scores how much each message's words deserve to raise understanding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    backend: Literal["openai", "transformers"] = "openai"
    base_url: Endpoint = OPENAI_URL
    key_variable: Variable = "OPENAI_API_KEY"
    answer_format: Literal["json_schema", "json_object", "tool", "text"] = "json_schema"
    temperature: Annotated[Real | None, Field(ge=0, description="a number >= 0, or none")] = 0.0
    max_tokens: Annotated[int | None, Field(ge=1, description="an integer >= 1, or none")] = None
    concurrency: AtLeastOne = 16
    timeout: Annotated[Real, Field(gt=0, description="seconds > 0")] = 60.0
    attempts: AtLeastOne = 5
    longest_wait: Annotated[Real, Field(ge=0, description="seconds >= 0")] = 120.0
    price_in: Price = None
    price_out: Price = None
    budget: Annotated[Real | None, Field(ge=0, description="dollars >= 0, or none")] = None
    budget_tokens: Annotated[int | None, Field(ge=1, description="an integer >= 1, or none")] = None
    cache: Annotated[str, Field(pattern=r"\S", description="a folder")] = "results/llm-cache"
    most_invalid: Annotated[Real | None, Field(ge=0, le=1, description="a share from 0 to 1, or none")] = 0.5
    ask: Literal["always", "events"] = "always"
    judge: Annotated[bool, Field(description="true or false")] = False

    @field_validator("budget")
    @classmethod
    def _has_prices(cls, budget: Real | None, info: ValidationInfo) -> Real | None:
        if budget is not None and None in (info.data.get("price_in", 0), info.data.get("price_out", 0)):
            raise ValueError("budget needs price_in and price_out (dollars per million tokens)")
        return budget

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ModelSettings:
        """Make settings of names and values.

        Raises:
            ConfigError: unknown names, with the nearest valid ones, and wrong values.
        """
        values = dict(given)
        if values.get("key_variable", "") is None:  # as the command line reads the word none
            values["key_variable"] = NO_KEY
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = {str(fault["loc"][0]): _describe(fault) for fault in error.errors()}
            raise_faults(ConfigError, "bad options of prompted policies", list(faults.values()))
            raise

    @property
    def identity(self) -> dict[str, Any]:
        """What determines results; the rest is about how they are come by."""
        return self.model_dump(exclude=_WAYS)

    @property
    def has_budget(self) -> bool:
        """Whether there is a limit to what a run may spend."""
        return self.budget is not None or self.budget_tokens is not None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars; NaN without prices."""
        if self.price_in is None or self.price_out is None:
            return math.nan
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6


def _describe(fault: Any) -> str:
    """One of pydantic's errors in this project's words; several of one setting read the same."""
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return unknown_name("option", name, ModelSettings.model_fields)
    expected = ModelSettings.model_fields[name].description or fault["ctx"]["expected"]
    if name in _SECRET:
        return f"{name} is not {expected}"
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return f"{name} is {fault['input']!r}, expected {expected}"
