"""What a message is worth: hours saved against hours spent, from what can be expected of a teammate."""

from __future__ import annotations

import numpy as np

from agents.policy import Array
from agents.scripted.agent_view import AgentView
from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.core.alignment import alignment_factor, gap_closed
from c2c_env.workflows.pack import gap_share


def expected_understanding(view: AgentView, config: EnvConfig) -> Array:
    """Return what each agent can be expected to know [R, A, K, F].

    The manager knows the intent, whoever finished a prerequisite the interface, an expert the constraints.
    """
    shape = (*view.skill.shape, c.NUM_FACETS)
    known = np.empty(shape)
    manager = view.manager[:, :, None]
    known[..., c.INTENT] = np.where(manager, config.manager_intent, config.initial_intent)
    known[..., c.INTERFACE] = np.where(view.holder.transpose(0, 2, 1), 1.0, config.initial_interface)
    known[..., c.CONSTRAINTS] = view.skill**config.constraints_exponent
    known[..., c.CONTEXT] = config.initial_context
    return known


def alignment_of(understanding: Array, weights: Array, config: EnvConfig) -> Array:
    """Alignment Factor [...] of understanding [..., F]."""
    factor: Array = alignment_factor(config.alignment_floor, (understanding * weights).sum(axis=-1))
    return factor


def hours_saved(before: Array, told: Array, tau: Array, weights: Array, pace: Array, config: EnvConfig) -> Array:
    """Return the working hours that a message saves its recipient.

    Args:
        before: the recipient's understanding [..., F].
        told: the sender's.
        tau: share of the gap that the message closes [...].
        weights: facet weights [..., F].
        pace: hours of effort left / skill [...], the hours that the rest takes at alignment 1.
    """
    after = before + gap_closed(tau[..., None], told, before)
    saved: Array = pace / alignment_of(before, weights, config) - pace / alignment_of(after, weights, config)
    return saved


def exchange_cost(config: EnvConfig) -> Array:
    """Hours [channels] that both sides spend: on a question and its answer, or on the time of two in a meeting."""
    trips = [1 if channel == c.MEETING else 2 for channel in range(c.NUM_CHANNELS)]
    return np.array([n * (rule.send_hours + rule.read_hours) for n, rule in zip(trips, config.channels, strict=True)])


def hours_saved_by_asking(view: AgentView, mine: Array, config: EnvConfig) -> Array:
    """Working hours [R, A, channels] that an exchange with each agent on subtask `mine` [R] saves.

    The wait for an answer does not count, though work goes on meanwhile. Oneself and padding: -inf.
    """
    rows, k = view.rows, np.maximum(mine, 0)
    told = expected_understanding(view, config)[rows, :, k]
    before = view.understanding[rows, k][:, None, :]
    weights = view.weights[rows, k][:, None, :]
    pace = (view.rest[rows, k] / np.maximum(view.skill[rows, view.me, k], 1e-9))[:, None]
    saved = np.empty((*view.real.shape, c.NUM_CHANNELS))
    for channel, rule in enumerate(config.channels):
        exponent = 1.0 if channel == c.MEETING else config.answer_exponent
        tau = gap_share(rule.richness, view.complexity[rows, k], exponent)[:, None]
        saved[..., channel] = hours_saved(before, told, tau, weights, pace, config)
    saved[(mine < 0)[:, None] | ~view.real | (view.me[:, None] == np.arange(view.real.shape[1]))] = -np.inf
    return saved
