"""Stage 1: requirements change.

Short names: p are the parameters, s is the state, b is the row of an environment and k is a subtask.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import realign
from c2c_env.core.arrays import Params, State
from c2c_env.core.rng import uniform


@compiled
def requirements_change(p: Params, s: State, b: int, k: int) -> bool:
    """Whether the requirements of subtask k change in the present step; those of finished ones never do."""
    volatility = p.volatility[s.workflow[b]]
    return s.status[b, k] != c.DONE and uniform(s.key[b], c.STREAM_VOLATILITY, s.t[b], k) < volatility


@compiled
def change_requirements(p: Params, s: State, b: int) -> None:
    """Change the requirements of unfinished subtasks, each with a probability; only the manager knows the new ones."""
    w = s.workflow[b]
    if p.volatility[w] <= 0.0:
        return
    for k in range(p.num_subtasks[w]):
        if not requirements_change(p, s, b, k):
            continue
        s.tally[b, c.REQUIREMENT_CHANGES] += 1.0
        for i in range(p.num_agents):
            s.understanding[b, i, k, c.INTENT] *= p.intent_retention
        s.understanding[b, c.MANAGER, k, c.INTENT] = p.manager_intent
        for i in range(p.num_agents):
            realign(p, s, b, i, k)
