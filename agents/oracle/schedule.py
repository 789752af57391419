"""Who does what when: expected hours, the way to the end, a schedule of all that is left, and what time is worth.

Short names: p are the parameters, s is the state, b is the row of an environment, w is the row of a packed workflow,
z are the scratch arrays, r are the numbers of the rule, i is an agent and k is a subtask.
"""

from __future__ import annotations

from typing import TypeVar

from agents.oracle.rule import Rule
from agents.oracle.scratch import Scratch
from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import alignment_factor, gap_closed, weighted_understanding
from c2c_env.core.arrays import Array, Params, State

NOW = 1e-6  # hours from now that still are now
NEVER = 1e9
Hours = TypeVar("Hours", float, Array)


@compiled
def hours_to_finish(aligned: Hours, alignment: Hours, growth: Hours, rate: float) -> Hours:
    """Hours that `aligned` hours at full alignment take when alignment grows by `growth * (1 - exp(-rate t))`.

    The mean growth over t is `growth * q / (1 + q)` with q = y/2 + y**2/12, y = rate * t (to 1e-3); two rounds of
    putting it in suffice.
    """
    hours = aligned / alignment
    for _ in range(2):
        y = rate * hours
        q = y * (0.5 + y * (1.0 / 12.0))
        hours = aligned / (alignment + growth * q / (1.0 + q))
    return hours


@compiled
def expected_hours(
    p: Params, s: State, b: int, k: int, skill: float, rest: float, alignment: float, growth: float
) -> float:
    """Hours in which an agent finishes what is left of subtask k, with what rework is to be expected."""
    aligned = rest / skill
    hours = hours_to_finish(aligned, alignment, growth, p.context_rate)
    mean = (s.aligned_hours[b, k] + aligned) / (s.worked_hours[b, k] + hours + 1e-9)
    chance = p.rework_probability * max(0.0, 1.0 - mean)
    again = chance * p.rework_share * p.effort[s.workflow[b], k] / (skill * min(1.0, alignment + 0.5 * growth))
    return hours + again / (1.0 - min(chance, 0.9))


@compiled
def reachable(p: Params, z: Scratch, w: int, k: int) -> float:
    """Weighted understanding without context of somebody who knew all that anybody knows.

    Whoever finishes a prerequisite will know the interface.
    """
    total = p.weights[w, k, c.INTERFACE]
    for f in range(c.NUM_FACETS):
        if f in (c.INTERFACE, c.CONTEXT):
            continue
        best = 0.0
        for i in range(p.num_agents):
            best = max(best, z.known[i, k, f])
        total += p.weights[w, k, f] * best
    return total


@compiled
def estimate_hours(p: Params, s: State, z: Scratch, r: Rule, b: int) -> None:
    """Fill `hours` and `least`."""
    w = s.workflow[b]
    span = 1.0 - p.alignment_floor
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] == c.DONE:
            continue
        trust = r.trust_ready if s.status[b, k] == c.READY else r.trust
        reach = reachable(p, z, w, k)
        z.least[k] = NEVER
        for i in range(p.num_agents):
            now = weighted_understanding(p.weights[w, k], z.known[i, k])
            context = p.weights[w, k, c.CONTEXT] * z.known[i, k, c.CONTEXT]
            expected = now + gap_closed(trust, reach + context, now)
            alignment = alignment_factor(p.alignment_floor, expected)
            growth = span * (p.weights[w, k, c.CONTEXT] - context)
            skill = p.skill[i, p.domain[w, k]]
            hours = expected_hours(p, s, b, k, skill, s.remaining[b, k], alignment, growth) + r.rounding
            if p.effort[w, k] == 0.0:
                hours = 0.0  # a milestone passes by itself
            z.hours[i, k] = hours * r.stick if s.last_work[b, i] == k else hours
            missing = span * p.weights[w, k, c.INTERFACE] * (1.0 - z.known[i, k, c.INTERFACE]) * (1.0 - trust)
            z.inside[i, k] = z.hours[i, k] * alignment / (alignment + missing)  # near enough, and cheap
            z.least[k] = min(z.least[k], z.hours[i, k])


@compiled
def rank_subtasks(p: Params, s: State, z: Scratch, b: int) -> None:
    """Fill `rank`, in sweeps from the last subtask to the first until nothing changes."""
    w = s.workflow[b]
    for k in range(p.num_subtasks[w]):
        z.rank[k] = 0.0
    changed = True
    while changed:
        changed = False
        for k in range(p.num_subtasks[w] - 1, -1, -1):
            if s.status[b, k] == c.DONE:
                continue
            longest = 0.0
            first = p.first_dependent[w, k]
            for n in range(first, first + p.num_dependents[w, k]):
                longest = max(longest, z.rank[p.dependents[w, n]])
            if z.least[k] + longest > z.rank[k]:
                z.rank[k] = z.least[k] + longest
                changed = True


