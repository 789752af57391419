"""A scene as an image: the board with the heat map of alignment beside it, and the agents and messages below.

Everything is drawn in inches on one pair of axes over the whole figure, so that the rows of board and heat map
are the same rows. The size follows from the largest workflow and the team, so it stays the same during an episode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from c2c_env.core.arrays import Array
from c2c_env.errors import ConfigError, MissingExtraError
from c2c_env.render.scene import AgentLine, Scene, SubtaskLine, fit, short_name

PICTURE_DPI = 120
_FONT, _SIZE, _SMALL = "DejaVu Sans", 7.5, 6.5
_CHAR = 0.062  # inches that a character of _SIZE takes on average
_MARGIN, _ROW, _CELL = 0.25, 0.22, 0.27
_HEADER, _HEAD, _GAP = 0.86, 0.32, 0.3  # heads of the figure and of a panel, and the gap between panels
_BOARD_NUMBERS = 3.95  # inches that the board takes to the right of the titles
_LEAST_WIDTH = 11.0
_LEAST_TITLE = 4.0
_MESSAGES = 3.55
_INK, _GREY, _LINE, _CRITICAL = "#1a1a1a", "#6e6e6e", "#dddddd", "#d55e00"
_STATUS_COLOUR = {"done": "#4c9f70", "ready": "#2f6db3", "blocked": "#9a9a9a"}
# of domains by their index, those of Okabe and Ito; further domains begin anew
_DOMAIN_COLOURS = ("#0072b2", "#cc79a7", "#009e73", "#e69f00", "#56b4e9", "#d55e00", "#f0e442", "#000000")
_DOMAIN_WIDTH = 0.94  # inches for the name of a domain
_TALK = "#e69f00"
_USE_COLOUR = {"work": "#2f6db3", "waste": "#c0392b", "": "#bcd3ea"}
_TIME_LEGEND = ((_TALK, "communication"), *zip(_USE_COLOUR.values(), ("work", "wasted", "unused"), strict=True))
_COLOURS = "YlGnBu"
_MOST_PIXELS = 2**15  # of either side; half of what matplotlib can draw, and a gigabyte at worst
_MOST_DIGITS = 4000  # cells of the heat map with their number; each one takes as long as ten thousand pixels
_DARK = 0.55  # digits are white from this alignment on


def draw_picture(scene: Scene) -> Array:
    """Draw the scene as a uint8 array [height, width, 3].

    Raises:
        MissingExtraError: matplotlib is not installed.
        ConfigError: so many subtasks and agents do not fit into a picture.
    """
    size = _Size.of(scene)
    if PICTURE_DPI * max(size.width, size.height) > _MOST_PIXELS:
        what = f"{scene.rows} subtasks and {scene.columns} agents"
        raise ConfigError(f"{what} do not fit into a picture of {_MOST_PIXELS:,} pixels; render_mode 'ansi' draws them")
    sheet = Sheet(size)
    _draw_header(sheet, scene)
    _draw_board(sheet, scene)
    _draw_heat(sheet, scene)
    _draw_agents(sheet, scene)
    _draw_messages(sheet, scene)
    return sheet.pixels()


@dataclass(frozen=True)
class _Size:
    """Where the panels are, in inches from the upper left corner."""

    width: float
    height: float
    title: float
    heat: float
    top: float
    bottom: float
    team: float

    @classmethod
    def of(cls, scene: Scene) -> _Size:
        heat_width = scene.columns * _CELL + 0.55
        width = max(_LEAST_WIDTH, 2 * _MARGIN + _LEAST_TITLE + _BOARD_NUMBERS + heat_width)
        heat = width - _MARGIN - heat_width
        top = _HEADER + _HEAD
        bottom = top + max(scene.rows, 4) * _ROW
        team = bottom + _GAP + _HEAD
        height = team + max(scene.columns, 3) * _ROW + _MARGIN
        return cls(width, height, heat - _BOARD_NUMBERS - _MARGIN, heat, top, bottom, team)


class Sheet:
    """A figure of matplotlib's Agg backend with a few ways to draw on it; it never touches pyplot."""

    def __init__(self, size: _Size) -> None:
        try:
            import matplotlib
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
            from matplotlib.font_manager import FontProperties, findfont, get_font
        except ImportError as error:
            raise MissingExtraError(
                'render_mode "rgb_array" needs matplotlib, which is not installed; pip install "c2c-env[plot]"'
            ) from error
        self.size = size
        self.figure = Figure(figsize=(size.width, size.height), dpi=PICTURE_DPI, facecolor="white")
        self._canvas: Any = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_axis_off()
        self.colours = matplotlib.colormaps[_COLOURS]
        self._glyphs = get_font(findfont(FontProperties(family=_FONT))).get_charmap()

    def text(self, x: float, y: float, words: str, colour: str = _INK, size: float = _SIZE, **style: Any) -> None:
        """Write words from their left middle, not read as mathematics, without characters that the font lacks."""
        known = "".join(ch if ord(ch) in self._glyphs else "?" for ch in words)
        fixed: dict[str, Any] = {"va": "center", "family": _FONT, "parse_math": False, "usetex": False}
        self.axes.text(x, y, known, color=colour, fontsize=size, **fixed, **style)

    def box(self, x: float, y: float, width: float, height: float, colour: Any, **style: Any) -> None:
        """Draw a rectangle from its upper left corner."""
        from matplotlib.patches import Rectangle

        look: dict[str, Any] = {"facecolor": colour, "edgecolor": "none"} | style
        self.axes.add_artist(Rectangle((x, y), width, height, **look))

    def line(self, x: float, y: float, width: float, colour: str = _LINE) -> None:
        """Draw a horizontal line."""
        self.axes.plot([x, x + width], [y, y], color=colour, linewidth=0.6, solid_capstyle="butt")

    def image(self, values: Array, x: float, y: float, width: float, height: float) -> None:
        """Draw Alignment Factors as colours, with row 0 on top."""
        extent = (x, x + width, y + height, y)
        self.axes.imshow(values, cmap=self.colours, vmin=0.0, vmax=1.0, extent=extent, interpolation="nearest")

    def pixels(self) -> Array:
        """Return what was drawn."""
        self.axes.set_aspect("auto")
        self.axes.set_xlim(0.0, self.size.width)
        self.axes.set_ylim(self.size.height, 0.0)
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def _cut(words: str, inches: float, size: float = _SIZE) -> str:
    return fit(words, max(1, int(inches / (_CHAR * size / _SIZE)))).rstrip()


