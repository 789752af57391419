"""Both pictures tell the truth about a known state, fit their medium, and survive any name."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageDraw

from c2c_env import Subtask, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError, MissingExtraError
from c2c_env.render import MODES, draw, draw_text, picture
from c2c_env.render.colours import RAMP_CODES, ramp_code, ramp_rgb
from c2c_env.render.scene import Arrow, take_scene, width_of

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
    with pytest.raises(MissingExtraError, match=r"matplotlib, which is not installed.*\[plot\]"):
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


# --- layout and colours ------------------------------------------------------------------------------------------


def wordy(count):
    """Independent subtasks whose titles have no end."""
    return Workflow("w" * 64, "complex", tuple(replace(task(k), title=f"{k} " + "Wide " * 30) for k in range(count)))


def task(k):
    return Subtask(f"s{k}-" + "long-" * 10, "infrastructure", 1.0, 1.0)


@pytest.mark.parametrize(
    ("tasks", "team_size"), [(1, 1), (3, 2), (7, 5), (34, 8), (34, 17), (5, 17), (20, 20), (9, 21), (34, 32), (8, 64)]
)
def test_no_words_of_a_picture_overlap_or_are_cut_off(tasks, team_size, monkeypatch):
    boxes, write = [], ImageDraw.ImageDraw.text

    def noting(pen, where, words, **style):
        boxes.append(pen.textbbox(where, words, font=style["font"], anchor=style["anchor"]))
        write(pen, where, words, **style)

    env = parallel_env(wordy(tasks), team_size, render_mode="rgb_array")
    env.reset(seed=0)
    random_steps(env, 3)
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noting)
    height, width, _ = env.render().shape
    left, top, right, bottom = np.array(boxes).T
    assert (left.min(), top.min()) >= (0, 0)
    assert right.max() <= width
    assert bottom.max() <= height
    overlap = (left[:, None] < right) & (left < right[:, None]) & (top[:, None] < bottom) & (top < bottom[:, None])
    assert np.argwhere(np.triu(overlap, 1)).tolist() == []


def brightness(rgb):
    """Relative luminance of sRGB colours."""
    share = np.asarray(rgb, dtype=float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)


def test_higher_alignment_is_brighter_in_the_text_and_in_the_picture():
    values = np.linspace(0.0, 1.0, 101)
    assert (np.diff(brightness(ramp_rgb(values))) > 0.0).all()
    # codes from 16 on are a cube of six levels for each of red, green and blue
    levels = np.array([0, 95, 135, 175, 215, 255])
    codes = np.array([ramp_code(value) for value in values]) - 16
    assert (np.diff(brightness(levels[np.stack([codes // 36, codes // 6 % 6, codes % 6], axis=-1)])) >= 0.0).all()
    assert sorted(set(codes + 16)) == sorted(RAMP_CODES)


@pytest.mark.parametrize("team_size", [2, 60])
def test_text_is_coloured_by_alignment(team_size):
    env = parallel_env(pair(), team_size)
    env.reset(seed=0)
    scene = take_scene(env.batch)
    line = next(line for line in draw_text(scene).splitlines() if " first " in line)
    colours = [int(code) for code in re.findall(r"\x1b\[48;5;(\d+)m", line)]
    assert colours == [ramp_code(value) for value in scene.alignment[: len(colours), 0]]
    assert len(colours) == min(team_size, 51)


def test_a_message_is_an_arrow_in_the_row_of_its_topic():
    env = parallel_env(independent(6), 4, render_mode="rgb_array")
    env.reset(seed=0)
    silent = env.render().astype(int)
    env.step({agent: [0, c.EMAIL_TELL if agent == "worker_3" else 0, 1, 4] for agent in env.agents})
    image, places = env.render().astype(int), picture._Places.of(take_scene(env.batch))
    blue = (image == (0x00, 0x96, 0xFF)).all(axis=2)  # of emails
    blue[places.team :] = False  # and of the legend
    rows, columns = np.nonzero(blue)
    assert not (silent[: places.team] == (0x00, 0x96, 0xFF)).all(axis=2).any()
    assert places.row(4) < rows.min() < rows.max() < places.row(5)
    # it ends at the middle of worker 1 and begins with a dot around the middle of worker 3
    assert columns.min() == places.middle(1)
    assert columns.max() == places.middle(3) + 3


def test_a_meeting_and_a_message_to_all_are_arrows_as_well():
    env = parallel_env(pair(), 3)
    env.reset(seed=0)
    assert take_scene(env.batch).meetings == ()
    env.step({"manager_0": [0, c.CHAT_TELL, 3, 1], "worker_1": [0, c.MEET, 2, 0], "worker_2": [0, 0, 0, 0]})
    scene = take_scene(env.batch)
    assert scene.meetings == (Arrow(1, 2, 0, c.MEETING),)
    assert [message.arrow for message in scene.messages] == [Arrow(0, -1, 1, c.CHAT)]
    assert draw(env.batch, "rgb_array").any()
