"""A workflow as numbers: one row of each array that the kernels read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from c2c_env import bounds
from c2c_env.config import MAX_STEPS, TIER_VOLATILITY, EnvConfig, Team
from c2c_env.workflows.schema import DOMAINS, Workflow


def pack(workflow: Workflow, team: Team, config: EnvConfig, max_subtasks: int) -> dict[str, Any]:
    """Rows of the arrays of `core.layout.Params` with axis W, padded with zeros to `max_subtasks`."""
    skill = np.array(team.skills)
    hours = bounds.best_hours(workflow, team)
    bound = bounds.lower_bound(workflow, team)
    domain = [DOMAINS.index(subtask.domain) for subtask in workflow.subtasks]
    prerequisites = workflow.prerequisite_indices()
    dependents = [[d for d, wanted in enumerate(prerequisites) if k in wanted] for k in range(len(prerequisites))]
    volatility = TIER_VOLATILITY[workflow.tier] if config.volatility is None else config.volatility
    rows = {
        "effort": [subtask.effort for subtask in workflow.subtasks],
        "complexity": [subtask.complexity for subtask in workflow.subtasks],
        "domain": domain,
        "weights": [subtask.weights(config.facet_weights) for subtask in workflow.subtasks],
        "tau": [gap_shares(subtask.complexity, config) for subtask in workflow.subtasks],
        "num_prerequisites": [len(p) for p in prerequisites],
        "prerequisites": [p + [0] * (max_subtasks - len(p)) for p in prerequisites],
        "num_dependents": [len(d) for d in dependents],
        "dependents": [d + [0] * (max_subtasks - len(d)) for d in dependents],
        "best_agent": skill[:, domain].argmax(axis=0),
        "best_skill": skill[:, domain].max(axis=0),
        "path_after": bounds.path_after(workflow, hours),
    }
    packed: dict[str, Any] = {name: _pad(np.array(row), max_subtasks) for name, row in rows.items()}
    steps = math.ceil(min(config.horizon_factor * bound / config.dt - 1e-9, MAX_STEPS))
    packed["num_subtasks"] = len(workflow.subtasks)
    packed["horizon"] = steps if config.horizon is None else config.horizon
    packed["volatility"] = volatility
    packed["lower_bound"] = bound
    packed["total_effort"] = workflow.total_effort
    return packed


def gap_shares(complexity: float, config: EnvConfig) -> list[list[float]]:
    """Share tau of the gap that a message closes: a row a channel; columns: unasked, answering a request.

    Rounded to 12 decimals, so that the last bit of a machine's power function cannot matter.
    """
    exponents = (complexity, config.answer_exponent * complexity)
    return [[round(channel.richness**x, 12) for x in exponents] for channel in config.channels]


def _pad(row: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    padded = np.zeros((length, *row.shape[1:]), dtype=row.dtype)
    padded[: len(row)] = row
    return padded
