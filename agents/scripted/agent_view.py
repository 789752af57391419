"""What one's own observation says, in natural units: the reading that all scripted teams share.

Axes: R rows (each one agent's own observation), A agents, K subtasks, F facets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.policy import Array, PolicyContext
from c2c_env.core.constants import CHAT_TELL, DONE, EMAIL_ASK, INTERFACE, READY
from c2c_env.core.observation_layout import ObservationLayout


@dataclass(frozen=True)
class AgentView:
    """One row an agent; hours are hours, flags are bool."""

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
        """[R] for indexing."""
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
        ready=status[..., READY],
        unfinished=status.any(axis=-1) & ~status[..., DONE],
        rest=remaining * layout.read(observations, "effort"),
        complexity=layout.read(observations, "complexity"),
        prerequisites_left=layout.read(observations, "prerequisites_left"),
        critical_path=layout.get(observations, "critical_path"),
        skill=np.einsum("rad,rkd->rak", layout.get(observations, "skills"), domain),
        weights=facet_weights(layout.get(observations, "interface_weight"), context),
        owner=subtask_agent(observations, layout, "owner"),
        holder=subtask_agent(observations, layout, "interface_holders"),
        understanding=layout.get(observations, "own_understanding"),
        alignment=layout.get(observations, "own_alignment"),
        asks_me=subtask_agent(observations, layout, "asks_me"),
        request_age=layout.read(observations, "request_to_me"),
        by_email=speech[..., EMAIL_ASK - CHAT_TELL],
        asked=subtask_agent(observations, layout, "asked"),
    )


def subtask_agent(observations: Array, layout: ObservationLayout, name: str) -> Array:
    """A relation as [R, K, A] of bool, whichever way the observation writes it."""
    if layout.relations == "onehot":
        return layout.read(observations, name)
    index = layout.read(observations, name)
    agents, subtasks = np.arange(layout.sizes["A"]), np.arange(layout.sizes["K"])
    if name == "owner":
        return np.asarray(index[..., None] == agents)
    if name == "interface_holders":
        return np.asarray((index[..., None] == agents).any(axis=2))
    return np.asarray(index[:, None, :] == subtasks[:, None])


def facet_weights(interface: Array, context: PolicyContext) -> Array:
    """Weights [R, K, F]: interface as observed, the rest in the proportions of the configuration."""
    default = np.array(context.config.facet_weights, dtype=np.float64)
    default[INTERFACE] = 0.0
    weights: Array = (1.0 - interface[..., None]) * default / default.sum()
    weights[..., INTERFACE] = interface
    return weights
