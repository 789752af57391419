"""A generated workflow written straight into a row of the packed arrays.

The row has the same bits as `pack(generate(tier, seed))`. These are plain functions over arrays, compiled or
interpreted as those of `draw_workflow` are; w is the row.

Short names: w is the row of a packed workflow and k is a subtask.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from c2c_env.compiled import compiled
from c2c_env.config import MAX_STEPS
from c2c_env.workflows.draw_workflow import draw_workflow, hundredths
from c2c_env.workflows.random_stream import Array
from c2c_env.workflows.schema import FACETS, MIN_COMPLEXITY

FIRST_HUNDREDTH = round(100 * MIN_COMPLEXITY)
NUM_FACETS = len(FACETS)


class PackingRules(NamedTuple):
    """What a team and a configuration make of a drawn workflow."""

    num_agents: int
    dt: float
    horizon: int  # in steps; 0 if it follows from the lower bound
    horizon_factor: float
    volatility: Array  # [tiers]
    best_agent: Array  # [domains]; of equally skilled agents, the first
    best_skill: Array  # [domains]
    weights: Array  # [2, facets]; row 1: with prerequisites
    tau: Array  # [complexities in steps of 0.01, channels, 2]


class Table(NamedTuple):
    """The arrays of `core.arrays.Params` with axis W, under the same names; a few compile faster than all."""

    num_subtasks: Array
    horizon: Array
    volatility: Array
    lower_bound: Array
    total_effort: Array
    effort: Array
    complexity: Array
    domain: Array
    weights: Array
    tau: Array
    num_prerequisites: Array
    first_prerequisite: Array
    prerequisites: Array
    num_dependents: Array
    first_dependent: Array
    dependents: Array
    num_milestones: Array
    milestones: Array
    order: Array
    best_agent: Array
    best_skill: Array
    path_after: Array


@compiled
def fill_generated(table: Table, rules: PackingRules, w: int, stream: Array, tier: int, seed: Any) -> None:
    """Pack the workflow of a tier and seed into row w, whatever it held; `stream` is for passing use."""
    clear_packed(table, w)
    draw_workflow(table, w, stream, tier, seed)
    for k in range(table.num_subtasks[w]):
        fill_subtask(table, rules, w, k)
    fill_dependents(table, w)
    longest_chain = fill_paths(table, w, True)
    fill_paths(table, w, False)
    fill_totals(table, rules, w, longest_chain)
    table.volatility[w] = rules.volatility[tier]


@compiled
def clear_packed(table: Table, w: int) -> None:
    """Set the padding to zero."""
    table.effort[w] = 0.0
    table.complexity[w] = 0.0
    table.domain[w] = 0
    table.weights[w] = 0.0
    table.tau[w] = 0.0
    table.num_prerequisites[w] = 0
    table.first_prerequisite[w] = 0
    table.prerequisites[w] = 0
    table.num_dependents[w] = 0
    table.first_dependent[w] = 0
    table.dependents[w] = 0
    table.num_milestones[w] = 0
    table.milestones[w] = 0
    table.order[w] = 0
    table.best_agent[w] = 0
    table.best_skill[w] = 0.0
    table.path_after[w] = 0.0


@compiled
def fill_subtask(table: Table, rules: PackingRules, w: int, k: int) -> None:
    """Write what follows from the subtask alone. Its index is its place in the order: it needs only lower ones."""
    table.order[w, k] = k
    d = table.domain[w, k]
    table.best_agent[w, k] = rules.best_agent[d]
    table.best_skill[w, k] = rules.best_skill[d]
    for f in range(NUM_FACETS):
        table.weights[w, k, f] = rules.weights[1 if table.num_prerequisites[w, k] > 0 else 0, f]
    row = hundredths(table.complexity[w, k]) - FIRST_HUNDREDTH
    for channel in range(rules.tau.shape[1]):
        for answer in range(2):
            table.tau[w, k, channel, answer] = rules.tau[row, channel, answer]


@compiled
def fill_dependents(table: Table, w: int) -> None:
    """Write the lists of dependents, which say the same as those of prerequisites: count, make room, fill."""
    last = table.num_subtasks[w] - 1
    count = table.first_prerequisite[w, last] + table.num_prerequisites[w, last]
    for n in range(count):
        table.num_dependents[w, table.prerequisites[w, n]] += 1
    first = 0
    for k in range(last + 1):
        table.first_dependent[w, k] = first
        first += table.num_dependents[w, k]
        table.num_dependents[w, k] = 0
    for k in range(last + 1):
        first = table.first_prerequisite[w, k]
        for n in range(first, first + table.num_prerequisites[w, k]):
            needed = table.prerequisites[w, n]
            table.dependents[w, table.first_dependent[w, needed] + table.num_dependents[w, needed]] = k
            table.num_dependents[w, needed] += 1


@compiled
def fill_paths(table: Table, w: int, in_steps: bool) -> float:
    """Write and return the longest path: behind each subtask, and of all.

    It is measured in hours, or with `in_steps` as if every subtask took a step, which is the least that it can take.
    Prerequisites have lower indices than their dependents.
    """
    longest = 0.0
    table.path_after[w] = 0.0
    for k in range(table.num_subtasks[w] - 1, -1, -1):
        own = 1.0 if in_steps else table.effort[w, k] / table.best_skill[w, k]
        path = own + table.path_after[w, k]
        longest = max(longest, path)
        first = table.first_prerequisite[w, k]
        for n in range(first, first + table.num_prerequisites[w, k]):
            needed = table.prerequisites[w, n]
            table.path_after[w, needed] = max(table.path_after[w, needed], path)
    return longest


@compiled
def fill_totals(table: Table, rules: PackingRules, w: int, longest_chain: float) -> None:
    """Write the total effort, the lower bound as in `bounds.lower_bound`, and the horizon.

    `longest_chain` is a number of subtasks.
    """
    effort, hours, critical = 0.0, 0.0, 0.0
    for k in range(table.num_subtasks[w]):
        own = table.effort[w, k] / table.best_skill[w, k]
        effort += table.effort[w, k]
        hours += own
        critical = max(critical, own + table.path_after[w, k])
    table.total_effort[w] = effort
    table.lower_bound[w] = max(critical, hours / rules.num_agents)
    table.horizon[w] = rules.horizon
    if rules.horizon == 0:
        least = max(longest_chain, math.ceil(table.num_subtasks[w] / rules.num_agents))
        table.horizon[w] = horizon_steps(table.lower_bound[w], least, rules.horizon_factor, rules.dt)


@compiled
def horizon_steps(lower_bound: float, least_steps: float, horizon_factor: float, dt: float) -> int:
    """Return the steps until truncation, with rounding that adds no step.

    They are ``horizon_factor`` times what the work takes at least: the lower bound in hours, or a step for each subtask
    of the longest chain and of one agent's share, whichever is longer.
    """
    longest = max(horizon_factor * lower_bound / dt, horizon_factor * least_steps)
    return math.ceil(min(longest - 1e-9, MAX_STEPS))
