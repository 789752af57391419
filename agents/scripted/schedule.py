"""Who works on what: everybody computes the same schedule from the board."""

from __future__ import annotations

import numpy as np

from agents.policy import Array
from agents.scripted.agent_view import AgentView

NO_SUBTASK = -1


def schedule(view: AgentView) -> Array:
    """Return the subtask [R, A] of every agent, -1 for none.

    Critical path first: owners go on with their most critical ready subtask, then every other ready subtask takes
    the most skilled agent that is still free (ties: the lowest index).
    """
    urgency = np.where(view.ready, view.critical_path, -1.0)
    order = np.argsort(-urgency, axis=1, kind="stable")[:, : int(view.ready.sum(axis=1).max(initial=0))]
    plan = np.full(view.real.shape, NO_SUBTASK)
    free = view.real.copy()
    placed = np.zeros_like(view.ready)
    for k in order.T:
        owned = view.owner[view.rows, k] & free & view.ready[view.rows, k][:, None]
        give(plan, free, placed, k, owned.any(axis=1), owned.argmax(axis=1))
    for k in order.T:
        skill = np.where(free, view.skill[view.rows, :, k], -1.0)
        wanted = view.ready[view.rows, k] & ~placed[view.rows, k] & free.any(axis=1)
        give(plan, free, placed, k, wanted, skill.argmax(axis=1))
    return plan


def give(plan: Array, free: Array, placed: Array, subtask: Array, where: Array, agent: Array) -> None:
    """Give a subtask [R] to the agent, in the rows `where`."""
    rows = np.flatnonzero(where)
    plan[rows, agent[rows]] = subtask[rows]
    free[rows, agent[rows]] = False
    placed[rows, subtask[rows]] = True
