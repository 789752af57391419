"""How a language model is asked: every setting of prompted policies. No setting holds a key; it names the variable."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from c2c_env.errors import ConfigError, needs_extra, raise_faults, unknown_name

with needs_extra("a setting of prompted policies", "llm"):
    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
# what is wrong with them may be that a key stands there, so that it is not shown; tables say what is wrong
_SECRET, _SECRET_TABLES = ("base_url", "key_variable"), ("headers", "extra_body")
_WAYS = {
    "concurrency", "timeout", "attempts", "longest_wait", "budget", "budget_tokens", "cache", "key_variable",
    "most_invalid", "headers",
}  # fmt: skip
# settings that came later: while they are unset they stand nowhere, so that what was kept before them is found again
_LATER_ASKED = ("top_p", "reasoning_effort", "seed", "extra_body", "token_limit")  # these determine answers
_LATER = (*_LATER_ASKED, "price_cached", "history", "reask", "legal_only")
_LARGEST_SEED = 2**31 - 1
_WITH_SCHEMA = ("json_schema", "tool")  # answer formats that hand a schema over
_OWN_KEYS = frozenset({
    "model", "messages", "stream", "stream_options", "n", "response_format", "tools", "tool_choice", "functions",
    "function_call", "temperature", "top_p", "seed", "reasoning_effort", "max_tokens", "max_completion_tokens",
})  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # what HTTP allows in the name of a header
_VARIABLE = "^[A-Za-z_][A-Za-z0-9_]*$"
_KEY_HEADER = "it holds the key, which key_variable names"
_HTTP_HEADER = "it is written by what sends the request"
_OWN_HEADERS = {"authorization": _KEY_HEADER} | dict.fromkeys(
    (
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive",
        "te", "trailer", "upgrade", "expect", "accept", "accept-encoding", "proxy-authorization",
    ),
    _HTTP_HEADER,
)  # fmt: skip


def _endpoint(url: str) -> str:
    """The URL, if nothing secret can be in it."""
    parts = urlsplit(url)
    secret = parts.username or parts.password or parts.query or parts.fragment
    if secret or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    return url


def _extra_body(table: dict[str, Any]) -> dict[str, Any]:
    """The table, if it is JSON and names nothing that has a setting or is written here."""
    try:
        plain = json.loads(json.dumps(table, allow_nan=False)) == table
    except (TypeError, ValueError, RecursionError):
        plain = False
    if not plain:
        raise ValueError("extra_body holds something that JSON cannot, expected texts, numbers, lists and tables")
    if own := sorted(_OWN_KEYS.intersection(table)):
        raise ValueError(
            f"extra_body names {', '.join(own)}, expected only what has no setting of its own and is not written anyway"
        )
    return table


def _headers(table: dict[str, Any]) -> dict[str, str]:
    """The table, if each entry is the name of a header that may be sent, with the name of a variable."""
    faults, seen = list[str](), set[str]()
    for name, variable in table.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            faults.append(f"headers has a name that HTTP does not allow: {name[:40]!r}")
        elif lower in _OWN_HEADERS:
            faults.append(f"headers cannot have {name}: {_OWN_HEADERS[lower]}")
        elif lower in seen:
            faults.append(f"headers has {name} twice")
        elif not isinstance(variable, str) or not re.fullmatch(_VARIABLE, variable):
            faults.append(f"headers has something else for {name}, expected the name of an environment variable")
        seen.add(lower)
    if faults:
        raise ValueError("; ".join(faults))
    return table


# the descriptions are what errors expect
Real = int | float  # an integer stays one, so that the answers that were kept under it are found again
AtLeastOne = Annotated[int, Field(ge=1, description="an integer >= 1")]
Price = Annotated[Real | None, Field(ge=0, description="dollars per million tokens >= 0, or none")]
Endpoint = Annotated[str, AfterValidator(_endpoint), Field(
    description="http(s)://HOST/PATH without user, password or query (the key comes from the environment)"
)]  # fmt: skip
Variable = Annotated[str, Field(pattern=_VARIABLE, description="the name of an environment variable, or none")]
Body = Annotated[dict[str, Any], AfterValidator(_extra_body), Field(
    description="a table of further parameters, such as {top_k = 20}"
)]  # fmt: skip
Headers = Annotated[dict[str, Any], AfterValidator(_headers), Field(
    description="a table from names of headers to names of environment variables, such as {X-Title = \"TITLE\"}"
)]  # fmt: skip


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
        top_p: share of probability that sampling draws from; None leaves it to the server.
        reasoning_effort: a word for models that reason, passed on as it is; None leaves it to the server.
        seed: of sampling; sample n of a question is asked for with seed + n. None leaves it to the server.
        extra_body: further parameters in the body of every request; no secrets, since results name them.
        headers: names of headers that every request carries, each with the environment variable that holds its value.
        token_limit: what the limit of an answer is called: "auto" is max_completion_tokens at OpenAI and max_tokens
            elsewhere.
        price_cached: dollars per million tokens of prompts that the server had in its cache; None: as `price_in`.
        history: earlier steps that a prompt holds at most, for strategies that keep them; None: as many as they like.
        reask: 1 has an invalid answer asked for once more, with the answer and what is wrong with it.
        legal_only: the schema of an answer lists the names that are legal in this step, part by part, in place of any.
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
    top_p: Annotated[Real | None, Field(gt=0, le=1, description="a number in (0, 1], or none")] = None
    reasoning_effort: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,40}\z", description="a word such as low, or none")
    ] = None
    seed: Annotated[
        int | None, Field(ge=0, le=_LARGEST_SEED, description=f"an integer from 0 to {_LARGEST_SEED}, or none")
    ] = None
    extra_body: Body = {}
    headers: Headers = {}
    token_limit: Literal["auto", "max_tokens", "max_completion_tokens"] = "auto"
    price_cached: Price = None
    history: Annotated[int | None, Field(ge=0, description="an integer >= 0, or none")] = None
    reask: Annotated[int, Field(ge=0, le=1, description="0 or 1")] = 0
    legal_only: Annotated[bool, Field(description="true or false")] = False

    def __hash__(self) -> int:
        """Equal settings have equal hashes; tables have none and are left out."""
        return hash(tuple(value for value in self.__dict__.values() if not isinstance(value, dict)))

    @field_validator("budget")
    @classmethod
    def _has_prices(cls, budget: Real | None, info: ValidationInfo) -> Real | None:
        if budget is not None and None in (info.data.get("price_in", 0), info.data.get("price_out", 0)):
            raise ValueError("budget needs price_in and price_out (dollars per million tokens)")
        return budget

    @field_validator("price_cached")
    @classmethod
    def _is_the_lower_price(cls, price: Real | None, info: ValidationInfo) -> Real | None:
        """What a question may cost at most is worked out with `price_in`."""
        full = info.data.get("price_in", math.inf)
        if price is not None and (full is None or price > full):
            raise ValueError(f"price_cached is {price}, expected no more than price_in, which is {full}")
        return price

    @field_validator("legal_only")
    @classmethod
    def _has_a_schema(cls, value: bool, info: ValidationInfo) -> bool:
        form = info.data.get("answer_format", "json_schema")
        if value and form not in _WITH_SCHEMA:
            raise ValueError(f"legal_only is for answer_format {' or '.join(_WITH_SCHEMA)}, got {form!r}")
        return value

    @field_validator("reasoning_effort", "extra_body", "headers", "token_limit")
    @classmethod
    def _has_a_server(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("backend") == "transformers" and value not in (None, {}, "auto"):
            raise ValueError(
                f"{info.field_name} is for servers, backend is 'transformers', which takes temperature, top_p and seed"
            )
        return value

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
        return {
            name: value
            for name, value in self.model_dump(exclude=_WAYS).items()
            if name not in _LATER or value != ModelSettings.model_fields[name].default
        }

    @property
    def asked_with(self) -> dict[str, Any]:
        """What determines the answer to a question beside the question."""
        asked = ("backend", "base_url", "answer_format", "temperature", *_LATER_ASKED)
        return {name: value for name, value in self.identity.items() if name in asked}

    @property
    def has_budget(self) -> bool:
        """Whether there is a limit to what a run may spend."""
        return self.budget is not None or self.budget_tokens is not None

    def cost(self, prompt_tokens: int, completion_tokens: int, prompt_tokens_cached: int = 0) -> float:
        """Dollars, where some of the tokens of the prompt came from the server's cache; NaN without prices."""
        if self.price_in is None or self.price_out is None:
            return math.nan
        price_cached = self.price_in if self.price_cached is None else self.price_cached
        prompts = (prompt_tokens - prompt_tokens_cached) * self.price_in + prompt_tokens_cached * price_cached
        return (prompts + completion_tokens * self.price_out) / 1e6


def _describe(fault: Any) -> str:
    """One of pydantic's errors in this project's words; several of one setting read the same."""
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return unknown_name("option", name, ModelSettings.model_fields)
    if fault["type"] == "value_error" and name not in _SECRET:
        return str(fault["ctx"]["error"])
    expected = ModelSettings.model_fields[name].description or fault["ctx"]["expected"]
    if name in _SECRET + _SECRET_TABLES:
        return f"{name} is not {expected}"
    return f"{name} is {fault['input']!r}, expected {expected}"
