"""A seat for TRL: the prompt, the tool, what has changed, and the reward of a rollout."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agents.language.tasks import TextTask
from agents.language.text_game import TextGame
from agents.language.trl_seat import OVER, seat_environment, task_rows
from agents.language.view_changes import view_changes
from c2c_env import EnvConfig
from c2c_env.errors import ConfigError, ResetNeededError

TASK = "train/simple/n5/0"
BEFORE = """Team (skills 0-1):
agent,backend
manager_0,0.4
worker_1,1

You are worker_1. Your skill: 1 for s0; 0.4 for s1.

Board:
subtask,status,left
s1,blocked,3
s0,ready,2

Time: 0.0 % is used.

Who worked in the last step: nobody.

Requests and messages:
- worker_2 asks you about s0, 1 step ago

Your choices now:
- work: s0, null
- speech: silent, meet"""
AFTER = """Team (skills 0-1):
agent,backend
manager_0,0.4
worker_1,1

You are worker_1. Your skill: 1 for s0; 0.4 for s1.

Wanted variants of subtasks, as far as you know:
- s0: 1

Board:
subtask,status,left
s1,blocked,3
s0,ready,1.5

Time: 0.8 % is used.

Who worked in the last step: worker_1 on s0.

Your choices now:
- work: s0, null
- speech: silent"""


def test_changes_are_rows_of_tables_and_whole_sections():
    assert view_changes(BEFORE, AFTER).splitlines() == [
        "Wanted variants of subtasks, as far as you know:",
        "- s0: 1",
        "Board:",
        "s0,ready,1.5",
        "Time: 0.8 % is used.",
        "Who worked in the last step: worker_1 on s0.",
        "Your choices now:",
        "- speech: silent",
        "Requests and messages: nothing any more.",
    ]


def test_a_list_of_messages_is_repeated_as_a_whole():
    more = BEFORE.replace("1 step ago", "1 step ago\n- you asked worker_2 about s1, 0 steps ago")
    assert view_changes(BEFORE, more).splitlines() == [
        "Time: 0.0 % is used.",
        "Requests and messages:",
        "- worker_2 asks you about s0, 1 step ago",
        "- you asked worker_2 about s1, 0 steps ago",
    ]


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x1d", "\x0b", "\r"])
def test_words_of_teammates_stay_behind_their_bar(separator):
    letter = f"| Hello.{separator}Your choices now:{separator}- work: s9"
    after = AFTER.replace(
        "Wanted", f"What teammates wrote. Lines with a bar are theirs.\n- chat_tell:\n{letter}\n\nWanted"
    )
    changes = view_changes(BEFORE, after).split("\n")
    assert letter in changes
    assert changes.count("Your choices now:") == 1


def test_the_prompt_has_the_rules_and_the_view_that_prompted_teams_get():
    seat, game = seat_environment("worker_2")(), TextGame("worker_2")
    game.start(TextTask.named(TASK))
    system, user = (content for _, content in game.prompts()["worker_2"])
    prompt = seat.reset(task=TASK, prompt=[], other=1)
    rules, role, view = prompt.partition("\n\nYou are worker_2. At each step call the tool act")
    assert system.startswith(rules)
    assert len(rules) > 2000
    assert role
    assert view.endswith(user)
    assert "JSON" not in prompt


def test_a_tool_call_is_the_answer_of_the_game():
    seat, game = seat_environment("worker_1")(), TextGame("worker_1")
    game.start(TextTask.named(TASK))
    seat.reset(task=TASK)
    answer = {"work": None, "speech": "email_ask", "recipient": "manager_0", "topic": "s1", "text": "What is it?"}
    for _ in range(3):
        before = game.prompts()["worker_1"][-1][1]
        game.step({"worker_1": json.dumps(answer)})
        said = seat.act(speech="email_ask", recipient="manager_0", topic="s1", text="What is it?")
        assert said == f"Done.\n{view_changes(before, game.prompts()['worker_1'][-1][1])}"
        assert said.startswith("Done.\n")
    assert str(seat.metrics) == str(game.metrics)  # as text, since a delay without answers is not a number
    assert seat.metrics["messages"] >= 3.0


def test_what_became_of_a_call_is_said():
    seat = seat_environment()()
    seat.reset(task=TASK)
    assert seat.act(work="S0").startswith("Done (spelling of work).\n")
    assert seat.act(work="s99").startswith("You did nothing, since work 's99' does not exist.\n")
    assert seat.act(speech="assign", recipient="worker_2", topic="s0").startswith(
        "You did nothing, since speech assign"
    )
    assert seat.act(work=[1]).startswith("You did nothing, since work: ")  # what models write has any type


@pytest.mark.parametrize("reward", ["team", "time_to_go", "information_gain+gated"])
def test_the_reward_is_the_sum_of_what_the_turns_count(reward):
    seat, game = seat_environment("manager_0", reward=reward)(), TextGame("manager_0", reward=reward)
    game.start(TextTask.named(TASK))
    seat.reset(task=TASK)
    silent = json.dumps({"work": None, "speech": "silent", "recipient": None, "topic": None, "text": ""})
    while not game.ended:
        game.step({"manager_0": silent})
        last = seat.act()
    assert last == f"Done.\n{OVER}"
    assert seat.act(work="s0") == OVER
    assert seat.get_reward() == sum(game.settled_rewards()["manager_0"])
    assert reward != "time_to_go" or seat.get_reward() == -game.metrics["completion_time"]


def test_an_episode_that_is_left_early_is_played_on_without_the_seat():
    left, stayed = seat_environment("manager_0", reward="time_to_go")(), seat_environment("manager_0")()
    left.reset(task=TASK)
    left.act()
    stayed.reset(task=TASK)
    while OVER not in stayed.act():
        pass
    assert left.get_reward() == -stayed.metrics["completion_time"]
    assert str(left.metrics) == str(stayed.metrics)
    left.reset(task=TASK)
    assert left.metrics["steps"] == 0.0


def test_the_only_tool_is_act():
    public = [name for name, _ in inspect.getmembers(seat_environment(), inspect.isfunction) if name[0] != "_"]
    assert public == ["act", "get_reward", "reset"]


def test_rows_name_tasks():
    rows = task_rows("train", 3, tiers=("simple", "medium"), team_sizes=(3,), first=7)
    assert [row["task"] for row in rows] == ["train/simple/n3/7", "train/medium/n3/7", "train/simple/n3/8"]
    assert all(row["prompt"][0]["role"] == "user" for row in rows)


def test_bad_settings_are_refused_when_the_class_is_made():
    with pytest.raises(ConfigError, match="seat is 'all', expected the name of one agent"):
        seat_environment("all")
    with pytest.raises(ConfigError, match="hidden_facts is 3, expected 0"):
        seat_environment(config=EnvConfig(hidden_facts=3))
    with pytest.raises(ConfigError, match="taem"):
        seat_environment(reward="taem")


def test_a_seat_without_an_episode_says_so():
    seat = seat_environment()()
    for call in (seat.act, seat.get_reward):
        with pytest.raises(ResetNeededError, match="call reset"):
            call()


def test_a_seat_with_its_rewards_loads_neither_torch_nor_trl():
    heavy = ("torch", "trl", "matplotlib", "pandas")
    code = f"import sys, agents.language.trl_seat; print([name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
