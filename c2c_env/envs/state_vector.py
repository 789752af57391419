"""The full global state of every environment of a batch as one float32 vector in [0, 1], for centralised critics."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, shape_of
from c2c_env.envs.batch import Batch

_Part = tuple[str, Callable[[], Array]]  # the axes after B, and what works the values out


def state_vector(batch: Batch) -> Array:
    """Return float32 [B, S]: time, subtasks and what is understood of them, team, debts, requests, mail, facts."""
    vector = np.zeros((batch.num_envs, state_size(batch)), dtype=np.float32)
    end = 0
    for axes, values in _parts(batch):
        shape = shape_of(axes, batch.axes(batch.num_envs))
        start, end = end, end + math.prod(shape)
        vector[:, start:end].reshape(batch.num_envs, *shape)[...] = values()
    return np.clip(vector, 0.0, 1.0, out=vector)


def state_size(batch: Batch) -> int:
    """Return S, the length of the vector, without making one."""
    sizes = batch.axes(batch.num_envs)
    return sum(math.prod(shape_of(axes, sizes)) for axes, _ in _parts(batch))


def _parts(batch: Batch) -> list[_Part]:
    p, s = batch.params, batch.state
    w = s.workflow
    agents, subtasks = p.max_agents, p.max_subtasks
    real = np.arange(subtasks) < p.num_subtasks[w][:, None]
    open_request = s.request_topic >= 0
    sent = s.mail_speech > 0
    return [
        ("1", lambda: (s.t / np.maximum(p.horizon[w], 1))[:, None]),
        ("A DOMAINS", lambda: p.skill),
        ("K", lambda: real),
        ("K STATUSES", lambda: _one_hot(s.status, c.NUM_STATUSES) * real[..., None]),
        ("K", lambda: s.remaining / np.where(p.effort[w] > 0.0, p.effort[w], 1.0)),
        ("K", lambda: p.effort[w] / (p.effort[w] + c.EFFORT_SCALE)),
        ("K", lambda: p.complexity[w] / c.MAX_COMPLEXITY),
        ("K DOMAINS", lambda: _one_hot(p.domain[w], p.skill.shape[1]) * real[..., None]),
        ("K FACETS", lambda: p.weights[w]),
        ("K K", lambda: _prerequisite_matrix(batch)),
        ("K A", lambda: _one_hot(s.owner, agents)),
        ("A K FACETS", lambda: s.understanding),
        ("A", lambda: s.debt / (s.debt + c.EFFORT_SCALE)),
        ("A K", lambda: _one_hot(s.last_work, subtasks)),
        ("A A", lambda: (s.request_topic + 1) / subtasks),
        ("A A", lambda: _request_ages(batch, open_request)),
        ("L A SPOKEN", lambda: _one_hot(s.mail_speech - 1, c.NUM_SPEECHES - 1)),
        ("L A", lambda: sent * (s.mail_recipient + 1) / (agents + 1)),
        ("L A", lambda: sent * (s.mail_topic + 1) / subtasks),
        ("L A FACETS", lambda: sent[..., None] * s.mail_facets),
        ("L", lambda: _one_hot(s.t % p.max_latency, p.max_latency)),  # where the messages of the last step are
        *([("K F", lambda: _facts(batch)), ("A K", lambda: s.knows)] if p.hidden_facts else []),
    ]


def _facts(batch: Batch) -> Array:
    """Which variant of each subtask is wanted, as [B, K, F] of 0 and 1; zeros for padding."""
    p, s = batch.params, batch.state
    real = np.arange(p.max_subtasks) < p.num_subtasks[s.workflow][:, None]
    return _one_hot(s.fact, p.hidden_facts) & real[..., None]


def _one_hot(index: Array, size: int) -> Array:
    """Return [..., size] of 0 and 1; a negative index gives zeros."""
    return np.asarray(index[..., None] == np.arange(size))


def _request_ages(batch: Batch, open_request: Array) -> Array:
    """Return [B, A, A] with the age of each open request as a share of the longest, 0 where there is none."""
    age = batch.state.t[:, None, None] - batch.state.request_step
    return np.where(open_request, (age + 1) / (batch.params.request_expiry + 2), 0.0)


def _prerequisite_matrix(batch: Batch) -> Array:
    """Return bool [B, K, K], True where the row needs the column."""
    p = batch.params
    needs = np.zeros((batch.num_envs, p.max_subtasks, p.max_subtasks), dtype=bool)
    for matrix, w in zip(needs, batch.state.workflow, strict=True):
        rows = np.repeat(np.arange(p.max_subtasks), p.num_prerequisites[w])
        matrix[rows, p.prerequisites[w, : len(rows)]] = True
    return needs
