"""How a language model is asked: every setting of prompted policies. No setting holds a key; it names the variable."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from c2c_env.errors import ConfigError, raise_faults, unknown_name

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
MODEL_BACKENDS = ("openai", "transformers")
ANSWER_FORMATS = ("json_schema", "json_object", "tool", "text")


@dataclass(frozen=True)
class ModelSettings:
    """Settings of prompted policies; all faults are reported at once.

    Attributes:
        backend: "openai" (any endpoint that speaks chat completions) or "transformers" (the model is a local folder,
            which is known by its path: put other weights elsewhere).
        base_url: of the endpoint.
        key_variable: environment variable that holds the key; "none" for a server that wants none.
        answer_format: how JSON is asked for: a strict schema, any JSON object, a tool call, or by the prompt alone.
        temperature: of sampling; None leaves it to the server. Above 0 every episode has samples of its own.
        max_tokens: most tokens of an answer.
        concurrency: questions under way at once, over all agents, episodes and cells.
        timeout: seconds for one attempt.
        attempts: of a question before its episode fails.
        longest_wait: seconds; a server that asks for a longer pause fails the episode.
        price_in, price_out: dollars per million tokens; None: cost is not known.
        budget: dollars that a run may spend; needs prices.
        budget_tokens: tokens that a run may spend.
        cache: folder of the answers that were paid for.
        judge: a second prompt scores how much each message's words deserve to raise understanding.
    """

    backend: str = "openai"
    base_url: str = OPENAI_URL
    key_variable: str = "OPENAI_API_KEY"
    answer_format: str = "json_schema"
    temperature: float | None = 0.0
    max_tokens: int = 512
    concurrency: int = 16
    timeout: float = 60.0
    attempts: int = 5
    longest_wait: float = 120.0
    price_in: float | None = None
    price_out: float | None = None
    budget: float | None = None
    budget_tokens: int | None = None
    cache: str = "results/llm-cache"
    judge: bool = False

    def __post_init__(self) -> None:
        raise_faults(ConfigError, "bad options of prompted policies", _faults(self))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ModelSettings:
        """From names and values; an unknown name is a `ConfigError` with the nearest valid one."""
        valid = [field.name for field in fields(cls)]
        unknown = [unknown_name("option", name, valid) for name in given if name not in valid]
        raise_faults(ConfigError, "bad options of prompted policies", unknown)
        values = dict(given)
        if values.get("key_variable", "") is None:  # as the command line reads the word none
            values["key_variable"] = NO_KEY
        return cls(**values)

    @property
    def identity(self) -> dict[str, Any]:
        """What determines results; the rest is about how they are come by."""
        ways = (
            "concurrency",
            "timeout",
            "attempts",
            "longest_wait",
            "budget",
            "budget_tokens",
            "cache",
            "key_variable",
        )
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ways}

    @property
    def priced(self) -> bool:
        return self.price_in is not None and self.price_out is not None

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars; NaN without prices."""
        if self.price_in is None or self.price_out is None:
            return math.nan
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6


def _number(least: float, *, none: bool = False, above: bool = False) -> Callable[[Any], bool]:
    def valid(x: Any) -> bool:
        if x is None:
            return none
        real = isinstance(x, numbers.Real) and not isinstance(x, bool) and math.isfinite(x)
        return real and (x > least if above else x >= least)

    return valid


def _whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool) and x >= 1


def _one_of(names: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    return (lambda x: isinstance(x, str) and x in names), " or ".join(map(repr, names))


def _endpoint(x: Any) -> bool:
    """A URL without anything secret in it."""
    try:
        parts = urlsplit(x)
    except (ValueError, AttributeError, TypeError):
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return isinstance(x, str) and parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def _variable(x: Any) -> bool:
    return isinstance(x, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", x) is not None


def _word(x: Any) -> bool:
    return isinstance(x, str) and bool(x.strip())


_WHOLE = (_whole, "an integer >= 1")
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "backend": _one_of(MODEL_BACKENDS),
    "base_url": (_endpoint, "http(s)://HOST/PATH without user, password or query (the key comes from the environment)"),
    "key_variable": (_variable, "the name of an environment variable, or none"),
    "answer_format": _one_of(ANSWER_FORMATS),
    "temperature": (_number(0.0, none=True), "a number >= 0, or none"),
    "max_tokens": _WHOLE,
    "concurrency": _WHOLE,
    "timeout": (_number(0.0, above=True), "seconds > 0"),
    "attempts": _WHOLE,
    "longest_wait": (_number(0.0), "seconds >= 0"),
    "price_in": (_number(0.0, none=True), "dollars per million tokens >= 0, or none"),
    "price_out": (_number(0.0, none=True), "dollars per million tokens >= 0, or none"),
    "budget": (_number(0.0, none=True), "dollars >= 0, or none"),
    "budget_tokens": (lambda x: x is None or (_whole(x)), "an integer >= 1, or none"),
    "cache": (_word, "a folder"),
    "judge": (lambda x: isinstance(x, bool), "true or false"),
}
_SECRET = ("base_url", "key_variable")  # what is wrong with them may be that a key stands there


def _faults(options: ModelSettings) -> list[str]:
    faults = []
    for name, (valid, expected) in _CHECKS.items():
        value = getattr(options, name)
        if not valid(value):
            faults.append(f"{name} is {'not' if name in _SECRET else f'{value!r}, expected'} {expected}")
    if options.budget is not None and not options.priced:
        faults.append("budget needs price_in and price_out (dollars per million tokens)")
    return faults
