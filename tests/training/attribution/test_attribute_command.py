"""The command `attribute`: tables that say what the numbers are, the same numbers as data, and errors in a line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from attributed import record_actions

from c2c_env import Subtask, Workflow
from c2c_env.core import constants as c
from c2c_env.episodes.episode_file import write_episode
from training.__main__ import main

WAIT, WORK = (0, 0, 0, 0), (1, 0, 0, 0)
TOLD = [[(0, c.CHAT_TELL, 1, 0), WORK], [(0, c.ASSIGN, 1, 0), WORK], [WAIT, WORK]]
TITLE = "[red]Endpoint[/red]\x1b[31m of the service"


@pytest.fixture
def attribute(tmp_path, capsys, monkeypatch):
    """Call the command on an episode; return its exit status, what it printed and its error."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(episode, *words):
        path = tmp_path / "one.episode.json.gz"
        write_episode(episode, path)
        status = main(["attribute", str(path), "--no-colour", *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def told(**config):
    workflow = Workflow("one", "simple", (Subtask("endpoint", "backend", 8.0, 1.0, title=TITLE),))
    return record_actions(workflow, ("human", "human"), TOLD, rework_probability=0.0, **config)


def rows(printed):
    """The cells of the lines of tables that begin with a step."""
    return [line.split() for line in printed.splitlines() if line.strip()[:1].isdigit() and " -> " in line]


def test_values_are_printed_and_written(attribute, tmp_path):
    status, printed, _ = attribute(told(), "--with", "no_communication", "--json", str(tmp_path / "values.json"))
    assert status == 0
    data = json.loads((tmp_path / "values.json").read_text())
    first, second = data["messages"]
    assert [(row[0], row[1]) for row in rows(printed)] == [
        (str(one["step"]), f"{one['value']:+.1f}") for one in (first, second)
    ]
    assert {key: first[key] for key in ("step", "sender", "recipient", "speech", "subtask", "paid", "refused")} == {
        "step": 1, "sender": "manager_0", "recipient": "worker_1", "speech": "chat_tell", "subtask": 0, "paid": 0.1,
        "refused": False,
    }  # fmt: skip
    assert second["speech"] == "assign"
    assert "Best messages (1 of 1)" in printed
    assert "Best assignments (1 of 1)" in printed
    assert f"1 message cost 0.10 person-hours. 1 saved time ({first['value']:.1f} h), 0 lost time (0.0 h)" in printed
    assert data["continued"] == "m0, w1 by no_communication"
    assert "After each message, and without it, another policy decides for m0, w1 by no_communication" in printed
    assert (data["hours"], data["finished"]) == (0.5 * told().length, True)
    assert "[red]Endpoint[/red]" in printed
    assert "\x1b" not in printed


def test_decisive_steps_are_printed_where_an_episode_is_slow_and_on_request(attribute):
    none = "At no single step would the team have saved time by acting as the planner would have acted."
    workflow = Workflow("one", "simple", (Subtask("endpoint", "backend", 0.66, 1.0),))  # 1.5 h, see the other tests
    slow = record_actions(workflow, ("", ""), [[WAIT, WAIT], [WAIT, WORK]], rework_probability=0.0)
    quick = record_actions(workflow, ("", ""), [[WAIT, WORK]], rework_probability=0.0)
    words = ("--with", "no_communication")
    printed = attribute(slow, *words)[1]
    assert "The planner, which sees the true state, takes 1.5 h for the same episode." in printed
    assert "Decisive steps (1 of 1)" in printed
    assert re.search(r"^ *1 +\+0\.5 +w1 +no work +work on 0 *$", printed, re.MULTILINE)
    assert "Decisive steps" not in attribute(slow, *words, "--no-decisive")[1]
    printed = attribute(quick, *words)[1]
    assert "takes 1.5 h for the same episode." in printed
    assert "Decisive steps" not in printed
    assert none not in printed
    assert none in attribute(quick, *words, "--decisive")[1]


def test_an_unfinished_episode_is_said_to_count_with_its_horizon(attribute):
    status, printed, _ = attribute(told(horizon=6), "--with", "no_communication", "--no-decisive")
    assert status == 0
    assert "The episode is not finished, so it counts with its horizon." in printed
    assert "Of 1 nothing can be said: the episode ends with neither." in printed


def test_who_cannot_be_asked_is_one_error(attribute):
    status, printed, error = attribute(told())
    assert (status, printed) == (2, "")
    assert error.startswith("error: policy 'human' of manager_0 is not known by its name, expected one of ")
    assert error.count("\n") == 1


def test_an_episode_of_another_simulator_is_refused(attribute):
    episode = told()
    status, _, error = attribute(replace(episode, checks=("00000000", *episode.checks[1:])), "--with", "proactive")
    assert status == 2
    assert "step 1 does not come out as it was recorded" in error


def test_the_table_keeps_its_numbers_on_a_narrow_terminal(attribute, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    printed = attribute(told(), "--with", "no_communication")[1]
    assert max(map(len, printed.splitlines())) <= 60
    assert all(row[1].startswith(("+", "-")) and row[2].startswith("0.") for row in rows(printed))
