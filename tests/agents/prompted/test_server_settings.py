"""Settings of the server: what the server gets of them, what is hidden of them, and which questions are the same."""

from __future__ import annotations

import json
from functools import partial

import pytest
from prompted_team import Lines, play_small, prompted, small_batch
from rule_server import completion, prompt_of

from agents.play import play
from agents.prompted.backends import Question, Reply
from agents.prompted.backends.openai_chat import OpenAIChat
from agents.prompted.client.answer_cache import question_key
from agents.prompted.client.client import client_of, close_all
from agents.prompted.settings import NO_KEY, ModelSettings
from agents.prompted.strategies.react import REMEMBERED
from agents.prompted.transcript import TranscriptWriter
from c2c_env.errors import BudgetError, ConfigError, EndpointError
from c2c_env.text.answer import Choice
from training.arguments import read_options

SECRET = "tenant-marker-77aa01"


def question(**changes):
    """A question that the rule of the server can answer."""
    view = "You are worker_1. 1.0 % of the time is used.\n- work: null\n- speech: silent"
    return Question(**({"model": "rule", "messages": (("user", view),), "form": Choice} | changes))


def ask(options, *questions):
    client = client_of(ModelSettings.of(options))
    return client.run([partial(client.ask, lambda one=one: one) for one in questions])


# --- what is sent ------------------------------------------------------------------------------------------------


def test_the_body_has_the_settings_and_nothing_that_is_unset(server, options):
    ask(options, question())
    given = {"top_p": 0.9, "reasoning_effort": "low", "seed": 40, "temperature": 0.5}
    given["extra_body"] = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}}
    ask({**options, **given}, question(sample=2))
    plain, full = server.bodies
    assert set(plain) == {"model", "messages", "max_tokens", "temperature", "response_format"}
    assert {name: full[name] for name in set(full) - set(plain)} == {
        "top_p": 0.9, "reasoning_effort": "low", "seed": 42,  # 40 + sample 2
        "top_k": 20, "chat_template_kwargs": {"enable_thinking": False},
    }  # fmt: skip
    assert full["response_format"] == plain["response_format"]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_an_answer_is_called_as_the_server_wants(server, options, limit):
    ask({**options, "token_limit": limit}, question(max_tokens=99))
    (body,) = server.bodies
    assert {name: body[name] for name in body if "tokens" in name} == {limit: 99}


def test_the_limit_has_the_name_of_the_address_unless_one_is_given():
    def names(**given):
        backend = OpenAIChat(ModelSettings.of({"key_variable": NO_KEY, **given}))
        return [name for name in backend._parameters(question()) if "tokens" in name]

    assert names() == ["max_completion_tokens"]
    assert names(base_url="http://127.0.0.1:1/v1") == ["max_tokens"]
    assert names(token_limit="max_tokens") == ["max_tokens"]


def test_episodes_have_samples_of_their_own_with_a_seed(server, options):
    play_small("no_communication", {**options, "temperature": 0.7, "seed": 5}, count=3, horizon=1)
    assert sorted(body["seed"] for body in server.bodies) == [5] * 3 + [6] * 3 + [7] * 3  # 3 agents each
    server.bodies.clear()
    play_small("no_communication", {**options, "seed": 5}, count=3, horizon=1)
    assert {body["seed"] for body in server.bodies} == {5}


# --- headers -----------------------------------------------------------------------------------------------------


