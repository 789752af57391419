"""What a person may choose in a step, what it costs, and in words why something may not be chosen.

The action mask decides what is legal; the words only explain it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from c2c_env import EnvConfig, Workflow
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.envs.spaces import action_sizes, part_slices
from c2c_env.errors import C2CError
from c2c_env.text.names import agent_name, subtask_name
from c2c_env.text.observation_text import Sight, number_of_steps, plain_number

SPEECH_LABELS = (
    "Say nothing", "Tell by chat", "Ask by chat", "Tell by email", "Ask by email", "Hold a meeting", "Assign by chat",
)  # fmt: skip
TEAM_LABEL = "the whole team"
PARTS = ("work", "speech", "recipient", "topic")


class IllegalMoveError(C2CError, ValueError):
    """A move that the mask forbids; the message says why."""


@dataclass(frozen=True)
class Move:
    """What a person does in a step, as the indices of an action; without speech, recipient and topic mean nothing."""

    work: int = 0
    speech: int = c.SILENT
    recipient: int = 0
    topic: int = 0


@dataclass(frozen=True)
class SeatChoice:
    """A value of a part of an action.

    Attributes:
        value: its index.
        label: what it is.
        reason: why it is not legal, or "" where it is.
    """

    value: int
    label: str
    reason: str = ""


@dataclass(frozen=True)
class SpeechPrice:
    """What a message by a channel costs: hours of the sender and of every reader, and the steps until it is read."""

    sender: float
    reader: float
    steps: int

    def in_words(self, readers: int) -> str:
        """Say what it costs everybody, with so many teammates who read it or take part."""
        total = f"{plain_number(self.sender + readers * self.reader)} h in all"
        if self.steps == 0:
            each = "both of you" if readers == 1 else f"each of up to {readers + 1} people"
            return f"costs {each} {plain_number(self.sender)} h at once: {total}"
        them = "the reader" if readers == 1 else f"each of {readers} readers"
        cost = f"costs you {plain_number(self.sender)} h and {them} {plain_number(self.reader)} h: {total}"
        return f"{cost}, read after {number_of_steps(self.steps)}"


@dataclass(frozen=True)
class SeatChoices:
    """Every value of every part, legal or not, and the price of each speech (None for silence)."""

    work: tuple[SeatChoice, ...]
    speech: tuple[SeatChoice, ...]
    recipient: tuple[SeatChoice, ...]
    topic: tuple[SeatChoice, ...]
    prices: tuple[SpeechPrice | None, ...]
    teammates: int

    def faults(self, move: Move) -> list[str]:
        """Say what of a move is not legal, and why."""
        parts = PARTS[:2] if move.speech == c.SILENT else PARTS
        return [wrong for part in parts if (wrong := _fault(part, getattr(self, part), getattr(move, part)))]

    def price_in_words(self, speech: int, recipient: int) -> str:
        """Say what a message costs everybody; "" for silence."""
        price = self.prices[speech]
        to_all = recipient == len(self.recipient) - 1
        return "" if price is None else price.in_words(self.teammates if to_all else 1)

    def as_data(self) -> dict[str, Any]:
        """All of it as plain data."""
        parts = {part: [vars(choice) for choice in getattr(self, part)] for part in PARTS}
        words = [
            {"one": self.price_in_words(n, 0), "team": self.price_in_words(n, len(self.recipient) - 1)}
            for n in range(len(self.speech))
        ]
        return {**parts, "prices": words}


def _fault(part: str, choices: Sequence[SeatChoice], value: int) -> str:
    if not 0 <= value < len(choices):
        return f"{part} is {value}, expected an integer in [0, {len(choices) - 1}]"
    chosen = choices[value]
    return f"{part} {chosen.label!r} is not possible now: {chosen.reason}" if chosen.reason else ""


def make_choices(
    sight: Sight, mask: Array, workflow: Workflow, titles: Sequence[str], config: EnvConfig
) -> SeatChoices:
    """Say what may be chosen.

    Args:
        sight: what the person sees.
        mask: int8 [M], flat, of the multi-discrete format.
        workflow: for what needs what.
        titles: of its subtasks.
        config: for what channels cost.
    """
    count, team = len(sight.status), len(sight.skills)
    sizes = action_sizes(config, team, count)
    work, speech, recipient, topic = (mask[part] for part in part_slices(sizes)[:4])
    names = [f"{subtask_name(k)} {titles[k]}" for k in range(count)]
    people = [agent_name(i) for i in range(team)]
    return SeatChoices(
        _explained(work, ["Do no work", *names], lambda n: work_reason(sight, workflow, n - 1)),
        _explained(speech, SPEECH_LABELS, lambda n: speech_reason(sight, n)),
        _explained(recipient, [*people, TEAM_LABEL], lambda n: "that is you" if n == sight.me else ""),
        _explained(topic, names, lambda n: "done" if sight.status[n] == c.DONE else ""),
        tuple(_price(config, speech) for speech in range(c.NUM_SPEECHES)),
        team - 1,
    )


def _explained(mask: Array, labels: Sequence[str], reason: Callable[[int], str]) -> tuple[SeatChoice, ...]:
    legal = mask.astype(bool).tolist()
    return tuple(
        SeatChoice(n, label, "" if legal[n] else reason(n) or "the rules do not allow it now")
        for n, label in enumerate(labels)
    )


def work_reason(sight: Sight, workflow: Workflow, subtask: int) -> str:
    """Say why a subtask cannot be worked on; "" where nothing in sight forbids it."""
    if subtask < 0 or sight.status[subtask] == c.READY:
        return ""
    if sight.status[subtask] == c.DONE:
        return "done"
    needs = " and ".join(subtask_name(k) for k in missing_prerequisites(sight, workflow, subtask))
    if sight.effort[subtask] == 0:
        return f"a milestone: it is done by itself after {needs}" if needs else "a milestone"
    return f"blocked: needs {needs}" if needs else "blocked"


def missing_prerequisites(sight: Sight, workflow: Workflow, subtask: int) -> list[int]:
    """List the unfinished subtasks that a subtask directly needs."""
    return [k for k in workflow.prerequisite_indices()[subtask] if sight.status[k] != c.DONE]


def speech_reason(sight: Sight, speech: int) -> str:
    """Say why an agent cannot speak like that; "" where nothing in sight forbids it."""
    if len(sight.skills) < 2:
        return "you have no teammates"
    if (sight.status == c.DONE).all():
        return "all work is done"
    return "only the manager assigns" if speech == c.ASSIGN and not sight.manager else ""


def _price(config: EnvConfig, speech: int) -> SpeechPrice | None:
    if speech == c.SILENT:
        return None
    channel = config.channels[c.CHANNEL_OF_SPEECH[speech]]
    return SpeechPrice(channel.send_hours, channel.read_hours, channel.latency)