def _draw_header(sheet: Sheet, scene: Scene) -> None:
    width = sheet.size.width - 2 * _MARGIN
    sheet.text(_MARGIN, 0.28, _cut(scene.title, width - 3.0, 13), size=13, weight="bold")
    names = _cut(f"{scene.name} · {scene.tier}", 3.0)
    sheet.text(sheet.size.width - _MARGIN, 0.28, names, _GREY, ha="right")
    sheet.text(_MARGIN, 0.56, "    ".join(scene.facts), size=8.5)
    share = min(max(scene.progress, 0.0), 1.0)
    sheet.box(_MARGIN, 0.70, width, 0.05, _LINE)
    sheet.box(_MARGIN, 0.70, width * share, 0.05, _STATUS_COLOUR["done"])


def _draw_board(sheet: Sheet, scene: Scene) -> None:
    size = sheet.size
    right = size.heat - _BOARD_NUMBERS
    y = size.top - 0.1
    heads = ((_MARGIN + 0.42, "subtask (◆ critical path)"), (right, "domain"), (right + 1.1, "status"))
    for x, words in (*heads, (right + 1.7, "finished"), (right + 2.75, "hours left"), (right + 3.45, "owner")):
        sheet.text(x, y, words, _GREY, _SMALL)
    step = (size.bottom - size.top) / max(len(scene.subtasks), 4)
    for subtask in scene.subtasks:
        _draw_subtask(sheet, subtask, size.top + (subtask.index + 0.5) * step)
        sheet.line(_MARGIN, size.top + subtask.index * step, size.heat - _MARGIN - 0.1)


def _draw_subtask(sheet: Sheet, subtask: SubtaskLine, y: float) -> None:
    right, title = sheet.size.heat - _BOARD_NUMBERS, sheet.size.title
    done = subtask.status == "done"
    sheet.text(_MARGIN + 0.17, y, str(subtask.index), _GREY, ha="right")
    if subtask.critical:
        sheet.text(_MARGIN + 0.23, y, "◆", _CRITICAL)
    sheet.text(_MARGIN + 0.42, y, _cut(subtask.title, title - 0.5), _GREY if done else _INK)
    sheet.box(right, y - 0.04, 0.08, 0.08, _DOMAIN_COLOURS[subtask.domain_index % len(_DOMAIN_COLOURS)])
    sheet.text(right + 0.14, y, _cut(subtask.domain, _DOMAIN_WIDTH))
    sheet.text(right + 1.1, y, subtask.status, _STATUS_COLOUR[subtask.status])
    sheet.box(right + 1.7, y - 0.05, 0.95, 0.1, _LINE)
    sheet.box(right + 1.7, y - 0.05, 0.95 * subtask.finished_share, 0.1, _STATUS_COLOUR["done" if done else "ready"])
    sheet.text(right + 3.22, y, f"{subtask.remaining:.1f} / {subtask.effort:.1f}", ha="right")
    sheet.text(right + 3.45, y, short_name(subtask.owner) if subtask.owner >= 0 else "-")


