"""Turns observations into what the entity network reads: subtask, agent and pair features, with padding masked.

Axes: E environments, N agents that decide, A agents that are seen (padded), K subtasks (padded).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from c2c_env.core import constants as c
from c2c_env.core.observation.layout import ObservationLayout

COUNT_SCALE = 4.0  # prerequisites and dependents come in ones and twos, whatever the padding
NUM_SUBTASK_FEATURES = 16
NUM_AGENT_FEATURES = 6
NUM_PAIR_FEATURES = 5
NUM_OWN_SUBTASK_FEATURES = 7
NUM_CONTACT_FEATURES = 10
NUM_OWN_PAIR_FEATURES = 4
NUM_OWN_FEATURES = 3


class Board(NamedTuple):
    """What everybody sees, once per environment."""

    subtasks: Tensor  # [E, K, NUM_SUBTASK_FEATURES]
    agents: Tensor  # [E, A, NUM_AGENT_FEATURES]
    pairs: Tensor  # [E, A, K, NUM_PAIR_FEATURES] owner, finished a prerequisite, worked on it last, skill, pace
    time_used: Tensor  # [E, 1]
    is_subtask: Tensor  # [E, K] bool, False for padding
    is_agent: Tensor  # [E, A] bool


class Own(NamedTuple):
    """What only the agent itself sees."""

    subtasks: Tensor  # [E, N, K, NUM_OWN_SUBTASK_FEATURES]
    contacts: Tensor  # [E, N, A, NUM_CONTACT_FEATURES]
    pairs: Tensor  # [E, N, A, K, NUM_OWN_PAIR_FEATURES] asks me, asked by me, topic of its last message, told by me
    scalars: Tensor  # [E, N, NUM_OWN_FEATURES]
    me: Tensor  # [E, N] own index


class LegalMasks(NamedTuple):
    """What is legal, as masks of bool."""

    work: Tensor  # [E, N, 1 + K]
    speech: Tensor  # [E, N, S + 1]
    recipient: Tensor  # [E, N, A + 1]
    topic: Tensor  # [E, N, K]


class Features(NamedTuple):
    """What the network reads."""

    board: Board
    own: Own
    legal: LegalMasks


class BoardFacts(NamedTuple):
    """Numbers of the board in natural units."""

    rest: Tensor  # [E, K] hours of effort left
    complexity: Tensor  # [E, K] kappa
    skill: Tensor  # [E, A, K] of each agent for each subtask
    worked: Tensor  # [E, A, K] bool, in the last step


class Reader:
    """Reads observations of one layout."""

    def __init__(self, layout: ObservationLayout) -> None:
        self.layout = layout
        self.num_agents, self.num_subtasks = layout.sizes["A"], layout.sizes["K"]
        self.split = layout.board_size

    def facts(self, board: Tensor) -> BoardFacts:
        """What memory is made of, from the board part [E, board_size] of an observation."""
        rest = self._field(board, "remaining", 0) * hours(self._field(board, "effort", 0))
        skill = self._field(board, "skills", 0) @ self._field(board, "domain", 0).transpose(1, 2)
        kappa = self._field(board, "complexity", 0) * c.MAX_COMPLEXITY
        return BoardFacts(rest, kappa, skill, self.relation(board, "working_on", 0) > 0.5)

    def board(self, observations: Tensor, pace: Tensor) -> Board:
        """Features of the board part [E, board_size] of one agent's observation, and the pace [E, A, K] remembered."""
        field = partial(self._field, observations, start=0)
        status, domain, skills = field("status"), field("domain"), field("skills")
        counts = torch.stack((field("prerequisites_left"), field("dependents_left")), dim=-1)
        numbers = [field(name) for name in ("remaining", "effort", "complexity", "critical_path", "interface_weight")]
        rest = (field("remaining") * hours(field("effort"))) / 10.0
        subtasks = torch.cat(
            (status, domain, counts * (self.num_subtasks / COUNT_SCALE), torch.stack((*numbers, rest), dim=-1)), dim=-1
        )
        agents = torch.cat((field("roles")[..., None], skills), dim=-1)
        relations = [self.relation(observations, name, 0) for name in ("owner", "interface_holders", "working_on")]
        pairs = torch.stack((*relations, skills @ domain.transpose(1, 2), pace.to(observations.dtype)), dim=-1)
        return Board(subtasks, agents, pairs, field("time_used"), status.any(dim=-1), skills.any(dim=-1))

    def own(self, observations: Tensor, told: Tensor) -> Own:
        """Features of the own part [E, N, D - board_size], and what one told whom [E, N, A, K]."""
        field = partial(self._field, observations, start=self.split)
        subtasks = torch.cat(
            (field("own_understanding"), *(field(n)[..., None] for n in ("own_alignment", "own_skill", "own_work"))),
            dim=-1,
        )
        ages = [field(name)[..., None] for name in ("self", "request_to_me", "request_by_me", "message_recency")]
        contacts = torch.cat((*ages, field("message_speech")), dim=-1)
        relations = [self.relation(observations, name, self.split) for name in ("asks_me", "asked", "message_topic")]
        pairs = torch.stack((*relations, told.to(observations.dtype)), dim=-1)
        me = field("self").argmax(dim=-1)
        scalars = torch.cat((field("own_role"), field("own_debt"), torch.ones_like(field("own_index"))), dim=-1)
        return Own(subtasks, contacts, pairs, scalars, me)

    def _field(self, observations: Tensor, name: str, start: int) -> Tensor:
        part: Tensor = self.layout.get(observations, name, start=start)
        return part

    def relation(self, observations: Tensor, name: str, start: int) -> Tensor:
        """A relation [..., A, K] of 0/1, whichever way the observation writes it."""
        numbers = partial(torch.arange, device=observations.device)
        found: Tensor = self.layout.relation(observations, name, start=start, arange=numbers)
        return found.transpose(-1, -2).to(observations.dtype)


def hours(share: Tensor) -> Tensor:
    """Hours from h / (h + EFFORT_SCALE)."""
    return c.EFFORT_SCALE * share / (1.0 - share)
