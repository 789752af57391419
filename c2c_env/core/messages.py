"""Stages 2 to 5: reading, expiry, meetings, sending."""

from __future__ import annotations

from c2c_env.core.alignment import credit_alignment
from c2c_env.core.constants import (
    ANSWER_DELAY,
    ANSWERS,
    ASSIGN,
    CHANNEL_OF_SPEECH,
    CHAT_ASK,
    COMMUNICATION_HOURS,
    EMAIL_ASK,
    MEET,
    MEETING,
    MEETING_HOURS,
    NOBODY,
    NUM_FACETS,
    RECIPIENT,
    REQUESTS,
    SILENT,
    SPEECH,
    SYMBOL,
    TOPIC,
)
from c2c_env.core.layout import Params, State


def is_ask(speech: int) -> bool:
    """True for a question, which opens a request."""
    return speech in (CHAT_ASK, EMAIL_ASK)


def pay(s: State, b: int, i: int, hours: float) -> None:
    """Agent i spends hours on communication."""
    s.spoken_hours[b, i] += hours
    s.tally[b, COMMUNICATION_HOURS] += hours


def deliver_messages(p: Params, s: State, b: int) -> None:
    """Stage 2: what is due is read, in the order sent (step, then the sender's index)."""
    for age in range(p.max_latency, 0, -1):
        place = (s.t[b] - age) % p.max_latency
        for i in range(p.num_agents):
            speech = s.mail_speech[b, place, i]
            if speech == SILENT or p.latency[CHANNEL_OF_SPEECH[speech]] != age:
                continue
            recipient = s.mail_recipient[b, place, i]
            if recipient < p.max_agents:
                read_message(p, s, b, i, recipient, place)
                continue
            for j in range(p.num_agents):
                if j != i:
                    read_message(p, s, b, i, j, place)


def read_message(p: Params, s: State, b: int, i: int, j: int, place: int) -> None:
    """Agent j reads what i sent: a question opens a request, a tell moves understanding and answers one."""
    w = s.workflow[b]
    speech, k = s.mail_speech[b, place, i], s.mail_topic[b, place, i]
    channel = CHANNEL_OF_SPEECH[speech]
    pay(s, b, j, p.read_hours[channel])
    note_message(s, b, i, j, speech, k, s.mail_symbol[b, place, i])
    if is_ask(speech):
        s.request_topic[b, i, j] = k
        s.request_step[b, i, j] = s.t[b]
        s.tally[b, REQUESTS] += 1.0
        return
    answers = s.request_topic[b, j, i] == k
    tau = p.tau[w, k, channel, 1 if answers else 0]
    learned = 0.0
    for f in range(NUM_FACETS):
        gap = s.mail_facets[b, place, i, f] - s.understanding[b, j, k, f]
        if gap > 0.0:
            s.understanding[b, j, k, f] += tau * gap
            learned += p.weights[w, k, f] * tau * gap
    credit_alignment(p, s, b, i, j, k, learned)
    if answers:
        close_request(s, b, j, i)


def note_message(s: State, b: int, i: int, j: int, speech: int, k: int, symbol: int) -> None:
    """Remember the last message that j got from i, and count it in the message graph."""
    s.read_speech[b, j, i] = speech
    s.read_topic[b, j, i] = k
    s.read_symbol[b, j, i] = symbol
    s.read_step[b, j, i] = s.t[b]
    s.message_graph[b, i, j] += 1


def close_request(s: State, b: int, asker: int, asked: int) -> None:
    """A request is answered."""
    s.tally[b, ANSWERS] += 1.0
    s.tally[b, ANSWER_DELAY] += s.t[b] - s.request_step[b, asker, asked]
    s.request_topic[b, asker, asked] = NOBODY


def expire_requests(p: Params, s: State, b: int) -> None:
    """Stage 3: requests older than `request_expiry` steps are forgotten."""
    for i in range(p.num_agents):
        for j in range(p.num_agents):
            if s.request_topic[b, i, j] >= 0 and s.t[b] - s.request_step[b, i, j] > p.request_expiry:
                s.request_topic[b, i, j] = NOBODY


