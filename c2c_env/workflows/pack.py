"""A workflow as numbers: one row of each array that the compiled functions read."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import accumulate, chain
from typing import Any

import numpy as np

from c2c_env import bounds
from c2c_env.config import TIER_VOLATILITY, EnvConfig, Team
from c2c_env.workflows.pack_generated import horizon_steps
from c2c_env.workflows.random_stream import Array
from c2c_env.workflows.schema import Workflow


def pack(workflow: Workflow, team: Team, config: EnvConfig) -> dict[str, Array]:
    """Make a row of each array of `core.arrays.Params` with axis W, without padding.

    The team has the columns of the workflow's domains, see `Team.for_domains`.
    """
    skill = np.array(team.skills)
    efforts = [subtask.effort for subtask in workflow.subtasks]
    hours = bounds.best_hours(workflow, team)
    bound = bounds.lower_bound(workflow, team)
    domain = workflow.domain_indices()
    prerequisites, dependents = workflow.prerequisite_indices(), workflow.dependent_indices()
    order = _sorted_subtasks(prerequisites, dependents)
    milestones = [k for k in order if not efforts[k]]
    volatility = TIER_VOLATILITY[workflow.tier] if config.volatility is None else config.volatility
    steps = horizon_steps(bound, bounds.least_steps(workflow, team), config.horizon_factor, config.dt)
    rows = {
        "num_subtasks": len(workflow.subtasks),
        "horizon": steps if config.horizon is None else config.horizon,
        "volatility": volatility,
        "lower_bound": bound,
        "total_effort": workflow.total_effort,
        "effort": efforts,
        "complexity": [subtask.complexity for subtask in workflow.subtasks],
        "domain": domain,
        "weights": [subtask.weights(config.facet_weights) for subtask in workflow.subtasks],
        "tau": [gap_shares(subtask.complexity, config) for subtask in workflow.subtasks],
        "num_prerequisites": [len(listed) for listed in prerequisites],
        "first_prerequisite": _first_places(prerequisites),
        "prerequisites": list(chain.from_iterable(prerequisites)),
        "num_dependents": [len(listed) for listed in dependents],
        "first_dependent": _first_places(dependents),
        "dependents": list(chain.from_iterable(dependents)),
        "num_milestones": len(milestones),
        "milestones": milestones,
        "order": order,
        "best_agent": skill[:, domain].argmax(axis=0),
        "best_skill": skill[:, domain].max(axis=0),
        "path_after": bounds.path_after(workflow, hours),
    }
    return {name: np.array(row) for name, row in rows.items()}


def gap_shares(complexity: float, config: EnvConfig) -> list[list[float]]:
    """Return the share tau of the gap that a message closes, with a row for each channel.

    The columns are for messages that nobody asked for and for answers to a request. Shares are rounded to 12
    decimals, so that the last bit of a machine's power function cannot matter.
    """
    exponents = (1.0, config.answer_exponent)
    return [[round(gap_share(channel.richness, complexity, x), 12) for x in exponents] for channel in config.channels]


def gap_share(richness: Any, complexity: Any, exponent: float = 1.0) -> Any:
    """Return tau = richness ** (exponent x complexity), the share of a gap that a message closes; also of arrays."""
    return richness ** (exponent * complexity)


def _first_places(lists: list[list[int]]) -> list[int]:
    """Where each list begins when all stand side by side."""
    return list(accumulate(map(len, lists[:-1]), initial=0))


def _sorted_subtasks(prerequisites: Sequence[Sequence[int]], dependents: Sequence[Sequence[int]]) -> list[int]:
    """Return all subtasks, each after its prerequisites; of those that may come next, the one of the lowest index."""
    left = [len(listed) for listed in prerequisites]
    ready = [k for k, count in enumerate(left) if count == 0]  # ascending, so it is a heap
    order = []
    while ready:
        k = heappop(ready)
        order.append(k)
        for d in dependents[k]:
            left[d] -= 1
            if left[d] == 0:
                heappush(ready, d)
    return order
