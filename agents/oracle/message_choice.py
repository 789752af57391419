"""What is said: every message is valued by the hours that it saves, and sent if they are more than it costs.

A message is about a subtask and for the agent that is to work on it; it goes one of these ways: the sender tells it
by chat or by email, the sender tells it by email and the recipient, at the same time, asks for it by chat (the
question arrives first, so the email is an answer and carries more), or the two meet.

Short names: p are the parameters, s is the state, b is the row of an environment, z are the scratch arrays, r are the
numbers of the rule, i is an agent, j is another agent and k is a subtask.
"""

from __future__ import annotations

from agents.oracle.rule import Rule
from agents.oracle.schedule import expected_hours
from agents.oracle.scratch import Scratch
from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import alignment_factor, gap_closed, message_share, weighted_understanding
from c2c_env.core.arrays import Array, Params, State

BY_CHAT, BY_EMAIL, BY_ANSWER, BY_MEETING = range(4)
NUM_WAYS = 4
CHANNEL_OF_WAY = (c.CHAT, c.EMAIL, c.EMAIL, c.MEETING)
LEAST_LIFT = 0.01  # of weighted understanding; what would lift it by less is not looked at
LEAST_CERTAINTY = 0.05


@compiled
def speak(p: Params, s: State, z: Scratch, r: Rule, actions: Array, b: int) -> None:
    """Send the most valuable message first, as long as there is one that is worth more than it costs."""
    num = p.num_subtasks[s.workflow[b]]
    for i in range(p.num_agents):
        z.speaks[i] = 0
        z.meets[i] = 0
    for k in range(num):
        z.stale[k] = z.worker[k] >= 0
        z.net[k] = 0.0
    best = 0
    while best >= 0:
        best = -1
        for k in range(num):
            if z.stale[k] != 0:
                value_topic(p, s, z, r, b, k)
            if z.net[k] > 0.0 and (best < 0 or z.net[k] > z.net[best]):
                best = k
        if best >= 0:
            send_best(p, s, z, actions, b, best)
            for k in range(num):
                z.stale[k] = k == best or (z.net[k] > 0.0 and not may_go(p, z, z.sender[k], z.worker[k], z.way[k]))


@compiled
def value_topic(p: Params, s: State, z: Scratch, r: Rule, b: int, k: int) -> None:
    """Find the best message about subtask k."""
    z.net[k], z.stale[k] = 0.0, 0
    certainty = r.foresight / (r.foresight + z.start[k])
    if certainty < LEAST_CERTAINTY:
        return
    w, j = s.workflow[b], z.worker[k]
    span = 1.0 - p.alignment_floor
    alignment = alignment_factor(p.alignment_floor, weighted_understanding(p.weights[w, k], z.known[j, k]))
    growth = span * p.weights[w, k, c.CONTEXT] * (1.0 - z.known[j, k, c.CONTEXT])
    skill = p.skill[j, p.domain[w, k]]
    for i in range(p.num_agents):
        if i == j:
            continue
        lift = span * lift_of(p, s, z, b, i, j, k)
        if lift < LEAST_LIFT:
            continue
        news = gap_closed(1.0, s.understanding[b, i, k, c.CONTEXT], z.known[j, k, c.CONTEXT])
        deeper = span * p.weights[w, k, c.CONTEXT] * news
        for way in range(NUM_WAYS):
            if not may_go(p, z, i, j, way):
                continue
            channel = CHANNEL_OF_WAY[way]
            tau = message_share(p, w, k, channel, answers(z, i, j, k, way))
            worked = max(0.0, p.latency[channel] * p.dt - z.start[k])
            rest = max(0.0, s.remaining[b, k] - worked * skill * alignment)
            before = expected_hours(p, s, b, k, skill, rest, alignment, growth)
            after = expected_hours(p, s, b, k, skill, rest, alignment + tau * lift, growth - tau * deeper)
            net = z.worth[k] * certainty * (before - after) - cost_of(p, z, r, i, j, way)
            if net > r.least_net:
                wait = max(0.0, z.start[k] - p.latency[channel] * p.dt)
                net *= r.patience / (r.patience + wait) * (1.0 / before) ** r.hurry
                if net > z.net[k]:
                    z.net[k], z.sender[k], z.way[k] = net, i, way


