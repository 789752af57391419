"""Turns observations into what the entity network reads: subtask, agent and pair features, with padding masked.

Works on arrays of numpy (to play) and on tensors of torch (to learn on a device) alike, and imports torch never.

Axes: E environments, N agents that decide, A agents that are seen (padded), K subtasks (padded), V symbols, F variants
(see `EnvConfig`; both may be 0).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.errors import ConfigError
from c2c_env.workflows import DOMAINS

COUNT_SCALE = 4.0  # prerequisites and dependents come in ones and twos, whatever the padding
EFFORT_UNIT = 10.0  # hours
NUM_SUBTASK_FEATURES = 16
NUM_AGENT_FEATURES = 6
NUM_PAIR_FEATURES = 5
NUM_SCHEDULE_FEATURES = 3
NUM_OWN_SUBTASK_FEATURES = 7
NUM_CONTACT_FEATURES = 10
NUM_OWN_PAIR_FEATURES = 4
NUM_OWN_FEATURES = 3
NUM_SITUATION_FEATURES = 4
NUM_SPOKEN = c.NUM_SPEECHES - 1  # beside silence
OWNER, WORKED_ON = 0, 2  # places among the pair features of the board
MESSAGE_TOPIC, TOLD_BY_ME = 2, 3  # places among the pair features of one's own

Numbers = Any  # an array of numpy or a tensor of torch


class Board(NamedTuple):
    """What everybody sees, once per environment."""

    subtasks: Numbers  # [E, K, NUM_SUBTASK_FEATURES]
    agents: Numbers  # [E, A, NUM_AGENT_FEATURES]
    pairs: Numbers  # [E, A, K, NUM_PAIR_FEATURES] owner, finished a prerequisite, worked on it last, skill, pace;
    # then, where the schedule is read, NUM_SCHEDULE_FEATURES of it
    situation: Numbers  # [E, NUM_SITUATION_FEATURES] time used; one, ready and unfinished subtasks over N
    is_subtask: Numbers  # [E, K] bool, False for padding
    is_agent: Numbers  # [E, A] bool
    ready: Numbers  # [E, K] bool, subtasks that can be worked on
    follows: Numbers  # [E, A] bool, agents that work as the common plan says


class Own(NamedTuple):
    """What only the agent itself sees."""

    subtasks: Numbers  # [E, N, K, NUM_OWN_SUBTASK_FEATURES + F] with the variant that is wanted, as far as known
    contacts: Numbers  # [E, N, A, NUM_CONTACT_FEATURES]
    pairs: Numbers  # [E, N, A, K, NUM_OWN_PAIR_FEATURES] asks me, asked by me, topic of its last message, told by me
    scalars: Numbers  # [E, N, NUM_OWN_FEATURES]
    me: Numbers  # [E, N] own index


class LegalMasks(NamedTuple):
    """What may be said, as masks of bool."""

    speech: Numbers  # [E, N, 1 + S]
    recipient: Numbers  # [E, N, A + 1]
    topic: Numbers  # [E, N, K]


class Features(NamedTuple):
    """What the network reads."""

    board: Board
    own: Own
    legal: LegalMasks
    symbols: Numbers  # [E, N, A, V] of the last message that was read from each


class BoardFacts(NamedTuple):
    """Numbers of the board in natural units."""

    rest: Numbers  # [E, K] hours of effort left
    complexity: Numbers  # [E, K] kappa
    skill: Numbers  # [E, A, K] of each agent for each subtask
    worked: Numbers  # [E, A, K] bool, in the last step


class Remembered(NamedTuple):
    """What memory adds to an observation, see `agents.learned.memory`."""

    told: Numbers  # [E, N, A, K] share of the gap to one's own understanding that one's messages have closed
    pace: Numbers  # [E, A, K] progress per hour and skill when each agent last worked on each subtask, 0 = never
    follows: Numbers  # [E, A] bool
    schedule: Numbers  # [E, A, K, NUM_SCHEDULE_FEATURES], or without any where it is not read


class Reader:
    """Reads observations of one layout.

    Args:
        layout: of the observations.
        with_variants: whether what is known of variants is read; otherwise F is 0, whatever the layout says.

    Raises:
        ConfigError: the workflows have another number of domains than those that the network learns with. What the
            domains are called does not matter.
    """

    def __init__(self, layout: ObservationLayout, with_variants: bool = False) -> None:
        if (got := layout.sizes["DOMAINS"]) != len(DOMAINS):
            raise ConfigError(
                f"the workflows have {got} domains, but learned teams play only workflows of {len(DOMAINS)} domains,"
                " which they learn with"
            )
        self.layout, self.with_variants = layout, with_variants
        self.num_agents, self.num_subtasks = layout.sizes["A"], layout.sizes["K"]
        self.split = layout.board_size

    def read(self, board: Numbers, own: Numbers, masks: Numbers, remembered: Remembered) -> Features:
        """Features of the board part [E, board_size], own parts [E, N, D - board_size] and masks [E, N, M]."""
        symbols = self._field(own, "message_symbol", self.split) * np.float32(1.0)  # not a view of what will change
        return Features(self.board(board, remembered), self.own(own, remembered.told), self.legal(masks), symbols)

    def legal(self, masks: Numbers) -> LegalMasks:
        """Masks int8 [E, N, M] of the multi-discrete format, without those of work and symbols."""
        allowed, speech = masks > 0, 1 + self.num_subtasks
        recipient = speech + 1 + NUM_SPOKEN
        topic = recipient + self.num_agents + 1
        end = topic + self.num_subtasks  # symbols and variants stand behind, if there are any
        return LegalMasks(allowed[..., speech:recipient], allowed[..., recipient:topic], allowed[..., topic:end])

    def facts(self, board: Numbers) -> BoardFacts:
        """What memory is made of, from the board part [E, board_size] of an observation."""
        rest = self._field(board, "remaining", 0) * hours(self._field(board, "effort", 0))
        skill = self._field(board, "skills", 0) @ self._field(board, "domain", 0).swapaxes(1, 2)
        kappa = self._field(board, "complexity", 0) * c.MAX_COMPLEXITY
        return BoardFacts(rest, kappa, skill, self.relation(board, "working_on", 0))

    def board(self, observations: Numbers, remembered: Remembered) -> Board:
        """Features of the board part [E, board_size] of one agent's observation, and what is remembered of it."""
        library, field = library_of(observations), partial(self._field, observations, start=0)
        status, domain, skills = field("status"), field("domain"), field("skills")
        numbers = [field(name) * self.num_subtasks / COUNT_SCALE for name in ("prerequisites_left", "dependents_left")]
        numbers += [field(name) for name in ("remaining", "effort", "complexity", "critical_path", "interface_weight")]
        numbers += [field("remaining") * hours(field("effort")) / EFFORT_UNIT]
        subtasks = library.concatenate((status, domain, library.stack(numbers, -1)), -1)
        agents = library.concatenate((field("roles")[..., None], skills), -1)
        relations = self._flags(observations, ("owner", "interface_holders", "working_on"), 0)
        pairs = library.stack((*relations, skills @ domain.swapaxes(1, 2), remembered.pace), -1)
        pairs = library.concatenate((pairs, remembered.schedule), -1)
        real, members, ready = (status > 0).any(-1), (skills > 0).any(-1), status[..., c.READY] > 0
        # the network takes means over agents and subtasks, which hide how many there are
        one = np.float32(1.0)
        counts = library.stack((status[..., c.READY].sum(-1), status[..., : c.DONE].sum((-1, -2))), -1)
        share = one / (members * one).sum(-1)[..., None]
        situation = library.concatenate((field("time_used"), share, counts * share), -1)
        return Board(subtasks, agents, pairs, situation, real, members, ready, remembered.follows)

    def own(self, observations: Numbers, told: Numbers) -> Own:
        """Features of the own part [E, N, D - board_size], and what one told whom [E, N, A, K]."""
        library, field = library_of(observations), partial(self._field, observations, start=self.split)
        each = [field(name)[..., None] for name in ("own_alignment", "own_skill", "own_work")]
        each += [field("known_fact")] if self.with_variants else []
        subtasks = library.concatenate((field("own_understanding"), *each), -1)
        ages = [field(name)[..., None] for name in ("self", "request_to_me", "request_by_me", "message_recency")]
        contacts = library.concatenate((*ages, field("message_speech")), -1)
        relations = self._flags(observations, ("asks_me", "asked", "message_topic"), self.split)
        pairs = library.stack((*relations, told), -1)
        ones = field("own_index") * 0.0 + 1.0
        scalars = library.concatenate((field("own_role"), field("own_debt"), ones), -1)
        return Own(subtasks, contacts, pairs, scalars, field("self").argmax(-1))

    def relation(self, observations: Numbers, name: str, start: int) -> Numbers:
        """A relation bool [..., A, K], whichever way the observation writes it."""
        library = library_of(observations)
        where = {"device": observations.device} if library.__name__ == "torch" else {}
        numbers = partial(library.arange, **where)
        return self.layout.relation(observations, name, start=start, arange=numbers).swapaxes(-1, -2)

    def _flags(self, observations: Numbers, names: tuple[str, ...], start: int) -> list[Numbers]:
        """Relations as float32 [..., A, K]."""
        return [self.relation(observations, name, start) * np.float32(1.0) for name in names]

    def _field(self, observations: Numbers, name: str, start: int) -> Numbers:
        return self.layout.get(observations, name, start=start)


def library_of(numbers: Numbers) -> Any:
    """Return numpy or torch, whichever these numbers belong to."""
    return sys.modules[type(numbers).__module__.partition(".")[0]]


def hours(share: Numbers) -> Numbers:
    """Hours from h / (h + EFFORT_SCALE)."""
    return c.EFFORT_SCALE * share / (1.0 - share)