def hold_meetings(p: Params, s: State, b: int) -> None:
    """Stage 4: proposers are visited in an order that rotates with the step; the free ones meet."""
    for i in range(p.num_agents):
        s.in_meeting[b, i] = 0
    first = s.t[b] % p.num_agents
    for turn in range(first, first + p.num_agents):
        i = turn if turn < p.num_agents else turn - p.num_agents
        if s.action[b, i, SPEECH] != MEET or s.in_meeting[b, i] != 0:
            continue
        target = s.action[b, i, RECIPIENT]
        if target == p.max_agents:
            target = NOBODY
            free = 0
            for j in range(p.num_agents):
                free += 1 - s.in_meeting[b, j]
            if free < 2:
                continue
        elif s.in_meeting[b, target] != 0:
            continue
        meet(p, s, b, i, target)


def meet(p: Params, s: State, b: int, proposer: int, target: int) -> None:
    """Proposer and target (-1: all who are free) move towards the facet-wise best of them and close requests.

    `in_meeting` is 2 for the participants of this very meeting until it ends, and 1 afterwards.
    """
    k = s.action[b, proposer, TOPIC]
    for j in range(p.num_agents):
        invited = j == proposer or j == target or target == NOBODY
        if invited and s.in_meeting[b, j] == 0:
            s.in_meeting[b, j] = 2
    attend_meeting(p, s, b, proposer, k)
    share_best(p, s, b, proposer, k)
    for i in range(p.num_agents):
        for j in range(p.num_agents):
            together = s.in_meeting[b, i] == 2 and s.in_meeting[b, j] == 2
            if together and s.request_topic[b, i, j] == k:
                close_request(s, b, i, j)
    for j in range(p.num_agents):
        if s.in_meeting[b, j] == 2:
            s.in_meeting[b, j] = 1


def attend_meeting(p: Params, s: State, b: int, proposer: int, k: int) -> None:
    """All participants of the present meeting pay; the others note who called it."""
    s.speech_count[b, MEET] += 1
    for j in range(p.num_agents):
        if s.in_meeting[b, j] != 2:
            continue
        hours = p.send_hours[MEETING] if j == proposer else p.read_hours[MEETING]
        pay(s, b, j, hours)
        s.tally[b, MEETING_HOURS] += hours
        if j != proposer:
            note_message(s, b, proposer, j, MEET, k, s.action[b, proposer, SYMBOL])


def share_best(p: Params, s: State, b: int, proposer: int, k: int) -> None:
    """Participants close the share tau of their gap to the best participant, facet by facet."""
    w = s.workflow[b]
    tau = p.tau[w, k, MEETING, 0]
    for f in range(NUM_FACETS):
        best = 0.0
        for j in range(p.num_agents):
            if s.in_meeting[b, j] == 2:
                best = max(best, s.understanding[b, j, k, f])
        for j in range(p.num_agents):
            if s.in_meeting[b, j] != 2:
                continue
            closed = tau * (best - s.understanding[b, j, k, f])
            s.understanding[b, j, k, f] += closed
            credit_alignment(p, s, b, proposer, j, k, p.weights[w, k, f] * closed)


def send_messages(p: Params, s: State, b: int) -> None:
    """Stage 5: asynchronous messages leave with the sender's present understanding; assign sets the owner."""
    place = s.t[b] % p.max_latency
    for i in range(p.num_agents):
        speech = s.action[b, i, SPEECH]
        if speech == MEET:
            speech = SILENT
        s.mail_speech[b, place, i] = speech
        if speech == SILENT:
            continue
        recipient, k = s.action[b, i, RECIPIENT], s.action[b, i, TOPIC]
        s.mail_recipient[b, place, i] = recipient
        s.mail_topic[b, place, i] = k
        s.mail_symbol[b, place, i] = s.action[b, i, SYMBOL]
        for f in range(NUM_FACETS):
            s.mail_facets[b, place, i, f] = s.understanding[b, i, k, f]
        s.speech_count[b, speech] += 1
        pay(s, b, i, p.send_hours[CHANNEL_OF_SPEECH[speech]])
        if speech == ASSIGN and recipient < p.max_agents:
            s.owner[b, k] = recipient
