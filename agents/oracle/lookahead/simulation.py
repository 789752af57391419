"""Copies of an environment in which joint actions are tried out, with random numbers that are not its own."""

from __future__ import annotations

import numpy as np

from agents.oracle.decide import decide_rows
from agents.oracle.rule import Rule
from agents.oracle.scratch import Scratch
from agents.policy import Array
from c2c_env import Batch
from c2c_env.core import constants, transition
from c2c_env.core.arrays import Outputs, State, allocate
from c2c_env.core.compile import cpu
from c2c_env.core.rng import hash_counter

STREAM_FUTURE = 101  # of the counter-based random numbers; the simulator uses the first few
LEAST_ALIGNMENT = 0.1  # for the hours of a rework


class Futures:
    """Copies of an environment of a batch.

    Nothing comes back as rework in them: its luck would drown what is to be compared. What is to be expected of it is
    worked out at the end. Requirements do change, at other steps than they will.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._params = batch.params._replace(write_observations=0, rework_probability=0.0)
        self._plan = Scratch(**allocate(Scratch, batch.axes(1)))
        self._run = cpu.load(batch.backend, transition.run_rows)
        self._decide = cpu.load(batch.backend, decide_rows)
        self._reserve(1)

    def _reserve(self, count: int) -> None:
        """Make room for `count` copies."""
        sizes = self._batch.axes(count)
        self._state = State(**allocate(State, sizes))
        self._out = Outputs(**allocate(Outputs, sizes | {"D": 1}))
        self._actions = np.zeros((count, *self._batch.action_buffer.shape[1:]), dtype=np.int32)

    def play(self, row: int, actions: Array, rule: Rule, keys: Array) -> tuple[Array, Array, Array, Array]:
        """Take every joint action in environment `row`, then go on by the rule to the end.

        Args:
            row: of the batch.
            actions: int32 [C, N, parts].
            rule: what decides afterwards.
            keys: random keys [S]; every action meets the same ones.

        Returns:
            [C, S] each: hours until the end; hours of communication; mean hour at which a subtask is done; hours of
            everybody's that rework is expected to take (a share of which delays the end).
        """
        shape = (len(actions), len(keys))
        count = shape[0] * shape[1]
        if count > len(self._actions):
            self._reserve(count)
        for mine, theirs in zip(self._state, self._batch.state, strict=True):
            mine[:count] = theirs[row]
        self._state.key[:count] = np.tile(keys, shape[0])
        self._actions[:count] = np.repeat(actions, shape[1], axis=0)
        rows = np.arange(count)
        while len(rows):
            self._run(self._params, self._state, self._out, self._actions, rows, constants.STEP)
            rows = rows[(self._out.terminated[rows] | self._out.truncated[rows]) == 0]
            self._decide(self._batch.params, self._state, self._plan, rule, self._actions, rows)
        return self._costs(row, count, shape)

    def _costs(self, row: int, count: int, shape: tuple[int, int]) -> tuple[Array, Array, Array, Array]:
        """What the copies have come to since they left the environment."""
        p, s, now = self._params, self._state, self._batch.state
        num = int(p.num_subtasks[now.workflow[row]])
        hours = (s.t[:count] - now.t[row]) * p.dt
        spoken = s.tally[:count, constants.COMMUNICATION_HOURS] - now.tally[row, constants.COMMUNICATION_HOURS]
        step = np.where(s.finished_step[:count, :num] < 0, s.t[:count, None], s.finished_step[:count, :num])
        done = step.mean(axis=1) * p.dt
        again = self._expected_rework(row, count, num)
        return hours.reshape(shape), spoken.reshape(shape), done.reshape(shape), again.reshape(shape)

    def _expected_rework(self, row: int, count: int, num: int) -> Array:
        """Hours [count] that rework of what is not done yet is expected to take, of everybody's together."""
        p, s, now = self._params, self._state, self._batch.state
        aligned = s.aligned_hours[:count, :num] / np.maximum(s.worked_hours[:count, :num], 1e-9)
        chance = self._batch.params.rework_probability * (1.0 - aligned)
        effort = p.effort[now.workflow[row], :num]
        hours = chance * p.rework_share * effort / np.maximum(aligned, LEAST_ALIGNMENT)
        expected: Array = np.where(now.status[row, :num] == constants.DONE, 0.0, hours).sum(axis=1)
        return expected


def future_keys(seed: int, step: int, count: int) -> Array:
    """Random keys [count] for what is tried out at a step."""
    with np.errstate(over="ignore"):
        return np.array([hash_counter(np.uint64(seed), STREAM_FUTURE, step, n) for n in range(count)], dtype=np.uint64)
