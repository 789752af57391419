"""A list schedule of all that is left: at each moment the subtask with the longest way to the end first.

Each goes to whoever would finish it first (as in HEFT, Topcuoglu, Hariri and Wu, 2002); one whose best worker is busy
waits for it. The board does not say what depends on what, but how long the critical path from each subtask on is. What
comes next on the path of a subtask is the one whose own path is as long as what is left behind the first. So some two
thirds of the dependences are told, with one in fifteen that is none, since two paths can be equally long; the others
are waited for.

Short names: t are the tasks, o is the schedule, z are the scratch arrays, e is the row of an environment, i is an
agent, k is a subtask and d is one that may depend on it.
"""

from __future__ import annotations

from agents.oracle.schedule import NEVER, NOW
from agents.public_schedule.schedule_arrays import Desk, Schedule, Tasks
from c2c_env.compiled import compiled
from c2c_env.core import constants as c

SAME = 2e-3  # hours by which lengths of equal paths may differ: observations are of single precision
# The following are ours, chosen on validation workflows by how fast the oracle is that goes by this schedule.
UNKNOWN_WAIT = 4.0  # hours for each prerequisite that is not known
EXPECTED_WORKER = 0.85  # factor on the hours of whoever was to do it by the schedule before, which hinders idle changes
SLACK_SCALE = 8.0  # hours of slack at which an hour saved is worth `LEAST_WORTH`; 0 slack is worth 1
LEAST_WORTH = 0.03


@compiled
def schedule_rows(t: Tasks, z: Desk, o: Schedule) -> None:
    """Write the schedule of every environment over the one before; the entry point."""
    for e in range(t.status.shape[0]):
        start_over(t, z, o, e)
        if find_dependences(t, z, e):
            weigh_by_slack(t, z, o, e, place_all(t, z, o, e))


@compiled
def start_over(t: Tasks, z: Desk, o: Schedule, e: int) -> None:
    """Begin a schedule: nothing is placed and everybody is free."""
    for i in range(t.num_agents[e]):
        z.free[i] = 0.0
        z.last[i] = c.NOBODY
    for k in range(t.status.shape[1]):
        for i in range(t.num_agents[e]):
            z.hours[i, k] = t.hours[e, i, k]
        z.expected[k] = o.worker[e, k]
        z.follows[k] = c.NOBODY
        z.until[k] = 0.0
        z.left[k] = 0
        o.worker[e, k], o.start[e, k], o.worth[e, k] = c.NOBODY, NEVER, 0.0


@compiled
def find_dependences(t: Tasks, z: Desk, e: int) -> bool:
    """Fill `path`, `after`, `leads` and `left`; return False if nothing is left, or nothing can be told."""
    hours = path_unit(t, e)
    num = t.status.shape[1]
    for k in range(num):
        z.path[k] = t.path[e, k] * hours
        z.after[k] = z.path[k] - t.least[e, k]
    for k in range(num):
        leads = t.status[e, k] != c.DONE and t.dependents_left[e, k] > 0 and t.least[e, k] > 0.0
        for d in range(num):
            z.leads[k, d] = 0
            may_follow = t.status[e, d] == c.BLOCKED and d != k and z.left[d] < t.prerequisites_left[e, d]
            if leads and may_follow and abs(z.after[k] - z.path[d]) < SAME:
                z.leads[k, d] = 1
                z.left[d] += 1
    return hours > 0.0


@compiled
def path_unit(t: Tasks, e: int) -> float:
    """Hours that a path of length 1 takes.

    A path is at least as long as its first subtask, and no longer where only milestones follow, if anything does.
    """
    hours = 0.0
    for k in range(t.status.shape[1]):
        if t.status[e, k] != c.DONE and t.path[e, k] > 0.0:
            hours = max(hours, t.least[e, k] / t.path[e, k])
    return hours