def _draw_heat(sheet: Sheet, scene: Scene) -> None:
    size, count = sheet.size, len(scene.subtasks)
    step = (size.bottom - size.top) / max(count, 4)
    width = scene.columns * _CELL
    sheet.image(scene.alignment.T, size.heat, size.top, width, count * step)
    for i in range(scene.columns):
        x = size.heat + (i + 0.5) * _CELL
        sheet.text(x, size.top - 0.1, short_name(i), _GREY, _SMALL, ha="center")
        for k in range(count if count * scene.columns <= _MOST_DIGITS else 0):
            value = scene.alignment[i, k]
            colour = "white" if value >= _DARK else _INK
            sheet.text(x, size.top + (k + 0.5) * step, f"{100 * value:.0f}", colour, _SMALL - 0.5, ha="center")
    for subtask in scene.subtasks:
        if subtask.worker >= 0:
            x, y = size.heat + subtask.worker * _CELL, size.top + subtask.index * step
            sheet.box(x, y, _CELL, step, "none", edgecolor=_CRITICAL, linewidth=1.6, zorder=3)
    _draw_scale(sheet, size.heat + width + 0.12)


def _draw_scale(sheet: Sheet, x: float) -> None:
    size = sheet.size
    height = min(size.bottom - size.top, 2.6)
    words = "Alignment Factor in % (framed: works on it now)"
    sheet.text(size.width - _MARGIN, size.top - 0.28, words, _GREY, _SMALL, ha="right")
    sheet.image(np.linspace(1.0, 0.0, 64)[:, None], x, size.top, 0.12, height)
    for percent in (0, 25, 50, 75, 100):
        sheet.text(x + 0.16, size.top + height * (1 - percent / 100), str(percent), _GREY, _SMALL)


def _draw_agents(sheet: Sheet, scene: Scene) -> None:
    size = sheet.size
    y, length = size.team - 0.12, size.width - 3 * _MARGIN - _MESSAGES
    sheet.text(_MARGIN, y, f"What each agent did in step {scene.step}" if scene.step else "Team", weight="bold")
    for n, (colour, words) in enumerate(_TIME_LEGEND):
        x = _MARGIN + 2.6 + 0.6 * n + (0.35 if n else 0.0)
        sheet.box(x, y - 0.04, 0.08, 0.08, colour)
        sheet.text(x + 0.13, y, words, _GREY, _SMALL)
    for agent in scene.agents:
        _draw_agent(sheet, scene, agent, size.team + (agent.index + 0.5) * _ROW)
        sheet.line(_MARGIN, size.team + agent.index * _ROW, length)


def _draw_agent(sheet: Sheet, scene: Scene, agent: AgentLine, y: float) -> None:
    start, scale = _MARGIN + 0.8, 0.7 / scene.dt
    sheet.text(_MARGIN, y, agent.name)
    sheet.box(start, y - 0.05, 0.7, 0.1, _LINE)
    talk = min(agent.spoken_hours, scene.dt) * scale
    sheet.box(start, y - 0.05, talk, 0.1, _TALK)
    left = agent.work_hours * scale
    sheet.box(start + 0.7 - left, y - 0.05, left, 0.1, _USE_COLOUR[agent.use])
    sheet.text(start + 1.0, y, f"{agent.work_hours:.2f} h", ha="center")
    if scene.step == 0:
        return
    room = sheet.size.width - _MESSAGES - 2 * _MARGIN - start - 1.3
    rest = "  ".join(part for part in (agent.owing, agent.meeting, agent.reading) if part)
    sheet.text(start + 1.3, y, _cut(agent.work or "no work", 0.35 * room - 0.1), _INK if agent.work else _GREY)
    both = bool(agent.speech and rest)
    sheet.text(start + 1.3 + 0.35 * room, y, _cut(agent.speech or rest, (0.4 if both else 0.65) * room - 0.1))
    if both:
        sheet.text(start + 1.3 + 0.75 * room, y, _cut(rest, 0.25 * room), _GREY)


def _draw_messages(sheet: Sheet, scene: Scene) -> None:
    size = sheet.size
    x = size.width - _MARGIN - _MESSAGES
    sheet.text(x, size.team - 0.12, f"Messages under way: {len(scene.messages)}", weight="bold")
    places = max(scene.columns, 3)
    shown = scene.messages if len(scene.messages) <= places else scene.messages[: places - 1]
    lines = [f"{m.sender} → {m.recipient}  {m.speech}, read at {m.due}: {m.topic}" for m in shown]
    if len(shown) < len(scene.messages):
        lines.append(f"… and {len(scene.messages) - len(shown)} more")
    for n, words in enumerate(lines):
        sheet.text(x, size.team + (n + 0.5) * _ROW, _cut(words, _MESSAGES))
