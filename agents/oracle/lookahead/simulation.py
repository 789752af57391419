"""What joint actions come to when the oracle's rule goes on after them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agents.copies import Copies
from agents.oracle.decide import decide_rows
from agents.oracle.rule import Rule
from agents.oracle.scratch import Scratch
from agents.policy import Array
from c2c_env import Batch
from c2c_env.core import constants
from c2c_env.core.arrays import allocate
from c2c_env.core.compile import cpu
from c2c_env.core.rng import hash_counter

STREAM_FUTURE = 101  # of the counter-based random numbers; the simulator uses the first few
LEAST_ALIGNMENT = 0.1  # for the hours of a rework
REWORK = 0.4  # share of the hours of expected rework that delays the end
EARLY = 0.2  # weight of the mean hour at which a subtask is done, which tells apart what ends at the same step


class Costs(NamedTuple):
    """What joint actions have come to, each float [R, C, S]."""

    hours: Array  # until the end
    spoken: Array  # hours of communication
    done: Array  # mean hour at which a subtask is done
    again: Array  # hours of everybody's that rework is expected to take (a share of which delays the end)

    def total(self, price: float) -> Array:
        """Hours [R, C, S] of completion time that all of it counts; an hour of communication counts `price`."""
        total: Array = self.hours + price * self.spoken + EARLY * self.done + REWORK * self.again
        return total


class Futures:
    """Copies of environments of a batch that go on by the rule.

    Nothing comes back as rework in them: its luck would drown what is to be compared. What is to be expected of it is
    worked out at the end. Requirements do change, at other steps than they will.
    """

    def __init__(self, batch: Batch) -> None:
        self._copies = Copies(batch, rework=False)
        self._scratch = Scratch(**allocate(Scratch, batch.axes(1)))
        self._decide = cpu.load(batch.backend, decide_rows)

    def play(self, rows: Array, actions: Array, rule: Rule, keys: Array) -> Costs:
        """Take every joint action in each of some environments, then go on by the rule to the end.

        Args:
            rows: environments of the batch [R].
            actions: int32 [R, C, N, parts].
            rule: what decides afterwards.
            keys: random keys [R, S]; every action in an environment meets the same ones.
        """
        shape = (*actions.shape[:2], keys.shape[1])
        sources = np.repeat(rows, shape[1] * shape[2])
        going = self._copies.take(sources, np.repeat(keys[:, None], shape[1], axis=1).reshape(-1))
        tried = np.repeat(actions, shape[2], axis=1)
        self._copies.actions[: len(sources)] = tried.reshape(len(sources), *actions.shape[2:])
        while len(going):
            going = self._copies.step(going)
            params = self._copies.batch.params  # with rework, which the rule reckons with
            self._decide(params, self._copies.state, self._scratch, rule, self._copies.actions, going)
        return Costs(*(part.reshape(shape) for part in self._costs(sources)))

    def _costs(self, sources: Array) -> Costs:
        """What the copies have come to since they left the environments `sources` [copies]."""
        p, s, now = self._copies.params, self._copies.state, self._copies.batch.state
        count, workflow = len(sources), now.workflow[sources]
        real = np.arange(s.status.shape[1]) < p.num_subtasks[workflow][:, None]
        hours = (s.t[:count] - now.t[sources]) * p.dt
        spoken = s.tally[:count, constants.COMMUNICATION_HOURS] - now.tally[sources, constants.COMMUNICATION_HOURS]
        step = np.where(s.finished_step[:count] < 0, s.t[:count, None], s.finished_step[:count])
        done = (step * real).sum(axis=1) / real.sum(axis=1) * p.dt
        return Costs(hours, spoken, done, self._expected_rework(sources, workflow, real))

    def _expected_rework(self, sources: Array, workflow: Array, real: Array) -> Array:
        """Hours [copies] that rework of what is not done yet is expected to take, of everybody's together."""
        batch, s, count = self._copies.batch, self._copies.state, len(sources)
        p, now = batch.params, batch.state
        aligned = s.aligned_hours[:count] / np.maximum(s.worked_hours[:count], 1e-9)
        chance = p.rework_probability * (1.0 - aligned)
        hours = chance * p.rework_share * p.effort[workflow] / np.maximum(aligned, LEAST_ALIGNMENT)
        expected: Array = np.where((now.status[sources] == constants.DONE) | ~real, 0.0, hours).sum(axis=1)
        return expected


def future_keys(seed: int, step: int, count: int) -> Array:
    """Random keys [count] for what is tried out at a step."""
    with np.errstate(over="ignore"):
        return np.array([hash_counter(np.uint64(seed), STREAM_FUTURE, step, n) for n in range(count)], dtype=np.uint64)
