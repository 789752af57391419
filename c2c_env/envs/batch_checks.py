"""Checks of what a user hands to a batch, before compiled code sees it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from c2c_env.checks import Check, fault, instance_of, is_integer, only_faults
from c2c_env.config import MAX_STEPS, EnvConfig, Team
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, Params, Spec, State, array_specs
from c2c_env.errors import ConfigError

A_TEAM: Check = (lambda x: isinstance(x, Team | str | os.PathLike), "a c2c_env.Team or a path to a TOML file")
A_CONFIG = instance_of(EnvConfig, "a c2c_env.EnvConfig")

A_SEED: Check = (lambda x: is_integer(x) and 0 <= x < 2**64, "an integer in [0, 2**64)")
LATEST = 2 * MAX_STEPS  # step; beyond the longest horizon, as a batch may be stepped on after the end
MOST_HOURS = 1e25  # more than any episode can add up to
MOST_EPISODES = 2**62
SUM_ROUNDING = 1e-9  # by which a sum of products of shares may exceed 1
ANY_ACTION = Spec("i4", "B N PARTS", "what an agent chose, legal or not", "any")
_ALLOWED_KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}  # of numpy types, for each kind that is wanted
Limits = tuple[Any, Any]  # least and largest value, each [R], or [R, ...] as the array


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
    if not _is_list(seeds, count):
        raise ConfigError(f"seeds is {seeds!r}, expected {count} integers in [0, 2**64) (one for each row)")
    if isinstance(seeds, range) and count:
        seeds = np.array(seeds)
    if isinstance(seeds, np.ndarray) and seeds.dtype.kind in "iu" and (seeds >= 0).all():
        return seeds.astype(np.uint64)
    return np.array([_seed(seed) for seed in seeds], dtype=np.uint64)


def _is_list(given: Any, count: int) -> bool:
    """Whether something is a sequence or an array of so many entries."""
    if isinstance(given, np.ndarray):
        return bool(given.shape == (count,))
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return False
    with suppress(OverflowError):  # of a range that is longer than any list
        return len(given) == count
    return False


def _seed(seed: Any) -> int:
    if wrong := fault("seed", seed, A_SEED):
        raise ConfigError(wrong)
    return int(seed)


def limits_of(params: Params, workflows: Array, steps: Any, columns: int, pool_size: int) -> dict[str, Limits | None]:
    """Return the limits of each kind of values (see `core.arrays.Spec`) for R environments; None allows everything.

    Compiled code trusts what it is given, so whatever comes from outside is compared with these first.

    Args:
        params: of the batch.
        workflows: [R], the packed workflow of each environment.
        steps: [R], how many each one has taken, as given and not yet checked; nothing can have happened later.
        columns: how many subtasks the arrays have room for.
        pool_size: how many workflows there are to draw from.
    """
    subtasks = params.num_subtasks[workflows].astype(np.int64)
    now = _possible_steps(steps, len(workflows))
    agents, everybody, symbol = params.num_agents, params.max_agents, max(0, params.vocab_size - 1)
    variant = max(0, params.hidden_facts - 1)
    action = np.array([[0, c.NUM_SPEECHES - 1, everybody, 0, symbol, variant]] * len(workflows))
    action[:, c.WORK], action[:, c.TOPIC] = subtasks, subtasks - 1
    change = np.stack([np.full_like(subtasks, agents - 1), subtasks - 1], axis=1)
    return {
        "any": None,
        "row": (workflows, workflows),
        "workflow": (0, pool_size - 1),
        "episode": (-1, MOST_EPISODES),
        "time": (0, LATEST),
        "step": (0, now),
        "step or none": (-1, now),
        "due": (0, now + params.max_latency),
        "due or none": (-1, now + params.max_latency),
        "share": (0.0, 1.0),
        "alignment": (0.0, 1.0 + SUM_ROUNDING),
        "log share": (math.log(params.alignment_floor) - SUM_ROUNDING, 0.0),
        "credit": (-2.0, 2.0),
        "hours": (0.0, MOST_HOURS),
        "remaining": (0.0, params.effort[workflows, :columns]),
        "number": (0, np.iinfo(np.int32).max - 1),
        "flag": (0, 1),
        "status": (0, c.NUM_STATUSES - 1),
        "speech": (0, c.NUM_SPEECHES - 1),
        "symbol": (0, symbol),
        "variant": (0, variant),
        "agent": (0, agents - 1),
        "agent or none": (-1, agents - 1),
        "recipient": (0, everybody),
        "subtask": (0, subtasks - 1),
        "subtask or none": (-1, subtasks - 1),
        "count": (0, subtasks),
        "count or none": (-1, subtasks),
        "action": (0, action[:, None, :]),
        "change": (0, change[:, None, :]),
        "contact": (0, np.array([[[agents - 1, agents - 1, c.NUM_RELATIONS - 1]]])),
    }


def _possible_steps(given: Any, count: int) -> Array:
    """The numbers of steps [count] that are given; the most that there can be where they are impossible."""
    steps: Array = np.asarray(given)
    if steps.shape != (count,) or steps.dtype.kind not in "iu":
        return np.full(count, LATEST)
    return np.where((steps >= 0) & (steps <= LATEST), steps, LATEST).astype(np.int64)


def kept_faults(
    params: Params, mine: Mapping[str, Array], kept: Mapping[str, Any], workflows: Array, pool_size: int
) -> list[str]:
    """List what keeps arrays that were pickled with a batch from being copied into its own of the same names.

    `workflows`, `params` and `pool_size` are those of `limits_of`.
    """
    specs = {"actions": ANY_ACTION, **array_specs(State), **array_specs(Outputs)}
    limits = limits_of(params, workflows, kept.get("t"), params.max_subtasks, pool_size)
    faults = []
    for name, array in mine.items():
        got = kept.get(name)
        if not isinstance(got, np.ndarray) or got.shape != array.shape:
            faults.append(f"{name} is {getattr(got, 'shape', got)!r}, expected an array of shape {array.shape}")
        else:
            faults.append(value_fault(name, got, specs[name], limits, params))
    return only_faults(faults)


def value_fault(name: str, got: Array, spec: Spec, limits: dict[str, Limits | None], params: Params) -> str:
    """Say what is wrong with the type or a value of an array [R, ...]; "" if nothing is."""
    wanted = np.dtype(spec.dtype)
    if got.dtype.kind not in _ALLOWED_KINDS[wanted.kind]:
        return f"{name} has type {got.dtype}, expected {wanted}"
    allowed = limits[spec.values]
    if allowed is None:
        if wanted.kind == "f":
            return ""
        allowed = (np.iinfo(wanted).min, np.iinfo(wanted).max)
    low, high = (_as_wide(limit, got.ndim) for limit in allowed)
    inside = (got >= low) & (got <= high)  # false for NaN
    if not inside.all():
        where, value = _first(got, ~inside)
        if not np.isfinite(value):
            return f"{name} has values that are not finite"
        return f"{name} has {value} at {where}, outside [{_shown(np.min(low))}, {_shown(np.max(high))}]"
    if spec.values == "recipient":  # padding stands between the team's agents and everybody
        nobody = (got >= params.num_agents) & (got < params.max_agents)
        if nobody.any():
            where, value = _first(got, nobody)
            team = f"[0, {params.num_agents - 1}] or {params.max_agents} (the whole team)"
            return f"{name} has {value} at {where}, expected {team}"
    return ""


def _as_wide(limit: Any, ndim: int) -> Any:
    """Give a limit [R] or [R, ...] the number of axes that the array has; a single number is for all."""
    if not isinstance(limit, np.ndarray):
        return limit
    return limit.reshape(limit.shape + (1,) * (ndim - limit.ndim))


def _shown(limit: Any) -> Any:
    return f"{limit:g}" if isinstance(limit, float) else limit


def _first(got: Array, wrong: Array) -> tuple[list[int], Any]:
    """Return the place (without that of the environment) and the value of the first that is wrong."""
    place = tuple(np.argwhere(wrong)[0].tolist())
    return list(place[1:]), got[place]
