"""What is logged while a team learns: scalars with their meanings, means and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.disk import read_text
from c2c_env.errors import ConfigError
from training.learning.validation import mean_of, talk

SCALARS = {
    "learning_rate": "of the actor",
    "work_loss": "imitation: cross-entropy of who works on a ready subtask for the teacher, nats",
    "message_loss": "imitation: cross-entropy of the teacher's message, given the learner's plan, nats",
    "work_accuracy": "imitation: share of ready subtasks whose likeliest worker, or nobody, is the teacher's",
    "teacher_messages": "imitation: share of agents to whom the teacher gives something to say in a step",
    "regret": "cost to go: hours by which what the learner says is worse than the best of the candidates",
    "messages": "share of agents that say something in a step",
    "value_loss": "PPO: squared error of the critic, in standard deviations of the return",
    "explained_variance": "PPO: 1 - error / variance of the returns; 1 is perfect, 0 is no better than their mean",
    "entropy": "PPO: of an agent's message, nats",
    "plan_entropy": "PPO: of the picks of a plan together, nats",
    "kl": "PPO: divergence of the actor from the one that played the rollout, nats",
    "clipped": "PPO: share of actions whose probability has changed by more than the clip",
    "return": "evolution: reward of an episode, undiscounted, mean over the team",
    "difference": "evolution: root mean square of what the two episodes of a pair differ by in it",
    "score": "episodes that ended: lower bound of the completion time / completion time, 0 if unfinished",
    "completion_time": "episodes that ended: hours",
    "communication": "episodes that ended: hours of communication per hour of finished effort",
    "success": "episodes that ended: share with every subtask done",
    "reduction": "validation workflows (PPO: actions drawn, else the likeliest): time saved against silence, percent",
    "talk": "the same: hours of communication per hour of finished effort",
    "env_steps": "environment steps in this stage so far",
    "rows_per_second": "decisions of agents per second, learning included",
}


def means_of(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of every name over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def episode_means(episodes: list[dict[str, float]]) -> dict[str, float]:
    """Return means over the episodes that ended."""
    if not episodes:
        return {}
    means = {name: mean_of(episodes, name) for name in ("score", "completion_time", "success")}
    return means | {"communication": talk(episodes)}


def headline(scalars: dict[str, float]) -> str:
    """Write the most telling numbers of an update in a line."""
    names = ("work_accuracy", "message_loss", "explained_variance", "entropy", "messages", "return")
    return "  ".join(f"{name} {scalars[name]:.3f}" for name in names if name in scalars)


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as CSV, with columns in the order of their appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_scalars(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to what TensorBoard shows of a run's folder."""
    from torch.utils.tensorboard import SummaryWriter  # half a second, which tables do not need

    writer = SummaryWriter(str(folder / "tensorboard"))
    for row in rows:
        for name, value in row.items():
            if name not in ("stage", "update") and np.isfinite(value):
                writer.add_scalar(f"{row['stage']}/{name}", value, row["update"])
    writer.close()


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read what `table_of` wrote; without a file there are no rows.

    Raises:
        ConfigError: the file is no such table.
    """
    if not path.exists():
        return []
    text = read_text(path, "table", ConfigError)
    try:
        return [_read_row(row) for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
    except (csv.Error, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path} is not the table that a run writes ({error}); move it away to go on without its rows"
        ) from error


def _read_row(row: dict[str | Any, Any]) -> dict[str, Any]:
    """Read a row; a value is missing where a scalar was not logged."""
    if None in row or None in row.values():
        raise ValueError("a line is longer or shorter than the first")
    given = {name: value for name, value in row.items() if value}
    numbers = {name: float(value) for name, value in given.items() if name not in ("stage", "update")}
    return {"stage": given["stage"], "update": int(given["update"]), **numbers}
