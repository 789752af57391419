"""How well each credit tells a message's worth: its signal against noise, when the same actor plays on.

Messages that an actor is about to say are compared with silence in pairs of copies, several times, each time under
another luck that both of a pair share. What a credit says of a message (its signal) is the mean difference; its noise
is how much the credit of the message's copy varies by luck. The worth is what the pairs come to in the end: hours
saved.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from agents.learned.actions import ChosenAction, choose_action
from agents.learned.network import Actor
from agents.learned.weights import load_policy
from agents.policy import Array
from c2c_env import EnvConfig
from c2c_env.disk import write_whole
from c2c_env.errors import ConfigError, unknown_name
from c2c_env.workflows import TIERS
from training.learning.credit import EARLY_STEPS, Rehearsal
from training.learning.learners.environments import Group
from training.learning.log import table_of

LONGEST = 1_000  # steps, for an actor that never speaks
DISCOUNT = 0.99
AT_ONCE = 16  # messages of a step
CREDITS = {  # by the fields of `PlayedOn`; the sign makes more of it better
    "hours": (-1.0, "cost-to-go: hours saved to the end"),
    "reward": (1.0, "team's reward to the end, discounted"),
    "early": (1.0, f"team's reward of {EARLY_STEPS} steps"),
    "information": (1.0, f"information gain of {EARLY_STEPS} steps"),
    "forecast": (-1.0, f"fall of the forecast within {EARLY_STEPS} steps"),
}


@dataclass(frozen=True)
class CreditRow:
    """What a credit tells.

    Attributes:
        credit: its name, see `CREDITS`.
        messages: that were looked at.
        signal: mean difference between saying and silence, in units of the credit.
        error: standard error of the signal.
        noise: standard deviation by luck, mean over messages.
        right: share of messages of whose worth in hours it has the sign, where that is not 0.
        correlation: with the hours saved, over messages.
    """

    credit: str
    messages: int
    signal: float
    error: float
    noise: float
    right: float
    correlation: float

    @property
    def ratio(self) -> float:
        """Signal over noise, for one message."""
        return self.signal / self.noise if self.noise else 0.0


def measure_credits(
    actor: Actor, group: Group, discount: float, messages: int, lucks: int, every: int = 4
) -> list[CreditRow]:
    """Play with an actor, drawing as learned, and look at messages until there are enough.

    Args:
        actor: of any stage of training.
        group: whose environments are played.
        discount: gamma per step.
        messages: to look at, at least.
        lucks: that every pair of copies is played under.
        every: steps between those whose messages are looked at.
    """
    rehearsal, found = Rehearsal(group, actor, discount), []
    for step in range(LONGEST):
        with torch.no_grad():
            choice, _, _ = choose_action(actor, group.features(), group.luck(), torch.ones(()))
        if step % every == every // 2 and (choice.message > 0).any():
            found.append(_look(rehearsal, choice, lucks))
        if sum(len(one["hours"][0]) for one in found) >= messages:
            break
        group.step(choice)
        group.renew()
    if not found:
        return []
    signals = {name: np.concatenate([one[name][0] for one in found]) for name in CREDITS}
    noises = {name: np.concatenate([one[name][1] for one in found]) for name in CREDITS}
    return [_row(name, signals[name], noises[name], signals["hours"]) for name in CREDITS]


def _look(rehearsal: Rehearsal, choice: ChosenAction, lucks: int) -> dict[str, tuple[Array, Array]]:
    """Signal [M] and noise [M] of every credit for some messages."""
    env, agent = rehearsal.drawn(choice, AT_ONCE)
    spoken, silent = rehearsal.compare(choice, env, agent, lucks, 0)
    return {
        name: (
            sign * (getattr(spoken, name) - getattr(silent, name)).mean(axis=1), getattr(spoken, name).std(axis=1),
        )
        for name, (sign, _) in CREDITS.items()
    }  # fmt: skip


def _row(name: str, signal: Array, noise: Array, worth: Array) -> CreditRow:
    decided = worth != 0.0
    right = float((np.sign(signal) == np.sign(worth))[decided].mean()) if decided.any() else np.nan
    varies = signal.std() > 0.0 and worth.std() > 0.0
    return CreditRow(
        name, len(signal), float(signal.mean()), float(signal.std() / np.sqrt(len(signal))), float(noise.mean()),
        right, float(np.corrcoef(signal, worth)[0, 1]) if varies else np.nan,
    )  # fmt: skip


def show_credits(
    policies: Sequence[Path], groups: Sequence[str], settings: argparse.Namespace, console: Console, out: Path | None
) -> None:
    """Measure policies in groups such as "simple:5", print the table, and write it as CSV if that is wanted.

    Raises:
        ConfigError: a group is no tier and team size.
        WeightsError: see `agents.learned.weights.load_policy`.
    """
    kinds = [parse_group(word) for word in groups]
    actors = [(path, load_policy(path)[0]) for path in policies]
    rows: list[dict[str, Any]] = []
    title = "credit of a message against silence, the same team playing on"
    columns = ("policy", "group", "credit", "messages", "signal", "noise", "signal/noise", "right sign", "correlation")
    table = Table(*columns, title=title)
    for path, actor in actors:
        for tier, size in kinds:
            config = EnvConfig(vocab_size=actor.vocab_size, hidden_facts=actor.hidden_facts)
            group = Group(tier, size, settings.num_envs, settings.seed, config)
            for row in measure_credits(actor, group, DISCOUNT, settings.messages, settings.lucks):
                rows.append({"policy": str(path), "group": f"{tier}-{size}", **asdict(row), "ratio": row.ratio})
                table.add_row(*_words(path, f"{tier}-{size}", row))
    console.print(table)
    if out is not None:
        write_whole(out, table_of(rows))


def _words(path: Path, group: str, row: CreditRow) -> tuple[str, ...]:
    return (
        path.stem, group, CREDITS[row.credit][1], str(row.messages), f"{row.signal:+.4f} ± {row.error:.4f}",
        f"{row.noise:.4f}", f"{row.ratio:+.3f}", f"{100 * row.right:.0f} %", f"{row.correlation:+.2f}",
    )  # fmt: skip


def parse_group(word: str) -> tuple[str, int]:
    """Tier and team size of a word such as "simple:5".

    Raises:
        ConfigError: it is no such word.
    """
    tier, _, size = word.partition(":")
    if tier not in TIERS:
        raise ConfigError(f"--groups has {word!r}: {unknown_name('tier', tier, TIERS)}")
    if not re.fullmatch(r"[1-9][0-9]{0,3}", size):
        raise ConfigError(f"--groups has {word!r}, expected a tier and a team size such as simple:5")
    return tier, int(size)
