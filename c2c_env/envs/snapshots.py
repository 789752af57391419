"""Snapshots: the episode of one environment as a dict of copied arrays, from which it goes on exactly.

Arrays are cut to the real N agents and K subtasks. Two groups of fields are bundled: `mailbox`, a structured
array [L, N] (the message sent in step t at place t mod L), and `random_state` (seed, episode, key). `done` and
`request_age` say the same as `status` and `request_step`, in the terms of an observation; a snapshot in
which they disagree is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from c2c_env.core import constants
from c2c_env.core.arrays import Array, Outputs, Params, Spec, State, array_specs
from c2c_env.core.transition import clear_episode
from c2c_env.errors import SnapshotError, raise_faults, unknown_name

_MAIL = ("speech", "recipient", "topic", "symbol", "facets", "factor")
_RANDOM = ("seed", "episode", "key")
_BUNDLED = {f"mail_{name}" for name in _MAIL} | set(_RANDOM) | {"workflow", "workflow_index"}
# what follows from the rest, or is needed only within a step
DERIVED = {
    "alignment",
    "asking_topic",
    "asking_due",
    "answer_due",
    "judged",
    "num_changed",
    "changed",
    "participants",
    "best_facets",
}
_PLAIN = {name: spec for name, spec in array_specs(State).items() if name not in _BUNDLED | DERIVED}
_ENDS = ("terminated", "truncated")
Range = tuple[Any, Any]  # least and largest value


def take_snapshot(params: Params, state: State, out: Outputs, row: int) -> dict[str, Array]:
    """Copy a row of the state; its `workflow` is the index in the pool."""
    taken = {name: np.array(_cut(params, state, row, name, spec)) for name, spec in _PLAIN.items()}
    taken["done"] = taken["status"] == constants.DONE
    taken["request_age"] = _request_age(taken)
    taken["mailbox"] = _mailbox(params, state, row)
    taken["random_state"] = np.array([getattr(state, name)[row] for name in _RANDOM], dtype=np.uint64)
    for name in _ENDS:
        taken[name] = np.array(getattr(out, name)[row])
    taken["workflow"] = np.array(state.workflow_index[row])
    return taken


def put_snapshot(params: Params, state: State, out: Outputs, row: int, snapshot: Mapping[str, Array]) -> None:
    """Write a snapshot into a row that has its workflow already; nothing is changed if it does not fit."""
    workflow = int(state.workflow[row])
    faults = _faults(_blank(params, state, workflow), snapshot, _ranges(params, workflow))
    raise_faults(SnapshotError, "the snapshot does not fit this environment", faults)
    clear_episode(state, row)
    for name, spec in _PLAIN.items():
        _cut(params, state, row, name, spec)[...] = snapshot[name]
    for name in _MAIL:
        getattr(state, f"mail_{name}")[row, :, : params.num_agents] = snapshot["mailbox"][name]
    for name, value in zip(_RANDOM, snapshot["random_state"], strict=True):
        getattr(state, name)[row] = value
    for name in _ENDS:
        getattr(out, name)[row] = snapshot[name]


def workflow_of(snapshot: Mapping[str, Array], pool_size: int) -> int:
    """Index in the pool of the snapshot's workflow."""
    if not isinstance(snapshot, Mapping):
        raise SnapshotError(
            f"the snapshot is of type {type(snapshot).__name__}, expected a dict such as snapshot() returns"
        )
    if "workflow" not in snapshot:
        raise SnapshotError(f"the snapshot has no key 'workflow', expected an index in [0, {pool_size})")
    index = _array(snapshot["workflow"])
    if index is None or index.shape != () or index.dtype.kind not in "iu" or not 0 <= int(index) < pool_size:
        raise SnapshotError(f"snapshot['workflow'] is {snapshot['workflow']!r}, expected an index in [0, {pool_size})")
    return int(index)


def _cut(params: Params, state: State, row: int, name: str, spec: Spec) -> Array:
    """Return a view of a row of an array without its padding."""
    real = {"A": params.num_agents, "K": int(params.num_subtasks[state.workflow[row]])}
    lengths = tuple(slice(real.get(axis)) for axis in spec.axes.split()[1:])
    view: Array = getattr(state, name)[(slice(row, row + 1), *lengths)]
    return view.reshape(view.shape[1:]) if view.ndim == 1 else view[0]


def _mailbox(params: Params, state: State, row: int) -> Array:
    numbers = [("speech", "i1"), ("recipient", "i2"), ("topic", "i2"), ("symbol", "i2")]
    mailbox = np.zeros(
        (params.max_latency, params.num_agents),
        dtype=[*numbers, ("facets", "f8", (constants.NUM_FACETS,)), ("factor", "f8")],
    )
    for name in _MAIL:
        mailbox[name] = getattr(state, f"mail_{name}")[row, :, : params.num_agents]
    return mailbox


def _request_age(taken: Mapping[str, Array]) -> Array:
    topic, step = np.asarray(taken["request_topic"]), np.asarray(taken["request_step"])
    return np.where(topic >= 0, np.asarray(taken["t"]) - step, -1)