@compiled
def place_all(t: Tasks, z: Desk, o: Schedule, e: int) -> int:
    """Place all subtasks; return how many there were."""
    for k in range(t.status.shape[1]):
        z.opens[k] = NEVER
        if t.status[e, k] == c.READY:
            z.opens[k] = 0.0
        elif t.status[e, k] == c.BLOCKED and z.left[k] == 0:
            z.opens[k] = UNKNOWN_WAIT * t.prerequisites_left[e, k]
    now, placed = 0.0, 0
    while now < NEVER:
        for k in range(t.status.shape[1]):
            z.seen[k] = o.worker[e, k] >= 0
        k = longest_open(t, z, now)
        while k >= 0:
            z.seen[k] = 1
            i = quickest(t, z, o, e, k, now)
            if z.free[i] <= now + NOW:
                assign_worker(t, z, o, e, k, i, now)
                z.order[placed] = k
                placed += 1
            k = longest_open(t, z, now)
        now = next_change(t, z, o, e, now)
    return placed


@compiled
def longest_open(t: Tasks, z: Desk, now: float) -> int:
    """Return the open subtask not looked at yet that has the longest way to the end; -1 for none."""
    best, longest = c.NOBODY, -1.0
    for k in range(t.status.shape[1]):
        if z.seen[k] == 0 and z.opens[k] <= now + NOW and z.path[k] > longest:
            best, longest = k, z.path[k]
    return best


@compiled
def quickest(t: Tasks, z: Desk, o: Schedule, e: int, k: int, now: float) -> int:
    """Return who would have finished subtask k first (ties: the lowest index)."""
    for before in range(t.status.shape[1]):
        i = o.worker[e, before]
        if z.leads[before, k] == 1 and i >= 0:
            z.hours[i, k] = t.inside[e, i, k]
    best, earliest = 0, NEVER
    for i in range(t.num_agents[e]):
        hours = z.hours[i, k] * (EXPECTED_WORKER if z.expected[k] == i else 1.0)
        finish = max(now, z.free[i]) + hours
        if finish < earliest:
            best, earliest = i, finish
    return best


@compiled
def assign_worker(t: Tasks, z: Desk, o: Schedule, e: int, k: int, i: int, now: float) -> None:
    """Place subtask k: agent i does it from now on."""
    o.worker[e, k], o.start[e, k] = i, now
    z.finish[k] = z.free[i] = now + z.hours[i, k]
    if z.last[i] >= 0:
        z.follows[z.last[i]] = k
    z.last[i] = k
    for d in range(t.status.shape[1]):
        if z.leads[k, d] == 1:
            z.left[d] -= 1
            z.until[d] = max(z.until[d], z.finish[k])
            if z.left[d] == 0:
                z.opens[d] = z.until[d]


@compiled
def next_change(t: Tasks, z: Desk, o: Schedule, e: int, now: float) -> float:
    """Return the next moment at which somebody has finished, or something is expected to be ready."""
    moment = NEVER
    for i in range(t.num_agents[e]):
        if z.free[i] > now + NOW:
            moment = min(moment, z.free[i])
    for k in range(t.status.shape[1]):
        if o.worker[e, k] < 0 and z.opens[k] > now + NOW:
            moment = min(moment, z.opens[k])
    return moment


@compiled
def weigh_by_slack(t: Tasks, z: Desk, o: Schedule, e: int, placed: int) -> None:
    """Fill `worth`: an hour on a subtask is worth the less, the longer it could wait without delaying the end."""
    end = 0.0
    for n in range(placed):
        end = max(end, z.finish[z.order[n]])
    for n in range(placed - 1, -1, -1):
        k = z.order[n]
        latest = end - z.after[k]
        if z.follows[k] >= 0:
            latest = min(latest, z.latest[z.follows[k]])
        for d in range(t.status.shape[1]):
            if z.leads[k, d] == 1:
                latest = min(latest, z.latest[d])
        slack = latest - z.finish[k]
        z.latest[k] = latest - (z.finish[k] - o.start[e, k])
        o.worth[e, k] = min(1.0, max(LEAST_WORTH, 1.0 - slack / SLACK_SCALE))
