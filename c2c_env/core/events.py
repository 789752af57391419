"""Stage 1: requirements change."""

from __future__ import annotations

from c2c_env.core.alignment import realign
from c2c_env.core.arrays import Params, State
from c2c_env.core.constants import DONE, INTENT, MANAGER, REQUIREMENT_CHANGES, STREAM_VOLATILITY
from c2c_env.core.rng import uniform


def change_requirements(p: Params, s: State, b: int) -> None:
    """Each unfinished subtask, with the workflow's volatility, makes everybody's intent stale but the manager's."""
    w = s.workflow[b]
    if p.volatility[w] <= 0.0:
        return
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] == DONE:
            continue
        if uniform(s.key[b], STREAM_VOLATILITY, s.t[b], k) >= p.volatility[w]:
            continue
        s.tally[b, REQUIREMENT_CHANGES] += 1.0
        for i in range(p.num_agents):
            s.understanding[b, i, k, INTENT] *= p.intent_retention
        s.understanding[b, MANAGER, k, INTENT] = p.manager_intent
        for i in range(p.num_agents):
            realign(p, s, b, i, k)