def _blank(params: Params, state: State, workflow: int) -> dict[str, Array]:
    """Make arrays of the shapes that a snapshot of this workflow has."""
    real = {"A": params.num_agents, "K": int(params.num_subtasks[workflow])}

    def shape(spec: Spec, array: Array) -> tuple[int, ...]:
        axes = spec.axes.split()[1:]
        return tuple(real.get(axis, size) for axis, size in zip(axes, array.shape[1:], strict=True))

    blank = {
        name: np.zeros(shape(spec, getattr(state, name)), getattr(state, name).dtype) for name, spec in _PLAIN.items()
    }
    blank["done"] = np.zeros(real["K"], dtype=bool)
    blank["request_age"] = np.zeros((params.num_agents, params.num_agents), dtype=np.int32)
    blank["mailbox"] = _mailbox(params, state, 0)
    blank["random_state"] = np.zeros(len(_RANDOM), dtype=np.uint64)
    blank |= {name: np.zeros((), dtype=np.int8) for name in _ENDS}
    return blank | {"workflow": np.zeros((), dtype=np.int64)}


def _faults(blank: Mapping[str, Array], snapshot: Mapping[str, Array], ranges: Mapping[str, Range]) -> list[str]:
    faults = [f"missing key {name!r}" for name in blank if name not in snapshot]
    faults += [unknown_name("key", name, blank) for name in snapshot if name not in blank]
    for name, expected in blank.items():
        if name not in snapshot:
            continue
        got = _array(snapshot[name])
        if got is None or got.shape != expected.shape:
            what = f"is a ragged {type(snapshot[name]).__name__}" if got is None else f"has shape {got.shape}"
            faults.append(f"{name} {what}, expected {expected.shape}")
        elif expected.dtype.names and got.dtype != expected.dtype:
            faults.append(f"{name} has type {got.dtype}, expected {expected.dtype}")
        elif expected.dtype.names:
            parts = {f"{name}[{part!r}]": (got[part], expected[part]) for part in expected.dtype.names}
            faults += [_value_fault(key, *pair, ranges.get(key)) for key, pair in parts.items()]
        else:
            faults.append(_value_fault(name, got, expected, ranges.get(name)))
    faults = [fault for fault in faults if fault]
    return faults or _disagreements(snapshot)


def _array(value: Any) -> Array | None:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        return None


def _value_fault(name: str, got: Array, expected: Array, limits: Range | None) -> str:
    """Say what is wrong with the type or the values of an array; compiled code trusts both."""
    kinds = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}[expected.dtype.kind]
    if got.dtype.kind not in kinds:
        return f"{name} has type {got.dtype}, expected {expected.dtype}"
    if not np.isfinite(got).all():
        return f"{name} has values that are not finite"
    if limits is None and expected.dtype.kind in "iu":
        limits = (np.iinfo(expected.dtype).min, np.iinfo(expected.dtype).max)
    if limits is not None and not ((got >= limits[0]) & (got <= limits[1])).all():
        low, high = (np.max(limit) for limit in limits)
        return f"{name} has values outside [{low}, {high}]"
    return ""


def _ranges(params: Params, workflow: int) -> dict[str, Range]:
    """Least and largest value of everything that is an index or is shown to agents on a scale."""
    k = int(params.num_subtasks[workflow])
    agent, subtask, symbol = (-1, params.num_agents - 1), (-1, k - 1), (0, max(0, params.vocab_size - 1))
    t = (0, int(params.horizon[workflow]))
    flag, count, share = (0, 1), (0, k), (0.0, 1.0)
    return {
        "t": t,
        "understanding": share,
        "remaining": (0.0, params.effort[workflow, :k]),
        "status": (0, constants.NUM_STATUSES - 1),
        "prerequisites_left": count,
        "dependents_left": count,
        "subtasks_left": count,
        "owner": agent,
        "finished_step": (-1, t[1]),
        "debt": (0.0, np.inf),
        "last_work": subtask,
        "request_topic": subtask,
        "request_step": t,
        "read_speech": (0, constants.NUM_SPEECHES - 1),
        "read_topic": subtask,
        "read_symbol": symbol,
        "read_step": t,
        "invalid": flag,
        "in_meeting": flag,
        "worker": agent,
        "terminated": flag,
        "truncated": flag,
        "mailbox['speech']": (0, constants.NUM_SPEECHES - 1),
        "mailbox['recipient']": (0, params.max_agents),
        "mailbox['topic']": (0, k - 1),
        "mailbox['symbol']": symbol,
        "mailbox['facets']": share,
        "mailbox['factor']": share,
    }


def _disagreements(snapshot: Mapping[str, Array]) -> list[str]:
    faults = []
    if not np.array_equal(snapshot["done"], np.asarray(snapshot["status"]) == constants.DONE):
        faults.append("done disagrees with status; change both together")
    if not np.array_equal(snapshot["request_age"], _request_age(snapshot)):
        faults.append("request_age disagrees with t, request_topic and request_step; change them together")
    t = int(snapshot["t"])
    for name in ("request_step", "read_step", "finished_step"):
        latest = int(np.max(snapshot[name]))
        if latest > t:
            faults.append(f"{name} has step {latest}, later than t = {t}")
    return faults