def test_every_request_carries_the_headers_and_their_values_are_seen_by_the_server_alone(
    server, options, tmp_path, monkeypatch, caplog
):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("TENANT", f" {SECRET} ")
    monkeypatch.setenv("TITLE", "a b")

    async def echo(writer, body):
        return await server.send(writer, completion(json.dumps({"work": None, "text": SECRET}), ""))

    async def refuse(writer, body):
        return await server.send(writer, f"no tenant {SECRET}".encode(), "400 Bad Request")

    server.fault_echo_header, server.fault_refuse_header = echo, refuse
    server.fault = lambda number, body: "refuse_header" if number == 4 else "echo_header"
    batch = small_batch()
    settings = {**options, "concurrency": 1, "headers": {"X-Tenant": "TENANT", "X-Title": "TITLE"}}
    policy = prompted(batch, "direct", settings)
    lines = Lines()
    recorder = TranscriptWriter(batch, policy, "prompted", [0], [lines])
    play(batch, policy, on_step=recorder.record)
    assert len(server.headers) == 7  # the list of models, then two steps of 3 agents
    assert {(one["x-tenant"], one["x-title"]) for one in server.headers} == {(SECRET, "a b")}
    failure = policy.episode_columns(0)["failure"]
    assert failure.startswith("status 400: no tenant [key]")
    cache = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir()).decode("latin-1")
    assert "[key]" in cache
    for text in (failure, lines.text, cache, caplog.text, str(vars(policy.options))):
        assert SECRET not in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "no value for the header X-Tenant: set the environment variable TENANT"),
        ("  ", "no value for the header X-Tenant: set the environment variable TENANT"),
        ("secret\nX-Other: 1", "the variable TENANT holds no value of a header: that is ASCII without line breaks"),
        ("secr\u00e9t", "the variable TENANT holds no value of a header: that is ASCII without line breaks"),
    ],
)
def test_a_header_without_a_value_stops_before_anything_is_asked(server, options, monkeypatch, value, expected):
    monkeypatch.delenv("TENANT", raising=False)
    if value is not None:
        monkeypatch.setenv("TENANT", value)
    with pytest.raises(EndpointError) as caught:
        prompted(small_batch(), "direct", {**options, "headers": {"X-Tenant": "TENANT"}})
    assert str(caught.value) == expected
    assert not server.headers


# --- which questions are the same ---------------------------------------------------------------------------------


def test_unset_settings_leave_the_keys_of_answers_as_they_were():
    """The key of this question when none of these settings was there, so that answers stay paid for."""
    before = {
        "model": "rule", "messages": (("user", "Go."),), "schema": {"title": "x"}, "sample": 0, "max_tokens": 512,
        "backend": "openai", "base_url": "http://h/v1", "answer_format": "json_schema", "temperature": 0.0,
    }  # fmt: skip
    one = question(messages=(("user", "Go."),)).content(ModelSettings(base_url="http://h/v1"))
    assert question_key({**one, "schema": {"title": "x"}}) == question_key(before)


@pytest.mark.parametrize(
    "change",
    [
        {"top_p": 1.0}, {"reasoning_effort": "low"}, {"seed": 0}, {"extra_body": {"top_k": 1}},
        {"token_limit": "max_tokens"},
    ],
)  # fmt: skip
def test_what_determines_an_answer_is_part_of_its_question_and_of_the_identity(server, options, change):
    ask(options, question())
    for _ in range(2):
        ask({**options, **change}, question())
        close_all()
    assert len(server.prompts) == 2
    settings = ModelSettings.of({**options, **change})
    assert settings.identity == {**ModelSettings.of(options).identity, **change}


@pytest.mark.parametrize("change", [{"headers": {"X-A": "TITLE"}}, {"history": 3}, {"reask": 1}, {"price_cached": 1}])
def test_ways_of_asking_are_not(server, options, monkeypatch, change):
    monkeypatch.setenv("TITLE", "a")
    priced = {**options, "price_in": 2, "price_out": 2}
    ask(priced, question())
    ask({**priced, **change}, question())
    assert len(server.prompts) == 1
    later = {} if "headers" in change else change
    assert ModelSettings.of({**priced, **change}).identity == {**ModelSettings.of(priced).identity, **later}


def test_settings_with_tables_have_a_client_of_their_own(options):
    one, same, other = (ModelSettings.of({**options, "extra_body": {"top_k": k}}) for k in (1, 1, 2))
    assert client_of(one) is client_of(same)
    assert client_of(one) is not client_of(other)


def test_tables_are_read_from_the_command_line_and_from_a_file(tmp_path):
    file = tmp_path / "llm.toml"
    file.write_text('seed = 3\n[extra_body]\ntop_k = 20\nstop = ["x"]\n[headers]\nX-Title = "TITLE"\n')
    assert read_options([], str(file)) == {
        "seed": 3, "extra_body": {"top_k": 20, "stop": ["x"]}, "headers": {"X-Title": "TITLE"},
    }  # fmt: skip
    words = ["extra_body={top_k = 5}", 'headers={X-Title = "TITLE"}', 'reasoning_effort="none"']
    given = read_options(words, str(file))
    assert given["extra_body"] == {"top_k": 5}  # a table on the command line goes before that of the file
    assert given["headers"] == {"X-Title": "TITLE"}
    assert given["reasoning_effort"] == "none"
    with pytest.raises(ConfigError, match=r"extra_body is not a table of further parameters, such as \{top_k = 20\}"):
        read_options(["extra_body=top_k:5"], None)


