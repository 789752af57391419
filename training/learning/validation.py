"""How a policy does on the generated validation workflows, and how its actions are best drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.learned.learned_team import LearnedTeam
from agents.learned.network import Actor
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import BASELINE, make_policy
from c2c_env import VALIDATION_SEEDS, Batch, EnvConfig, Generated, Team
from training.learning.ranges import Count, NotNegative, TeamSize, Tier

SHOWN_BESIDE = ("cost_aware", "proactive")  # shown beside it
Metrics = list[dict[str, float]]


@dataclass(frozen=True)
class ValidationConfig:
    """What is played to choose how the weights are played.

    Attributes:
        num_workflows: of each tier, the first of the validation range.
        tiers, team_sizes: side by side.
        temperatures: to choose from; 0 takes the likeliest action.
    """

    num_workflows: Count = 64
    tiers: tuple[Tier, ...] = ("simple", "medium", "complex")
    team_sizes: tuple[TeamSize, ...] = (5, 8, 8)
    temperatures: tuple[NotNegative, ...] = (1.0, 0.7, 0.4, 0.0)


def validation_batch(tier: str, team_size: int, num_workflows: int) -> Batch:
    """Make a batch of the first validation workflows of a tier, one per environment, freshly reset."""
    pool = Generated(tier, seeds=VALIDATION_SEEDS[:num_workflows])
    batch = Batch(pool, Team.default(team_size), EnvConfig(relations="index"), num_envs=num_workflows)
    batch.reset(range(num_workflows), workflows=range(num_workflows))
    return batch


def play_named(name: str, tier: str, team_size: int, num_workflows: int) -> Metrics:
    """Play a policy of the registry; return its metrics."""
    batch = validation_batch(tier, team_size, num_workflows)
    return play(batch, make_policy(name, PolicyContext.of(batch)))


def play_actor(actor: Actor, temperature: float, tier: str, team_size: int, num_workflows: int) -> Metrics:
    """Play weights; return their metrics."""
    batch = validation_batch(tier, team_size, num_workflows)
    return play(batch, LearnedTeam(PolicyContext.of(batch), actor, temperature))


def time_change(metrics: Metrics, silent: Metrics) -> float:
    """Return the change of the mean completion time against the team that never speaks, -0.4 is 40 % less."""
    return mean_of(metrics, "completion_time") / mean_of(silent, "completion_time") - 1.0


def talk(metrics: Metrics) -> float:
    """Return the hours of communication per hour of finished effort."""
    hours = ("work_hours", "communication_hours", "wasted_hours")
    effort = sum(m["efficiency"] * sum(m[name] for name in hours) for m in metrics)
    return sum(m["communication_hours"] for m in metrics) / effort if effort else float("inf")


def mean_of(metrics: Metrics, name: str) -> float:
    return float(np.mean([m[name] for m in metrics]))


def choose_temperature(actor: Actor, config: ValidationConfig, console: Console) -> tuple[float, list[dict[str, Any]]]:
    """Return the temperature of the least completion time over all rows, and the table that shows it."""
    table = [row for tier, size in zip(config.tiers, config.team_sizes, strict=True)
             for row in validation_rows(actor, config, tier, size)]  # fmt: skip
    shown = Table("tier", "agents", "policy", "completion time", "communication / effort", title="validation workflows")
    for row in table:
        change, hours = f"{100 * row['change']:+.1f} %", f"{row['talk']:.3f}"
        shown.add_row(row["tier"], str(row["team_size"]), row["policy"], change, hours)
    console.print(shown)
    names = {temperature: learned_name(temperature) for temperature in config.temperatures}
    total = {t: sum(row["change"] for row in table if row["policy"] == name) for t, name in names.items()}
    return min(config.temperatures, key=total.__getitem__), table


def validation_rows(actor: Actor, config: ValidationConfig, tier: str, team_size: int) -> list[dict[str, Any]]:
    """Play scripted teams and the weights at all temperatures on the same workflows; return a row for each."""
    where = (tier, team_size, config.num_workflows)
    silent = play_named(BASELINE, *where)
    played = {name: play_named(name, *where) for name in SHOWN_BESIDE}
    played |= {learned_name(t): play_actor(actor, t, *where) for t in config.temperatures}
    return [
        {"tier": tier, "team_size": team_size, "policy": name,
         "change": round(time_change(metrics, silent), 4), "talk": round(talk(metrics), 4)}
        for name, metrics in played.items()
    ]  # fmt: skip


def learned_name(temperature: float) -> str:
    return f"learned, temperature {temperature:g}"
