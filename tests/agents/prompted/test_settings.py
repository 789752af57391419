"""Options of prompted policies: every fault at once, in this project's words, and no key in them."""

from __future__ import annotations

import importlib
import math
import sys
from datetime import date

import pytest

from agents.prompted.settings import NO_KEY, ModelSettings
from c2c_env.errors import ConfigError, MissingExtraError

KEY = "sk-secret-1234"


def faults_of(**given):
    with pytest.raises(ConfigError, match="bad options of prompted policies") as caught:
        ModelSettings.of(given)
    assert "pydantic" not in str(caught.value)
    return caught.value.faults


def test_all_faults_at_once():
    valid = ", ".join(sorted(ModelSettings.model_fields))
    assert faults_of(temprature=1, backend="opnai", max_tokens=0, timeout="soon", judge=1, cache=" ", budget=3) == (
        "backend is 'opnai', expected 'openai' or 'transformers'",
        "max_tokens is 0, expected an integer >= 1, or none",
        "timeout is 'soon', expected seconds > 0",
        "budget needs price_in and price_out (dollars per million tokens)",
        "cache is ' ', expected a folder",
        "judge is 1, expected true or false",
        f"unknown option 'temprature'; did you mean 'temperature'? (valid: {valid})",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("answer_format", "json", "'json_schema', 'json_object', 'tool' or 'text'"),
        ("answer_format", 3, "'json_schema', 'json_object', 'tool' or 'text'"),
        ("temperature", -0.1, "a number >= 0, or none"),
        ("temperature", True, "a number >= 0, or none"),
        ("temperature", math.nan, "a number >= 0, or none"),
        ("temperature", "0.5", "a number >= 0, or none"),
        ("timeout", 0, "seconds > 0"),
        ("timeout", math.inf, "seconds > 0"),
        ("timeout", None, "seconds > 0"),
        ("longest_wait", -1, "seconds >= 0"),
        ("max_tokens", 1.0, "an integer >= 1, or none"),
        ("most_invalid", 1.5, "a share from 0 to 1, or none"),
        ("most_invalid", True, "a share from 0 to 1, or none"),
        ("concurrency", True, "an integer >= 1"),
        ("attempts", None, "an integer >= 1"),
        ("budget_tokens", 0, "an integer >= 1, or none"),
        ("price_in", -1, "dollars per million tokens >= 0, or none"),
        ("cache", 3, "a folder"),
        ("judge", "yes", "true or false"),
        ("top_p", 0, "a number in (0, 1], or none"),
        ("top_p", 1.01, "a number in (0, 1], or none"),
        ("reasoning_effort", "very high", "a word such as low, or none"),
        ("reasoning_effort", "low\n", "a word such as low, or none"),
        ("reasoning_effort", 3, "a word such as low, or none"),
        ("seed", -1, "an integer from 0 to 2147483647, or none"),
        ("seed", 2**31, "an integer from 0 to 2147483647, or none"),
        ("seed", 1.0, "an integer from 0 to 2147483647, or none"),
        ("token_limit", "max_output", "'auto', 'max_tokens' or 'max_completion_tokens'"),
        ("price_cached", -1, "dollars per million tokens >= 0, or none"),
        ("history", -1, "an integer >= 0, or none"),
        ("history", True, "an integer >= 0, or none"),
        ("reask", 2, "0 or 1"),
        ("reask", True, "0 or 1"),
    ],
)
def test_wrong_values(name, value, expected):
    assert faults_of(**{name: value}) == (f"{name} is {value!r}, expected {expected}",)


@pytest.mark.parametrize(
    "value", [KEY, f"http://me:{KEY}@host/v1", f"https://host/v1?key={KEY}", "ftp://host", "http://[", 3]
)
def test_a_url_that_may_hold_a_key_is_not_shown(value):
    (fault,) = faults_of(base_url=value)
    assert fault.startswith("base_url is not http(s)://HOST/PATH without user, password or query")
    assert KEY not in fault


def test_a_key_in_place_of_its_variable_is_not_shown_anywhere():
    with pytest.raises(ConfigError) as caught:
        ModelSettings.of({"key_variable": KEY})
    assert caught.value.faults == ("key_variable is not the name of an environment variable, or none",)
    assert KEY not in str(caught.value)
    assert KEY not in str(caught.value.__context__)


