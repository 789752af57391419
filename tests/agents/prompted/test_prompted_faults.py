"""Everything that a server or a model can do wrong: what the label, the counter and the episode become."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prompted_team import play_small, prompted, small_batch
from rule_server import KEY, error

from agents.play import play
from agents.prompted.backends import PassingError, Question, RequestFailedError
from agents.prompted.backends.openai_chat import OpenAIChat
from agents.prompted.prompted_team import read_answer
from agents.prompted.settings import ModelSettings
from c2c_env.errors import ConfigError, EndpointError
from c2c_env.text.answer import AnswerError, Choice
from c2c_env.text.names import one_line

FIRST = 0  # number of the question that goes wrong


def only(fault, *numbers):
    return lambda number, body: fault if number in (numbers or (FIRST,)) else None


@pytest.mark.parametrize(
    ("fault", "label", "how"),
    [
        ("reasoning", "valid", ""),
        ("thinking", "repaired", "reasoning taken off"),
        ("closing_think", "repaired", "reasoning taken off"),
        ("parts", "valid", ""),
        ("the_same_twice", "repaired", "the same JSON several times"),
        ("whole_and_cut", "repaired", "cut off"),
        ("only_reasoning", "invalid", "cut off"),
        ("answer_in_reasoning", "invalid", "no answer"),
        ("no_more_room", "invalid", "cut off"),
        ("filtered", "invalid", "refusal"),
        ("zipped", "valid", ""),
        ("old_http", "valid", ""),
        ("long_id", "valid", ""),
        ("tool_call", "repaired", "tool call"),
        ("tool_call_twice", "repaired", "tool call"),
        ("tool_call_of_an_object", "repaired", "tool call"),
        ("old_function_call", "repaired", "tool call"),
        ("two_tool_calls", "invalid", "more than one JSON object"),
        ("wrong_tool", "invalid", "a call of another tool"),
        ("prose", "repaired", "prose around the JSON taken off"),
        ("fence", "repaired", "code fence taken off"),
        ("empty", "invalid", "no answer"),
        ("refusal", "invalid", "refusal"),
        ("refusal_part", "invalid", "refusal"),
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


@pytest.mark.parametrize(
    "fault", ["status_500", "status_429", "reset", "cut_http", "not_utf8", "html", "slow", "no_choices"]
)
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
        ("status_500", "status 500: oops (test); if it stays so, try another answer_format, such as text (2 attempts)"),
        ("status_429", "status 429: slow down (test) (2 attempts)"),
        ("no_choices", "the server sent no answer: it has no choice with a message (2 attempts)"),
        ("status_400", "status 400"),
        ("reset", "the connection was dropped (ReadError) (2 attempts)"),
        ("not_http", "the connection was dropped (RemoteProtocolError "),
        ("a_longer_body_promised", "the connection was dropped (RemoteProtocolError peer closed connection"),
        ("events", "the server sent no answer: it is a stream of events, and a whole answer was asked for: data: {"),
        ("drop_by_drop", "no answer within 0.3 s (2 attempts)"),
        ("cut_http", "cannot be read (JSONDecodeError): "),
        ("not_utf8", "cannot be read (UnicodeDecodeError): "),
        ("html", "cannot be read (JSONDecodeError): Bad gateway (2 attempts)"),
        ("slow", "no answer within 0.3 s (2 attempts)"),
    ],
)
def test_what_does_not_pass_fails_its_episode_and_no_other(server, options, fault, why):
    """The second episode's prompts differ from the third step on, in which only it is refused an answer."""
    silenced = []

    def fail(number, body):
        own = "You are worker_2." in body["messages"][-1]["content"]
        if number >= 12 and own and not silenced:
            silenced.append(json.dumps(body))
        return fault if json.dumps(body) in silenced else None

    server.fault = fail
    fields = {"volatility": 0.4}  # so that episodes differ
    batch = small_batch(2, **fields)
    policy = prompted(
        batch, "direct", {**options, "timeout": 0.3 if fault in ("slow", "drop_by_drop") else 10, "attempts": 2}
    )
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