# --- the server's own cache ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 60}}, 60),
        ({"prompt_cache_hit_tokens": 40}, 40),
        ({"prompt_tokens_details": {"cached_tokens": 101}}, 100),  # of 100 tokens of the prompt
        ({"prompt_tokens_details": {"cached_tokens": -1}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": True}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": "60"}}, 0),
        ({"prompt_tokens_details": [60]}, 0),
        ({"prompt_tokens_details": None}, 0),
        ({}, 0),
    ],
)
def test_tokens_from_the_servers_cache_are_counted_as_far_as_they_can_be(server, options, usage, cached):
    say(server, usage)
    (reply,) = ask(options, question())
    assert (reply.prompt_tokens, reply.prompt_tokens_cached) == (100, cached)
    close_all()
    (kept,) = ask(options, question())
    assert (kept.cached, kept.prompt_tokens_cached) == (True, cached)


def say(server, usage):
    """Have the server add this to the usage of every answer."""

    async def answer(writer, body):
        said = completion(server.rule(body), prompt_of(body))
        said["usage"] |= usage
        return await server.send(writer, said)

    server.fault_usage, server.fault = answer, lambda number, body: "usage"


def test_they_cost_what_they_cost_in_the_table_the_meter_and_the_recorded_episode(server, options):
    say(server, {"prompt_tokens_details": {"cached_tokens": 60}})
    priced = {**options, "price_in": 2.0, "price_cached": 0.5, "price_out": 10.0}
    money = []
    batch = small_batch()
    policy = prompted(batch, "direct", priced)
    play(batch, policy, on_step=lambda: money.extend(text.money for text in policy.model_texts(0, 1)))
    columns = policy.episode_columns(0)
    assert columns["prompt_tokens_cached"] == 60 * columns["questions"]
    each = (40 * 2.0 + 60 * 0.5 + 10 * 10.0) / 1e6  # 100 tokens of the prompt, 60 of them cached, 10 of the answer
    assert columns["cost"] == pytest.approx(each * columns["questions"])
    assert client_of(ModelSettings.of(priced)).meter.dollars == pytest.approx(each * len(server.prompts))
    assert money == pytest.approx([each] * int(columns["questions"]))


def test_a_budget_goes_further_with_cached_tokens_and_is_kept(server, options):
    say(server, {"prompt_tokens_details": {"cached_tokens": 100}})
    most = question().most_tokens
    limit = {"price_in": 1e6, "price_cached": 0, "price_out": 0, "budget": most}  # a dollar for each token
    ask({**options, **limit}, question(), question(sample=1), question(sample=2))  # all of it for nothing
    with pytest.raises(BudgetError):
        ask({**options, **limit, "price_cached": None}, question(sample=3), question(sample=4))


def test_an_answer_that_was_kept_before_such_tokens_were_counted_has_none():
    kept = {"text": "{}", "prompt_tokens": 9, "completion_tokens": 2, "seconds": 0.1, "note": ""}
    assert Reply.restored(kept) == Reply("{}", 9, 2, 0.1, "", cached=True, prompt_tokens_cached=0)
    assert Reply.restored({**kept, "prompt_tokens_cached": 50}).prompt_tokens_cached == 9
    assert Reply.restored({**kept, "prompt_tokens_cached": None}) is None


# --- history ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [0, 1, 3])
def test_so_many_earlier_steps_stand_in_a_prompt(server, options, history):
    play_small("react", {**options, "history": history}, horizon=5)
    counts = sorted(prompt.count("\n- saw: ") for prompt in server.prompts)
    wanted = sorted(min(step, history) for step in range(5) for _ in range(3))  # 5 steps of 3 agents
    assert counts == wanted
    assert any(f"earlier steps (the last {history}):" in prompt for prompt in server.prompts) == (history > 0)
    assert history < 5 <= REMEMBERED


@pytest.mark.parametrize("strategy", ["direct", "tme", "spp"])
def test_a_strategy_without_a_history_of_steps_takes_no_limit_of_one(options, strategy):
    with pytest.raises(ConfigError) as caught:
        prompted(small_batch(), strategy, {**options, "history": 5})
    assert str(caught.value) == (
        f"strategy {strategy!r} has no history of steps; history is 5, expected none, or a strategy that has one: react"
    )
