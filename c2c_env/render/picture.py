"""A scene as an image: the board with the heat map of alignment beside it, and the agents and messages below.

The rows of board and heat map are the same rows. A message is an arrow in the row of what it is about, from the column
of who sent it to that of who gets it. The size follows from the largest workflow and the team, so that it stays the
same during an episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.errors import ConfigError
from c2c_env.render.colours import FIRST_BRIGHT, ramp_rgb
from c2c_env.render.scene import AgentLine, Arrow, MessageLine, Scene, SubtaskLine, short_name
from c2c_env.render.sheet import INK, Sheet

_SMALL = 11
_MARGIN, _ROW = 28, 30
_HEADER, _HEAD, _GAP = 104, 42, 26  # heads of the figure and of a panel, and the gap between panels
_CELL, _NARROW_CELL, _WIDE_TEAM = 36, 27, 20  # cells of the heat map are narrow for teams that are larger than this
_BOARD_NUMBERS = 410  # pixels that the board takes to the right of the titles
_SCALE = 54  # pixels that the scale takes to the right of the heat map
_LEAST_WIDTH, _LEAST_TITLE = 1000, 350
_LEAST_LINE, _LEAST_MESSAGE = 800, 440  # pixels of an agent's line and of a message: there are columns if two fit
_GREY, _LINE, _MARK = "#6e6e6e", "#dddddd", "#d55e00"
_STATUS_COLOUR = {"done": "#4c9f70", "ready": "#2f6db3", "blocked": "#9a9a9a"}
# of domains by their index, those of Okabe and Ito; further domains begin anew
_DOMAIN_COLOURS = ("#0072b2", "#cc79a7", "#009e73", "#e69f00", "#56b4e9", "#d55e00", "#f0e442", "#000000")
_CHANNEL_COLOUR = {c.CHAT: "#e6007e", c.EMAIL: "#0096ff", c.MEETING: "#000000"}
_TALK = "#e69f00"
_USE_COLOUR = {"work": "#2f6db3", "waste": "#c0392b", "": "#bcd3ea"}
_TIME_LEGEND = ((_TALK, "communication"), *zip(_USE_COLOUR.values(), ("work", "wasted", "unused"), strict=True))
_MOST_PIXELS = 2**15  # of either side
_MOST_DIGITS = 4000  # cells of the heat map with their number; each one takes time


def draw_picture(scene: Scene) -> Array:
    """Draw the scene as a uint8 array [height, width, 3].

    Raises:
        MissingExtraError: matplotlib is not installed.
        ConfigError: so many subtasks and agents do not fit into a picture.
    """
    places = _Places.of(scene)
    if max(places.width, places.height) > _MOST_PIXELS:
        what = f"{scene.rows} subtasks and {scene.columns} agents"
        raise ConfigError(f"{what} do not fit into a picture of {_MOST_PIXELS:,} pixels; render_mode 'ansi' draws them")
    sheet = Sheet(places.width, places.height)
    _draw_header(sheet, scene)
    _draw_board(sheet, scene, places)
    _draw_heat(sheet, scene, places)
    _draw_agents(sheet, scene, places)
    _draw_messages(sheet, scene, places)
    return sheet.pixels()


@dataclass(frozen=True)
class _Places:
    """Where the panels are, in pixels from the upper left corner, and into how many columns and rows two are broken."""

    width: int
    height: int
    board: int
    heat: int
    cell: int
    top: int
    team: int
    team_columns: int
    team_rows: int
    messages: int
    message_columns: int
    message_rows: int

    @classmethod
    def of(cls, scene: Scene) -> _Places:
        cell = _CELL if scene.columns <= _WIDE_TEAM else _NARROW_CELL
        right = scene.columns * cell + _SCALE + _MARGIN
        width = max(_LEAST_WIDTH, _MARGIN + _LEAST_TITLE + _BOARD_NUMBERS + right)
        room = width - 2 * _MARGIN
        team_columns, message_columns = max(1, room // _LEAST_LINE), room // _LEAST_MESSAGE
        team_rows = -(-scene.columns // team_columns)
        message_rows = max(3, -(-scene.columns // (2 * message_columns)))
        team = _HEADER + _HEAD + max(scene.rows, 4) * _ROW + _GAP + _HEAD
        messages = team + team_rows * _ROW + _GAP + _HEAD
        return cls(
            width=width,
            height=messages + message_rows * _ROW + _MARGIN // 2,
            board=width - right - _BOARD_NUMBERS,
            heat=width - right,
            cell=cell,
            top=_HEADER + _HEAD,
            team=team,
            team_columns=team_columns,
            team_rows=team_rows,
            messages=messages,
            message_columns=message_columns,
            message_rows=message_rows,
        )

    def row(self, subtask: int) -> int:
        """The upper edge of a subtask's row."""
        return self.top + subtask * _ROW

    def column(self, agent: int) -> int:
        """The left edge of an agent's column."""
        return self.heat + agent * self.cell

    def middle(self, agent: int) -> int:
        """The middle of an agent's column."""
        return self.column(agent) + self.cell // 2