def with_choice(message, **more):
    return {"choices": [{"index": 0, "message": message, **more}]}


GOOD = {"role": "assistant", "content": '{"work": null}'}
EMPTY = {"role": "assistant", "content": ""}
ERRORS_WITH_200 = {
    "error": ({"error": {"message": "upstream is down", "code": 502}}, "upstream is down (502)"),
    "error text": ({"error": "upstream is down"}, "upstream is down"),
    "error list": ([{"error": {"message": "upstream is down"}}], "upstream is down"),
    "error beside null": ({"choices": None, "error": {"message": "upstream is down"}}, "upstream is down"),
    "error beside none": ({"choices": [], "error": "upstream is down"}, "upstream is down"),
    "error beside empty text": (
        {**with_choice(EMPTY, finish_reason="stop"), "error": {"message": "upstream is down"}}, "upstream is down",
    ),
    "wrapped": ({"error": {"error": {"detail": "upstream is down"}}}, "upstream is down"),
    "detail": ({"detail": "upstream is down"}, "upstream is down"),
    "details": ({"detail": [{"loc": ["body"], "msg": "upstream is down"}]}, "upstream is down"),
    "message and code": ({"message": "upstream is down", "code": 5000}, "upstream is down (5000)"),
    "object error": ({"object": "error", "message": "upstream is down"}, "upstream is down"),
    "in the choice": (
        with_choice(EMPTY, finish_reason="error", error={"message": "upstream is down", "code": 502}),
        "upstream is down (502)",
    ),
    "finish error": (with_choice(GOOD, finish_reason="error"), "finish_reason 'error'"),
    "finish abort": (with_choice(GOOD, finish_reason="abort"), "finish_reason 'abort'"),
    "overloaded": (with_choice(EMPTY, finish_reason="insufficient_system_resource"), "insufficient_system_resource"),
    "nothing ended": (with_choice(EMPTY, finish_reason=None), "neither text nor a finish_reason"),
    "null choices": ({"choices": None}, "no choice with a message"),
    "no choices": ({"choices": []}, "no choice with a message"),
    "odd choices": ({"choices": {"0": 1}}, "no choice with a message"),
    "null choice": ({"choices": [None]}, "no choice with a message"),
    "null message": (with_choice(None, finish_reason="stop"), "no choice with a message"),
    "text for a message": (with_choice("hi there", finish_reason="stop"), "hi there"),
    "null": (None, "no JSON object"),
    "empty object": ({}, "no choice with a message"),
    "text": ("busy", 'no JSON object: "busy"'),
    "empty body": (b"", "it is empty"),
    "html": (b"<html><body><h1>502 Bad Gateway</h1></body></html>", "502 Bad Gateway"),
    "event stream": (b'data: {"error": {"message": "upstream is down"}}\n\ndata: [DONE]\n\n', "upstream is down"),
    "deep": (b"[" * 200_000, "cannot be read (RecursionError)"),
    "digits": (b'{"choices": ' + b"9" * 5000 + b"}", "cannot be read (ValueError)"),
}  # fmt: skip


