"""Which episode comes next in a row, and which workflow it plays."""

from __future__ import annotations

from typing import Any

from c2c_env.core.constants import RESET, STREAM_EPISODE, STREAM_WORKFLOW
from c2c_env.core.layout import Array, Outputs, Params, State
from c2c_env.core.rng import hash_counter, uniform
from c2c_env.core.transition import run_row


def start_row(p: Params, s: State, out: Outputs, actions: Array, ends: Array, b: int) -> None:
    """Go on to the next episode of the row's seed; ends [sources] as in `draw_workflow`."""
    s.episode[b] += 1
    s.key[b] = hash_counter(s.seed[b], STREAM_EPISODE, s.episode[b], 0)
    s.workflow[b] = draw_workflow(ends, s.key[b])
    out.terminated[b] = 0
    out.truncated[b] = 0
    run_row(p, s, out, actions, b, RESET)


def draw_workflow(ends: Array, key: Any) -> int:
    """Index of a workflow: each source is equally likely, and has the indices up to its end (`WorkflowPool.draw`)."""
    number = int(uniform(key, STREAM_WORKFLOW, 0, 0) * ends.shape[0])
    start = ends[number - 1] if number > 0 else 0
    return int(start + int(uniform(key, STREAM_WORKFLOW, 0, 1) * (ends[number] - start)))