@compiled
def lift_of(p: Params, s: State, z: Scratch, b: int, i: int, j: int, k: int) -> float:
    """The weighted understanding of subtask k that i has and j lacks."""
    w = s.workflow[b]
    total = 0.0
    for f in range(c.NUM_FACETS):
        total += p.weights[w, k, f] * gap_closed(1.0, s.understanding[b, i, k, f], z.known[j, k, f])
    return total


@compiled
def answers(z: Scratch, i: int, j: int, k: int, way: int) -> bool:
    """Whether a message from i to j about subtask k, sent that way, answers a question of j."""
    return way == BY_ANSWER or (way != BY_MEETING and z.request[j, i] == k)


@compiled
def may_go(p: Params, z: Scratch, i: int, j: int, way: int) -> bool:
    """Whether a message may go that way: its speaker is still silent, and whoever meets is in no other meeting."""
    if way == BY_MEETING:
        return z.meets[i] == 0 and z.meets[j] == 0 and (z.speaks[i] == 0 or z.speaks[j] == 0)
    if way == BY_ANSWER and (z.speaks[j] != 0 or not (p.latency[c.CHAT] < p.latency[c.EMAIL] or j < i)):
        return False
    return z.speaks[i] == 0


@compiled
def cost_of(p: Params, z: Scratch, r: Rule, i: int, j: int, way: int) -> float:
    """The worth of the hours that a message from i to j takes."""
    channel = CHANNEL_OF_WAY[way]
    sending, reading = p.send_hours[channel], p.read_hours[channel]
    if way == BY_ANSWER:
        sending += p.read_hours[c.CHAT]
        reading += p.send_hours[c.CHAT]
    # where speaking excludes working, it takes the whole step
    sender = p.dt if p.exclusive != 0 else sending
    reader = p.dt if p.exclusive != 0 and way == BY_ANSWER else reading
    sender, reader = max(0.0, sender - z.spare[i]), max(0.0, reader - z.spare[j])
    return z.price[i] * sender + z.price[j] * reader + r.price * (sending + reading)


@compiled
def send_best(p: Params, s: State, z: Scratch, actions: Array, b: int, k: int) -> None:
    """Send the best message about subtask k."""
    i, j, way = z.sender[k], z.worker[k], z.way[k]
    channel = CHANNEL_OF_WAY[way]
    answering = answers(z, i, j, k, way)
    tau = message_share(p, s.workflow[b], k, channel, answering)
    for f in range(c.NUM_FACETS):
        z.known[j, k, f] += gap_closed(tau, s.understanding[b, i, k, f], z.known[j, k, f])
    if answering:
        z.request[j, i] = c.NOBODY
    if way == BY_MEETING:
        z.meets[i], z.meets[j] = 1, 1
        caller = j if z.speaks[j] == 0 else i  # whoever needs it calls, so that the other can still write to somebody
        utter(z, actions, b, caller, c.MEET, i + j - caller, k)
        return
    by_email = way in (BY_EMAIL, BY_ANSWER)
    utter(z, actions, b, i, c.EMAIL_TELL if by_email else c.CHAT_TELL, j, k)
    if way == BY_ANSWER:
        utter(z, actions, b, j, c.CHAT_ASK, i, k)


@compiled
def utter(z: Scratch, actions: Array, b: int, i: int, speech: int, recipient: int, topic: int) -> None:
    """Write that agent i says something."""
    z.speaks[i] = 1
    actions[b, i, c.SPEECH] = speech
    actions[b, i, c.RECIPIENT] = recipient
    actions[b, i, c.TOPIC] = topic
