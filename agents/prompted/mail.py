"""The words of messages, on their way from those who wrote them to those who have read them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.text.names import MAX_LETTER
from c2c_env.text.observation_text import Letter

MOST_LETTERS = 6  # shown at once, the latest
KEPT_STEPS = 8  # for which a letter is shown


@dataclass(frozen=True)
class _Sent:
    sender: int
    speech: int
    recipient: int
    topic: int
    text: str
    sent: int  # in this step
    read: int  # and read in this one


class Mail:
    """Letters of one episode. It follows the simulator's rules for messages and changes no number of it.

    What is sent by chat or email always arrives. A meeting may be refused, so its words reach an agent only if that
    agent's observation says that it was in it.
    """

    def __init__(self, config: EnvConfig, layout: ObservationLayout) -> None:
        self.latency = [channel.latency for channel in config.channels]
        self.layout, self.team = layout, layout.sizes["A"]
        self._sent: list[_Sent] = []
        self._read: dict[int, list[_Sent]] = defaultdict(list)

    def send(self, step: int, sender: int, action: tuple[int, int, int, int], text: str) -> None:
        """Take in what an agent says that acts before step `step`."""
        _, speech, recipient, topic = action
        read = step + self.latency[c.CHANNEL_OF_SPEECH[speech]]
        self._sent.append(_Sent(sender, speech, recipient, topic, text[:MAX_LETTER], step, read))

    def letters(self, me: int, step: int, observation: Array) -> tuple[Letter, ...]:
        """What agent `me` has read lately, oldest first, when `step` steps have been taken."""
        mine = [one for one in self._sent if one.read == step and one.sender != me and one.recipient in (me, self.team)]
        known = self._read[me]
        new = [one for one in mine if one not in known and self._arrived(one, observation)]
        known += sorted(new, key=lambda one: (one.sent, one.sender))  # as the simulator delivers them
        recent = [one for one in known if step - one.read <= KEPT_STEPS][-MOST_LETTERS:]
        return tuple(Letter(one.sender, one.speech, one.topic, one.text, step - one.read) for one in recent)

    def _arrived(self, sent: _Sent, observation: Array) -> bool:
        if sent.speech != c.MEET:
            return True
        speech = self.layout.read(observation, "message_speech")[sent.sender]
        age = self.layout.read(observation, "message_recency")[sent.sender]
        return bool(speech[c.MEET - 1] and age == 0 and self._topic(observation, sent.sender) == sent.topic)

    def _topic(self, observation: Array, sender: int) -> int:
        return int(np.argmax(self.layout.relation(observation, "message_topic")[:, sender]))
