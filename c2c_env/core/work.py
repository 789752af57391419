"""Stages 6 to 8: time, work, completion.

Short names: p are the parameters, s is the state, b is the row of an environment, i is an agent, k is a subtask and x
is a number.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import realign
from c2c_env.core.arrays import Params, State
from c2c_env.core.rng import uniform

SMALL = 0.125  # where eight terms of the Taylor series are exact to 1e-13


@compiled
def saturation(x: float) -> float:
    """``1 - exp(-x)`` for x >= 0 from basic arithmetic only, so that no machine's libm matters.

    Taylor series where x is small, as it is by default; else at ``x / 2**n``, then y -> 2 y - y**2 for each doubling.
    """
    if x > 40.0:
        return 1.0
    halvings = 0
    while x > SMALL:
        x *= 0.5
        halvings += 1
    y = 1.0 - x * (1.0 / 8.0)
    for n in range(7, 1, -1):
        y = 1.0 - x * y * (1.0 / n)
    y *= x
    for _ in range(halvings):
        y = 2.0 * y - y * y
    return y


@compiled
def spend_time(p: Params, s: State, b: int) -> None:
    """Stage 6: communication is paid from working time; what exceeds a step is carried over as debt."""
    for i in range(p.num_agents):
        debt = s.debt[b, i] + s.spoken_hours[b, i]
        hours = p.dt - debt
        s.work_hours[b, i] = hours if hours > c.LEAST_WORK_HOURS else 0.0
        s.debt[b, i] = -hours if hours < -c.LEAST_WORK_HOURS else 0.0


@compiled
def choose_workers(p: Params, s: State, b: int) -> None:
    """Stage 7: of those who chose a subtask the owner works, else the most skilled, who becomes the owner."""
    w = s.workflow[b]
    for k in range(p.num_subtasks[w]):
        s.worker[b, k] = c.NOBODY
    for i in range(p.num_agents):
        k = s.action[b, i, c.WORK] - 1
        if k < 0 or s.work_hours[b, i] <= 0.0:
            continue
        rival = s.worker[b, k]
        if rival < 0 or precedes(p, s, b, k, i, rival):
            s.worker[b, k] = i


@compiled
def precedes(p: Params, s: State, b: int, k: int, i: int, rival: int) -> bool:
    """Agent i goes before its rival on subtask k."""
    owner = s.owner[b, k]
    if owner == i or owner == rival:
        return owner == i
    d = p.domain[s.workflow[b], k]
    return p.skill[i, d] > p.skill[rival, d]


@compiled
def do_work(p: Params, s: State, b: int) -> None:
    """Stage 7: the chosen work, the others' hours are wasted."""
    for i in range(p.num_agents):
        k = s.action[b, i, c.WORK] - 1
        hours = s.work_hours[b, i]
        s.last_work[b, i] = c.NOBODY
        if k < 0 or hours <= 0.0:
            continue
        if s.worker[b, k] == i:
            work_on(p, s, b, i, k, hours)
        else:
            s.tally[b, c.WASTED_HOURS] += hours


@compiled
def work_on(p: Params, s: State, b: int, i: int, k: int, hours: float) -> None:
    """Agent i works on subtask k: remaining -= hours x skill x alignment, and context grows.

    In another variant than the one that is wanted, the hours are wasted; progress tells the agent that it is the one.
    """
    s.owner[b, k] = i
    s.last_work[b, i] = k
    if not builds_wanted(p, s, b, i, k):
        s.tally[b, c.WASTED_HOURS] += hours
        return
    w = s.workflow[b]
    if p.hidden_facts > 0:
        s.knows[b, i, k] = 1
    aligned = hours * s.alignment[b, i, k]
    finished = min(aligned * p.skill[i, p.domain[w, k]], s.remaining[b, k])
    s.remaining[b, k] -= finished
    s.progress_credit[b, i] += finished / p.total_effort[w]
    s.worked_hours[b, k] += hours
    s.aligned_hours[b, k] += aligned
    s.tally[b, c.WORK_HOURS] += hours
    s.tally[b, c.ALIGNED_HOURS] += aligned
    s.understanding[b, i, k, c.CONTEXT] += saturation(p.context_rate * hours) * (
        1.0 - s.understanding[b, i, k, c.CONTEXT]
    )
    realign(p, s, b, i, k)


