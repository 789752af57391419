"""What messages did: who read them when and what that taught, worked out by the simulator's own stages.

A step changes understanding in several stages, so the effect of a single message cannot be read from the states before
and after a step. Here the stages up to the meetings run once more, one message after the other, on a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.actions import take_actions
from c2c_env.core.arrays import Array, Params, State
from c2c_env.core.events import change_requirements, requirements_change
from c2c_env.core.mailbox import is_ask, mail_place
from c2c_env.core.messages import expire_requests, hold_meetings, read_message
from c2c_env.envs.batch import Batch
from c2c_env.episodes.trace import meeting_hosts

Facets = tuple[float, ...]


@dataclass(frozen=True)
class Reading:
    """How an agent read a message, or took part in a meeting.

    Attributes:
        agent: index of the reader.
        step: in which it was read.
        hours: that the reader paid.
        before, after: its understanding of the topic by facet, before and after this message.
        answers: whether the message answered a request of the reader.
    """

    agent: int
    step: int
    hours: float
    before: Facets
    after: Facets
    answers: bool = False


@dataclass(frozen=True)
class MessageRecord:
    """A message, a meeting, or a meeting that was called and refused.

    Attributes:
        step: in which it was sent.
        sender: index of an agent.
        recipient: index of an agent, or -1 for the whole team.
        speech, topic, symbol: numbers as in an action.
        hours: that the sender paid.
        refused: a meeting that did not take place.
        readings: one for each reader; of a meeting one for each participant, its host included, whose hours are above.
    """

    step: int
    sender: int
    recipient: int
    speech: int
    topic: int
    symbol: int
    hours: float
    refused: bool = False
    readings: tuple[Reading, ...] = ()

    @property
    def channel(self) -> int:
        """Number of the channel."""
        return c.CHANNEL_OF_SPEECH[self.speech]

    @property
    def all_hours(self) -> float:
        """Hours that it has cost everybody so far."""
        return self.hours + sum(reading.hours for reading in self.readings)


@dataclass
class MessageLog:
    """Follows the messages of the one environment of a batch; call `before_step` with the actions of every step.

    Attributes:
        messages: all so far, in the order sent.
        changed: subtasks whose requirements changed in the step, for each step.
    """

    batch: Batch
    messages: list[MessageRecord] = field(default_factory=list)
    changed: list[list[int]] = field(default_factory=list)
    _sent: dict[tuple[int, int], int] = field(default_factory=dict)  # (step, sender) -> place in `messages`

    def before_step(self, actions: Array, factors: Array) -> None:
        """Work out what the messages of the next step do.

        Args:
            actions: [N, A], as they will be taken.
            factors: [N], how much the words of each agent count.
        """
        params = self.batch.params._replace(write_observations=0)
        state = State(*(array[:1].copy() for array in self.batch.state))
        state.judged[0, : self.batch.num_agents] = factors
        with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
            take_actions(params, state, 0, actions[None])
            state.t[0] += 1
            subtasks = range(int(params.num_subtasks[state.workflow[0]]))
            self.changed.append([k for k in subtasks if requirements_change(params, state, 0, k)])
            change_requirements(params, state, 0)
            self._read(params, state)
            expire_requests(params, state, 0)
            self._meet(params, state)
        self._send(state)

    def _read(self, params: Params, state: State) -> None:
        """Stage 2, message after message in the simulator's order."""
        for age in range(params.max_latency, 0, -1):
            place = mail_place(params, state, 0, age)
            for i in range(params.num_agents):
                speech = int(state.mail_speech[0, place, i])
                if speech != c.SILENT and params.latency[c.CHANNEL_OF_SPEECH[speech]] == age:
                    self._deliver(params, state, i, place, int(state.t[0]) - age)

    def _deliver(self, params: Params, state: State, sender: int, place: int, sent: int) -> None:
        """A message is read by whom it was for."""
        recipient, topic = int(state.mail_recipient[0, place, sender]), int(state.mail_topic[0, place, sender])
        speech, everybody = int(state.mail_speech[0, place, sender]), recipient == self.batch.max_agents
        readers = [j for j in range(self.batch.num_agents) if j != sender and (everybody or j == recipient)]
        readings = []
        for j in readers:
            before = _facets(state, j, topic)
            answers = not is_ask(speech) and int(state.request_topic[0, j, sender]) == topic
            read_message(params, state, 0, sender, j, place)
            hours = float(params.read_hours[c.CHANNEL_OF_SPEECH[speech]])
            readings.append(Reading(j, int(state.t[0]), hours, before, _facets(state, j, topic), answers))
        place_of = self._sent.pop((sent, sender))
        self.messages[place_of] = replace(self.messages[place_of], readings=tuple(readings))

    def _meet(self, params: Params, state: State) -> None:
        """Stage 4; nobody is in two meetings of a step, so the states around all of them show what each one did."""
        known, asked = state.understanding.copy(), state.request_topic.copy()
        hold_meetings(params, state, 0)
        hosts = meeting_hosts(params, state, 0)
        hours = params.send_hours[c.MEETING], params.read_hours[c.MEETING]
        for i in np.flatnonzero(state.action[0, :, c.SPEECH] == c.MEET).tolist():
            _, recipient, topic, symbol = state.action[0, i, c.SPEECH : c.SYMBOL + 1].tolist()
            held, there = bool(hosts[i] == i), hosts == i
            readings = tuple(
                Reading(
                    agent=j,
                    step=int(state.t[0]),
                    hours=0.0 if j == i else float(hours[1]),
                    before=tuple(known[0, j, topic].tolist()),
                    after=_facets(state, j, topic),
                    answers=bool((asked[0, j, : len(there)][there] == topic).any()),
                )
                for j in (np.flatnonzero(there).tolist() if held else [])
            )
            paid, to = float(hours[0]) if held else 0.0, self._recipient(recipient)
            record = MessageRecord(int(state.t[0]), i, to, c.MEET, topic, symbol, paid, not held, readings)
            self.messages.append(record)

    def _send(self, state: State) -> None:
        """Stage 5: note what leaves."""
        for i in range(self.batch.num_agents):
            speech, recipient, topic, symbol = state.action[0, i, c.SPEECH : c.SYMBOL + 1].tolist()
            if speech not in (c.SILENT, c.MEET):
                hours, step = float(self.batch.params.send_hours[c.CHANNEL_OF_SPEECH[speech]]), int(state.t[0])
                self._sent[step, i] = len(self.messages)
                record = MessageRecord(step, i, self._recipient(recipient), speech, topic, symbol, hours)
                self.messages.append(record)

    def _recipient(self, index: int) -> int:
        return c.NOBODY if index == self.batch.max_agents else index


def _facets(state: State, agent: int, topic: int) -> Facets:
    return tuple(state.understanding[0, agent, topic].tolist())