@compiled
def place_subtasks(p: Params, s: State, z: Scratch, b: int) -> int:
    """Place all subtasks: at each moment the most urgent first, each with whoever would finish it first.

    A subtask whose best worker is busy waits for it. Returns how many were placed (all).
    """
    count = num = p.num_subtasks[s.workflow[b]]
    clear_schedule(p, s, z, b, num)
    now, placed = 0.0, 0
    while now < NEVER:
        for k in range(num):
            z.seen[k] = z.worker[k] >= 0
        count = placed - 1
        while count != placed:
            count = placed
            placed = place_next(p, s, z, b, num, now, placed)
        now = next_moment(p, z, now)
    return placed


@compiled
def clear_schedule(p: Params, s: State, z: Scratch, b: int, num: int) -> None:
    """Begin a schedule: nothing is placed and everybody is free."""
    for i in range(p.num_agents):
        z.free[i] = 0.0
        z.last[i] = c.NOBODY
    for k in range(num):
        z.worker[k] = c.NOBODY
        z.follows[k] = c.NOBODY
        z.left[k] = s.prerequisites_left[b, k]
        z.opens[k] = 0.0 if s.status[b, k] == c.READY else NEVER


@compiled
def place_next(p: Params, s: State, z: Scratch, b: int, num: int, now: float, placed: int) -> int:
    """Place the most urgent open subtask whose best worker is free now; return how many are placed then."""
    k = most_urgent(z, num, now)
    while k >= 0:
        z.seen[k] = 1
        i = first_to_finish(p, s, z, b, k, now)
        if z.free[i] <= now + NOW:
            place(p, s, z, b, k, i, now, placed)
            return placed + 1
        k = most_urgent(z, num, now)
    return placed


@compiled
def most_urgent(z: Scratch, num: int, now: float) -> int:
    """Return the open subtask not looked at yet that has the longest way to the end; -1 for none."""
    best, longest = c.NOBODY, 0.0
    for k in range(num):
        if z.seen[k] == 0 and z.opens[k] <= now + NOW and z.rank[k] > longest:
            best, longest = k, z.rank[k]
    return best


@compiled
def first_to_finish(p: Params, s: State, z: Scratch, b: int, k: int, now: float) -> int:
    """Return who would have finished subtask k first (ties: the lowest index)."""
    w = s.workflow[b]
    first = p.first_prerequisite[w, k]
    for n in range(first, first + p.num_prerequisites[w, k]):
        before = p.prerequisites[w, n]
        if s.status[b, before] != c.DONE:
            i = z.worker[before]
            z.hours[i, k] = z.inside[i, k]
    best, earliest = 0, NEVER
    for i in range(p.num_agents):
        finish = max(now, z.free[i]) + z.hours[i, k]
        if finish < earliest:
            best, earliest = i, finish
    return best


@compiled
def place(p: Params, s: State, z: Scratch, b: int, k: int, i: int, now: float, placed: int) -> None:
    """Place subtask k: agent i does it from now on."""
    w = s.workflow[b]
    z.worker[k] = i
    z.start[k], z.finish[k] = now, now + z.hours[i, k]
    z.free[i] = z.finish[k]
    z.order[placed] = k
    if z.last[i] >= 0:
        z.follows[z.last[i]] = k
    z.last[i] = k
    first = p.first_dependent[w, k]
    for n in range(first, first + p.num_dependents[w, k]):
        d = p.dependents[w, n]
        z.left[d] -= 1
        if z.left[d] == 0:
            z.opens[d] = 0.0
            needs = p.first_prerequisite[w, d]
            for m in range(needs, needs + p.num_prerequisites[w, d]):
                before = p.prerequisites[w, m]
                if s.status[b, before] != c.DONE:
                    z.opens[d] = max(z.opens[d], z.finish[before])


@compiled
def next_moment(p: Params, z: Scratch, now: float) -> float:
    """Return the next moment at which somebody has finished."""
    moment = NEVER
    for i in range(p.num_agents):
        if z.free[i] > now + NOW:
            moment = min(moment, z.free[i])
    return moment


@compiled
def weigh(p: Params, s: State, z: Scratch, r: Rule, b: int, placed: int) -> None:
    """Fill `worth`: an hour on a subtask is worth the less, the longer it could wait without delaying the end."""
    w = s.workflow[b]
    end = 0.0
    for n in range(placed):
        end = max(end, z.finish[z.order[n]])
    for n in range(placed - 1, -1, -1):
        k = z.order[n]
        latest = end
        if z.follows[k] >= 0:
            latest = min(latest, z.latest[z.follows[k]])
        first = p.first_dependent[w, k]
        for m in range(first, first + p.num_dependents[w, k]):
            latest = min(latest, z.latest[p.dependents[w, m]])
        slack = latest - z.finish[k]
        z.latest[k] = latest - (z.finish[k] - z.start[k])
        z.worth[k] = max(r.least_worth, 1.0 - slack / r.slack_scale)
