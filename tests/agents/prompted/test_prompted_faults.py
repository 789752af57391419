"""Everything that a server or a model can do wrong: what the label, the counter and the episode become."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from prompted_team import play_small, prompted, recorder_of, small_batch
from rule_server import KEY, error

from agents.play import play
from agents.prompted.backends import PassingError, Question
from agents.prompted.backends.openai_chat import OpenAIChat
from agents.prompted.client.answer_cache import CACHE_FILE
from agents.prompted.settings import ModelSettings
from c2c_env.errors import ConfigError, EndpointError
from c2c_env.text.answer import Choice

FIRST = 0  # number of the question that goes wrong


def only(fault, *numbers):
    return lambda number, body: fault if number in (numbers or (FIRST,)) else None


@pytest.mark.parametrize(
    ("fault", "label", "how"),
    [
        ("reasoning", "valid", ""),
        ("thinking", "repaired", "reasoning taken off"),
        ("tool_call", "repaired", "tool call"),
        ("prose", "repaired", "prose around the JSON taken off"),
        ("fence", "repaired", "code fence taken off"),
        ("no_choices", "invalid", "no answer"),
        ("empty", "invalid", "no answer"),
        ("refusal", "invalid", "refusal"),
        ("cut_json", "invalid", "cut off"),
        ("broken_json", "invalid", "broken or cut off"),
        ("two_objects", "invalid", "more than one JSON object"),
        ("wrong_enum", "invalid", "speech"),
        ("no_such_agent", "invalid", "recipient 'worker_99' does not exist"),
        ("no_such_subtask", "invalid", "work 's99' does not exist"),
        ("forbidden", "invalid", "is not allowed now"),
        ("huge", "invalid", "characters"),
    ],
)
def test_odd_answers_get_one_label_and_the_episode_goes_on(server, options, fault, label, how):
    server.fault = only(fault)
    batch = small_batch()
    policy = prompted(batch, "direct", {**options, "concurrency": 1})
    first = []

    def note():
        first[:] = first or [(policy.turns[0][0].decisions[0], batch.action_buffer[0, 0].tolist())]

    (metrics,) = play(batch, policy, on_step=note)
    ((decision, action),) = first
    assert decision.label == label
    assert how in decision.how
    assert label != "invalid" or action == [0, 0, 0, 0]
    columns = policy.episode_columns(0)
    assert columns["failed"] == 0
    assert columns["answers"] == 3 * metrics["steps"]
    others = columns["answers"] - columns["answers_valid"]
    assert (others, columns[f"answers_{label}"]) == ((0, columns["answers"]) if label == "valid" else (1, 1))
    assert metrics["invalid_actions"] == 0
    assert metrics["success"] == 1


@pytest.mark.parametrize("fault", ["status_500", "status_429", "reset", "cut_http", "not_utf8", "html", "slow"])
def test_what_passes_is_tried_again_and_leaves_no_trace(server, options, fault):
    server.fault = only(fault)
    (metrics,), policy, _ = play_small("direct", {**options, "timeout": 0.6})
    columns = policy.episode_columns(0)
    assert (columns["failed"], columns["answers_valid"]) == (0, columns["answers"])
    assert columns["answers"] == 3 * metrics["steps"]
    assert len(server.prompts) == columns["answers"] + 1
    assert metrics["success"] == 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("status_500", "status 500 (2 attempts)"),
        ("status_429", "status 429 (2 attempts)"),
        ("status_429_for_an_hour", "asks to wait 3600 s"),
        ("status_400", "status 400"),
        ("reset", "the connection was dropped (2 attempts)"),
        ("cut_http", "cannot be read (JSONDecodeError) (2 attempts)"),
        ("not_utf8", "cannot be read (UnicodeDecodeError) (2 attempts)"),
        ("html", "no chat completion (2 attempts)"),
        ("slow", "no answer within 0.3 s (2 attempts)"),
    ],
)
def test_what_does_not_pass_fails_its_episode_and_no_other(server, options, fault, why):
    """The second episode's prompts differ from the third step on, in which only it is refused an answer."""
    silenced = []

    def fail(number, body):
        own = "worker_2" in body["messages"][-1]["content"].splitlines()[0]
        if number >= 12 and own and not silenced:
            silenced.append(json.dumps(body))
        return fault if json.dumps(body) in silenced else None

    server.fault = fail
    fields = {"volatility": 0.4}  # so that episodes differ
    batch = small_batch(2, **fields)
    policy = prompted(batch, "direct", {**options, "timeout": 0.3 if fault == "slow" else 10, "attempts": 2})
    metrics = play(batch, policy)
    columns = [policy.episode_columns(env) for env in range(2)]
    (failed,) = [env for env in range(2) if columns[env]["failed"]]
    assert why in columns[failed]["failure"]
    assert KEY not in columns[failed]["failure"]
    assert columns[failed]["answers"] <= 3 * 5 < 3 * metrics[failed]["steps"]  # nothing more was asked
    assert metrics[failed]["success"] == 0
    assert columns[1 - failed]["failure"] == ""
    assert columns[1 - failed]["answers"] == 3 * metrics[1 - failed]["steps"]
    assert metrics[1 - failed]["success"] == 1


