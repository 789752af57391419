"""The full global state of every environment of a batch as one float32 vector in [0, 1], for centralised critics."""

from __future__ import annotations

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch


def state_vector(batch: Batch) -> Array:
    """Return float32 [B, S]: time, subtasks, prerequisites, team, understanding, owners, debts, requests, mail."""
    vector = np.concatenate([part.reshape(batch.num_envs, -1) for part in _parts(batch)], axis=1, dtype=np.float32)
    return np.clip(vector, 0.0, 1.0)


def state_size(batch: Batch) -> int:
    """Return S, the length of the vector."""
    return sum(part[0].size for part in _parts(batch))


def _parts(batch: Batch) -> list[Array]:
    p, s = batch.params, batch.state
    w = s.workflow
    agents, subtasks = p.max_agents, p.max_subtasks
    real = np.arange(subtasks) < p.num_subtasks[w][:, None]
    expiry = p.request_expiry + 1
    open_request = s.request_topic >= 0
    age = np.where(open_request, s.t[:, None, None] - s.request_step, 0)
    sent = s.mail_speech > 0
    return [
        (s.t / np.maximum(p.horizon[w], 1))[:, None],
        np.broadcast_to(p.skill, (batch.num_envs, *p.skill.shape)),
        real,
        _one_hot(s.status, c.NUM_STATUSES) * real[..., None],
        s.remaining / np.where(real, p.effort[w], 1.0),
        p.effort[w] / (p.effort[w] + c.EFFORT_SCALE),
        p.complexity[w] / c.MAX_COMPLEXITY,
        _one_hot(p.domain[w], c.NUM_DOMAINS) * real[..., None],
        p.weights[w],
        _prerequisite_matrix(batch),
        _one_hot(s.owner, agents),
        s.understanding,
        s.debt / (s.debt + c.EFFORT_SCALE),
        _one_hot(s.last_work, subtasks),
        (s.request_topic + 1) / subtasks,
        open_request * (age + 1) / (expiry + 1),
        _one_hot(s.mail_speech - 1, c.NUM_SPEECHES - 1),
        sent * (s.mail_recipient + 1) / (agents + 1),
        sent * (s.mail_topic + 1) / subtasks,
        sent[..., None] * s.mail_facets,
        _by_age(batch),
    ]


def _one_hot(index: Array, size: int) -> Array:
    """Return [..., size] of 0 and 1; a negative index gives zeros."""
    return np.asarray(index[..., None] == np.arange(size))


def _prerequisite_matrix(batch: Batch) -> Array:
    """Return [B, K, K] with 1 where the row needs the column."""
    p, w = batch.params, batch.state.workflow
    listed = np.arange(p.prerequisites.shape[2]) < p.num_prerequisites[w][..., None]
    needs = _one_hot(p.prerequisites[w], p.max_subtasks) & listed[..., None]
    return np.asarray(needs.any(axis=2))


def _by_age(batch: Batch) -> Array:
    """Return [B, L] with 1 at the place of the mailbox that holds the messages of the last step."""
    return _one_hot(batch.state.t % batch.params.max_latency, batch.params.max_latency)
