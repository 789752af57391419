"""How an environment's next episode begins: its random key, its workflow, and that workflow's packed row.

Plain functions over one environment's rows of arrays, compiled or interpreted as those of `core` are. They stand here,
because only the environments know both where workflows come from and how they are played.

Short names: s are the arrays of `Starts` and b is the row of an environment.
"""

from __future__ import annotations

from typing import NamedTuple

from c2c_env.compiled import compiled, merged
from c2c_env.core.arrays import Array
from c2c_env.core.constants import STREAM_EPISODE, STREAM_WORKFLOW
from c2c_env.core.rng import hash_counter, uniform
from c2c_env.workflows.pack_generated import PackingRules, Table, fill_generated
from c2c_env.workflows.pool_index import SINGLE, Sources, draw_index, seed_of, source_of

# what `start_rows` is asked to do: begin the next episode with a workflow that is drawn, begin it with the one that
# `workflow_index` names, or only put that one into place
DRAWN, NAMED, PLACED = range(3)


class Starts(NamedTuple):
    """All that it takes to start an episode; the first five arrays are those of `core.arrays.State`, [B]."""

    seed: Array
    episode: Array
    key: Array
    workflow: Array
    workflow_index: Array
    table: Table
    sources: Sources
    rules: PackingRules
    streams: Array  # [B, STREAM_LENGTH], for passing use


@compiled
def start_rows(s: Starts, rows: Array, task: int) -> None:
    """Do a task in each of the rows [R]; this is the function that a batch calls."""
    for n in range(rows.shape[0]):
        start_row(s, rows[n], task)


@merged
def start_row(s: Starts, b: int, task: int) -> None:
    """Do a task in one environment; `core.transition.reset_row` does the rest."""
    if task != PLACED:
        s.episode[b] += 1
        s.key[b] = hash_counter(s.seed[b], STREAM_EPISODE, s.episode[b], 0)
    if task == DRAWN:
        source_draw = uniform(s.key[b], STREAM_WORKFLOW, 0, 0)
        s.workflow_index[b] = draw_index(s.sources, source_draw, uniform(s.key[b], STREAM_WORKFLOW, 0, 1))
    place_workflow(s, b)


@compiled
def place_workflow(s: Starts, b: int) -> None:
    """Point environment b to the row of its workflow: a shared one, or its own, which is written anew."""
    number = source_of(s.sources, s.workflow_index[b])
    s.workflow[b] = number
    if s.sources.tier[number] != SINGLE:
        s.workflow[b] = len(s.sources.ends) + b
        seed = seed_of(s.sources, number, s.workflow_index[b])
        fill_generated(s.table, s.rules, s.workflow[b], s.streams[b], s.sources.tier[number], seed)