def test_retry_after_is_kept_to_by_everybody(server, options):
    server.fault = only("status_429")
    play_small("direct", {**options, "concurrency": 1})
    assert server.times[1] - server.times[0] >= 1.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (["retry-after: 7"], 7.0),
        (["retry-after: 0.25"], 0.25),
        (["retry-after-ms: 150", "retry-after: 1"], 0.15),
        (["retry-after: soon"], None),
        (["retry-after: -1"], None),
        (["retry-after: inf"], None),
        ([], None),
    ],
)
def test_waits_that_servers_ask_for(server, options, headers, wait):
    assert wait_asked_for(server, options, headers) == wait


def test_a_wait_may_be_a_date(server, options):
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < wait_asked_for(server, options, [f"retry-after: {date}"]) <= 60
    date = email.utils.format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    assert wait_asked_for(server, options, [f"retry-after: {date}"]) == 0


def wait_asked_for(server, options, headers):
    async def refuse(writer, body):
        return await server.send(writer, error("slow down"), "429 Too Many Requests", headers)

    async def ask():
        backend = OpenAIChat(ModelSettings.of(options))
        try:
            await backend.complete(Question("rule", (("user", "hi"),), Choice))
        except PassingError as refused:
            return refused.wait
        finally:
            await backend.close()

    server.fault_refuse, server.fault = refuse, lambda number, body: "refuse"
    return asyncio.run(ask())


# --- what stops a run at once -----------------------------------------------------------------------------------


def test_missing_key_is_one_line_that_names_the_variable(server, options, monkeypatch):
    monkeypatch.delenv("TEST_MODEL_KEY")
    with pytest.raises(EndpointError, match="set the environment variable TEST_MODEL_KEY"):
        prompted(small_batch(), "direct", options)
    assert not server.prompts
    prompted(small_batch(), "direct", {**options, "key_variable": "none"})


def test_unreachable_endpoint_stops_before_anything_is_asked(options, server):
    server.close()
    start = time.monotonic()
    with pytest.raises(EndpointError, match=r"http://127.0.0.1:\d+/v1 cannot be reached"):
        prompted(small_batch(), "direct", options)
    assert time.monotonic() - start < 5


def test_unknown_model_names_the_nearest(server, options):
    with pytest.raises(EndpointError, match=r"unknown model 'rul'.*did you mean 'rule'"):
        prompted(small_batch(), "direct", options, model="rul")
    server.models = []  # a server that lists none is taken at its word
    prompted(small_batch(), "direct", {**options, "timeout": 21}, model="rul")


@pytest.mark.parametrize(
    ("fault", "what"), [("status_401", "refuses the key"), ("status_404", "knows no model 'rule'")]
)
def test_what_no_episode_could_survive_stops_the_run(server, options, fault, what):
    server.fault = only(fault, 4)
    with pytest.raises(EndpointError, match=what) as caught:
        play_small("direct", options)
    assert KEY not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_server_that_goes_away_stops_the_run(server, options):
    asked = []

    def note():
        asked.append(1)
        if len(asked) == 2:
            server.close()

    with pytest.raises(EndpointError, match="cannot be reached"):
        play_small("direct", {**options, "attempts": 2}, on_step=note)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "prompted:STRATEGY@MODEL"),
        ("direct", "prompted:STRATEGY@MODEL"),
        ("direkt@rule", "unknown strategy 'direkt'; did you mean 'direct'"),
        ("direct:3@rule", "strategy direct takes no argument, got '3'"),
        ("fixed_steps:0@rule", "fixed_steps takes an integer >= 1"),
    ],
)
def test_names_that_are_wrong(server, options, name, message):
    from agents.policy import PolicyContext
    from agents.registry import make_policy

    with pytest.raises(ConfigError, match=message):
        make_policy(f"prompted:{name}", PolicyContext.of(small_batch(), 0, options))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temprature": 1}, "unknown option 'temprature'; did you mean 'temperature'"),
        ({"concurrency": 0}, "concurrency is 0, expected an integer >= 1"),
        ({"answer_format": "xml"}, "answer_format is 'xml', expected 'json_schema'"),
        ({"budget": 1}, "budget needs price_in and price_out"),
        ({"base_url": f"http://user:{KEY}@host/v1"}, "base_url is not http"),
        ({"base_url": 5}, "base_url is not http"),
        ({"key_variable": KEY}, "key_variable is not the name of an environment variable"),
        ({"timeout": float("nan")}, "timeout is nan"),
    ],
)
def test_options_that_are_wrong(options, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        prompted(small_batch(), "direct", {**options, **changes})
    assert KEY not in str(caught.value)


# --- the key ----------------------------------------------------------------------------------------------------


def test_key_is_seen_by_the_server_and_nowhere_else(server, options, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")
    server.fault = lambda number, body: "echo" if number % 2 else None
    batch = small_batch()
    policy = prompted(batch, "react", options)
    recorder, (lines,) = recorder_of(batch, policy, "prompted", [0])
    play(batch, policy, on_step=recorder.record)
    transcript = lines.text
    assert server.keys == {f"Bearer {KEY}"}
    assert "[key]" in transcript
    cache = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"[key]" in cache
    shown = capfd.readouterr()
    for text in (transcript, cache.decode("latin-1"), caplog.text, shown.out, shown.err, str(vars(policy.options))):
        assert KEY not in text
    assert (tmp_path / "cache" / CACHE_FILE).exists()
