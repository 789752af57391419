"""Functions of a state whose changes tell how good what happened in between was; they need no torch.

information
    What each agent understands: the log-probability that its understanding gives the true facets. Its change is the
    information gain of IGPO (arXiv 2510.14967), which estimates it with a model; here it is exact.
forecast
    Hours to the end, the team's. Its fall is a potential-based shaping (Ng, Harada and Russell 1999).

Axes: B environments, N agents, K subtasks, F facets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.policy import Array
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.core.arrays import Params, State
from c2c_env.core.compile import cpu
from c2c_env.core.rewards import forecast_rows


class Potentials(NamedTuple):
    """Functions of a state whose changes are credited."""

    information: Array  # [B, N], at most 0
    forecast: Array  # [B], shares of the lower bound


def potentials(batch: Batch) -> Potentials:
    """What is credited of the present states."""
    return Potentials(
        information(batch.params, batch.state), forecast(batch.params, batch.state, batch.num_envs, batch.backend)
    )


def information(params: Params, state: State) -> Array:
    """Effort-weighted log-probability [B, N] that each agent's understanding gives the true facets, at most 0.

    An understanding is read as the probability to give the true facet of a subtask, and never counts as less than the
    Alignment Factor's floor. What is done counts no more.
    """
    played = state.workflow
    logs = np.log(np.maximum(state.understanding[:, : params.num_agents], params.alignment_floor))
    understood = np.einsum("bnkf,bkf->bnk", logs, params.weights[played])
    left = np.where(state.status == c.DONE, 0.0, params.effort[played]) / params.total_effort[played][:, None]
    total: Array = np.einsum("bnk,bk->bn", understood, left)
    return total


def forecast(params: Params, state: State, count: int, backend: str) -> Array:
    """Hours to the end with today's owners and Alignment Factors, as a share of the lower bound, of the first rows."""
    hours = np.empty(count)
    cpu.load(backend, forecast_rows)(params, state, hours)
    share: Array = hours / params.lower_bound[state.workflow[:count]]
    return share
