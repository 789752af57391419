"""What everybody will understand once the mail under way has been read.

Short names: p are the parameters, s is the state, b is the row of an environment, z are the scratch arrays, i is an
agent and j is another agent.
"""

from __future__ import annotations

from agents.oracle.scratch import Scratch
from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import gap_closed, message_share
from c2c_env.core.arrays import Params, State
from c2c_env.core.mailbox import is_ask, mail_place


@compiled
def foresee(p: Params, s: State, z: Scratch, b: int) -> None:
    """Fill `known` and `request`: as they are, then message by message in the order of reading."""
    for i in range(p.num_agents):
        for j in range(p.num_agents):
            z.request[i, j] = s.request_topic[b, i, j]
        for k in range(p.num_subtasks[s.workflow[b]]):
            for f in range(c.NUM_FACETS):
                z.known[i, k, f] = s.understanding[b, i, k, f]
    for wait in range(1, p.max_latency + 1):
        for age in range(p.max_latency - wait, -1, -1):
            read_due(p, s, z, b, age, wait)


@compiled
def read_due(p: Params, s: State, z: Scratch, b: int, age: int, wait: int) -> None:
    """Take in the messages sent `age` steps ago that will be read in `wait` steps."""
    place = mail_place(p, s, b, age)
    for i in range(p.num_agents):
        speech = s.mail_speech[b, place, i]
        if speech == c.SILENT or p.latency[c.CHANNEL_OF_SPEECH[speech]] != age + wait:
            continue
        recipient = s.mail_recipient[b, place, i]
        everybody = recipient == p.max_agents
        for j in range(0 if everybody else recipient, p.num_agents if everybody else recipient + 1):
            if j != i:
                read_one(p, s, z, b, i, j, place)


@compiled
def read_one(p: Params, s: State, z: Scratch, b: int, i: int, j: int, place: int) -> None:
    """Take in what i sent to j, as if j had read it."""
    speech, k = s.mail_speech[b, place, i], s.mail_topic[b, place, i]
    if is_ask(speech):
        z.request[i, j] = k
        return
    answers = z.request[j, i] == k
    tau = message_share(p, s.workflow[b], k, c.CHANNEL_OF_SPEECH[speech], answers)
    for f in range(c.NUM_FACETS):
        z.known[j, k, f] += gap_closed(tau, s.mail_facets[b, place, i, f], z.known[j, k, f])
    if answers:
        z.request[j, i] = c.NOBODY
