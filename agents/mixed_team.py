"""A team of which one agent follows a policy, and the others that of its partners."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from agents.play import decide_actions
from agents.policy import Array, Policy
from c2c_env import Batch
from c2c_env.errors import ConfigError


class MixedTeam:
    """In every environment, the agent of one place follows `member` and all others follow `partners`.

    It is asked through `act_batch`, so that either of the two may be a reference that sees the true state.

    Args:
        member: policy of the one agent, made for all agents of the batch.
        partners: policy of the others, made likewise.
        place: index of the one agent in its team.
        num_agents: N.
    """

    def __init__(self, member: Policy, partners: Policy, place: int, num_agents: int) -> None:
        self.member, self.partners = member, partners
        self._own = np.array([place])
        self._others = np.delete(np.arange(num_agents), place)

    def reset(self, rows: Array) -> None:
        """Have both policies forget what they remember of these rows."""
        self.member.reset(rows)
        self.partners.reset(rows)

    def act(self, observations: Array, action_masks: Array, rows: Array) -> NoReturn:
        """Refuse: references need more than observations."""
        raise ConfigError("a mixed team is asked with its batch: call act_batch, as agents.play.play does")

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Decide for all agents in environments `rows` [R]: integers [R, N, parts]."""
        own = decide_actions(batch, self.member, rows, self._own)
        actions = np.zeros((len(rows), batch.num_agents, own.shape[-1]), dtype=own.dtype)
        actions[:, self._own] = own
        if len(self._others):
            actions[:, self._others] = decide_actions(batch, self.partners, rows, self._others)
        return actions
