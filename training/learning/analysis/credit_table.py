"""How well each credit tells a message's worth: its signal against noise, when the same actor plays on.

Messages that an actor is about to say are compared with silence in pairs of copies, several times, each time under
another luck that both of a pair share. What a credit says of a message (its signal) is the mean difference; its noise
is how much the credit of the message's copy varies by luck, and its paired noise how much the difference varies, which
is less, as both of a pair have the same luck. The worth is what the pairs come to in the end: hours saved.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
from training.learning.credit import EARLY_STEPS, Expect, Rehearsal
from training.learning.learners.environments import Group
from training.learning.log import table_of
from training.learning.run import Training

LONGEST = 1_000  # steps, for an actor that never speaks
DISCOUNT = 0.99  # of a policy, which does not say what it was trained with
AT_ONCE = 16  # messages of a step
CREDITS = {  # by the fields of `PlayedOn`; the sign makes more of it better
    "hours": (-1.0, "cost-to-go: hours saved to the end"),
    "reward": (1.0, "team's reward to the end, discounted"),
    "early": (1.0, f"team's reward of {EARLY_STEPS} steps"),
    "information": (1.0, f"information gain of {EARLY_STEPS} steps"),
    "forecast": (-1.0, f"fall of the forecast within {EARLY_STEPS} steps"),
}
VALUE = "value"  # the credit of `CreditConfig.measure`, where there is a critic
CREDIT_WORDS = {name: words for name, (_, words) in CREDITS.items()} | {
    VALUE: f"team's reward of {EARLY_STEPS} steps and the critic"
}


class Subject(NamedTuple):
    """A team that is looked at."""

    actor: Actor
    config: EnvConfig  # with the reward that it learned from
    expect: Expect | None  # its critic, if there is one
    discount: float


def load_subject(path: Path) -> Subject:
    """A team from a policy, which has no critic, or from the last checkpoint in the folder of a run of PPO.

    Raises:
        ConfigError: the run has not come to PPO, or is by another learner.
        WeightsError: no such file, or a broken one.
    """
    if not path.is_dir():
        actor, _ = load_policy(path)
        return Subject(actor, EnvConfig(vocab_size=actor.vocab_size, hidden_facts=actor.hidden_facts), None, DISCOUNT)
    run = Training.of_folder(path)
    if not run.saved_numbers:
        raise ConfigError(f"{path} holds no critic that has learned; name a policy.safetensors instead")
    recipe, scale = run.recipe, run.scale()
    config = EnvConfig(
        reward_weights=recipe.last_reward_weights or recipe.reward_weights,
        vocab_size=recipe.network.vocab_size, hidden_facts=recipe.network.hidden_facts,
    )  # fmt: skip
    return Subject(run.actor, config, lambda *seen: scale.natural(run.critic(*seen)), recipe.ppo.discount)


class Looks(NamedTuple):
    """What a credit says of messages, each [M]; see `CreditRow`."""

    signal: Array
    noise: Array
    paired: Array


@dataclass(frozen=True)
class CreditRow:
    """What a credit tells.

    Attributes:
        credit: its name, see `CREDIT_WORDS`.
        messages: that were looked at.
        signal: mean difference between saying and silence, in units of the credit.
        error: standard error of the signal.
        noise: standard deviation by luck, mean over messages.
        paired: the same of the difference between saying and silence under one luck.
        right: share of messages of whose worth in hours it has the sign, where that is not 0.
        correlation: with the hours saved, over messages.
    """

    credit: str
    messages: int
    signal: float
    error: float
    noise: float
    paired: float
    right: float
    correlation: float

    @property
    def ratio(self) -> float:
        """Signal over noise, for one message."""
        return self.signal / self.noise if self.noise else 0.0


def measure_credits(subject: Subject, group: Group, messages: int, lucks: int, every: int = 4) -> list[CreditRow]:
    """Play with a team, drawing as learned, and look at messages until there are enough.

    Args:
        subject: of any stage of training.
        group: whose environments are played.
        messages: to look at, at least.
        lucks: that every pair of copies is played under.
        every: steps between those whose messages are looked at.
    """
    actor, _, expect, discount = subject
    rehearsals = [Rehearsal(group, actor, discount)]
    if expect is not None:
        rehearsals.append(Rehearsal(group, actor, discount, expect))
    found: list[dict[str, Looks]] = []
    for step in range(LONGEST):
        with torch.no_grad():
            choice, _, _ = choose_action(actor, group.features(), group.luck(), torch.ones(()))
        if step % every == every // 2 and (choice.message > 0).any():
            found.append(_look(choice, lucks, *rehearsals))
        if sum(len(one["hours"].signal) for one in found) >= messages:
            break
        group.step(choice)
        group.renew()
    if not found:
        return []
    looks = {name: Looks(*map(np.concatenate, zip(*(one[name] for one in found), strict=True))) for name in found[0]}
    return [_row(name, look, looks["hours"].signal) for name, look in looks.items()]


def _look(choice: ChosenAction, lucks: int, played: Rehearsal, expecting: Rehearsal | None = None) -> dict[str, Looks]:
    """What every credit says of some messages."""
    env, agent = played.drawn(choice, AT_ONCE)
    spoken, silent = played.compare(choice, env, agent, lucks, 0)
    looks = {
        name: _compared(sign * getattr(spoken, name), sign * getattr(silent, name))
        for name, (sign, _) in CREDITS.items()
    }
    if expecting is not None:
        spoken, silent = expecting.compare(choice, env, agent, lucks, EARLY_STEPS - 1)
        looks[VALUE] = _compared(spoken.reward, silent.reward)
    return looks


def _compared(spoken: Array, silent: Array) -> Looks:
    gained = spoken - silent  # [M, S]
    return Looks(gained.mean(axis=1), spoken.std(axis=1), gained.std(axis=1))


def _row(name: str, look: Looks, worth: Array) -> CreditRow:
    signal, decided = look.signal, worth != 0.0
    right = float((np.sign(signal) == np.sign(worth))[decided].mean()) if decided.any() else np.nan
    varies = signal.std() > 0.0 and worth.std() > 0.0
    return CreditRow(
        name, len(signal), float(signal.mean()), float(signal.std() / np.sqrt(len(signal))), float(look.noise.mean()),
        float(look.paired.mean()), right, float(np.corrcoef(signal, worth)[0, 1]) if varies else np.nan,
    )  # fmt: skip


def show_credits(
    policies: Sequence[Path], groups: Sequence[str], settings: argparse.Namespace, console: Console, out: Path | None
) -> None:
    """Measure teams in groups such as "simple:5", print the table, and write it as CSV if that is wanted.

    Raises:
        ConfigError: a group is no tier and team size, or see `load_subject`.
        WeightsError: see `load_subject`.
    """
    kinds = [parse_group(word) for word in groups]
    subjects = [(path, load_subject(path)) for path in policies]
    rows: list[dict[str, Any]] = []
    title = "credit of a message against silence, the same team playing on"
    columns = ("policy", "group", "credit", "messages", "signal", "noise", "paired", "right sign", "correlation")
    table = Table(*columns, title=title)
    for path, subject in subjects:
        for tier, size in kinds:
            group = Group(
                tier, size, settings.num_envs, settings.seed, subject.config, with_schedule=subject.actor.schedule
            )
            for row in measure_credits(subject, group, settings.messages, settings.lucks):
                rows.append({"policy": str(path), "group": f"{tier}-{size}", **asdict(row), "ratio": row.ratio})
                table.add_row(*_words(path, f"{tier}-{size}", row))
    console.print(table)
    if out is not None:
        write_whole(out, table_of(rows))


def _words(path: Path, group: str, row: CreditRow) -> tuple[str, ...]:
    return (
        path.stem, group, CREDIT_WORDS[row.credit], str(row.messages), f"{row.signal:+.4f} ± {row.error:.4f}",
        f"{row.noise:.4f}", f"{row.paired:.4f}", f"{100 * row.right:.0f} %", f"{row.correlation:+.2f}",
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
