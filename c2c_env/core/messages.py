"""Stages 2 to 5: reading, expiry, meetings, sending.

Short names: p are the parameters, s is the state, b is the row of an environment, i is an agent, j is another agent
and k is a subtask.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import credit_alignment, gap_closed, message_share, realign
from c2c_env.core.arrays import Params, State
from c2c_env.core.mailbox import is_ask, list_contact, list_request, mail_place, note_sent, note_under_way


@compiled
def pay(s: State, b: int, i: int, hours: float) -> None:
    """Agent i spends hours on communication."""
    s.spoken_hours[b, i] += hours
    s.tally[b, c.COMMUNICATION_HOURS] += hours


@compiled
def deliver_messages(p: Params, s: State, b: int) -> None:
    """Stage 2: what is due is read, in the order sent (step, then the sender's index)."""
    for age in range(p.max_latency, 0, -1):
        place = mail_place(p, s, b, age)
        for i in range(p.num_agents):
            speech = s.mail_speech[b, place, i]
            if speech == c.SILENT or p.latency[c.CHANNEL_OF_SPEECH[speech]] != age:
                continue
            recipient = s.mail_recipient[b, place, i]
            everybody = recipient == p.max_agents
            for j in range(0 if everybody else recipient, p.num_agents if everybody else recipient + 1):
                if j != i:
                    read_message(p, s, b, i, j, place)


@compiled
def read_message(p: Params, s: State, b: int, i: int, j: int, place: int) -> None:
    """Agent j reads what i sent: a question opens a request, a tell moves understanding and answers one."""
    speech, k = s.mail_speech[b, place, i], s.mail_topic[b, place, i]
    pay(s, b, j, p.read_hours[c.CHANNEL_OF_SPEECH[speech]])
    note_message(p, s, b, i, j, speech, k, s.mail_symbol[b, place, i])
    if is_ask(speech):
        s.request_topic[b, i, j] = k
        s.request_step[b, i, j] = s.t[b]
        if p.write_observations:
            note_under_way(p, s, b, i, j, k)
            list_request(p, s, b, i, j)
        s.tally[b, c.REQUESTS] += 1.0
        return
    answers = s.request_topic[b, j, i] == k
    tau = message_share(p, s.workflow[b], k, c.CHANNEL_OF_SPEECH[speech], answers)
    learn(p, s, b, i, j, k, place, tau * s.mail_factor[b, place, i])
    if answers:
        close_request(p, s, b, j, i)


@compiled
def learn(p: Params, s: State, b: int, i: int, j: int, k: int, place: int, tau: float) -> None:
    """Agent j closes the share tau of its gaps to what i understood of subtask k when i wrote."""
    w = s.workflow[b]
    learned = 0.0
    for f in range(c.NUM_FACETS):
        gained = gap_closed(tau, s.mail_facets[b, place, i, f], s.understanding[b, j, k, f])
        s.understanding[b, j, k, f] += gained
        learned += p.weights[w, k, f] * gained
    realign(p, s, b, j, k)
    credit_alignment(p, s, b, i, j, k, learned)


@compiled
def note_message(p: Params, s: State, b: int, i: int, j: int, speech: int, k: int, symbol: int) -> None:
    """Remember the last message that j got from i, and count it in the message graph."""
    s.read_speech[b, j, i] = speech
    s.read_topic[b, j, i] = k
    s.read_symbol[b, j, i] = symbol
    s.read_step[b, j, i] = s.t[b]
    s.message_graph[b, i, j] += 1
    list_contact(p, s, b, j, i, c.LAST_READ)


@compiled
def close_request(p: Params, s: State, b: int, asker: int, asked: int) -> None:
    """A request is answered."""
    s.tally[b, c.ANSWERS] += 1.0
    s.tally[b, c.ANSWER_DELAY] += s.t[b] - s.request_step[b, asker, asked]
    s.request_topic[b, asker, asked] = c.NOBODY
    list_request(p, s, b, asker, asked)


@compiled
def expire_requests(p: Params, s: State, b: int) -> None:
    """Stage 3: requests older than `request_expiry` steps are forgotten."""
    if not some_expire(p, s, b):
        return
    for i in range(p.num_agents):
        for j in range(p.num_agents):
            if is_too_old(p, s, b, i, j):
                s.request_topic[b, i, j] = c.NOBODY
                list_request(p, s, b, i, j)


@compiled
def some_expire(p: Params, s: State, b: int) -> bool:
    """Whether any request is too old; without a branch in the loop, which runs at every step."""
    found = False
    for i in range(p.num_agents):
        for j in range(p.num_agents):
            found |= is_too_old(p, s, b, i, j)
    return found


@compiled
def is_too_old(p: Params, s: State, b: int, i: int, j: int) -> bool:
    """Whether there is a request of agent i to agent j that is older than `request_expiry` steps."""
    return bool((s.request_topic[b, i, j] >= 0) & (s.t[b] - s.request_step[b, i, j] > p.request_expiry))


@compiled
def hold_meetings(p: Params, s: State, b: int) -> None:
    """Stage 4: proposers are visited in an order that rotates with the step; the free ones meet."""
    for i in range(p.num_agents):
        s.in_meeting[b, i] = 0
    first = s.t[b] % p.num_agents
    for turn in range(first, first + p.num_agents):
        i = turn if turn < p.num_agents else turn - p.num_agents
        if s.action[b, i, c.SPEECH] != c.MEET or s.in_meeting[b, i] != 0:
            continue
        count = gather(p, s, b, i, s.action[b, i, c.RECIPIENT])
        if count > 1:
            meet(p, s, b, i, s.action[b, i, c.TOPIC], count)


@compiled
def gather(p: Params, s: State, b: int, proposer: int, target: int) -> int:
    """List who meets in `participants`, ascending: the proposer and the target if it is free, or all who are free.

    Returns their number; the proposer alone is no meeting.
    """
    count = 0
    for j in range(p.num_agents):
        invited = (j == proposer) | (j == target) | (target == p.max_agents)
        s.participants[b, count] = j  # overwritten by the next one unless it counts
        count += int(invited & (s.in_meeting[b, j] == 0))
    return count


@compiled
def meet(p: Params, s: State, b: int, proposer: int, k: int, count: int) -> None:
    """The `participants` pay, note who called them, move towards the facet-wise best and close requests about k."""
    s.speech_count[b, c.MEET] += 1
    for n in range(count):
        j = s.participants[b, n]
        s.in_meeting[b, j] = 1
        hours = p.send_hours[c.MEETING] if j == proposer else p.read_hours[c.MEETING]
        pay(s, b, j, hours)
        s.tally[b, c.MEETING_HOURS] += hours
        if j != proposer:
            note_message(p, s, b, proposer, j, c.MEET, k, s.action[b, proposer, c.SYMBOL])
    share_best(p, s, b, proposer, k, count)
    for n in range(count):
        for m in range(count):
            i, j = s.participants[b, n], s.participants[b, m]
            if s.request_topic[b, i, j] == k:
                close_request(p, s, b, i, j)


@compiled
def share_best(p: Params, s: State, b: int, proposer: int, k: int, count: int) -> None:
    """Participants close the share tau of their gap to the best participant, facet by facet."""
    tau = message_share(p, s.workflow[b], k, c.MEETING, False) * s.judged[b, proposer]
    w = s.workflow[b]
    for f in range(c.NUM_FACETS):
        s.best_facets[b, f] = 0.0
        for n in range(count):
            s.best_facets[b, f] = max(s.best_facets[b, f], s.understanding[b, s.participants[b, n], k, f])
    for n in range(count):
        j = s.participants[b, n]
        learned = 0.0
        for f in range(c.NUM_FACETS):
            gained = gap_closed(tau, s.best_facets[b, f], s.understanding[b, j, k, f])
            s.understanding[b, j, k, f] += gained
            learned += p.weights[w, k, f] * gained
        realign(p, s, b, j, k)
        credit_alignment(p, s, b, proposer, j, k, learned)


@compiled
def send_messages(p: Params, s: State, b: int) -> None:
    """Stage 5: asynchronous messages leave with the sender's present understanding; assign sets the owner."""
    place = mail_place(p, s, b, 0)
    for i in range(p.num_agents):
        speech = s.action[b, i, c.SPEECH]
        if speech == c.MEET:
            speech = c.SILENT
        s.mail_speech[b, place, i] = speech
        if speech == c.SILENT:
            continue
        recipient, k = s.action[b, i, c.RECIPIENT], s.action[b, i, c.TOPIC]
        s.mail_recipient[b, place, i] = recipient
        s.mail_topic[b, place, i] = k
        s.mail_symbol[b, place, i] = s.action[b, i, c.SYMBOL]
        s.mail_factor[b, place, i] = s.judged[b, i]
        for f in range(c.NUM_FACETS):
            s.mail_facets[b, place, i, f] = s.understanding[b, i, k, f]
        s.speech_count[b, speech] += 1
        pay(s, b, i, p.send_hours[c.CHANNEL_OF_SPEECH[speech]])
        if p.write_observations:
            note_sent(p, s, b, i, speech, recipient, k, s.t[b])
        if speech == c.ASSIGN and recipient < p.max_agents:
            s.owner[b, k] = recipient
