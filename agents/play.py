"""The loop that plays episodes of a batch with a policy."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.decision_checks import checked_decision
from agents.policy import Array, Judging, Policy, Seating, SeesState
from c2c_env import Batch
from c2c_env.interventions import Intervention


def decide_actions(
    batch: Batch,
    policy: Policy,
    active: Array,
    agents: Array | None = None,
    intervention: Intervention | None = None,
) -> Array:
    """Decide for agents in environments.

    Args:
        batch: of B environments.
        policy: which decides, made for all agents of the batch.
        active: [R] the environments.
        agents: [A] indices of those who are asked; None for all N.
        intervention: which may hide from them what they heard.

    Returns:
        Integers [R, A, parts].

    Raises:
        PolicyError: the policy did not answer with such integers, each in the range of its part.
    """
    asked = np.arange(batch.num_agents) if agents is None else agents
    if isinstance(policy, Seating):
        return _decide_seats(batch, policy, active, asked, intervention)
    if isinstance(policy, SeesState):
        everybody = np.arange(batch.num_agents)
        return checked_decision(batch, policy, policy.act_batch(batch, active), active, everybody)[:, asked]
    places = active if agents is None else np.ix_(active, asked)
    rows = (active[:, None] * batch.num_agents + asked).reshape(-1)
    observations = batch.observations[places].reshape(len(rows), -1)
    if intervention is not None:
        observations = intervention.hide(batch.layout, observations)
    masks = batch.action_masks[places].reshape(len(rows), -1)
    return checked_decision(batch, policy, policy.act(observations, masks, rows), active, asked)


def _decide_seats(batch: Batch, team: Seating, active: Array, asked: Array, intervention: Intervention | None) -> Array:
    """Ask each policy of a mixed team for those of its seats that are asked; see `decide_actions`."""
    actions = np.zeros((len(active), batch.num_agents, len(batch.action_sizes)), dtype=np.int64)
    for policy, seats in team.seated_members():
        own = seats[np.isin(seats, asked)]
        if len(own):
            actions[:, own] = decide_actions(batch, policy, active, own, intervention)
    decided: Array = actions[:, asked]
    return decided


def play(
    batch: Batch, policy: Policy, *, on_step: Any = None, intervention: Intervention | None = None
) -> list[dict[str, float]]:
    """Play the episodes that the batch has just reset to their ends; return a dict of metrics for each environment.

    Args:
        batch: freshly reset, with the constants of the intervention.
        policy: made for `PolicyContext.of(batch)`.
        on_step: called without arguments after every step, for recorders.
        intervention: what is done to messages.
    """
    metrics: list[dict[str, float]] = [{} for _ in range(batch.num_envs)]
    active = np.arange(batch.num_envs)
    judge = policy if isinstance(policy, Judging) else None
    policy.reset(np.arange(batch.num_envs * batch.num_agents))
    while len(active):
        actions = decide_actions(batch, policy, active, intervention=intervention)
        factors = None
        if judge is not None:
            rows = (active[:, None] * batch.num_agents + np.arange(batch.num_agents)).reshape(-1)
            factors = judge.message_factors(rows)
            if factors is not None:
                factors = factors.reshape(len(active), batch.num_agents)
                batch.message_factors[active] = factors
        if intervention is not None:
            actions = intervention.change(batch, active, actions, factors)
        batch.action_buffer[active] = actions
        batch.step_written(active)
        if on_step is not None:
            on_step()
        ended = (batch.terminated[active] | batch.truncated[active]).astype(bool)
        for row in active[ended]:
            metrics[row] = batch.metrics(row)
        active = active[~ended]
    return metrics
