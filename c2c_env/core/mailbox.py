"""The mailbox: where messages under way are kept, and what their senders know of them before they are read.

Short names: p are the parameters, s is the state, b is the row of an environment, i is an agent, j is another agent
and k is a subtask.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.arrays import Params, State


@compiled
def is_ask(speech: int) -> bool:
    """Whether a speech is a question, which opens a request."""
    return bool(c.ASKS[speech])


@compiled
def mail_place(p: Params, s: State, b: int, age: int) -> int:
    """The place in the mailbox of what was sent `age` steps ago, 0 <= age <= `max_latency`."""
    place = s.t[b] % p.max_latency - age
    return int(place if place >= 0 else place + p.max_latency)


@compiled
def list_contact(p: Params, s: State, b: int, i: int, j: int, relation: int) -> None:
    """Note that a relation of agent i to agent j has to be shown to i anew."""
    if not p.write_observations:
        return
    n = s.num_contacts[b]
    if n < s.contacts.shape[1]:
        s.contacts[b, n, 0], s.contacts[b, n, 1], s.contacts[b, n, 2] = i, j, relation
    s.num_contacts[b] = n + 1


@compiled
def list_request(p: Params, s: State, b: int, asker: int, asked: int) -> None:
    """Note that a request has to be shown anew to both ends."""
    list_contact(p, s, b, asker, asked, c.ASKED)
    list_contact(p, s, b, asked, asker, c.ASKS_ME)


# --- what a sender knows of its own messages before they are read -----------------------------------------------


@compiled
def note_sent(p: Params, s: State, b: int, i: int, speech: int, recipient: int, k: int, step: int) -> None:
    """Note what agent i knows of its own message: it asked or told the recipient about k at that step."""
    due = step + p.latency[c.CHANNEL_OF_SPEECH[speech]]
    everybody = recipient == p.max_agents
    for j in range(0 if everybody else recipient, p.num_agents if everybody else recipient + 1):
        if j == i:
            continue
        if is_ask(speech):
            s.asking_topic[b, i, j] = k
            s.asking_due[b, i, j] = due
            list_contact(p, s, b, i, j, c.ASKED)
        elif s.request_topic[b, j, i] == k:
            s.answer_due[b, i, j] = max(s.answer_due[b, i, j], due)
            list_contact(p, s, b, i, j, c.ASKS_ME)


@compiled
def note_under_way(p: Params, s: State, b: int, i: int, j: int, k: int) -> None:
    """Note, when j has read a question of i about k, that another question or the answer to this one is under way."""
    s.answer_due[b, j, i] = 0
    for age in range(p.max_latency - 1, 0, -1):
        place = mail_place(p, s, b, age)
        due = due_step(p, s, b, i, j, place, age)
        if due > s.t[b] and is_ask(s.mail_speech[b, place, i]):
            s.asking_topic[b, i, j], s.asking_due[b, i, j] = s.mail_topic[b, place, i], due
        due = due_step(p, s, b, j, i, place, age)
        if due > s.answer_due[b, j, i] and not is_ask(s.mail_speech[b, place, j]) and s.mail_topic[b, place, j] == k:
            s.answer_due[b, j, i] = due


@compiled
def due_step(p: Params, s: State, b: int, i: int, j: int, place: int, age: int) -> int:
    """The step at which j reads what i sent `age` steps ago (at `place`); -1 if that was not for j."""
    speech, recipient = s.mail_speech[b, place, i], s.mail_recipient[b, place, i]
    if speech == c.SILENT or (recipient != j and recipient != p.max_agents):
        return -1
    return int(s.t[b] - age + p.latency[c.CHANNEL_OF_SPEECH[speech]])


@compiled
def note_mailbox(p: Params, s: State, b: int) -> None:
    """Note what all messages under way mean for their senders, from the oldest to the newest."""
    for age in range(p.max_latency - 1, -1, -1):
        place = mail_place(p, s, b, age)
        for i in range(p.num_agents):
            speech = s.mail_speech[b, place, i]
            if speech != c.SILENT and p.latency[c.CHANNEL_OF_SPEECH[speech]] > age:
                recipient, k = s.mail_recipient[b, place, i], s.mail_topic[b, place, i]
                note_sent(p, s, b, i, speech, recipient, k, s.t[b] - age)
