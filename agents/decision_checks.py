"""Checks what a policy answers before the simulator gets it."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.policy import Array
from c2c_env import Batch
from c2c_env.envs.spaces import part_names
from c2c_env.errors import PolicyError


def checked_decision(batch: Batch, policy: object, answer: Any, active: Array, asked: Array) -> Array:
    """The answer of a policy as integers [R, A, parts].

    What the mask forbids passes: the simulator turns it into no work or silence, and counts it.

    Args:
        batch: whose agents were asked.
        policy: which was asked.
        answer: integers [R * A, parts] or [R, A, parts].
        active: [R] environments.
        asked: [A] indices of agents.

    Raises:
        PolicyError: it has another number of values, they are no integers, or one is out of its range.
    """
    sizes = batch.action_sizes
    given, shape = _as_array(policy, answer), (len(active), len(asked), len(sizes))
    if given.dtype.kind not in "iu":
        raise PolicyError(f"{_who(policy)} answered with type {given.dtype}, expected integers")
    if given.shape not in (shape, (shape[0] * shape[1], shape[2])):
        raise PolicyError(
            f"{_who(policy)} answered with shape {given.shape}, expected ({shape[0] * shape[1]}, {shape[2]}): a row for"
            " each agent that was asked, a column for each part of an action"
        )
    actions: Array = given.reshape(shape)
    wrong = (actions < 0) | (actions >= sizes)
    if wrong.any():
        raise PolicyError(_describe(batch, policy, actions, np.argwhere(wrong)[0], active, asked))
    return actions


def _as_array(policy: object, answer: Any) -> Array:
    try:
        return np.asarray(answer)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"{_who(policy)} answered with {type(answer).__name__} and no array: {error}") from error


def _describe(batch: Batch, policy: object, actions: Array, place: Array, active: Array, asked: Array) -> str:
    """Name the first value that is out of its range."""
    row, agent, part = place.tolist()
    name, size = part_names(batch.config)[part], batch.action_sizes[part]
    who = batch.team.agents[asked[agent]]
    return (
        f"{_who(policy)} chose {name} {actions[row, agent, part]} for {who} in environment {active[row]},"
        f" expected an integer in [0, {size - 1}]"
    )


def _who(policy: object) -> str:
    """A policy by its name, or by its class if it has none."""
    return f"policy {getattr(policy, 'name', type(policy).__name__)}"
