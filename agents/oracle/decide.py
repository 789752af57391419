"""The rule of the oracle: what everybody does, one environment after the other.

Short names: p are the parameters, s is the state, b is the row of an environment, z are the scratch arrays, r are the
numbers of the rule, i is an agent and k is a subtask.
"""

from __future__ import annotations

from agents.oracle.mail_forecast import foresee
from agents.oracle.message_choice import speak
from agents.oracle.rule import Rule
from agents.oracle.schedule import NOW, estimate_hours, place_subtasks, rank_subtasks, weigh
from agents.oracle.scratch import Scratch
from agents.public_schedule.schedule_arrays import Schedule
from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Params, State


@compiled
def decide_rows(p: Params, s: State, z: Scratch, r: Rule, actions: Array, rows: Array) -> None:
    """Write what all agents do into actions [B, N, parts] for environments `rows` [R]; the entry point."""
    for n in range(rows.shape[0]):
        decide_row(p, s, z, r, actions, rows[n])


@compiled
def decide_row(p: Params, s: State, z: Scratch, r: Rule, actions: Array, b: int) -> None:
    """Decide for one team."""
    be_idle(p, actions, b)
    if s.subtasks_left[b] == 0:
        return
    foresee(p, s, z, b)
    estimate_hours(p, s, z, r, b)
    rank_subtasks(p, s, z, b)
    placed = place_subtasks(p, s, z, b)
    weigh(p, s, z, r, b, placed)
    act_on_schedule(p, s, z, r, actions, b)


@compiled
def decide_scheduled_rows(
    p: Params, s: State, z: Scratch, r: Rule, given: Schedule, actions: Array, rows: Array
) -> None:
    """The same for teams that go by a given schedule [B, K]; an entry point."""
    for n in range(rows.shape[0]):
        b = rows[n]
        be_idle(p, actions, b)
        if s.subtasks_left[b] > 0:
            foresee(p, s, z, b)
            for k in range(p.num_subtasks[s.workflow[b]]):
                z.worker[k] = given.worker[b, k]
                z.start[k], z.worth[k] = given.start[b, k], given.worth[b, k]
            act_on_schedule(p, s, z, r, actions, b)


@compiled
def be_idle(p: Params, actions: Array, b: int) -> None:
    """Write that nobody does anything."""
    for i in range(p.num_agents):
        for part in range(actions.shape[2]):
            actions[b, i, part] = 0


@compiled
def act_on_schedule(p: Params, s: State, z: Scratch, r: Rule, actions: Array, b: int) -> None:
    """Write what everybody does by the schedule in `worker`, `start` and `worth`."""
    choose_work(p, s, z, r, b)
    for i in range(p.num_agents):
        actions[b, i, c.WORK] = z.work[i] + 1
        if p.hidden_facts > 0 and z.work[i] >= 0:
            actions[b, i, actions.shape[2] - 1] = s.fact[b, z.work[i]]
        value_time(p, s, z, r, b, i)
    if p.num_agents > 1:
        speak(p, s, z, r, actions, b)


@compiled
def choose_work(p: Params, s: State, z: Scratch, r: Rule, b: int) -> None:
    """Choose what the schedule starts now; then the idle help out on what waits for its best worker."""
    for i in range(p.num_agents):
        z.work[i] = c.NOBODY
    for k in range(p.num_subtasks[s.workflow[b]]):
        if s.status[b, k] == c.READY and z.start[k] <= NOW:
            z.work[z.worker[k]] = k
    for k in range(p.num_subtasks[s.workflow[b]]):
        if s.status[b, k] == c.READY and z.start[k] > NOW:
            help_out(p, s, z, r, b, k)
    for i in range(p.num_agents):
        if z.work[i] >= 0 and finishes(p, s, b, i, z.work[i]):
            hand_over(p, s, z, r, b, i, z.work[i])


@compiled
def finishes(p: Params, s: State, b: int, i: int, k: int) -> bool:
    """Whether agent i could do all that is left of subtask k in this step."""
    hours = max(0.0, p.dt - s.debt[b, i])
    return s.remaining[b, k] <= hours * p.skill[i, p.domain[s.workflow[b], k]] * s.alignment[b, i, k]


@compiled
def hand_over(p: Params, s: State, z: Scratch, r: Rule, b: int, i: int, k: int) -> None:
    """Hand subtask k, which agent i is about to finish, to an idle agent who is to work on a dependent of it next.

    Whoever finishes knows the interface, so that it need not be told.
    """
    w = s.workflow[b]
    best, most = c.NOBODY, r.least_handover
    first = p.first_dependent[w, k]
    for n in range(first, first + p.num_dependents[w, k]):
        d = p.dependents[w, n]
        j = z.worker[d]
        if z.work[j] < 0 and s.prerequisites_left[b, d] == 1 and finishes(p, s, b, j, k):
            gain = p.weights[w, d, c.INTERFACE] * (1.0 - z.known[j, d, c.INTERFACE]) * z.worth[d]
            if gain > most:
                best, most = j, gain
    if best >= 0:
        z.work[i], z.work[best] = c.NOBODY, k


@compiled
def value_time(p: Params, s: State, z: Scratch, r: Rule, b: int, i: int) -> None:
    """Work out what an hour of agent i is worth, and how many hours of this step it has to spare."""
    k = z.work[i]
    z.price[i] = r.idle_price
    z.spare[i] = p.dt - s.debt[b, i]
    if k >= 0:
        z.price[i] = z.worth[k]
        z.spare[i] -= s.remaining[b, k] / (p.skill[i, p.domain[s.workflow[b], k]] * s.alignment[b, i, k])
    z.spare[i] = max(0.0, z.spare[i])


@compiled
def help_out(p: Params, s: State, z: Scratch, r: Rule, b: int, k: int) -> None:
    """Let the idle agent who is the fastest on subtask k work on it, if that is fast enough."""
    best, fastest = c.NOBODY, r.least_pace
    for i in range(p.num_agents):
        pace = p.skill[i, p.domain[s.workflow[b], k]] * s.alignment[b, i, k]
        if z.work[i] < 0 and pace > fastest:
            best, fastest = i, pace
    if best >= 0:
        z.work[best] = k
