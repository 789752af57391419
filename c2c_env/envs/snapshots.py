"""Snapshots: the episode of one environment as a dict of copied arrays, from which it goes on exactly.

Arrays are cut to the real N agents and K subtasks. Two groups of fields are bundled: `mailbox`, a structured
array [L, N] (the message sent in step t at place t mod L), and `random_state` (seed, episode, key). `done` and
`request_age` say the same as `status` and `request_step`, in the terms of an observation. A snapshot that no episode
could lead to, because its parts contradict each other, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, Params, Spec, State, array_specs, shape_of
from c2c_env.core.transition import clear_episode
from c2c_env.envs.batch_checks import limits_of, value_fault
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
    "forecast_value",
    "information_value",
    "judged",
    "num_changed",
    "changed",
    "num_contacts",
    "contacts",
    "participants",
    "best_facets",
    "chain_hours",
}
_STATE = array_specs(State)
_ENDS = {name: array_specs(Outputs)[name] for name in ("terminated", "truncated")}
_PLAIN = {name: spec for name, spec in _STATE.items() if name not in _BUNDLED | DERIVED}
# what is in a snapshot, beside its mailbox and random numbers, that is an array of numbers with a `Spec`
_CHECKED = {
    **_PLAIN,
    **_ENDS,
    "done": Spec("?", "B K", "status is done", "flag"),
    "request_age": Spec("i4", "B A A", "steps since a request opened, -1 where there is none", "step or none"),
    "workflow": _STATE["workflow_index"],
}


def take_snapshot(params: Params, state: State, out: Outputs, row: int) -> dict[str, Array]:
    """Copy a row of the state; its `workflow` is the index in the pool."""
    taken = {name: np.array(_cut(params, state, row, name, spec)) for name, spec in _PLAIN.items()}
    taken["done"] = taken["status"] == c.DONE
    taken["request_age"] = _request_age(taken)
    taken["mailbox"] = _mailbox(params, state, row)
    taken["random_state"] = np.array([getattr(state, name)[row] for name in _RANDOM], dtype=np.uint64)
    for name in _ENDS:
        taken[name] = np.array(getattr(out, name)[row])
    taken["workflow"] = np.array(state.workflow_index[row])
    return taken


def put_snapshot(
    params: Params, state: State, out: Outputs, row: int, snapshot: Mapping[str, Array], pool_size: int
) -> None:
    """Write a snapshot into a row that has its workflow already; nothing is changed if it does not fit."""
    title = "the snapshot does not fit this environment"
    raise_faults(SnapshotError, title, _key_faults(snapshot))
    arrays, faults = _as_arrays(snapshot)
    faults = faults or _value_faults(params, state, row, arrays, pool_size)
    faults = faults or list(_contradictions(params, int(state.workflow[row]), arrays))
    raise_faults(SnapshotError, title, faults)
    clear_episode(state, row)
    for name, spec in _PLAIN.items():
        _cut(params, state, row, name, spec)[...] = arrays[name]
    for name in _MAIL:
        getattr(state, f"mail_{name}")[row, :, : params.num_agents] = arrays["mailbox"][name]
    for name, value in zip(_RANDOM, arrays["random_state"], strict=True):
        getattr(state, name)[row] = value
    for name in _ENDS:
        getattr(out, name)[row] = arrays[name]


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
    numbers = [(name, _STATE[f"mail_{name}"].dtype) for name in ("speech", "recipient", "topic", "symbol")]
    mailbox = np.zeros(
        (params.max_latency, params.num_agents),
        dtype=[*numbers, ("facets", "f8", (c.NUM_FACETS,)), ("factor", "f8")],
    )
    for name in _MAIL:
        mailbox[name] = getattr(state, f"mail_{name}")[row, :, : params.num_agents]
    return mailbox


def _request_age(taken: Mapping[str, Array]) -> Array:
    topic, step = np.asarray(taken["request_topic"]), np.asarray(taken["request_step"])
    return np.where(topic >= 0, np.asarray(taken["t"]) - step, -1)


# --- what does not fit ------------------------------------------------------------------------------------------


def _key_faults(snapshot: Mapping[str, Array]) -> list[str]:
    known = [*_CHECKED, "mailbox", "random_state"]
    faults = [f"missing key {name!r}" for name in known if name not in snapshot]
    return faults + [unknown_name("key", name, known) for name in snapshot if name not in known]


def _as_arrays(snapshot: Mapping[str, Any]) -> tuple[dict[str, Array], list[str]]:
    """Read every value once, so that what is checked is what is written, and list those that are no arrays."""
    arrays, faults = {}, []
    for name in snapshot:
        array = _array(value := snapshot[name])
        if array is None:
            faults.append(f"{name} is a ragged {type(value).__name__}, expected an array")
        else:
            arrays[name] = array
    return arrays, faults


def _value_faults(params: Params, state: State, row: int, snapshot: Mapping[str, Array], pool_size: int) -> list[str]:
    """List what is wrong with the shape, the type or the range of each array by itself."""
    workflow = state.workflow[row : row + 1]
    real = {"A": params.num_agents, "K": int(params.num_subtasks[workflow[0]]), "T": c.NUM_TALLIES}
    limits = limits_of(params, workflow, snapshot["t"][None], real["K"], pool_size)
    faults = []
    for name, spec in _CHECKED.items():
        got = snapshot[name]
        faults.append(_shape_fault(name, got, shape_of(spec.axes, {**real, "B": 1})[1:]))
        if not faults[-1]:
            faults.append(value_fault(name, got[None], spec, limits, params))
    box, wanted = snapshot["mailbox"], _mailbox(params, state, row)
    faults.append(_shape_fault("mailbox", box, wanted.shape))
    if box.dtype != wanted.dtype:
        faults.append(f"mailbox has type {box.dtype}, expected {wanted.dtype}")
    elif not faults[-1]:
        for name in _MAIL:
            faults.append(value_fault(f"mailbox[{name!r}]", box[name][None], _STATE[f"mail_{name}"], limits, params))
    numbers = snapshot["random_state"]
    faults.append(_shape_fault("random_state", numbers, (len(_RANDOM),)))
    if not faults[-1]:
        for name, number in zip(_RANDOM, numbers, strict=True):
            faults.append(value_fault(f"random_state ({name})", np.asarray([number]), _STATE[name], limits, params))
    return [fault for fault in faults if fault]


def _array(value: Any) -> Array | None:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        return None


def _shape_fault(name: str, got: Array, expected: tuple[int, ...]) -> str:
    return "" if got.shape == expected else f"{name} has shape {got.shape}, expected {expected}"


def _contradictions(params: Params, workflow: int, now: Mapping[str, Array]) -> Iterator[str]:
    """Yield what no episode can lead to, of a snapshot whose values are all within their limits."""
    yield from _board_contradictions(params, workflow, now)
    t, left = int(now["t"]), int(now["subtasks_left"])
    if not np.array_equal(now["request_age"], _request_age(now)):
        yield "request_age disagrees with t, request_topic and request_step; change them together"
    if (np.diagonal(now["request_topic"]) >= 0).any():
        yield "request_topic has a request of an agent to itself"
    if bool(now["terminated"]) != (left == 0):
        yield f"terminated is {now['terminated']}, but {left} subtasks are left"
    horizon = int(params.horizon[workflow])
    if bool(now["truncated"]) != (left > 0 and t >= horizon):
        yield f"truncated is {now['truncated']}, but t is {t} of {horizon} and {left} subtasks are left"
    box = now["mailbox"]
    spoken, senders = box["speech"] != c.SILENT, np.arange(params.num_agents)
    if (box["speech"] == c.MEET).any():
        yield "mailbox['speech'] has a meeting, but those take place at once"
    if ((box["speech"] == c.ASSIGN) & (senders != c.MANAGER)).any():
        yield "mailbox['speech'] has an assignment by an agent who is not the manager"
    if (spoken & (box["recipient"] == senders)).any():
        yield "mailbox['recipient'] has a message of an agent to itself"


def _board_contradictions(params: Params, workflow: int, now: Mapping[str, Array]) -> Iterator[str]:
    """Yield what cannot be on the board: statuses, counts, and what must go with a subtask that is done."""
    k = int(params.num_subtasks[workflow])
    subtasks = np.arange(k)
    needing = np.repeat(subtasks, params.num_prerequisites[workflow, :k])
    needed = params.prerequisites[workflow, : len(needing)]
    done, milestone = now["status"] == c.DONE, params.effort[workflow, :k] == 0.0
    waits_for = np.bincount(needing, weights=~done[needed], minlength=k)
    holds_up = np.bincount(needed, weights=~done[needing], minlength=k)
    free = waits_for == 0
    status = np.where(free & (done | milestone), c.DONE, np.where(free, c.READY, c.BLOCKED))
    worked_on = done & ~milestone
    found = {
        "done disagrees with status; change both together": now["done"] != done,
        "status disagrees with the prerequisites": now["status"] != status,
        "prerequisites_left disagrees with status": now["prerequisites_left"] != waits_for,
        "dependents_left disagrees with status": now["dependents_left"] != holds_up,
        "remaining disagrees with status: effort is left exactly where a subtask is not done": (
            (now["remaining"] > 0.0) != ~(done | milestone)
        ),
        "owner is nobody, but somebody must have done it": worked_on & (now["owner"] < 0),
        "finished_step disagrees with status": (now["finished_step"] >= 0) != done,
        "aligned_hours are more than worked_hours": now["aligned_hours"] > now["worked_hours"],
    }
    for what, where in found.items():
        if where.any():
            yield f"{what} (subtask {subtasks[where][0]})"
    if now["subtasks_left"] != (~done).sum():
        yield f"subtasks_left is {now['subtasks_left']}, but {(~done).sum()} are not done"
