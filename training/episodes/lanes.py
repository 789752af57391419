"""One episode as a drawing of lanes, in SVG: what each agent did, who spoke to whom, and how far the team got.

The drawing is filled from left to right in a browser, again and again; other programs show the whole of it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from c2c_env.core import constants as c
from c2c_env.disk import write_whole
from c2c_env.episodes.history import Happening, History, Use
from c2c_env.render.scene import short_name
from c2c_env.text.names import one_line
from training.plotting import FIGURE_WIDTH, STYLE

LANE_INCHES, CURVE_INCHES, HEAD_INCHES = 0.42, 1.3, 1.25
SECONDS = 20.0  # that the drawing takes to be filled
_HOLD = 0.85  # share of the time after which all of it is there
# of Okabe and Ito, used as on the replay page
_USE_COLOURS = {
    Use.WORKING: "#009E73",
    Use.SENDING: "#0072B2",
    Use.READING: "#56B4E9",
    Use.MEETING: "#E69F00",
    Use.WASTED: "#D55E00",
    Use.IDLE: "#E8E8E8",
}
_CHANNEL_COLOURS = {c.CHAT: "#CC79A7", c.EMAIL: "#0072B2", c.MEETING: "#E69F00"}
_BAR = 0.62  # height of a lane's bars; 1 is the distance of two lanes
_PLAYED = "played"  # the name of the window, and of what is seen through it
_SPACE = "{http://www.w3.org/2000/svg}"


def write_lanes(history: History, path: Path) -> None:
    """Draw an episode and write it.

    Raises:
        WriteError: the disk is full, or the place cannot be written.
    """
    write_whole(path, _draw(history))


def _draw(history: History) -> str:
    agents = history.hours.shape[1]
    height = HEAD_INCHES + LANE_INCHES * agents + CURVE_INCHES
    with rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": "c2c-env", "axes.unicode_minus": False}):
        figure = Figure(figsize=(FIGURE_WIDTH, height), layout="constrained")
        upper, lower = figure.subplots(
            2, 1, sharex=True, height_ratios=(LANE_INCHES * agents, CURVE_INCHES), squeeze=True
        )
        _draw_lanes(upper, history)
        _draw_curves(lower, history)
        workflow, episode = history.episode.workflow, history.episode
        title = f"{one_line(workflow.title or workflow.name, 60)}: {one_line(episode.player, 40)}, seed {episode.seed}"
        figure.suptitle(title, parse_math=False, fontsize=9)
        figure.legend(handles=_handles(), loc="outside lower center", ncols=6)
        for place, artist in enumerate(_happenings(figure)):
            artist.set_gid(f"{_PLAYED}-{place}")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        box = upper.get_position()
    return _moving(text.getvalue(), box.x0, box.x1)


def _happenings(figure: Figure) -> Iterator[Artist]:
    """Everything in the axes that happened at some time."""
    for axes in figure.axes:
        yield from (*axes.collections, *axes.lines, *axes.patches)


def _draw_lanes(axes: Axes, history: History) -> None:
    dt, agents = history.batch.params.dt, history.hours.shape[1]
    starts = dt * np.arange(history.episode.length)
    for i in range(agents):
        left = starts.copy()
        for use, colour in _USE_COLOURS.items():
            width = np.minimum(history.hours[:, i, use], starts + dt - left)  # what exceeds a step is debt
            spans = [(x, w) for x, w in zip(left, width, strict=True) if w > 1e-9]
            axes.broken_barh(spans, (i - _BAR / 2, _BAR), facecolors=colour, linewidth=0)
            left += width
    for event in history.events:
        if event.kind in (Happening.FINISHED, Happening.REWORK) and event.agent >= 0:
            mark = "o" if event.kind == Happening.FINISHED else "X"
            face = "white" if event.kind == Happening.FINISHED else "#D55E00"
            axes.plot(dt * event.step, event.agent, mark, ms=4, mfc=face, mec="black", mew=0.6, zorder=4)
    for message in history.messages:
        for reading in message.readings:
            if reading.agent != message.sender:
                _draw_message(axes, dt, message.sender, message.step, reading.agent, reading.step, message.channel)
    axes.set_yticks(range(agents), [short_name(i) for i in range(agents)])
    axes.set_ylim(agents - 0.4, -0.6)
    axes.tick_params(bottom=False)


def _draw_message(axes: Axes, dt: float, sender: int, sent: int, reader: int, read: int, channel: int) -> None:
    # a message leaves in the middle of its step and is read at the beginning of another; a meeting is held in its step
    start, end = dt * (sent - 0.5), dt * ((read - 1) if channel != c.MEETING else (read - 0.5))
    arrow = FancyArrowPatch(
        (start, sender),
        (end, reader),
        arrowstyle="-" if channel == c.MEETING else "-|>",
        connectionstyle="arc3,rad=0.12",
        mutation_scale=5,
        linewidth=0.8,
        color=_CHANNEL_COLOURS[channel],
        alpha=0.85,
        zorder=3,
    )
    axes.add_patch(arrow)


def _draw_curves(axes: Axes, history: History) -> None:
    moments, dt = history.moments, history.batch.params.dt
    hours = dt * np.arange(history.episode.length + 1)
    axes.plot(hours, moments.progress, color="#0072B2", label="progress")
    axes.plot(hours, moments.mean_alignment, color="#009E73", linestyle="--", label="mean alignment")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, hours[-1])
    axes.set_xlabel("hours")
    axes.legend(loc="lower right")
    talk = axes.twinx()
    talk.plot(hours, moments.communication_hours, color="#E69F00", linestyle=":")
    talk.set_ylabel("hours of\ncommunication", color="#8a5f00")
    talk.set_ylim(bottom=0)
    talk.spines["right"].set_visible(True)


def _handles() -> list[Patch | Line2D]:
    uses: list[Patch | Line2D] = [Patch(color=colour, label=use.name.lower()) for use, colour in _USE_COLOURS.items()]
    channels = [Line2D([], [], color=colour, label=c.CHANNELS[n]) for n, colour in _CHANNEL_COLOURS.items()]
    style: Any = {"ls": "", "mec": "black", "ms": 4}
    done = Line2D([], [], marker="o", mfc="white", label="subtask done", **style)
    back = Line2D([], [], marker="X", mfc="#D55E00", label="came back", **style)
    return [*uses, *channels, done, back]


def _moving(drawing: str, left: float, right: float) -> str:
    """The drawing, with a window in front of what happened that opens from left to right.

    Args:
        drawing: of matplotlib, in SVG.
        left, right: shares of the width between which time passes.
    """
    for prefix, space in (("", _SPACE[1:-1]), ("xlink", "http://www.w3.org/1999/xlink")):
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.fromstring(drawing)
    width, height = (float(x) for x in root.attrib["viewBox"].split()[2:])
    clip = ElementTree.SubElement(ElementTree.SubElement(root, f"{_SPACE}defs"), f"{_SPACE}clipPath", id=_PLAYED)
    window = ElementTree.SubElement(clip, f"{_SPACE}rect", x="0", y="0", width=f"{width:g}", height=f"{height:g}")
    ElementTree.SubElement(
        window,
        f"{_SPACE}animate",
        attributeName="width",
        values=f"{width * left:.1f};{width * right:.1f};{width:g};{width:g}",
        keyTimes=f"0;{_HOLD};{_HOLD + 0.01:g};1",  # at the end also what reaches over the edge
        dur=f"{SECONDS:g}s",
        repeatCount="indefinite",
    )
    for group in root.iter(f"{_SPACE}g"):
        if group.get("id", "").startswith(f"{_PLAYED}-"):
            group.set("clip-path", f"url(#{_PLAYED})")
    return ElementTree.tostring(root, encoding="unicode")