@compiled
def builds_wanted(p: Params, s: State, b: int, i: int, k: int) -> bool:
    """Whether the variant in which agent i builds subtask k is the one that is wanted."""
    return p.hidden_facts == 0 or s.action[b, i, c.VARIANT] == s.fact[b, k]


@compiled
def complete_subtasks(p: Params, s: State, b: int) -> None:
    """Stage 8: what has no work left is done, or comes back as rework."""
    w = s.workflow[b]
    for i in range(p.num_agents):
        k = s.last_work[b, i]
        if k < 0 or s.remaining[b, k] > c.DONE_TOLERANCE * min(1.0, p.effort[w, k]):
            continue
        if not builds_wanted(p, s, b, i, k):  # next to nothing may have been left before
            continue
        mean_alignment = s.aligned_hours[b, k] / s.worked_hours[b, k]
        chance = p.rework_probability * (1.0 - mean_alignment)
        if uniform(s.key[b], c.STREAM_REWORK, s.t[b], k) < chance:
            rework(p, s, b, i, k)
        else:
            finish(p, s, b, i, k)
    pass_milestones(p, s, b)


@compiled
def rework(p: Params, s: State, b: int, i: int, k: int) -> None:
    """Part of subtask k, which agent i thought finished, has to be done again."""
    w = s.workflow[b]
    back = p.rework_share * p.effort[w, k]
    s.progress_credit[b, i] -= (back - s.remaining[b, k]) / p.total_effort[w]
    s.remaining[b, k] = back
    s.tally[b, c.REWORKS] += 1.0


@compiled
def finish(p: Params, s: State, b: int, i: int, k: int) -> None:
    """Subtask k is done: its worker knows all of it and the interface it leaves to its dependents."""
    w = s.workflow[b]
    s.progress_credit[b, i] += s.remaining[b, k] / p.total_effort[w]
    s.finish_alignment[b, k] = s.alignment[b, i, k]
    for f in range(c.NUM_FACETS):
        s.understanding[b, i, k, f] = 1.0
    realign(p, s, b, i, k)
    first = p.first_dependent[w, k]
    for n in range(first, first + p.num_dependents[w, k]):
        d = p.dependents[w, n]
        s.understanding[b, i, d, c.INTERFACE] = 1.0
        realign(p, s, b, i, d)
    close_subtask(p, s, b, k)


@compiled
def pass_milestones(p: Params, s: State, b: int) -> None:
    """Close every milestone whose prerequisites are done; they are listed so that a chain of them closes at once."""
    w = s.workflow[b]
    for n in range(p.num_milestones[w]):
        k = p.milestones[w, n]
        if s.status[b, k] != c.DONE and s.prerequisites_left[b, k] == 0:
            close_subtask(p, s, b, k)


@compiled
def close_subtask(p: Params, s: State, b: int, k: int) -> None:
    """Put subtask k among those that are done; what waited for it alone is ready, unless it is a milestone."""
    w = s.workflow[b]
    s.remaining[b, k] = 0.0
    s.status[b, k] = c.DONE
    s.finished_step[b, k] = s.t[b]
    s.subtasks_left[b] -= 1
    first = p.first_dependent[w, k]
    for n in range(first, first + p.num_dependents[w, k]):
        d = p.dependents[w, n]
        s.prerequisites_left[b, d] -= 1
        if s.prerequisites_left[b, d] == 0 and p.effort[w, d] > 0.0:
            s.status[b, d] = c.READY
    first = p.first_prerequisite[w, k]
    for n in range(first, first + p.num_prerequisites[w, k]):
        s.dependents_left[b, p.prerequisites[w, n]] -= 1