@pytest.mark.parametrize("form", ERRORS_WITH_200)
def test_an_error_under_status_200_is_no_answer_of_the_model(server, options, tmp_path, form):
    sent, said = ERRORS_WITH_200[form]

    async def send(writer, body):
        return await server.send(writer, sent)

    server.fault_sent, server.fault = send, only("sent", 0, 2)
    (metrics,), policy, _ = play_small("direct", {**options, "concurrency": 1})
    columns = policy.episode_columns(0)
    assert (columns["failed"], columns["answers_valid"], metrics["success"]) == (0, columns["answers"], 1)
    assert len(server.prompts) == columns["answers"] + 2
    server.fault = lambda number, body: "sent"
    options = {**options, "cache": str(tmp_path / "other"), "attempts": 1}
    _, policy, _ = play_small("direct", options)
    columns = policy.episode_columns(0)
    assert (columns["failed"], columns["answers"]) == (1, 0)
    assert said in columns["failure"]
    server.fault = lambda number, body: None
    _, policy, _ = play_small("direct", options)  # nothing of it was kept
    assert policy.episode_columns(0)["failed"] == 0


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(["stop", "length"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([
                "choices", "message", "content", "error", "code", "finish_reason", "tool_calls", "function", "name",
                "arguments", "text", "type", "refusal", "usage", "prompt_tokens", "detail", "function_call",
            ]),
            inner, max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
    JSON_VALUES.map(lambda value: json.dumps(with_choice(value, finish_reason="stop")).encode()),
    JSON_VALUES.map(lambda value: json.dumps({**with_choice(GOOD), "usage": value, "error": None}).encode()),
    JSON_VALUES.map(lambda value: json.dumps(with_choice({"content": value, "tool_calls": value})).encode()),
)
STATUSES = st.sampled_from(
    ["200 OK", "204 No Content", "302 Found", "400 Bad", "403 No", "429 Slow", "500 Oops", "599 x"]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, status=STATUSES)
def test_whatever_a_server_sends_ends_in_a_decision_or_a_documented_error(server, options, body, status):
    async def send(writer, asked):
        return await server.send(writer, body, status, ["retry-after: 0"])

    server.fault_sent, server.fault = send, lambda number, asked: "sent"
    question = Question("rule", (("user", "hi"),), Choice)
    reply = asyncio.run(outcome(options, question))
    if isinstance(reply, str):
        assert reply == one_line(reply)
        return
    assert 0 <= reply.prompt_tokens <= 10**9
    json.dumps(reply.kept())
    try:
        answer, _ = read_answer(question, reply)
    except AnswerError:
        return
    assert isinstance(answer, Choice)


async def outcome(options, question):
    """The reply, or the words of a documented error."""
    try:
        return await complete(options, question)
    except (PassingError, RequestFailedError, EndpointError) as error:
        return str(error)


async def complete(options, question):
    backend = OpenAIChat(ModelSettings.of(options))
    try:
        return await backend.complete(question)
    finally:
        await backend.close()


def test_a_body_without_end_is_not_waited_for(server, options):
    async def send(writer, asked):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b" " * 1_000_000)
                await writer.drain()

    server.fault_sent, server.fault = send, lambda number, asked: "sent"
    with pytest.raises(PassingError, match="longer than 16000000 bytes"):
        asyncio.run(complete(options, Question("rule", (("user", "hi"),), Choice)))


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


@pytest.mark.parametrize(
    ("delay", "wait"), [("17.5s", 17.5), ("0s", 0.0), ("-1s", None), ("9" * 5000 + "s", None), (3, None)]
)
def test_a_wait_may_stand_in_the_body(server, options, delay, wait):
    said = {"message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [{"a": None}, {"retryDelay": delay}]}

    async def refuse(writer, asked):
        return await server.send(writer, [{"error": said}], "429 Too Many Requests")

    server.fault_refuse, server.fault = refuse, only("refuse")
    with pytest.raises(PassingError) as caught:
        asyncio.run(complete(options, Question("rule", (("user", "hi"),), Choice)))
    assert caught.value.wait == wait


@pytest.mark.parametrize(
    ("counted", "tokens"),
    [(12, 12), (12.0, 12), (11.2, 12), ("12", 1), (-3, 1), (None, 1), (True, 1), (1e300, 1), ([], 1)],
)
def test_counts_of_tokens_are_not_taken_on_trust(server, options, counted, tokens):
    """Where they are no counts, tokens are a quarter of the characters."""

    async def send(writer, asked):
        body = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}
        return await server.send(writer, {**body, "usage": {"prompt_tokens": counted, "completion_tokens": counted}})

    server.fault_sent, server.fault = send, lambda number, asked: "sent"
    reply = asyncio.run(complete(options, Question("rule", (("user", "hi"),), Choice)))
    assert (reply.prompt_tokens, reply.completion_tokens) == (tokens, tokens)


