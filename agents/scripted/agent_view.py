"""What one's own observation says, in natural units: the reading that all scripted teams share.

Axes: R rows (each one agent's own observation), A agents, K subtasks, F facets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.policy import Array, PolicyContext
from c2c_env.config import EnvConfig
from c2c_env.core import constants as c


@dataclass(frozen=True)
class AgentView:
    """What R agents see, one row for each of them; times are in hours, flags are bool."""

    me: Array  # [R] own index
    real: Array  # [R, A] agents that are no padding
    manager: Array  # [R, A]
    ready: Array  # [R, K]
    unfinished: Array  # [R, K]
    rest: Array  # [R, K] hours of effort left
    complexity: Array  # [R, K]
    prerequisites_left: Array  # [R, K]
    critical_path: Array  # [R, K] scaled hours from here to the end
    skill: Array  # [R, A, K] of each agent for each subtask
    weights: Array  # [R, K, F] facet weights (see `facet_weights`)
    owner: Array  # [R, K, A]
    holder: Array  # [R, K, A] finished a prerequisite of k
    understanding: Array  # [R, K, F] own
    alignment: Array  # [R, K] own
    asks_me: Array  # [R, K, A] open requests to me
    request_age: Array  # [R, A] their age in steps, -1 none
    by_email: Array  # [R, A] the last message from that agent is a question by email
    asked: Array  # [R, K, A] my requests, open or under way

    @property
    def rows(self) -> Array:
        """The numbers of the rows [R], for indexing."""
        return np.arange(len(self.me))


def read_agent_view(observations: Array, context: PolicyContext) -> AgentView:
    """Read observations [R, D] through the named layout."""
    layout = context.layout
    status = layout.read(observations, "status")
    domain = layout.get(observations, "domain")
    remaining = layout.read(observations, "remaining").astype(np.float64)
    speech = layout.read(observations, "message_speech")
    real = np.zeros(layout.sizes["A"], dtype=bool)
    real[: context.num_agents] = True
    return AgentView(
        me=layout.read(observations, "own_index")[:, 0],
        real=np.broadcast_to(real, (len(observations), len(real))),
        manager=layout.read(observations, "roles"),
        ready=status[..., c.READY],
        unfinished=status.any(axis=-1) & ~status[..., c.DONE],
        rest=remaining * layout.read(observations, "effort"),
        complexity=layout.read(observations, "complexity"),
        prerequisites_left=layout.read(observations, "prerequisites_left"),
        critical_path=layout.get(observations, "critical_path"),
        skill=np.einsum("rad,rkd->rak", layout.get(observations, "skills"), domain),
        weights=facet_weights(layout.get(observations, "interface_weight"), context.config),
        owner=layout.relation(observations, "owner"),
        holder=layout.relation(observations, "interface_holders"),
        understanding=layout.get(observations, "own_understanding"),
        alignment=layout.get(observations, "own_alignment"),
        asks_me=layout.relation(observations, "asks_me"),
        request_age=layout.read(observations, "request_to_me"),
        by_email=speech[..., c.EMAIL_ASK - c.CHAT_TELL],
        asked=layout.relation(observations, "asked"),
    )


def facet_weights(interface: Array, config: EnvConfig) -> Array:
    """Facet weights [R, K, F]: the interface as observed, the rest in the proportions of the configuration."""
    default = np.array(config.facet_weights, dtype=np.float64)
    default[c.INTERFACE] = 0.0
    weights: Array = (1.0 - interface[..., None]) * default / default.sum()
    weights[..., c.INTERFACE] = interface
    return weights
