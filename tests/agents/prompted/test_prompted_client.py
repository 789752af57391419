"""Limit, cache and budget of the questions."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import suppress
from functools import partial

import pytest
import rule_server
from prompted_team import SMALL, play_small, prompted, small_batch

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.backends import Question
from agents.prompted.client.answer_cache import CACHE_FILE, AnswerCache
from agents.prompted.client.client import client_of, close_all
from agents.prompted.settings import ModelSettings
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Team
from c2c_env.errors import BudgetError, ConfigError, EndpointError
from c2c_env.text.answer import Choice, Work


def question(text, **changes):
    return Question(**({"model": "rule", "messages": (("user", text),), "form": Choice} | changes))


def view(name):
    return f"You are {name}. 1.0 % of the time is used.\n- work: null\n- speech: silent"


def ask(options, *questions):
    client = client_of(ModelSettings.of(options))
    return client.run([partial(client.ask, lambda one=one: one) for one in questions])


@pytest.mark.parametrize("limit", [1, 3, 16])
def test_the_limit_is_kept_exactly(server, options, limit):
    server.delay = 0.05
    ask({**options, "concurrency": limit}, *(question(view(f"worker_{n}")) for n in range(40)))
    assert server.most == limit


@pytest.fixture
def server_apart():
    """A server in a process of its own, which takes as long as language models do: four seconds."""
    with subprocess.Popen(
        [sys.executable, rule_server.__file__, "4.0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.mark.slow
def test_fifty_episodes_at_once_use_the_whole_limit_and_no_more(server_apart, tmp_path):
    options = {"base_url": server_apart, "key_variable": "none", "cache": str(tmp_path)}
    options |= {"concurrency": 50, "temperature": 0.5}  # so that no two episodes share an answer
    batch = Batch(SMALL, Team.default(5), EnvConfig(horizon=2), num_envs=50)
    play(small_batch(), make_policy("solo", PolicyContext.of(small_batch())))  # compiles
    batch.reset(range(50))
    policy = prompted(batch, "direct", options)
    play(batch, policy)
    close_all()
    with urllib.request.urlopen(server_apart.replace("/v1", "/stats")) as response:
        stats = json.load(response)
    assert stats["asked"] == 50 * 5 * 2
    assert stats["most"] == 50


def test_the_same_question_is_asked_once_even_at_the_same_time(server, options):
    server.delay = 0.05
    replies = ask(options, *[question(view("worker_1"))] * 8)
    assert len(server.prompts) == 1
    assert len({reply.text for reply in replies}) == 1
    ask(options, question(view("worker_1")))
    assert len(server.prompts) == 1


def test_answers_outlive_the_process_s_clients(server, options):
    (first,) = ask(options, question(view("worker_1")))
    close_all()
    (second,) = ask(options, question(view("worker_1")))
    assert len(server.prompts) == 1
    assert (second.text, second.seconds, second.cached) == (first.text, first.seconds, True)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"sample": 1},
        {"form": Work},
        {"messages": (("user", view("worker_2")),)},
        {"messages": (("system", view("worker_1")),)},
        {"max_tokens": 99},
    ],
)
def test_another_question_is_asked(server, options, change):
    ask(options, question(view("worker_1")))
    ask(options, question(view("worker_1"), **change))
    assert len(server.prompts) == 2


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"answer_format": "tool"}])
def test_other_parameters_are_another_question(server, options, change):
    ask(options, question(view("worker_1")))
    ask({**options, **change}, question(view("worker_1")))
    assert len(server.prompts) == 2


def test_ways_of_asking_are_not(server, options):
    ask(options, question(view("worker_1")))
    ask({**options, "concurrency": 2, "attempts": 1, "budget_tokens": 5}, question(view("worker_1")))
    assert len(server.prompts) == 1


def test_episodes_share_answers_only_without_sampling(server, options):
    play_small("direct", options, count=4)
    apart = len(server.prompts)
    server.prompts.clear()
    play_small("direct", {**options, "temperature": 0.7}, count=4)
    assert len(server.prompts) == 4 * apart


def test_damaged_answers_are_asked_for_again(server, options, tmp_path):
    ask(options, question(view("worker_1")))
    close_all()
    for damage in ("{", "[]", '{"text": 5}', "cos\nsystem\n(S'true'\ntR."):
        with sqlite3.connect(tmp_path / "cache" / CACHE_FILE) as connection:
            connection.execute("UPDATE answers SET answer = ?", (damage,))
        connection.close()
        asked = len(server.prompts)
        ask(options, question(view("worker_1")))
        assert len(server.prompts) == asked + 1
        close_all()


def test_cache_holds_plain_json(server, options, tmp_path):
    ask(options, question(view("worker_1")))
    with sqlite3.connect(tmp_path / "cache" / CACHE_FILE) as connection:
        ((kind, answer),) = connection.execute("SELECT typeof(answer), answer FROM answers").fetchall()
    connection.close()
    assert kind == "text"
    assert set(json.loads(answer)) == {"text", "prompt_tokens", "completion_tokens", "seconds", "note"}


def test_a_cache_that_cannot_be_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot keep answers"):
        AnswerCache(tmp_path / "file")
    (tmp_path / CACHE_FILE).write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="cannot keep answers"):
        AnswerCache(tmp_path)


# --- budget -----------------------------------------------------------------------------------------------------


def test_budget_stops_cleanly_is_never_exceeded_and_the_run_goes_on(server, options):
    whole, _, batch = play_small("direct", options)
    asked = Counter(server.prompts)
    wanted = [batch.metrics()]
    assert wanted == whole
    server.prompts.clear()
    small = {**options, "cache": options["cache"] + "2", "budget_tokens": 7_500, "concurrency": 4, "max_tokens": 50}
    runs = [play_until_stopped(small)]
    while runs[-1] is None:
        runs.append(play_until_stopped(small))
    metrics, policy, _ = runs[-1]
    assert len(runs) > 1
    assert Counter(server.prompts) == asked  # in all runs together: nothing twice, nothing lost
    assert metrics == whole
    assert policy.episode_columns(0)["prompt_tokens"] == 100 * len(server.prompts)


def play_until_stopped(options):
    """What `play_small` gives, or None if the budget stopped it, which it then has not exceeded."""
    try:
        return play_small("direct", options)
    except BudgetError as error:
        message = str(error)
    totals = client_of(ModelSettings.of(options)).meter.totals
    close_all()
    assert "budget of 7500 tokens" in message
    assert totals.prompt_tokens + totals.completion_tokens <= 7_500
    return None


def test_dollars_are_counted_by_the_prices(server, options):
    priced = {**options, "price_in": 2.0, "price_out": 10.0}
    _, policy, _ = play_small("direct", priced)
    count = policy.episode_columns(0)["answers"]
    dollars = count * (100 * 2 + 10 * 10) / 1e6
    assert policy.episode_columns(0)["cost"] == pytest.approx(dollars)
    assert client_of(ModelSettings.of(priced)).meter.dollars == pytest.approx(dollars)
    with pytest.raises(BudgetError, match=r"budget of \$0.01"):
        play_small("direct", {**priced, "budget": 0.01, "temperature": 0.3})


def test_cost_is_unknown_without_prices(server, options):
    _, policy, _ = play_small("no_communication", options)
    assert math.isnan(policy.episode_columns(0)["cost"])


def test_an_attempt_that_may_have_been_charged_counts_in_full(server, options):
    server.fault = lambda number, body: "reset" if number == 0 else "status_500" if number == 1 else None
    one = question(view("worker_1"))
    client = client_of(ModelSettings.of(options))
    ask(options, one)
    assert client.meter.totals.asked == 3
    assert client.meter.totals.prompt_tokens == one.most_tokens + 100
    assert client.meter.totals.completion_tokens == one.max_tokens + 10


def test_bytes_bound_tokens():
    assert question("ä" * 50).most_tokens >= 100


@pytest.mark.parametrize("answer_format", ["json_schema", "json_object", "tool", "text"])
def test_every_way_of_asking_for_json(server, options, answer_format):
    bodies = []
    server.fault = lambda number, body: bodies.append(body) or ("tool_call" if answer_format == "tool" else None)
    (metrics,), policy, _ = play_small("direct", {**options, "answer_format": answer_format})
    columns = policy.episode_columns(0)
    assert columns["answers_valid"] == columns["answers"]
    assert metrics["success"] == 1
    asked = {"json_schema": "json_schema", "json_object": "json_object"}.get(answer_format)
    assert bodies[0].get("response_format", {}).get("type") == asked
    assert ("tools" in bodies[0]) == (answer_format == "tool")
    assert bodies[0]["temperature"] == 0.0
    assert bodies[0]["max_tokens"] == 512
    batch = small_batch()
    prompted(batch, "direct", {**options, "temperature": None})


@pytest.mark.parametrize("answer_format", ["json_schema", "tool"])
def test_the_schema_of_each_question_lists_what_is_legal_for_its_agent(server, options, answer_format):
    bodies = []
    server.fault = lambda number, body: bodies.append(body) or ("tool_call" if answer_format == "tool" else None)
    more = {"answer_format": answer_format, "legal_only": True}
    (metrics,), policy, _ = play_small("direct", {**options, **more})
    assert metrics["success"] == 1
    for body in bodies:
        asked = body["tools"][0]["function"]["parameters"] if answer_format == "tool" else None
        schema = asked or body["response_format"]["json_schema"]["schema"]
        line = next(line for line in body["messages"][1]["content"].splitlines() if line.startswith("- speech: "))
        speech = schema["properties"]["speech"]
        assert speech.get("enum", [speech.get("const")]) == line.removeprefix("- speech: ").split(", ")
    assert policy.episode_columns(0)["answers_invalid"] == 0


def test_a_list_of_legal_choices_needs_a_schema_and_one_agent(server, options):
    with pytest.raises(ConfigError, match="legal_only is for answer_format json_schema or tool, got 'text'"):
        ModelSettings.of({"answer_format": "text", "legal_only": True})
    with pytest.raises(ConfigError, match=r"strategy 'spp' asks for all agents at once; legal_only is true"):
        prompted(small_batch(), "spp", {**options, "legal_only": True})
    assert "legal_only" not in ModelSettings.of({}).identity
    assert ModelSettings.of({"legal_only": True}).identity["legal_only"] is True


def test_a_child_made_by_fork_asks_with_a_client_of_its_own(server, options):
    ask(options, question(view("worker_1")))
    client = client_of(ModelSettings.of(options))
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            with suppress(EndpointError):
                client.check("rule")  # asked before the fork: nothing to wait for
                client.run([])
                os._exit(1)
            client.close()
            ask(options, question(view("worker_2")))
            close_all()
            os._exit(0)
        finally:
            os._exit(2)
    status = os.waitpid(child, 0)[1]
    assert os.WIFEXITED(status)
    assert os.WEXITSTATUS(status) == 0
    ask(options, question(view("worker_2")))  # kept by the child
    assert len(server.prompts) == 2
