"""The printed episode: what happened stands where it happened."""

from __future__ import annotations

import argparse
import io
import re

import numpy as np
import pytest
from rich.console import Console

from c2c_env import METRICS, Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.core import constants as c
from c2c_env.episodes.history import simulate
from c2c_env.episodes.trace import Trace
from training.__main__ import main
from training.commands.episodes.episode import add_arguments, run
from training.episodes.sources import play_episode
from training.episodes.timeline import print_episode


def arguments(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def printed(trace, metrics, width=100):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_episode(console, trace, metrics, "a test")
    return console.file.getvalue()


def cells(text, agents):
    """(agent, step) -> the four columns of the timeline's cell."""
    found, first = {}, 0
    for line in text.splitlines():
        name = line[:11].strip()
        if name == "step":
            first = int(line.split()[1])
        elif name in agents and first:
            lane = line[11:]
            found |= {(name, first + n): lane[4 * n : 4 * n + 4] for n in range((len(lane) + 3) // 4)}
    return found


def test_timeline_shows_the_finishing_steps_and_the_metrics():
    history = simulate(play_episode(Batch("csv-import-tool", Team.default(5), EnvConfig()), "cost_aware", 0))
    trace, metrics = history.trace, history.metrics
    text = printed(trace, metrics)
    assert max(map(len, text.splitlines())) <= 100
    agents = trace.batch.team.agents
    finished = {
        (agents[int(owner)], int(step)): k
        for k, (owner, step) in enumerate(
            zip(trace.batch.state.owner[0], trace.batch.state.finished_step[0], strict=True)
        )
    }
    shown = cells(text, agents)
    assert {place: int(cell[:2]) for place, cell in shown.items() if cell[3:] == "*"} == finished
    assert text.count(" -> ") == (trace.speech > 0).sum() + 1  # and the head of the list
    assert all(re.search(rf"^ {name} +\S", text, re.MULTILINE) for name in METRICS)
    assert re.search(rf"^ steps +{trace.length} ", text, re.MULTILINE)


def test_marks_of_work_speech_meetings_and_waste():
    batch = Batch(
        Workflow("[red]w", "simple", (Subtask("a", "backend", 4.0, 1.0, title="[bold]A"),)),
        Team.default(4),
        EnvConfig(),
    )
    batch.reset([0])
    trace = Trace(batch)
    for actions in (
        [[0, c.ASSIGN, 1, 0], [1, 0, 0, 0], [1, c.CHAT_ASK, 0, 0], [0, 0, 0, 0]],
        [[0, c.MEET, 3, 0], [1, 0, 0, 0], [0, c.MEET, 3, 0], [1, c.EMAIL_TELL, 4, 0]],
    ):
        batch.step(np.array([actions]))
        trace.record()
    text = printed(trace, batch.metrics())
    shown = {place: cell.rstrip() for place, cell in cells(text, batch.team.agents).items()}
    # at step 2 agent 2 is visited first and gets worker_3; the manager is refused it
    assert [shown[agent, 1] for agent in batch.team.agents] == [" ·a", " 0", " xC", " ·"]
    assert [shown[agent, 2] for agent in batch.team.agents] == [" ·!", " 0", " mM", " me"]
    assert "[red]w" in text
    assert "[bold]A" in text
    assert "m0 -> w3" in text
    assert "meet (refused)" in text
    assert "w3 -> all" in text
    assert "not done" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workflow", "csv-import-tol"), "did you mean 'csv-import-tool'"),
        (("--policy", "cost_awar"), "did you mean 'cost_aware'"),
        (("--team-size", "0"), "--team-size is 0, expected an integer in [1, 32767]"),
    ],
)
def test_unknown_names_are_one_line_and_status_2(capsys, words, message):
    assert main(["episode", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_a_team_of_a_file_plays(tmp_path, capsys):
    file = tmp_path / "team.toml"
    skills = "skills = {backend = 1, frontend = 1, data = 1, infrastructure = 1, quality = 1}"
    file.write_text("".join(f"[[members]]\n{skills}\n" for _ in range(3)))
    words = ["episode", "--workflow", "nightly-backup-job", "--team", str(file)]
    assert main([*words, "--no-colour"]) == 0
    assert "cost_aware, 3 agents, seed 0" in capsys.readouterr().out
    assert main([*words, "--team-size", "3"]) == 2
    assert "--team-size: not allowed with argument --team" in capsys.readouterr().err


def test_command_prints_plain_text(capsys):
    assert run(arguments("--workflow", "nightly-backup-job", "--policy", "solo", "--no-colour")) == 0
    out = capsys.readouterr().out
    assert "nightly-backup-job" in out
    assert "solo, 5 agents, seed 0" in out
    assert "\x1b" not in out
