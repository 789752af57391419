"""Tunes the numbers of the oracle's rule on generated training workflows and writes them as TOML.

A cross-entropy search: every generation draws new workflows, plays them with a set of rules drawn around the present
one, and moves towards the best of them. What is minimised is the mean logarithm of completion time / lower bound; the
thrifty rules pay, in addition, for communication beyond what the scripted team uses on such workflows.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tomli_w

from agents.oracle.oracle_team import OracleRule
from agents.oracle.rule import BUDGETS, Rule, read_rules
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import TRAIN_SEEDS, Batch, EnvConfig, Generated, Team
from c2c_env.core.constants import COMMUNICATION_HOURS
from c2c_env.disk import read_text, write_whole
from c2c_env.errors import ConfigError
from c2c_env.workflows import TIERS

Floats = npt.NDArray[np.float64]
SIZES = {"simple": (5, 8), "medium": (5, 8), "complex": (8, 17)}  # teams that a tier's rule is tuned for
LIMIT_POLICY = "proactive"
MARGIN = 0.97  # share of the scripted team's communication that a thrifty rule aims at
PENALTY = 2.0  # for each share beyond it
KEPT = 0.7  # share of the spread that a generation keeps from the last one
LEAST_SPREAD = 0.003


@dataclass(frozen=True)
class Knob:
    """Range of a number of the rule, and whether the search moves in its logarithm."""

    low: float
    high: float
    log: bool = False

    def value(self, place: float) -> float:
        """Return the number at a place in [0, 1]."""
        place = min(1.0, max(0.0, place))
        if self.log:
            return float(self.low * (self.high / self.low) ** place)
        return self.low + (self.high - self.low) * place

    def place(self, value: float) -> float:
        """Return the place in [0, 1] of a number."""
        value = min(self.high, max(self.low, value))
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)


KNOBS = {
    "price": Knob(0.02, 4.0, log=True),
    "idle_price": Knob(0.0, 0.3),
    "slack_scale": Knob(0.5, 16.0, log=True),
    "least_worth": Knob(0.005, 0.5, log=True),
    "foresight": Knob(0.2, 60.0, log=True),
    "hurry": Knob(0.0, 1.5),
    "patience": Knob(0.05, 40.0, log=True),
    "trust": Knob(0.0, 1.0),
    "trust_ready": Knob(0.0, 1.0),
    "stick": Knob(0.7, 1.0),
    "rounding": Knob(0.0, 0.5),
    "least_net": Knob(0.002, 0.3, log=True),
    "least_pace": Knob(0.05, 0.8),
    "least_handover": Knob(0.002, 0.5, log=True),
}


def tune(out: Path, args: argparse.Namespace) -> None:
    """Tune both budgets for every tier, from the rules of a file if it is there, and write them after each search."""
    rules = read_rules(read_text(out, "rules", ConfigError), str(out)) if os.path.exists(out) else blank_rules()
    for tier in TIERS:
        practices = [Practice(tier, size, args.workflows) for size in SIZES[tier]]
        for budget in BUDGETS:
            print(f"{tier}, {budget}", flush=True)
            rules[budget][tier] = search(practices, rules[budget][tier], budget == "thrifty", args)
            write_whole(out, write_rules(rules, describe(args)))


class Practice:
    """Training workflows of a tier for a team size, side by side."""

    def __init__(self, tier: str, size: int, count: int) -> None:
        team = Team.default(size)
        self.batch = Batch(Generated(tier), team, EnvConfig(), num_envs=count, write_observations=False)
        self.limit = scripted_share(tier, size, count)

    def play(self, rule: Rule, first: int) -> tuple[Floats, Floats]:
        """Completion time / lower bound, and communication hours / effort, on training seeds from `first` on."""
        batch, oracle, rows = self.batch, OracleRule(rule), np.arange(self.batch.num_envs)
        start_practice(batch, first)
        while len(rows):
            oracle.write_actions(batch, rows, batch.action_buffer)
            batch.step_written(rows)
            rows = rows[(batch.terminated[rows] | batch.truncated[rows]) == 0]
        return batch.state.t * batch.params.dt / batch.params.lower_bound[batch.state.workflow], spoken_share(batch)

    def loss(self, rule: Rule, first: int, thrifty: bool) -> float:
        """Return what is to be minimised."""
        time, spoken = self.play(rule, first)
        beyond = max(0.0, float(spoken.mean()) / self.limit - MARGIN) if thrifty else 0.0
        return float(np.log(time).mean()) + PENALTY * beyond


def start_practice(batch: Batch, first: int) -> None:
    """Begin with the workflows of training seeds `first` and on."""
    seeds = range(first, first + batch.num_envs)
    batch.reset(seeds, workflows=seeds)


def spoken_share(batch: Batch) -> Floats:
    """Return communication hours / effort of the episodes that were played."""
    share: Floats = batch.state.tally[:, COMMUNICATION_HOURS] / batch.params.total_effort[batch.state.workflow]
    return share


def scripted_share(tier: str, size: int, count: int) -> float:
    """Return communication hours / effort of the scripted team on the first training seeds."""
    batch = Batch(Generated(tier), Team.default(size), EnvConfig(), num_envs=count)
    start_practice(batch, TRAIN_SEEDS[0])
    play(batch, make_policy(LIMIT_POLICY, PolicyContext.of(batch)))
    return float(spoken_share(batch).mean())


def search(practices: Sequence[Practice], rule: Rule, thrifty: bool, args: argparse.Namespace) -> Rule:
    """Return the rule that a cross-entropy search ends with."""
    rng = np.random.default_rng(args.seed)
    mean = np.array([knob.place(getattr(rule, name)) for name, knob in KNOBS.items()])
    spread = np.eye(len(mean)) * args.spread**2
    last = TRAIN_SEEDS[-1] - args.workflows
    for generation in range(args.generations):
        drawn = np.clip(rng.multivariate_normal(mean, spread, args.population), 0.0, 1.0)
        firsts = [int(rng.integers(0, last)) for _ in practices]
        losses = [
            sum(p.loss(as_rule(x), first, thrifty) for p, first in zip(practices, firsts, strict=True)) for x in drawn
        ]
        best = drawn[np.argsort(losses)[: args.population // 4]]
        weights = np.log(len(best) + 0.5) - np.log(np.arange(1, len(best) + 1))
        weights /= weights.sum()
        steps = best - mean
        spread = KEPT * spread + (1.0 - KEPT) * (steps.T * weights) @ steps + LEAST_SPREAD**2 * np.eye(len(mean))
        mean = weights @ best
        print(f"  generation {generation + 1}: {np.min(losses) / len(practices):.4f}", flush=True)
    return as_rule(mean)


def as_rule(places: Floats) -> Rule:
    """The rule whose numbers are at these places, rounded as the file has them."""
    return Rule(**{name: round(knob.value(x), 4) for (name, knob), x in zip(KNOBS.items(), places, strict=True)})


def blank_rules() -> dict[str, dict[str, Rule]]:
    """Return the default rule for every budget and tier."""
    return {budget: dict.fromkeys(TIERS, Rule()) for budget in BUDGETS}


def write_rules(rules: Mapping[str, Mapping[str, Rule]], head: str) -> str:
    """The text of a file that `read_rules` reads, with a comment at its head."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    tables = {budget: {tier: rule._asdict() for tier, rule in tiers.items()} for budget, tiers in rules.items()}
    return f"{comment}\n{tomli_w.dumps(tables)}"


def describe(args: argparse.Namespace) -> str:
    """Say where the numbers of a file come from."""
    names = ("generations", "population", "workflows", "spread", "seed")
    return (
        "The numbers of the oracle's rule (see agents/oracle/rule.py), tuned on training workflows by\n"
        f"  c2c-env tune_oracle {' '.join(f'--{name} {getattr(args, name)}' for name in names)}\n"
        f"thrifty: with at most the communication of the scripted team ({LIMIT_POLICY}); free: with as much as pays."
    )
