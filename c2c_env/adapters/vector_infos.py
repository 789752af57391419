"""Infos of several environments of a team as one: each number is an array with an entry for each environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.envs.infos import Info, start_info, step_info


def start_infos(batch: Batch, rows: Array) -> Info:
    """Infos of environments [R] that were just reset."""
    return start_info(batch.config, _masks(batch, rows)) | _invalid(batch, rows)


def step_infos(batch: Batch, rows: Array, ended: bool) -> Info:
    """Infos of the last step of environments [R] that all go on, or have all ended."""
    metrics = None
    if ended:
        each = [batch.metrics(row) for row in rows.tolist()]
        metrics = {name: np.array([one[name] for one in each]) for name in each[0]}
    terms = batch.reward_terms[rows].mean(axis=1, dtype=np.float64).T
    invalid, truncated = batch.invalid[rows].any(axis=1), batch.truncated[rows] > 0
    info = step_info(batch.config, _masks(batch, rows), list(terms), invalid, metrics, truncated)
    return info | _invalid(batch, rows)


def _masks(batch: Batch, rows: Array) -> Array:
    masks: Array = batch.action_masks[rows].reshape(len(rows), -1)
    return masks


def _invalid(batch: Batch, rows: Array) -> Info:
    return {"invalid_actions": batch.invalid[rows].sum(axis=1, dtype=np.int64)}


def add_rows(infos: Info, rows: Array, values: Mapping[str, Any], num_envs: int) -> None:
    """Add the infos of some environments, as `VectorEnv._add_info` does for one: each key with a mask of who has it."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            add_rows(infos.setdefault(name, {}), rows, value, num_envs)
        else:
            column = np.asarray(value)
            infos.setdefault(name, np.zeros((num_envs, *column.shape[1:]), column.dtype))[rows] = column
        infos.setdefault(f"_{name}", np.zeros(num_envs, dtype=bool))[rows] = True
