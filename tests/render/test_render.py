"""Both pictures tell the truth about a known state, fit their medium, and survive any name."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from c2c_env import Subtask, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError, MissingExtraError
from c2c_env.render import MODES, draw, picture
from c2c_env.render.scene import take_scene, width_of

NASTY = "[bold]x[/bold] $\\frac{1}{ \x1b[31m 漢字 {y}\n%d _^"


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def pair(name="pair", title="Two subtasks"):
    """Second needs first; both backend."""
    first = Subtask("first", "backend", 4.0, 1.0, title=f"{title} 1")
    return Workflow(name, "simple", (first, Subtask("second", "backend", 4.0, 1.0, ("first",))), title=title)


def after_one_step(mode="ansi", workflow=None):
    """Worker 1 works on subtask 0, the manager asks it about subtask 1 by chat."""
    env = parallel_env(workflow or pair(), 2, render_mode=mode)
    env.reset(seed=0)
    env.step({"manager_0": [0, c.CHAT_ASK, 1, 1], "worker_1": [1, 0, 0, 0]})
    return env


def random_steps(env, steps):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        env.step({a: rng.integers(0, env.batch.action_sizes) for a in env.agents})


def test_ansi_shows_the_numbers_of_a_known_state():
    text = plain(after_one_step().render())
    lines = text.splitlines()
    # .5 h x skill 1 x AF .4324 (worked out by hand in test_reference) leave 3.7838 of 4 h
    assert "Two subtasks [pair, simple]" in lines[0]
    assert lines[1] == "step 1 of 80 · 0.5 h (bound 8.0 h) · done 0 of 2 · progress 3 % · communication 0.05 h"
    board = next(line for line in lines if " first " in line)
    # manager .5017; worker .4324 + .99 * 1/5 * .0722565 of context = .4467, and it works there now
    assert board.startswith(" 0* first")
    assert board.endswith(" 3.78 w1   50>45")
    assert next(line for line in lines if line.startswith("manager_0")).split() == (
        ["manager_0", "0.05", "0.45", "chat_ask", "w1:", "1", "second"]
    )
    assert next(line for line in lines if line.startswith("worker_1")).split() == (
        ["worker_1", "0.00", "0.50", "works", "on", "0", "first"]
    )
    assert "m0 > w1 chat_ask, read at 2: 1 second" in text


def test_scene_tells_reading_meetings_refusals_and_waste():
    env = parallel_env(pair(), 4)
    env.reset(seed=0)
    # worker 2 is less skilled in backend than worker 1, which does the work; worker 3 is already in a meeting
    # when it is its turn, so that it is refused
    env.step(
        {
            "manager_0": [0, c.CHAT_TELL, 1, 0],
            "worker_1": [1, 0, 0, 0],
            "worker_2": [1, 0, 0, 0],
            "worker_3": [0, 0, 0, 0],
        }
    )
    first = take_scene(env.batch).agents
    assert [agent.work for agent in first] == ["", "works on 0 first", "wasted on 0 first", ""]
    env.step(
        {
            "manager_0": [0, c.MEET, 3, 1],
            "worker_1": [1, 0, 0, 0],
            "worker_2": [0, c.MEET, 3, 0],
            "worker_3": [1, 0, 0, 0],
        }
    )
    second = take_scene(env.batch).agents
    assert second[1].reading == "reads m0"
    # at step 2 agent 2 is visited first, so it gets its meeting
    assert second[2].speech == "meet w3: 0 first"
    assert second[0].speech == "meet w3 (refused): 1 second"
    assert second[3].meeting == "meeting of w2: 0 first"
    assert second[3].work == "no time for 0 first"
    assert second[2].meeting == ""


def test_critical_path_is_the_longest_chain_left():
    chain = Workflow(
        "w",
        "simple",
        (
            Subtask("short", "backend", 1.0, 1.0),
            Subtask("long", "backend", 3.0, 1.0),
            Subtask("end", "backend", 1.0, 1.0, ("short", "long")),
        ),
    )
    env = parallel_env(chain, 2)
    env.reset(seed=0)
    assert [subtask.critical for subtask in take_scene(env.batch).subtasks] == [False, True, True]


@pytest.mark.parametrize(("tier", "team_size"), [("simple", 1), ("medium", 8), ("complex", 17), ("complex", 60)])
def test_ansi_fits_a_hundred_columns(tier, team_size):
    env = parallel_env(tier, team_size, render_mode="ansi")
    env.reset(seed=1)
    frames = [env.render()]
    for _ in range(5):
        random_steps(env, 3)
        frames.append(env.render())
    assert max(width_of(line) for frame in frames for line in plain(frame).splitlines()) <= 100
    assert all(len(env.agents) == sum(plain(frame).count(f"\n{agent} ") for agent in env.agents) for frame in frames)


def test_names_like_markup_are_only_names():
    env = after_one_step(workflow=pair(NASTY, NASTY))
    text = env.render()
    assert "[bold]x[/bold]" in text
    assert "\x1b[31m" not in text
    assert max(width_of(line) for line in plain(text).splitlines()) <= 100
    assert after_one_step("rgb_array", pair(NASTY, NASTY)).render().ndim == 3


def test_picture_keeps_its_shape_and_shows_changes():
    env = parallel_env("simple", 5, render_mode="rgb_array")
    shapes = set()
    for seed in range(3):
        env.reset(seed=seed)
        before = env.render()
        again = env.render()
        random_steps(env, 2)
        after = env.render()
        shapes |= {before.shape, after.shape}
        assert before.dtype == np.uint8
        assert np.array_equal(before, again)
        assert not np.array_equal(before, after)
    assert len(shapes) == 1
    assert shapes.pop()[2] == 3


def test_drawing_changes_no_state():
    env = after_one_step("rgb_array")
    before = env.snapshot()
    env.render()
    assert all(np.array_equal(before[name], array) for name, array in env.snapshot().items())


def test_a_batch_is_drawn_without_an_environment():
    env = after_one_step()
    assert draw(env.batch, "ansi") == env.render()
    assert set(MODES) == {"ansi", "rgb_array"}


def test_drawing_in_an_unknown_mode_names_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown render_mode 'ansy'; did you mean 'ansi'"):
        draw(after_one_step().batch, "ansy")


def test_matplotlib_is_optional(monkeypatch):
    env = after_one_step("rgb_array")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=re.escape('pip install "c2c-env[plot]"')):
        env.render()


def independent(count):
    return Workflow("many", "simple", tuple(Subtask(f"s{k}", "data", 1.0, 1.0) for k in range(count)))


def test_a_picture_that_would_be_too_large_is_refused():
    env = parallel_env(independent(5000), 2, relations="index", render_mode="rgb_array")
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="5000 subtasks and 2 agents do not fit into a picture"):
        env.render()


def test_a_heat_map_of_many_cells_has_colours_without_numbers(monkeypatch):
    env = parallel_env(independent(9), 2, render_mode="rgb_array")
    env.reset(seed=0)
    with_numbers = env.render()
    monkeypatch.setattr(picture, "_MOST_DIGITS", 17)
    without = env.render()
    assert without.shape == with_numbers.shape
    assert 0 < (without != with_numbers).any(axis=2).sum() < 0.01 * without[..., 0].size
