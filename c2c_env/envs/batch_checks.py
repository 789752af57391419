"""Checks of what a user hands to a batch, before compiled code sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from c2c_env.checks import fault, instance_of, integer_from
from c2c_env.config import EnvConfig, Team
from c2c_env.core.arrays import Array
from c2c_env.errors import ConfigError

A_TEAM = instance_of(Team, "a c2c_env.Team")
A_CONFIG = instance_of(EnvConfig, "a c2c_env.EnvConfig")


def indices(name: str, given: Any, size: int, count: int | None = None) -> Array:
    """Return indices in [0, size) as int64 [count], or raise a `ConfigError`; compiled code does not check bounds.

    With `count` None, any number of indices will do.
    """
    expected = f"{'' if count is None else f'{count} '}indices in [0, {size})"
    try:
        array = np.asarray(given)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} is {given!r}, expected {expected}") from None
    listed = array.ndim == 1 and (array.dtype.kind in "iu" or array.size == 0)
    if not listed or not ((array >= 0) & (array < size)).all() or count not in (None, len(array)):
        raise ConfigError(f"{name} is {given!r}, expected {expected}")
    return array.astype(np.int64)


def distinct_rows(given: Any, size: int) -> Array:
    """Return `indices` of environments that are all different, since a row named twice would be stepped twice."""
    rows = indices("rows", given, size)
    if len(np.unique(rows)) < len(rows):
        raise ConfigError(f"rows is {given!r}, expected indices that are all different")
    return rows


def checked_seeds(seeds: Any, count: int) -> Array:
    """Return seeds as uint64 [count], or raise a `ConfigError`."""
    if isinstance(seeds, range):
        seeds = np.array(seeds) if len(seeds) else np.zeros(0, dtype=np.int64)
    if isinstance(seeds, np.ndarray) and seeds.shape == (count,) and seeds.dtype.kind in "iu" and (seeds >= 0).all():
        return seeds.astype(np.uint64)
    if not isinstance(seeds, Sequence | np.ndarray) or isinstance(seeds, str) or len(seeds) != count:
        raise ConfigError(f"seeds is {seeds!r}, expected {count} integers >= 0 (one for each row)")
    return np.array([_seed(seed) for seed in seeds], dtype=np.uint64)


def _seed(seed: Any) -> int:
    if wrong := fault("seed", seed, integer_from(0)):
        raise ConfigError(wrong)
    return int(seed) & 0xFFFFFFFFFFFFFFFF
