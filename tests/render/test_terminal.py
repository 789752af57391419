"""What the mode "human" writes: in place on a terminal and at its pace, plain text one below the other elsewhere."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from os import terminal_size

import gymnasium
import pytest

import c2c_env
from c2c_env import parallel_env
from c2c_env.render import terminal

WORKFLOW = "csv-import-tool"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A standard output with somebody before it."""

    def isatty(self):
        return True


@pytest.fixture
def slept(monkeypatch):
    """What was slept so far, on a clock that only sleeping moves."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    pauses = []
    monkeypatch.setattr(terminal.time, "sleep", pauses.append)
    monkeypatch.setattr(terminal.time, "monotonic", lambda: sum(pauses))
    return pauses


def high(lines, monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((120, lines)))


def nothing(env):
    return {agent: env.action_space(agent).sample() * 0 for agent in env.agents}


def shown(stream, steps=2):
    env = parallel_env(WORKFLOW, 3, render_mode="human")
    with contextlib.redirect_stdout(stream):
        env.reset(seed=0)
        for _ in range(steps):
            env.step(nothing(env))
            assert env.render() is None
    return stream.getvalue()


def test_a_pipe_gets_every_frame_without_escape_codes(slept):
    text = shown(io.StringIO())
    assert "\x1b" not in text
    assert re.findall(r"^step (\d+) of", text, re.MULTILINE) == ["0", "1", "2"]
    assert slept == []


def test_a_terminal_redraws_at_its_place_and_pace(slept, monkeypatch):
    high(50, monkeypatch)
    text = shown(Terminal())
    assert text.startswith("\x1b[2J\x1b[H")
    assert text.count("\x1b[2J") == 1
    assert len(text.split("\x1b[H")) == 4  # a reset and two steps
    assert COLOUR.search(text)
    # two frames a second, and time passes only while it sleeps
    assert slept == [0.5, 0.5]


def test_a_frame_that_is_higher_than_the_terminal_is_cut(slept, monkeypatch):
    high(10, monkeypatch)
    frame = shown(Terminal(), steps=0).split("\x1b[H")[1]
    assert frame.count("\n") == 9
    # two lines of head, a blank one, the head of the board and eight subtasks, its legend, a blank one, four lines of
    # agents, a blank one and one of messages are 20; of them 8 are shown
    assert "… 12 more lines" in frame.splitlines()[8]


@pytest.mark.parametrize(("name", "value", "in_place"), [("NO_COLOR", "1", True), ("TERM", "dumb", False)])
def test_who_wants_no_colours_gets_none(slept, monkeypatch, name, value, in_place):
    monkeypatch.setenv(name, value)
    high(50, monkeypatch)
    text = shown(Terminal())
    assert not COLOUR.search(text)
    assert ("\x1b[H" in text) is in_place


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_ansi_has_colours_on_a_terminal_alone(slept, monkeypatch, no_colour, coloured):
    monkeypatch.setenv("NO_COLOR", no_colour)
    env = parallel_env(WORKFLOW, 3, render_mode="ansi")
    env.reset(seed=0)
    with contextlib.redirect_stdout(Terminal()):
        on_terminal = env.render()
    with contextlib.redirect_stdout(io.StringIO()):
        piped = env.render()
    assert ("\x1b" in on_terminal) is coloured
    assert piped == COLOUR.sub("", on_terminal)
    assert "\x1b" not in piped


def test_a_console_without_block_characters_shows_the_rest(slept):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    env = parallel_env(WORKFLOW, 3, render_mode="human")
    with contextlib.redirect_stdout(stream):
        env.reset(seed=0)
    assert b"manager_0" in stream.buffer.getvalue()


def test_without_a_console_nothing_is_shown(slept):
    env = parallel_env(WORKFLOW, 3, render_mode="human")
    with contextlib.redirect_stdout(None):
        env.reset(seed=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: c2c_env.env(WORKFLOW, 3, render_mode="human"),
        lambda: gymnasium.make("c2c_env/Team-v0", workflow=WORKFLOW, team_size=3, render_mode="human"),
        lambda: gymnasium.make("c2c_env/Member-v0", workflow=WORKFLOW, team_size=3, render_mode="human"),
    ],
    ids=["aec", "team", "member"],
)
def test_every_form_shows_itself(slept, make):
    env, stream = make(), io.StringIO()
    assert env.metadata["render_modes"] == ["human", "ansi", "rgb_array"]
    with contextlib.redirect_stdout(stream):
        env.reset(seed=0)
        assert env.render() is None
    assert stream.getvalue().count("step 0 of") == 1
