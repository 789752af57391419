"""The Alignment Factor and what raises it.

Short names: p are the parameters, s is the state, b is the row of an environment, w is the row of a packed workflow,
i is an agent and k is a subtask.
"""

from __future__ import annotations

from typing import Any

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Params, State


@compiled
def alignment_factor(floor: Any, understood: Any) -> Any:
    """The Alignment Factor for a weighted understanding in [0, 1]; of numbers or of arrays."""
    return floor + (1.0 - floor) * understood


@compiled
def weighted_understanding(weights: Array, understanding: Array) -> float:
    """Understanding [F] of a subtask, weighted by the facet weights [F], which sum to 1."""
    total = 0.0
    for f in range(c.NUM_FACETS):
        total += weights[f] * understanding[f]
    return total


@compiled
def gap_closed(tau: Any, told: Any, known: Any) -> Any:
    """What somebody who knows `known` of a facet learns from somebody who knows `told`: the share tau of the gap.

    Nobody unlearns anything. Works on numbers and on arrays.
    """
    gap = told - known
    return tau * gap * (gap > 0.0)


@compiled
def message_share(p: Params, w: int, k: int, channel: int, answers: bool) -> float:
    """Share tau of a gap that a message about subtask k closes; more if it answers a request of its reader."""
    return float(p.tau[w, k, channel, 1 if answers else 0])


@compiled
def realign(p: Params, s: State, b: int, i: int, k: int) -> None:
    """Agent i's understanding of subtask k has changed, and so has its Alignment Factor.

    The Alignment Factor is read far more often than understanding changes, so it is kept.
    """
    understood = weighted_understanding(p.weights[s.workflow[b], k], s.understanding[b, i, k])
    s.alignment[b, i, k] = alignment_factor(p.alignment_floor, understood)
    if p.write_observations:
        list_change(s, b, i, k)


@compiled
def list_change(s: State, b: int, i: int, k: int) -> None:
    """Note that agent i's understanding of subtask k has to be shown anew."""
    n = s.num_changed[b]
    if n < s.changed.shape[1]:
        s.changed[b, n, 0] = i
        s.changed[b, n, 1] = k
    s.num_changed[b] = n + 1


@compiled
def realign_all(p: Params, s: State, b: int) -> None:
    """Work out the Alignment Factor of every agent on every subtask."""
    for i in range(p.num_agents):
        for k in range(p.num_subtasks[s.workflow[b]]):
            realign(p, s, b, i, k)


@compiled
def holder(p: Params, s: State, b: int, k: int) -> int:
    """The agent whose alignment counts for unfinished subtask k: its owner, else the most skilled agent."""
    if s.owner[b, k] >= 0:
        return int(s.owner[b, k])
    return int(p.best_agent[s.workflow[b], k])


@compiled
def team_alignment(p: Params, s: State, b: int) -> float:
    """The effort-weighted alignment of the team: sum_k effort_k / E * a_k."""
    w = s.workflow[b]
    total = 0.0
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] == c.DONE:
            a = s.finish_alignment[b, k]
        else:
            a = s.alignment[b, holder(p, s, b, k), k]
        total += p.effort[w, k] * a
    return total / p.total_effort[w]


@compiled
def credit_alignment(p: Params, s: State, b: int, sender: int, recipient: int, k: int, learned: float) -> None:
    """Split what was learned (the recipient's gain in weighted understanding of k) between both ends.

    Only if the recipient's alignment counts for k.
    """
    if s.status[b, k] == c.DONE or holder(p, s, b, k) != recipient:
        return
    w = s.workflow[b]
    half = 0.5 * (1.0 - p.alignment_floor) * learned * p.effort[w, k] / p.total_effort[w]
    s.alignment_credit[b, sender] += half
    s.alignment_credit[b, recipient] += half