def _draw_header(sheet: Sheet, scene: Scene) -> None:
    room, right = sheet.width - 2 * _MARGIN, sheet.width - _MARGIN
    sheet.text(_MARGIN, 32, scene.title, size=22, bold=True, room=0.7 * room)
    sheet.text(right, 32, f"{scene.name} · {scene.tier}", _GREY, anchor="r", room=0.28 * room)
    sheet.text(_MARGIN, 66, "     ".join(scene.facts), size=15, room=room)
    sheet.box(_MARGIN, 86, room, 8, _LINE)
    sheet.box(_MARGIN, 86, room * min(max(scene.progress, 0.0), 1.0), 8, _STATUS_COLOUR["done"])


# --- board and heat map ----------------------------------------------------------------------------------------


def _draw_board(sheet: Sheet, scene: Scene, places: _Places) -> None:
    x, y = places.board, places.top - 13
    heads = ((_MARGIN + 42, "subtask (◆ critical path)"), (x, "domain"), (x + 127, "status"), (x + 187, "finished"))
    for place, words in (*heads, (x + 286, "hours left"), (x + 360, "owner")):
        sheet.text(place, y, words, _GREY, _SMALL)
    for subtask in scene.subtasks:
        sheet.box(_MARGIN, places.row(subtask.index), places.heat - _MARGIN - 12, 1, _LINE)
        _draw_subtask(sheet, subtask, x, places.row(subtask.index) + _ROW // 2)


def _draw_subtask(sheet: Sheet, subtask: SubtaskLine, x: int, y: int) -> None:
    done = subtask.status == "done"
    sheet.text(_MARGIN + 20, y, str(subtask.index), _GREY, anchor="r")
    if subtask.critical:
        sheet.text(_MARGIN + 25, y, "◆", _MARK)
    sheet.text(_MARGIN + 42, y, subtask.title, _GREY if done else INK, room=x - _MARGIN - 54)
    sheet.box(x, y - 5, 10, 10, _DOMAIN_COLOURS[subtask.domain_index % len(_DOMAIN_COLOURS)])
    sheet.text(x + 16, y, subtask.domain, room=104)
    sheet.text(x + 127, y, subtask.status, _STATUS_COLOUR[subtask.status])
    sheet.box(x + 187, y - 6, 84, 12, _LINE)
    sheet.box(x + 187, y - 6, 84 * subtask.finished_share, 12, _STATUS_COLOUR["done" if done else "ready"])
    sheet.text(x + 352, y, f"{subtask.remaining:.1f} / {subtask.effort:.1f}", anchor="r")
    sheet.text(x + 376, y, short_name(subtask.owner) if subtask.owner >= 0 else "-", anchor="m")


def _draw_heat(sheet: Sheet, scene: Scene, places: _Places) -> None:
    count, width = len(scene.subtasks), scene.columns * places.cell
    sheet.image(ramp_rgb(scene.alignment.T), places.heat, places.top, width, count * _ROW)
    for i in range(scene.columns):
        sheet.text(places.middle(i), places.top - 13, short_name(i), _GREY, _SMALL, anchor="m")
    if count * scene.columns <= _MOST_DIGITS:
        _draw_digits(sheet, scene, places)
    for subtask in scene.subtasks:
        if subtask.worker >= 0:
            sheet.frame(places.column(subtask.worker), places.row(subtask.index), places.cell, _ROW, _MARK)
    for arrow in (*(message.arrow for message in scene.messages), *scene.meetings):
        _draw_arrow(sheet, arrow, scene.columns, places)
    _draw_scale(sheet, places)


def _draw_digits(sheet: Sheet, scene: Scene, places: _Places) -> None:
    for i, values in enumerate(scene.alignment):
        for k, value in enumerate(values):
            colour = INK if value >= FIRST_BRIGHT else "white"
            sheet.text(places.middle(i), places.row(k) + 11, f"{100 * value:.0f}", colour, _SMALL, anchor="m")


def _draw_arrow(sheet: Sheet, arrow: Arrow, agents: int, places: _Places) -> None:
    """Draw an arrow below the digits, and two of them to the ends of the row for the whole team."""
    y, colour = places.row(arrow.topic) + 23, _CHANNEL_COLOUR[arrow.channel]
    ends = [arrow.recipient] if arrow.recipient >= 0 else [end for end in (0, agents - 1) if end != arrow.sender]
    for end in ends:
        sheet.arrow(places.middle(arrow.sender), y, places.middle(end), colour)


def _draw_scale(sheet: Sheet, places: _Places) -> None:
    height, x = 4 * _ROW, sheet.width - _MARGIN - _SCALE + 14
    words = "Alignment Factor in % (framed: works on it now)"
    sheet.text(sheet.width - _MARGIN, places.top - 32, words, _GREY, _SMALL, anchor="r")
    sheet.image(ramp_rgb(np.linspace(1.0, 0.0, height)[:, None]), x, places.top, 14, height)
    for percent in (0, 25, 50, 75, 100):
        level = places.top + height * (1 - percent / 100)
        sheet.text(x + 19, min(max(level, places.top + 4), places.top + height - 5), str(percent), _GREY, _SMALL)


# --- team and messages -----------------------------------------------------------------------------------------


def _draw_agents(sheet: Sheet, scene: Scene, places: _Places) -> None:
    y = places.team - 18
    sheet.text(_MARGIN, y, f"What each agent did in step {scene.step}" if scene.step else "Team", bold=True)
    for n, (colour, words) in enumerate(_TIME_LEGEND):
        left = _MARGIN + 275 + 80 * n + (40 if n else 0)
        sheet.box(left, y - 5, 10, 10, colour)
        sheet.text(left + 15, y, words, _GREY, _SMALL)
    room = (sheet.width - 2 * _MARGIN) / places.team_columns
    for agent in scene.agents:
        column, row = divmod(agent.index, places.team_rows)
        x, top = _MARGIN + column * room, places.team + row * _ROW
        sheet.box(x, top, room - 16 * (column < places.team_columns - 1), 1, _LINE)
        _draw_agent(sheet, scene, agent, x, top + _ROW / 2, room)


def _draw_agent(sheet: Sheet, scene: Scene, agent: AgentLine, x: float, y: float, room: float) -> None:
    start, scale = x + 84, 84 / scene.dt
    left = agent.work_hours * scale
    sheet.text(x, y, agent.name, room=80)
    sheet.box(start, y - 6, 84, 12, _LINE)
    sheet.box(start, y - 6, min(agent.spoken_hours, scene.dt) * scale, 12, _TALK)
    sheet.box(start + 84 - left, y - 6, left, 12, _USE_COLOUR[agent.use])
    sheet.text(start + 138, y, f"{agent.work_hours:.2f} h", anchor="r")
    if scene.step:
        _draw_deeds(sheet, agent, start + 160, y, room - 260)


def _draw_deeds(sheet: Sheet, agent: AgentLine, x: float, y: float, room: float) -> None:
    """Write what an agent worked on, what it said, and the rest, in three columns; the last two share their room."""
    rest = "  ".join(part for part in (agent.owing, agent.meeting, agent.reading) if part)
    both = bool(agent.speech and rest)
    sheet.text(x, y, agent.work or "no work", INK if agent.work else _GREY, room=0.36 * room - 12)
    sheet.text(x + 0.36 * room, y, agent.speech or rest, room=(0.38 if both else 0.64) * room - 12)
    if both:
        sheet.text(x + 0.74 * room, y, rest, _GREY, room=0.26 * room)


def _draw_messages(sheet: Sheet, scene: Scene, places: _Places) -> None:
    y = places.messages - 18
    sheet.text(_MARGIN, y, f"Messages under way: {len(scene.messages)}", bold=True)
    for channel, colour in _CHANNEL_COLOUR.items():
        x = _MARGIN + 275 + 80 * channel
        sheet.arrow(x + 4, y, x + 26, colour)
        sheet.text(x + 33, y, c.CHANNELS[channel], _GREY, _SMALL)
    sheet.text(_MARGIN + 540, y, "also drawn above, in the row of what they are about", _GREY, _SMALL)
    room = places.message_columns * places.message_rows
    shown = scene.messages if len(scene.messages) <= room else scene.messages[: room - 1]
    for n, message in enumerate(shown):
        _draw_message(sheet, message, *_message_place(sheet, n, places))
    if len(shown) < len(scene.messages):
        x, y, _ = _message_place(sheet, room - 1, places)
        sheet.text(x, y, f"… and {len(scene.messages) - len(shown)} more", _GREY)


def _message_place(sheet: Sheet, number: int, places: _Places) -> tuple[int, int, int]:
    """The left end, the middle height and the width of a message of the list."""
    width = (sheet.width - 2 * _MARGIN) // places.message_columns
    column, row = divmod(number, places.message_rows)
    return _MARGIN + column * width, places.messages + row * _ROW + _ROW // 2, width - 16


def _draw_message(sheet: Sheet, message: MessageLine, x: int, y: int, room: int) -> None:
    sheet.text(x + 24, y, message.sender, anchor="r")
    sheet.arrow(x + 34, y, x + 58, _CHANNEL_COLOUR[message.arrow.channel])
    sheet.text(x + 66, y, message.recipient)
    words = f"{message.speech}, read at {message.due}: {message.topic}"
    sheet.text(x + 104, y, words, room=room - 104)