def test_a_budget_needs_both_prices_but_is_not_blamed_for_a_wrong_one():
    assert faults_of(budget=1, price_in=1)[0].startswith("budget needs price_in and price_out")
    assert [fault.split()[0] for fault in faults_of(budget=1, price_in=1, price_out=-1)] == ["price_out"]
    assert ModelSettings.of({"budget": 1, "price_in": 1, "price_out": 2}).cost(10**6, 10**6) == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"price_in": 1, "price_cached": 1.5}, "price_cached is 1.5, expected no more than price_in, which is 1"),
        ({"price_cached": 0}, "price_cached is 0, expected no more than price_in, which is None"),
        (
            {"extra_body": {"top_k": 1, "stream": True, "n": 2, "max_tokens": 9}},
            "extra_body names max_tokens, n, stream, expected only what has no setting of its own and is not written"
            " anyway",
        ),
    ],
)
def test_what_does_not_go_together(given, expected):
    assert faults_of(**given) == (expected,)


@pytest.mark.parametrize("inner", [math.nan, {1: 2}, (1, 2), date(2026, 1, 1), b"x"])
def test_a_body_that_is_no_json_is_refused_without_being_shown(inner):
    (fault,) = faults_of(extra_body={"secret": KEY, "x": inner})
    assert fault == "extra_body holds something that JSON cannot, expected texts, numbers, lists and tables"


@pytest.mark.parametrize("value", [KEY, [KEY], None, {1: KEY}])
@pytest.mark.parametrize("name", ["headers", "extra_body"])
def test_what_is_no_table_is_not_shown(name, value):
    (fault,) = faults_of(**{name: value})
    assert fault.startswith(f"{name} is not a table ")
    assert KEY not in fault


def test_all_headers_that_cannot_be_sent_are_named_with_the_reason_and_no_value_is_shown():
    wrong = {
        "Authorization": "A",
        "host": "A",
        "X Y": "A",
        "X-Key": KEY,
        "X-Three": 3,
        "X-Ok": "A",
        "x-oK": "B",
        "": "A",
    }
    (fault,) = faults_of(headers=wrong)
    assert fault.split("; ") == [
        "headers cannot have Authorization: it holds the key, which key_variable names",
        "headers cannot have host: it is written by what sends the request",
        "headers has a name that HTTP does not allow: 'X Y'",
        "headers has something else for X-Key, expected the name of an environment variable",
        "headers has something else for X-Three, expected the name of an environment variable",
        "headers has x-oK twice",
        "headers has a name that HTTP does not allow: ''",
    ]
    assert KEY not in fault


def test_a_local_model_takes_what_it_can_and_refuses_the_rest():
    local = {"backend": "transformers", "top_p": 0.5, "seed": 1, "token_limit": "auto", "headers": {}}
    assert ModelSettings.of(local).top_p == 0.5
    given = {"reasoning_effort": "low", "extra_body": {"a": 1}, "headers": {"X-A": "A"}, "token_limit": "max_tokens"}
    assert faults_of(backend="transformers", **given) == tuple(
        f"{name} is for servers, backend is 'transformers', which takes temperature, top_p and seed" for name in given
    )


def test_cached_tokens_cost_their_own_price_or_that_of_the_others():
    priced = {"price_in": 4, "price_out": 8}
    assert ModelSettings.of(priced).cost(10**6, 10**6, 10**6) == 12
    assert ModelSettings.of({**priced, "price_cached": 1}).cost(10**6, 10**6, 750_000) == 1 + 0.75 + 8
    assert math.isnan(ModelSettings().cost(1, 1, 1))


def test_settings_are_frozen_compared_and_kept_by():
    one, same, other = ModelSettings(), ModelSettings.of({"temperature": 0.0}), ModelSettings.of({"temperature": 1})
    assert one == same != other
    assert len({one, same, other}) == 2
    assert ModelSettings.of({"key_variable": None}).key_variable == NO_KEY
    with pytest.raises(ValueError, match="frozen"):
        one.temperature = 0.5


def test_identity_is_what_determines_results_with_numbers_as_they_were_given():
    settings = ModelSettings.of({"temperature": 1, "timeout": 5, "key_variable": "X", "judge": True})
    assert list(settings.identity) == [
        "backend", "base_url", "answer_format", "temperature", "max_tokens", "price_in", "price_out", "ask", "judge",
    ]  # fmt: skip
    assert repr(settings.identity["temperature"]) == "1"


def test_without_pydantic_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic", None)
    monkeypatch.delitem(sys.modules, "agents.prompted.settings")
    with pytest.raises(MissingExtraError, match=r"needs pydantic.*pip install -e '\.\[llm\]'"):
        importlib.import_module("agents.prompted.settings")
