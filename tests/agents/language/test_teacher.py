"""Examples of a teacher: who answers as they say plays what the teacher plays."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from agents.language.tasks import TextTask
from agents.language.teacher import taught_turns, written_action
from agents.language.text_game import TextGame
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import EnvConfig
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError
from training.__main__ import main

TASK = TextTask("train", "simple", 3, 4)


def test_an_action_is_written_as_an_answer():
    assert json.loads(written_action(np.array([3, c.EMAIL_ASK, 5, 1]), team=5)) == {
        "work": "s2", "speech": "email_ask", "recipient": "team", "topic": "s1", "text": ""
    }  # fmt: skip
    assert json.loads(written_action(np.array([0, c.ASSIGN, 2, 0]), team=5))["recipient"] == "worker_2"
    assert json.loads(written_action(np.array([0, 0, 0, 0]), team=5)) == {
        "work": None, "speech": "silent", "recipient": None, "topic": None, "text": ""
    }  # fmt: skip


@pytest.mark.parametrize("teacher", ["oracle", "proactive"])
def test_who_answers_as_the_examples_say_plays_what_the_teacher_plays(teacher):
    examples = list(taught_turns(TASK, teacher))
    batch = TASK.batch(EnvConfig())
    (metrics,) = play(batch, make_policy(teacher, PolicyContext.of(batch, TASK.index)))
    assert len(examples) == 3 * metrics["steps"]
    by_prompt = {example["messages"][1]["content"]: example["messages"][2]["content"] for example in examples}
    game = TextGame("all")
    game.start(TASK)
    while not game.ended:
        outcomes = game.step({name: by_prompt[prompt[1][1]] for name, prompt in game.prompts().items()})
        assert {outcome.label for outcome in outcomes.values()} == {"valid"}
    assert game.metrics == pytest.approx(metrics, nan_ok=True)


def test_an_example_says_where_it_is_from():
    examples = list(taught_turns(TASK, "proactive", ["worker_2"]))
    assert {(one["task"], one["agent"], one["teacher"]) for one in examples} == {(TASK.name, "worker_2", "proactive")}
    assert [one["step"] for one in examples] == list(range(1, len(examples) + 1))
    assert [message["role"] for message in examples[0]["messages"]] == ["system", "user", "assistant"]
    assert "You are worker_2." in examples[0]["messages"][1]["content"]


def test_an_unknown_seat_is_named():
    with pytest.raises(ConfigError, match="unknown seat 'worker_9'; did you mean 'worker_"):
        list(taught_turns(TASK, "proactive", ["worker_9"]))


def test_the_command_writes_whole_files_that_are_the_same_every_time(tmp_path, capsys):
    words = ["dataset", "--teacher", "proactive", "--episodes", "2", "--tiers", "simple", "--team-sizes", "2"]
    for name in ("one.jsonl", "two.jsonl", "three.jsonl.gz"):
        assert main([*words, "-o", str(tmp_path / name)]) == 0
    one, two, three = sorted(
        tmp_path.iterdir(), key=lambda path: ["one", "two", "three"].index(path.name.split(".")[0])
    )
    assert one.read_bytes() == two.read_bytes() == gzip.decompress(three.read_bytes())
    lines = [json.loads(line) for line in one.read_text(encoding="utf-8").splitlines()]
    assert {line["task"] for line in lines} == {"train/simple/n2/0", "train/simple/n2/1"}
    assert f"{len(lines)} examples of 2 episodes" in capsys.readouterr().out
    assert main([*words[:2], "nobody", "-o", str(tmp_path / "four.jsonl")]) == 2
    assert main([*words, "-o", str(tmp_path / "none" / "five.jsonl")]) != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.jsonl", "three.jsonl.gz", "two.jsonl"]


def test_the_prompts_of_another_strategy_are_written():
    [first, *_] = taught_turns(TASK, "proactive", strategy="terse")
    assert first["messages"][1]["content"].startswith("me manager_0 ")
    assert json.loads(first["messages"][2]["content"])["work"]


@pytest.mark.parametrize("strategy", ["react", "c2c", "fixed_steps:2", "no_communication"])
def test_a_strategy_that_asks_for_something_else_is_refused(strategy):
    with pytest.raises(ConfigError, match=f"{strategy}' asks for more or less than a choice"):
        list(taught_turns(TASK, "proactive", strategy=strategy))


def test_a_disturbed_episode_is_another_one_and_its_answers_are_the_teacher_s():
    calm = list(taught_turns(TASK, "proactive", strategy="terse"))
    led = [list(taught_turns(TASK, "proactive", strategy="terse", disturbed=0.3)) for _ in range(2)]
    assert led[0] == led[1]
    assert len(led[0]) != len(calm)
    assert led[0][0] == calm[0]  # what is seen first is the same, and so is the right answer
    silent = [json.loads(one["messages"][2]["content"])["speech"] == "silent" for one in led[0]]
    assert np.mean(silent) > 0.5  # by far the most random actions say something
