"""A generated workflow written straight into a row of the packed arrays.

The row has the same bits as `pack(generate(tier, seed))`. These are plain functions over arrays, compiled or
interpreted as those of `draw_workflow` are; w is the row.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from c2c_env.config import MAX_STEPS, TIER_VOLATILITY, EnvConfig, Team
from c2c_env.workflows.draw_workflow import draw_workflow, hundredths
from c2c_env.workflows.pack import gap_shares
from c2c_env.workflows.random_stream import Array
from c2c_env.workflows.schema import FACETS, MAX_COMPLEXITY, MIN_COMPLEXITY, TIERS, normalised_weights

FIRST_HUNDREDTH = round(100 * MIN_COMPLEXITY)
NUM_FACETS = len(FACETS)
NUM_CHANNELS = 3


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
    prerequisites: Array
    num_dependents: Array
    dependents: Array
    best_agent: Array
    best_skill: Array
    path_after: Array


def make_packing_rules(team: Team, config: EnvConfig) -> PackingRules:
    skill = np.array(team.skills)
    tiers = [TIER_VOLATILITY[tier] if config.volatility is None else config.volatility for tier in TIERS]
    complexities = [n / 100 for n in range(FIRST_HUNDREDTH, round(100 * MAX_COMPLEXITY) + 1)]
    return PackingRules(
        num_agents=team.size,
        dt=float(config.dt),
        horizon=config.horizon or 0,
        horizon_factor=float(config.horizon_factor),
        volatility=np.array(tiers, dtype=np.float64),
        best_agent=skill.argmax(axis=0),
        best_skill=skill.max(axis=0),
        weights=np.array([normalised_weights(config.facet_weights, interface) for interface in (False, True)]),
        tau=np.array([gap_shares(complexity, config) for complexity in complexities]),
    )


def fill_generated(table: Table, recipe: PackingRules, w: int, stream: Array, tier: int, seed: Any) -> None:
    """Pack the workflow of a tier and seed into row w, whatever it held; `stream` is for passing use."""
    clear_packed(table, w)
    draw_workflow(table, w, stream, tier, seed)
    for k in range(table.num_subtasks[w]):
        fill_subtask(table, recipe, w, k)
    fill_paths(table, w)
    fill_totals(table, recipe, w)
    table.volatility[w] = recipe.volatility[tier]


def clear_packed(table: Table, w: int) -> None:
    """Set the padding to zero."""
    table.effort[w] = 0.0
    table.complexity[w] = 0.0
    table.domain[w] = 0
    table.weights[w] = 0.0
    table.tau[w] = 0.0
    table.num_prerequisites[w] = 0
    table.prerequisites[w] = 0
    table.num_dependents[w] = 0
    table.dependents[w] = 0
    table.best_agent[w] = 0
    table.best_skill[w] = 0.0
    table.path_after[w] = 0.0


def fill_subtask(table: Table, recipe: PackingRules, w: int, k: int) -> None:
    """Write what follows from the subtask and the ones before it."""
    d = table.domain[w, k]
    table.best_agent[w, k] = recipe.best_agent[d]
    table.best_skill[w, k] = recipe.best_skill[d]
    wanted = table.num_prerequisites[w, k]
    for f in range(NUM_FACETS):
        table.weights[w, k, f] = recipe.weights[1 if wanted > 0 else 0, f]
    row = hundredths(table.complexity[w, k]) - FIRST_HUNDREDTH
    for channel in range(NUM_CHANNELS):
        for answer in range(2):
            table.tau[w, k, channel, answer] = recipe.tau[row, channel, answer]
    for n in range(wanted):
        needed = table.prerequisites[w, k, n]
        table.dependents[w, needed, table.num_dependents[w, needed]] = k
        table.num_dependents[w, needed] += 1


def fill_paths(table: Table, w: int) -> None:
    """Write the longest path behind each subtask; prerequisites have lower indices than their dependents."""
    for k in range(table.num_subtasks[w] - 1, -1, -1):
        path = table.effort[w, k] / table.best_skill[w, k] + table.path_after[w, k]
        for n in range(table.num_prerequisites[w, k]):
            needed = table.prerequisites[w, k, n]
            table.path_after[w, needed] = max(table.path_after[w, needed], path)


def fill_totals(table: Table, recipe: PackingRules, w: int) -> None:
    """Write the total effort, the lower bound as in `bounds.lower_bound`, and the horizon."""
    effort, hours, critical = 0.0, 0.0, 0.0
    for k in range(table.num_subtasks[w]):
        own = table.effort[w, k] / table.best_skill[w, k]
        effort += table.effort[w, k]
        hours += own
        critical = max(critical, own + table.path_after[w, k])
    table.total_effort[w] = effort
    table.lower_bound[w] = max(critical, hours / recipe.num_agents)
    steps = math.ceil(min(recipe.horizon_factor * table.lower_bound[w] / recipe.dt - 1e-9, MAX_STEPS))
    table.horizon[w] = steps if recipe.horizon == 0 else recipe.horizon
