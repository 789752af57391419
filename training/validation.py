"""How a policy does on the generated validation workflows, and how its actions are best drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents.base import Policy, PolicyContext, play
from agents.learned.network import Actor
from agents.learned.policy import LearnedPolicy
from agents.registry import make_policy
from c2c_env import VALIDATION_SEEDS, Batch, EnvConfig, Generated, Team

ROWS = (("simple", 5), ("medium", 8), ("complex", 8))
TEMPERATURES = (1.0, 0.7, 0.4, 0.0)
NUM_WORKFLOWS = 64
SILENT = "no_communication"
LIMITS = ("cost_aware", "proactive")  # whose communication is not to be exceeded
Metrics = list[dict[str, float]]


def make_batch(tier: str, team_size: int, num_workflows: int = NUM_WORKFLOWS) -> Batch:
    """The first validation workflows of a tier, one an environment, freshly reset."""
    pool = Generated(tier, seeds=VALIDATION_SEEDS[:num_workflows])
    batch = Batch(pool, Team.default(team_size), EnvConfig(relations="index"), num_envs=num_workflows)
    batch.reset(range(num_workflows), workflows=range(num_workflows))
    return batch


def play_named(name: str, tier: str, team_size: int, num_workflows: int = NUM_WORKFLOWS) -> Metrics:
    """Metrics of a policy of the registry."""
    batch = make_batch(tier, team_size, num_workflows)
    return play(batch, make_policy(name, PolicyContext.of(batch)))


def play_actor(
    actor: Actor, temperature: float, tier: str, team_size: int, num_workflows: int = NUM_WORKFLOWS
) -> Metrics:
    """Metrics of weights."""
    batch = make_batch(tier, team_size, num_workflows)
    policy: Policy = LearnedPolicy(PolicyContext.of(batch), actor, temperature)
    return play(batch, policy)


def saved_time(metrics: Metrics, silent: Metrics) -> float:
    """Change of the mean completion time against the team that never speaks, -0.4 is 40 % less."""
    return mean_of(metrics, "completion_time") / mean_of(silent, "completion_time") - 1.0


def talk(metrics: Metrics) -> float:
    """Hours of communication per hour of finished effort."""
    effort = [
        m["efficiency"] * (m["work_hours"] + m["communication_hours"] + m["wasted_hours"]) for m in metrics
    ]
    return float(sum(m["communication_hours"] for m in metrics) / sum(effort))


def mean_of(metrics: Metrics, name: str) -> float:
    return float(np.mean([m[name] for m in metrics]))


def choose_temperature(actor: Actor, console: Console) -> tuple[float, list[dict[str, Any]]]:
    """The temperature of the least completion time over all rows, and the table that shows it."""
    table: list[dict[str, Any]] = []
    shown = Table("tier", "agents", "policy", "time saved", "communication / effort", title="validation workflows")
    for tier, team_size in ROWS:
        silent = play_named(SILENT, tier, team_size)
        played = {name: play_named(name, tier, team_size) for name in LIMITS}
        played |= {f"learned, {t:g}": play_actor(actor, t, tier, team_size) for t in TEMPERATURES}
        for name, metrics in played.items():
            row = {"tier": tier, "team_size": team_size, "policy": name}
            table.append({**row, "saved": round(saved_time(metrics, silent), 4), "talk": round(talk(metrics), 4)})
            shown.add_row(tier, str(team_size), name, f"{-100 * saved_time(metrics, silent):.1f} %", f"{talk(metrics):.3f}")
    console.print(shown)
    saved = {t: sum(row["saved"] for row in table if row["policy"] == f"learned, {t:g}") for t in TEMPERATURES}
    return min(TEMPERATURES, key=saved.__getitem__), table
