"""Long work says how far it is: lines where there is no terminal, a bar where there is one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from training import progress
from training.progress import pulse


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines(text):
    return text.getvalue().splitlines()


def test_a_line_a_minute_and_no_more_where_there_is_no_terminal(clock):
    text = io.StringIO()
    with pulse(Console(file=text, width=40), "imitation", 100, 20) as shown:
        for done, now in ((30, 30.0), (40, 59.9), (50, 60.0), (55, 90.0), (60, 119.0), (70, 120.0)):
            clock[0] = now
            shown.show(done, "work_accuracy 0.5 and more that does not fit into the line")
    assert [line.split("  ")[0] for line in lines(text)] == ["imitation 50/100", "imitation 70/100"]
    assert lines(text)[0].endswith("about 2 min left")  # 30 steps took 60 s, 50 are left
    assert lines(text)[1].endswith("about 72 s left")


def test_what_is_said_is_said_at_once_and_starts_another_minute(clock):
    text = io.StringIO()
    with pulse(Console(file=text), "ppo", 4) as shown:
        clock[0] = 50.0
        shown.say(2, "messages 0.1")
        clock[0] = 70.0
        shown.show(3)
    assert lines(text) == ["ppo 2/4  messages 0.1"]


def test_a_terminal_gets_a_bar_and_no_lines(clock):
    text = io.StringIO()
    with pulse(Console(file=text, force_terminal=True, width=100), "ppo", 4) as shown:
        clock[0] = 100.0
        shown.show(3, "messages 0.1")
        shown.say(3, "said")
    assert "said" not in text.getvalue()
    assert "3/4" in text.getvalue()
