"""The Alignment Factor and what raises it."""

from __future__ import annotations

from c2c_env.core.arrays import Params, State
from c2c_env.core.constants import DONE, NUM_FACETS


def realign(p: Params, s: State, b: int, i: int, k: int) -> None:
    """Agent i's understanding of subtask k has changed: floor + (1 - floor) * weighted understanding.

    The Alignment Factor is read far more often than understanding changes, so it is kept.
    """
    w = s.workflow[b]
    weighted = 0.0
    for f in range(NUM_FACETS):
        weighted += p.weights[w, k, f] * s.understanding[b, i, k, f]
    s.alignment[b, i, k] = p.alignment_floor + (1.0 - p.alignment_floor) * weighted
    if p.write_observations:
        list_change(s, b, i, k)


def list_change(s: State, b: int, i: int, k: int) -> None:
    """Note whose understanding of what has to be shown anew."""
    n = s.num_changed[b]
    if n < s.changed.shape[1]:
        s.changed[b, n, 0] = i
        s.changed[b, n, 1] = k
    s.num_changed[b] = n + 1


def realign_all(p: Params, s: State, b: int) -> None:
    """Of every agent on every subtask."""
    for i in range(p.num_agents):
        for k in range(p.num_subtasks[s.workflow[b]]):
            realign(p, s, b, i, k)


def holder(p: Params, s: State, b: int, k: int) -> int:
    """The agent whose alignment counts for unfinished subtask k: its owner, else the most skilled agent."""
    if s.owner[b, k] >= 0:
        return int(s.owner[b, k])
    return int(p.best_agent[s.workflow[b], k])


def team_alignment(p: Params, s: State, b: int) -> float:
    """Effort-weighted alignment of the team: sum_k effort_k / E * a_k."""
    w = s.workflow[b]
    total = 0.0
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] == DONE:
            a = s.finish_alignment[b, k]
        else:
            a = s.alignment[b, holder(p, s, b, k), k]
        total += p.effort[w, k] * a
    return total / p.total_effort[w]


def credit_alignment(p: Params, s: State, b: int, sender: int, recipient: int, k: int, learned: float) -> None:
    """Split what was learned (the recipient's gain in weighted understanding of k) between both ends.

    Only if the recipient's alignment counts for k.
    """
    if s.status[b, k] == DONE or holder(p, s, b, k) != recipient:
        return
    w = s.workflow[b]
    half = 0.5 * (1.0 - p.alignment_floor) * learned * p.effort[w, k] / p.total_effort[w]
    s.alignment_credit[b, sender] += half
    s.alignment_credit[b, recipient] += half
