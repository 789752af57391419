"""Teams whose members follow several policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from agents.play import decide_actions
from agents.policy import Array, Policy
from c2c_env import Batch
from c2c_env.errors import ConfigError


class SeatedTeam:
    """In every environment, each policy decides for the agents of its own seats.

    `agents.play.decide_actions` asks each of them in its own way, so that any of the policies may be a reference that
    sees the true state.

    Args:
        seats: policies, each made for all agents of the batch, with the indices of the agents that follow it; together
            they are all agents, each once.
    """

    def __init__(self, seats: Sequence[tuple[Policy, Array]]) -> None:
        self.seats = [(policy, agents) for policy, agents in seats if len(agents)]

    def reset(self, rows: Array) -> None:
        """Have all policies forget what they remember of these rows."""
        for policy, _ in self.seats:
            policy.reset(rows)

    def act(self, observations: Array, action_masks: Array, rows: Array) -> NoReturn:
        """Refuse: references need more than observations."""
        raise ConfigError("a mixed team is asked with its batch: call act_batch, as agents.play.play does")

    def seated_members(self) -> Sequence[tuple[Policy, Array]]:
        """See `agents.policy.Seating`."""
        return self.seats

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Decide for all agents in environments `rows` [R]: integers [R, N, parts]."""
        return decide_actions(batch, self, rows)


class MixedTeam(SeatedTeam):
    """In every environment, the agent of one place follows `member` and all others follow `partners`.

    Args:
        member: policy of the one agent, made for all agents of the batch.
        partners: policy of the others, made likewise.
        place: index of the one agent in its team.
        num_agents: N.
    """

    def __init__(self, member: Policy, partners: Policy, place: int, num_agents: int) -> None:
        others = np.delete(np.arange(num_agents), place)
        super().__init__([(member, np.array([place])), (partners, others)])