def test_a_wait_may_be_a_date(server, options):
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < wait_asked_for(server, options, [f"retry-after: {date}"]) <= 60
    date = email.utils.format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    assert wait_asked_for(server, options, [f"retry-after: {date}"]) == 0


@pytest.mark.parametrize("skew", [-86_400, 86_400])
def test_a_date_is_read_by_the_clock_of_the_server(server, options, skew):
    now = datetime.now(UTC) + timedelta(seconds=skew)
    until = email.utils.format_datetime(now + timedelta(seconds=30), usegmt=True)
    headers = [f"retry-after: {until}", f"date: {email.utils.format_datetime(now, usegmt=True)}"]
    assert wait_asked_for(server, options, headers) == 30


def test_a_wait_of_nothing_is_still_a_pause(server, options):
    async def refuse(writer, body):
        return await server.send(writer, error("slow down"), "429 Too Many Requests", ["retry-after: 0"])

    server.fault_refuse, server.fault = refuse, only("refuse")
    play_small("direct", {**options, "concurrency": 1})
    assert server.times[1] - server.times[0] >= 0.25


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


MONEY = "You have nothing left"


def quota(period):
    """Details of an error as Google writes them."""
    name = f"GenerateRequestsPer{period}PerProjectPerModel-FreeTier"
    return [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]}]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("402 Payment Required", error(MONEY)),
        ("402 Payment Required", MONEY.encode()),
        ("429 Too Many Requests", {"error": {"message": MONEY, "type": "insufficient_quota", "code": None}}),
        ("429 Too Many Requests", {"error": {"message": MONEY, "type": "error", "code": "insufficient_quota"}}),
        ("403 Forbidden", {"error": {"message": f"{MONEY}: insufficient balance"}}),
        ("400 Bad Request", {"error": {"message": f"{MONEY}: your credit balance is too low"}}),
        ("200 OK", {"error": {"message": MONEY, "code": 402}}),
        ("400 Bad Request", {"error": {"message": MONEY, "code": "billing_hard_limit_reached"}}),
        ("429 Too Many Requests", {"error": {"message": MONEY, "code": "quota-exceeded"}}),
        ("429 Too Many Requests", {"detail": f"{MONEY}: you have exceeded your monthly included credits"}),
        ("429 Too Many Requests", {"error": {"message": f"{MONEY} of your tokens per day (TPD)"}}),
        ("429 Too Many Requests", {"error": {"message": f"{MONEY}: 您的账户已欠费", "code": "1113"}}),
        ("403 Forbidden", {"message": f"{MONEY}: your account balance is insufficient"}),
        (
            "403 Forbidden",
            {"error": {"message": f"{MONEY}: the free tier has been exhausted", "code": "AllocationQuota"}},
        ),
        ("403 Forbidden", {"error": {"message": f"{MONEY}: key limit exceeded", "code": 403}}),
        ("401 Unauthorized", {"detail": {"status": "quota_exceeded", "message": MONEY}}),
        ("200 OK", {"choices": None, "error": {"message": MONEY, "code": "insufficient_quota"}}),
        ("429 Too Many Requests", {"error": {"message": f"{MONEY} of your quota", "details": quota("Day")}}),
    ],
)
def test_what_nobody_pays_for_stops_the_run_in_the_words_of_the_server(server, options, status, body):
    async def refuse(writer, asked):
        return await server.send(writer, body, status, ["retry-after: 1"])

    server.fault_refuse, server.fault = refuse, lambda number, asked: "refuse" if number >= 4 else None
    with pytest.raises(
        EndpointError, match=f"answers nothing more for want of money or quota .*{MONEY}.*goes on from here"
    ):
        play_small("direct", {**options, "concurrency": 1})
    assert len(server.prompts) == 5


