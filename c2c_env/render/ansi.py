"""A scene as text of 100 columns. Colours help on a terminal, but everything can be read without them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from c2c_env.render.colours import FIRST_BRIGHT, ramp_code
from c2c_env.render.scene import MessageLine, Scene, SubtaskLine, fit, short_name, width_of

TEXT_WIDTH = 100
_SHADES = " ░▒▓█"  # shades of cells that are too narrow for digits
_EIGHTHS = " ▏▎▍▌▋▊▉"
_STATUS_COLOUR = {"done": 71, "ready": 75, "blocked": 244}
_STATUS_WORD = {"done": "done", "ready": "ready", "blocked": "wait"}
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_CODES = re.compile(r"\x1b\[[0-9;]*m")
_CRITICAL = 208
_HEAT = 51  # the heat map has at most this many columns
_FIXED = 23  # columns of the numbers and gaps of the board


@dataclass(frozen=True)
class Columns:
    """Widths of what depends on the sizes of the workflow and the team."""

    index: int
    name: int
    domain: int
    owner: int
    cell: int
    agents: int

    @classmethod
    def of(cls, scene: Scene) -> Columns:
        """Give each agent two digits and a blank if they fit, or else one shade; the names get what is left."""
        cell = 3 if 3 * scene.columns <= _HEAT else 1
        agents = min(scene.columns, _HEAT // cell)
        index = max(2, len(str(scene.rows - 1)))
        owner = max(3, len(short_name(scene.columns - 1)))
        rest = TEXT_WIDTH - agents * cell - index - owner - _FIXED
        domain = 14 if rest >= 40 else 3
        return cls(index, min(rest - domain, 40), domain, owner, cell, agents)


def draw_text(scene: Scene) -> str:
    """Draw the scene as lines of at most 100 columns."""
    columns = Columns.of(scene)
    lines = [_paint(fit(f"{scene.title} [{scene.name}, {scene.tier}]", TEXT_WIDTH).rstrip(), _BOLD)]
    lines += [" · ".join(scene.facts), "", _board_head(columns)]
    lines += [_board_line(scene, subtask, columns) for subtask in scene.subtasks]
    lines += [_legend(columns), "", *_agent_lines(scene), "", *_message_lines(scene)]
    return "\n".join(lines) + "\n"


def without_colours(text: str) -> str:
    """The same text for what is no terminal, without escape codes."""
    return _CODES.sub("", text)


def _paint(text: str, *codes: str) -> str:
    return f"{''.join(codes)}{text}{_RESET}"


def _foreground(colour: int) -> str:
    return f"\x1b[38;5;{colour}m"


def _background(colour: int) -> str:
    return f"\x1b[48;5;{colour}m"


def _board_head(columns: Columns) -> str:
    domain = "domain" if columns.domain > 6 else "dom"
    names = f"{'#':>{columns.index}}  {fit('subtask', columns.name)} {fit(domain, columns.domain)}"
    left = f"{names} state done   left {'own':{columns.owner}} "
    if columns.cell == 1:
        return _paint(left + fit("alignment", columns.agents), _DIM)
    return _paint(left + "".join(f"{i:3d}" for i in range(columns.agents)), _DIM)


def _board_line(scene: Scene, subtask: SubtaskLine, columns: Columns) -> str:
    mark = _paint("*", _foreground(_CRITICAL)) if subtask.critical else " "
    words = f"{fit(subtask.id, columns.name)} {fit(subtask.domain, columns.domain, mark='')}"
    status = _paint(f"{_STATUS_WORD[subtask.status]:5}", _foreground(_STATUS_COLOUR[subtask.status]))
    owner = short_name(subtask.owner) if subtask.owner >= 0 else "-"
    left = (
        f"{subtask.index:2d}{mark} {words} {status} {_bar(subtask.finished_share)} {subtask.remaining:5.2f} {owner:3} "
    )
    worker = subtask.worker
    cells = [_cell(scene.alignment[i, subtask.index], columns.cell, i == worker) for i in range(columns.agents)]
    return left + "".join(cells)


def _bar(share: float) -> str:
    """Draw a bar of five columns in steps of an eighth, which is full only when the subtask is finished."""
    eighths = math.floor(min(max(share, 0.0), 1.0) * 40 + 1e-9)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(5, "·")


def _cell(value: float, width: int, working: bool) -> str:
    """Write per cent on a background, bold and marked for the agent that works on it now; ** is 100."""
    colour = ramp_code(value)
    if width == 1:  # a shade for those without colours, in the colour of its own background
        shade = _SHADES[min(int(value * len(_SHADES)), len(_SHADES) - 1)]
        return _paint(shade, _background(colour), _foreground(colour))
    percent = round(100 * value)
    ink = 16 if value >= FIRST_BRIGHT else 255
    text = f"{'>' if working else ' '}{'**' if percent >= 100 else f'{percent:2d}'}"
    return _paint(text, _background(colour), _foreground(ink), _BOLD if working else "")


def _legend(columns: Columns) -> str:
    cells = "** = 100, > works on it" if columns.cell > 1 else f"shades '{_SHADES}'"
    words = f"* critical path; left: hours of effort; heat map: Alignment Factor in %, {cells}"
    return _paint(fit(words, TEXT_WIDTH).rstrip(), _DIM)


def _agent_lines(scene: Scene) -> list[str]:
    lines = [_paint(fit("agent      talk h work h  in this step", TEXT_WIDTH).rstrip(), _DIM)]
    for agent in scene.agents:
        phrases = [agent.work, agent.speech, agent.owing, agent.meeting, agent.reading]
        did = _join([phrase for phrase in phrases if phrase], TEXT_WIDTH - 26) if scene.step else ""
        lines.append(f"{agent.name:10} {agent.spoken_hours:6.2f} {agent.work_hours:6.2f}  {did or '-'}".rstrip())
    return lines


def _join(phrases: list[str], width: int) -> str:
    """Put phrases side by side, and cut the longest where there is no room."""
    room = width - 2 * (len(phrases) - 1)
    widths = [width_of(phrase) for phrase in phrases]
    limit = max(widths, default=0)
    while sum(min(w, limit) for w in widths) > room:
        limit -= 1
    return "  ".join(fit(phrase, min(w, limit)) for phrase, w in zip(phrases, widths, strict=True))


def _message_lines(scene: Scene) -> list[str]:
    if not scene.messages:
        return [_paint("no messages under way", _DIM)]
    texts = [_message(message, TEXT_WIDTH // 2 - 1) for message in scene.messages]
    pairs = [texts[n : n + 2] for n in range(0, len(texts), 2)]
    return [_paint("messages under way", _DIM), *("  ".join(pair).rstrip() for pair in pairs)]


def _message(message: MessageLine, width: int) -> str:
    head = f"{message.sender} > {message.recipient} {message.speech}, read at {message.due}: "
    return head + fit(message.topic, width - len(head))
