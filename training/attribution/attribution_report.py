"""What the messages of an episode were worth, as tables and as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c2c_env.core import constants as c
from c2c_env.disk import write_whole
from c2c_env.episodes.history import History, simulate
from c2c_env.episodes.message_log import MessageRecord
from c2c_env.render.scene import short_name
from c2c_env.text.names import agent_name, one_line
from training.attribution.cast import find_cast
from training.attribution.decisive_steps import (
    ADVISER,
    DecisiveStep,
    decisive_steps,
    is_much_slower,
    planned_changes,
    planner_hours,
    taken_action,
)
from training.attribution.message_values import values_under
from training.attribution.variants import OnProgress
from training.episodes.sources import load_episode
from training.progress import pulse

ATTRIBUTION_FORMAT = 1
ROWS_SHOWN = 10  # messages and steps of a table
_NOTE = (
    "Each value is that of one message alone, all others being sent; where two are needed, each has the value of both. "
    "It holds for the luck of this episode: a small delay can decide whether work comes back."
)


@dataclass(frozen=True)
class Attribution:
    """What single decisions of an episode were worth.

    Attributes:
        history: of the episode.
        values: of its messages, see `message_values.message_values`.
        continued: names of the agents that another policy continues, and that policy; "" if there are none.
        planner: hours that the planner takes; None if it was not asked.
        decisive: where the planner would have acted otherwise, see `decisive_steps`; None if that was not looked at.
    """

    history: History
    values: Sequence[float | None]
    continued: str = ""
    planner: float | None = None
    decisive: Sequence[DecisiveStep] | None = None

    @property
    def hours(self) -> float:
        """When the episode ended."""
        return float(self.history.batch.state.t[0] * self.history.batch.params.dt)

    @property
    def finished(self) -> bool:
        """Whether all work was done."""
        return bool(self.history.batch.terminated[0])


def show_attribution(
    file: str, continued_by: str | None, decisive: bool | None, json_file: Path | None, console: Console
) -> None:
    """Work out what the messages of an episode's file were worth, print it, and write it as data if that is wanted.

    Args:
        file: of the episode.
        continued_by: see `message_values.message_values`.
        decisive: whether decisive steps are looked at; None looks at them if the episode failed, or took longer than
            the planner by more than a fifth.
        json_file: where the data goes.
        console: where it is printed.

    Raises:
        EpisodeError: the file is damaged, or its episode comes out otherwise than it was recorded.
        AttributionError: see `message_values.message_values`.
    """
    found = attribute(simulate(load_episode(file)), continued_by, decisive)
    print_attribution(found, console)
    if json_file is not None:
        write_whole(json_file, json.dumps(attribution_data(found), indent=1) + "\n")
        console.print(f"{json_file}: the same numbers as data", markup=False, soft_wrap=True)


def attribute(history: History, continued_by: str | None, decisive: bool | None) -> Attribution:
    """Work it out, and show on stderr how far that is; see `show_attribution`."""
    cast = find_cast(history.episode, continued_by)
    others = ", ".join(short_name(agent) for agent, again in enumerate(cast.asked_again) if not again)
    continued = f"{others} by {one_line(continued_by or '', 60)}" if others else ""
    with _progress("messages", len(history.messages)) as show:
        values = values_under(cast, history, show)
    planner, steps = None, None
    if decisive is None and history.episode.config.action_format == "multi_discrete":
        planner = planner_hours(history.episode)
        decisive = is_much_slower(history, planner)
    if decisive:
        with _progress(f"asking the {ADVISER}", history.episode.length) as show:
            changes = planned_changes(history, show)
        with _progress("other decisions", len(changes)) as show:
            steps = decisive_steps(cast, history, changes, show)
    return Attribution(history, values, continued, planner, steps)


@contextmanager
def _progress(name: str, total: int) -> Iterator[OnProgress]:
    """Show how many of the variants are played; baselines of other policies come to the total."""
    with pulse(Console(stderr=True), name, total) as bar:
        yield lambda done, every: bar.show(done * total // every)


# --- tables ------------------------------------------------------------------------------------------------------


def print_attribution(found: Attribution, console: Console) -> None:
    """Print the best and the worst messages and assignments, their sums, and the decisive steps."""
    _say(console, _heading(found))
    if not found.finished:
        _say(console, "The episode is not finished, so it counts with its horizon.")
    if found.continued:
        _say(console, f"After each message, and without it, another policy decides for {found.continued}.")
    console.print()
    for what, chosen in (("messages", False), ("assignments", True)):
        pairs = zip(found.history.messages, found.values, strict=True)
        _print_kind(console, found, what, [pair for pair in pairs if (pair[0].speech == c.ASSIGN) == chosen])
    _say(console, _NOTE)
    if found.planner is not None:
        _say(console, f"The {ADVISER}, which sees the true state, takes {found.planner:.1f} h for the same episode.")
    if found.decisive is not None:
        console.print()
        _print_decisive(console, found)


def _say(console: Console, text: str) -> None:
    console.print(Text(text))


def _heading(found: Attribution) -> str:
    episode = found.history.episode
    name, end = one_line(episode.workflow.name, 60), "finished" if found.finished else "not finished"
    return f"{name}, {one_line(episode.player, 80)}, seed {episode.seed}: {end} after {found.hours:.1f} h"


def _print_kind(
    console: Console, found: Attribution, what: str, pairs: Sequence[tuple[MessageRecord, float | None]]
) -> None:
    """Print the tables and the sums of the messages, or of the assignments."""
    if not pairs:
        return
    known = [(message, value) for message, value in pairs if value is not None]
    good = sorted((pair for pair in known if pair[1] > 0.0), key=lambda pair: -pair[1])
    bad = sorted((pair for pair in known if pair[1] < 0.0), key=lambda pair: pair[1])
    for chosen, title in ((good, f"Best {what}"), (bad, f"Worst {what}")):
        if chosen:
            console.print(_message_rows(found, f"{title} ({_part(chosen)})", chosen[:ROWS_SHOWN]))
    _say(console, _sums(what, pairs, [value for _, value in good], [value for _, value in bad]))
    console.print()


def _part(found: Sequence[Any]) -> str:
    return f"{min(len(found), ROWS_SHOWN)} of {len(found)}"


def _sums(
    what: str, pairs: Sequence[tuple[MessageRecord, float | None]], good: Iterable[float], bad: Iterable[float]
) -> str:
    saved, lost, unknown = list(good), list(bad), sum(value is None for _, value in pairs)
    paid = sum(message.all_hours for message, _ in pairs)
    neither = len(pairs) - len(saved) - len(lost) - unknown
    count = f"{len(pairs)} {what if len(pairs) > 1 else what.removesuffix('s')}"
    text = (
        f"{count} cost {paid:.2f} person-hours. {len(saved)} saved time ({sum(saved):.1f} h), "
        f"{len(lost)} lost time ({-sum(lost):.1f} h), {neither} made no difference."
    )
    return text + (f" Of {unknown} nothing can be said: the episode ends with neither." if unknown else "")


def _message_rows(found: Attribution, title: str, pairs: Sequence[tuple[MessageRecord, float]]) -> Table:
    heads = ("step", "value h", "paid h", "from -> to", "speech", "subtask")
    table = _plain_table(title, heads, right=(0, 1, 2), flexible=(5,))
    for message, value in pairs:
        speech = c.SPEECHES[message.speech] + (" (refused)" if message.refused else "")
        to = "all" if message.recipient == c.NOBODY else short_name(message.recipient)
        numbers = (str(message.step), f"{value:+.1f}", f"{message.all_hours:.2f}")
        cells = (*numbers, f"{short_name(message.sender)} -> {to}", speech)
        topic = Text(_topic(found, message.topic), no_wrap=True, overflow="ellipsis")
        table.add_row(*map(Text, cells), topic)
    return table


def _topic(found: Attribution, index: int) -> str:
    subtask = found.history.episode.workflow.subtasks[index]
    return f"{index} {one_line(subtask.title or subtask.id)}"


def _print_decisive(console: Console, found: Attribution) -> None:
    steps = [one for one in found.decisive or () if one.saved is not None and one.saved > 0.0]
    if not steps:
        _say(console, f"At no single step would the team have saved time by acting as the {ADVISER} would have acted.")
        return
    heads = ("step", "saved h", "agent", "did", f"the {ADVISER} would")
    title = f"Decisive steps ({min(len(steps), ROWS_SHOWN)} of {len(steps)})"
    table = _plain_table(title, heads, right=(0, 1), flexible=(3, 4))
    for one in steps[:ROWS_SHOWN]:
        taken = taken_action(found.history, one.step, one.agent).tolist()
        saved = f"{one.saved:+.1f}" if one.saved is not None else "-"
        planned = _words(found, one.action)
        table.add_row(*map(Text, (str(one.step), saved, short_name(one.agent), _words(found, taken), planned)))
    console.print(table)


def _words(found: Attribution, action: Sequence[int]) -> str:
    """An action in words."""
    work, speech, recipient, topic = (int(part) for part in action[: c.TOPIC + 1])
    does = f"work on {work - 1}" if work else "no work"
    if speech == c.SILENT:
        return does
    to = "all" if recipient == found.history.trace.team else short_name(recipient)
    return f"{does}, {c.SPEECHES[speech]} to {to} about {topic}"


def _plain_table(title: str, heads: Sequence[str], right: Sequence[int], flexible: Sequence[int]) -> Table:
    """A table whose flexible columns, which are texts, give way where the terminal is narrow."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place in right else "left", no_wrap=place not in flexible)
    return table


# --- data --------------------------------------------------------------------------------------------------------


def attribution_data(found: Attribution) -> dict[str, Any]:
    """Make the data of `--json`: plain numbers and names, agents by name, subtasks by index, hours as floats."""
    episode = found.history.episode
    return {
        "format": ATTRIBUTION_FORMAT,
        "workflow": episode.workflow.name,
        "seed": episode.seed,
        "number": episode.number,
        "policies": list(episode.policies),
        "continued": found.continued,
        "hours": found.hours,
        "finished": found.finished,
        "planner_hours": found.planner,
        "messages": [
            {
                "step": message.step,
                "sender": agent_name(message.sender),
                "recipient": "all" if message.recipient == c.NOBODY else agent_name(message.recipient),
                "speech": c.SPEECHES[message.speech],
                "refused": message.refused,
                "subtask": message.topic,
                "paid": message.all_hours,
                "value": value,
            }
            for message, value in zip(found.history.messages, found.values, strict=True)
        ],
        "decisive": None if found.decisive is None else [_decisive_data(one) for one in found.decisive],
    }


def _decisive_data(one: DecisiveStep) -> dict[str, Any]:
    return {"step": one.step, "agent": agent_name(one.agent), "action": list(one.action), "saved": one.saved}