@pytest.mark.parametrize(
    "said",
    [
        {"message": "You exceeded your current quota, limit: 10", "code": 429, "status": "RESOURCE_EXHAUSTED"},
        {"message": "Resource has been exhausted (e.g. check quota).", "code": 429, "status": "RESOURCE_EXHAUSTED"},
        {"message": "Rate limit reached on requests per min (RPM): limit 3. Add a payment method to your billing"},
        {"message": "rate limit quota exceeded, retry later"},
        {"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED", "details": quota("Minute")},
    ],
)
def test_what_passes_in_a_minute_is_not_about_money(server, options, said):
    async def refuse(writer, asked):
        return await server.send(writer, {"error": said}, "429 Too Many Requests")

    server.fault_refuse, server.fault = refuse, only("refuse", 0)
    (metrics,), policy, _ = play_small("direct", options)
    assert (metrics["success"], policy.episode_columns(0)["failed"]) == (1, 0)


@pytest.mark.parametrize(
    "where", ["http://127.0.0.1:9/v1/chat/completions", "/v1/chat/completions", "file:///x", "http://[bad"]
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirection_is_not_followed_but_told(server, options, where, status):
    async def redirect(writer, body):
        return await server.send(writer, b"", status, [f"location: {where}?key={KEY}"])

    server.fault_redirect, server.fault = redirect, lambda number, body: "redirect"
    with pytest.raises(
        EndpointError, match=r"redirects to .* \(status 30\d\), .*give its address as base_url"
    ) as caught:
        play_small("direct", {**options, "concurrency": 1})
    assert where in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.prompts) == 1


def test_a_long_wait_stops_the_run(server, options):
    server.fault = only("status_429_for_an_hour", 4)
    with pytest.raises(EndpointError, match=r"slow down .*; it asks to wait 3600 s, longest_wait is 120 s"):
        play_small("direct", {**options, "concurrency": 1})
    assert len(server.prompts) == 5


def test_a_prompt_that_is_moderated_is_no_refused_key(server, options):
    async def refuse(writer, body):
        said = {"message": "Your input was flagged", "code": 403, "metadata": {"reasons": ["violence"]}}
        return await server.send(writer, {"error": said}, "403 Forbidden")

    server.fault_refuse, server.fault = refuse, only("refuse", 4)
    _, policy, _ = play_small("direct", {**options, "concurrency": 1})
    assert "does not like the prompt (status 403): Your input was flagged" in policy.episode_columns(0)["failure"]


@pytest.mark.parametrize("before", range(60, 130, 3))
@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "200 OK", "401 Unauthorized", "404 Not Found"])
def test_the_key_is_hidden_before_words_are_cut(server, options, before, status):
    async def refuse(writer, body):
        said = "x" * before + KEY[:5] + "\x00" + KEY[5:] + " \x1b[31m\u202e\x9b"
        return await server.send(writer, {"error": {"message": said}}, status)

    server.fault_refuse, server.fault = refuse, lambda number, body: "refuse"
    said = asyncio.run(outcome(options, Question("rule", (("user", "hi"),), Choice)))
    assert KEY[:6] not in said
    assert said.isprintable()


def test_names_of_models_steer_no_terminal(server, options):
    server.models = [f"ru\x1b[31m\u202el-{KEY}", "x" * 10_000]
    with pytest.raises(EndpointError, match="unknown model 'rule'") as caught:
        prompted(small_batch(), "direct", options)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_server_that_goes_away_stops_the_run(server, options):
    asked = []

    def note():
        asked.append(1)
        if len(asked) == 2:
            server.close()

    with pytest.raises(EndpointError, match=r"cannot be reached: .*; .* goes on from here$"):
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
