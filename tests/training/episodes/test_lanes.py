"""The drawing of lanes: it has everything that happened, shows text as text, and moves."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from c2c_env.core import constants as c
from c2c_env.episodes.history import simulate
from c2c_env.make import make_batch
from training.episodes.lanes import write_lanes
from training.episodes.sources import play_episode

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def episode():
    return play_episode(make_batch("csv-import-tool", 4), "proactive", 0)


def drawn(episode, tmp_path):
    write_lanes(simulate(episode), tmp_path / "e.svg")
    return ElementTree.parse(tmp_path / "e.svg").getroot()


def texts(root):
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


def test_it_names_the_episode_and_its_agents(episode, tmp_path):
    shown = texts(drawn(episode, tmp_path))
    assert "CSV import of supplier price lists: proactive, seed 0" in shown
    assert {"m0", "w1", "w2", "w3", "progress", "mean alignment", "chat", "email", "meeting", "wasted"} <= set(shown)


def test_every_message_is_an_arrow_and_every_end_of_a_subtask_a_mark(episode, tmp_path):
    history, root = simulate(episode), drawn(episode, tmp_path)
    played = [group for group in root.iter(f"{SVG}g") if group.get("id", "").startswith("played-")]
    readers = sum(reading.agent != one.sender for one in history.messages for reading in one.readings)
    marks = sum(event.kind in ("finished", "rework") and event.agent >= 0 for event in history.events)
    uses, curves = 6 * episode.team.size, 3
    assert len(played) == readers + marks + uses + curves
    assert readers == sum(history.trace.speech[history.trace.speech != c.SILENT] > 0) - unread(history)


def unread(history):
    return sum(not message.readings for message in history.messages)


def test_what_happened_appears_from_left_to_right_and_the_rest_stays(episode, tmp_path):
    root = drawn(episode, tmp_path)
    (clip,) = [one for one in root.iter(f"{SVG}clipPath") if one.get("id") == "played"]
    (animation,) = clip.iter(f"{SVG}animate")
    widths = [float(value) for value in animation.get("values").split(";")]
    assert widths == sorted(widths)
    assert 0 < widths[0] < 0.1 * widths[-1]
    assert widths[-1] == float(root.get("viewBox").split()[2])
    clipped = [group.get("id") for group in root.iter(f"{SVG}g") if group.get("clip-path") == "url(#played)"]
    assert clipped
    assert all(name.startswith("played-") for name in clipped)


def test_hostile_words_are_text(episode, tmp_path):
    title = "<script>alert(1)</script> $x^2$ & \u202e"
    hostile = replace(episode, workflow=replace(episode.workflow, title=title))
    root = drawn(hostile, tmp_path)
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>alert(1)</script> $x^2$ &" in text for text in texts(root))


def test_the_same_episode_gives_the_same_drawing(episode, tmp_path):
    drawn(episode, tmp_path)
    first = (tmp_path / "e.svg").read_bytes()
    drawn(episode, tmp_path)
    assert (tmp_path / "e.svg").read_bytes() == first
