"""Rewards of turns that look at the true state, for training only: what a team that knew everything would make of it.

The oracle plays copies of the environment on to their ends, with luck of their own that has nothing to do with what
will really happen. All of it comes from counter-based random numbers, so the same episode gives the same rewards.
"""

from __future__ import annotations

import numpy as np

from agents.copies import Copies
from agents.oracle.decide import decide_rows
from agents.oracle.oracle_team import OracleRule
from agents.oracle.scratch import Scratch
from agents.policy import Array
from c2c_env import Batch
from c2c_env.core.arrays import allocate
from c2c_env.core.compile import cpu
from c2c_env.core.constants import SILENT, SPEECH
from c2c_env.core.rng import hash_counter

STREAM_TURNS = 108  # of the counter-based random numbers, see `c2c_env.core.rng`
LUCKS = 8  # copies that are played on for each mean; ours


class OracleForecast:
    """Expected hours to the end of the one environment of a batch, played on by the oracle.

    The same lucks are met from every state of an episode, so that differences are not drowned by luck.

    Args:
        batch: just reset.
        lucks: M copies that are played on for each mean.
    """

    def __init__(self, batch: Batch, lucks: int = LUCKS) -> None:
        self._batch, self._copies = batch, Copies(batch)
        self._rule = OracleRule().rule_of(batch, 0)
        self._scratch = Scratch(**allocate(Scratch, batch.axes(1)))
        self._decide_rows = cpu.load(batch.backend, decide_rows)
        with np.errstate(over="ignore"):
            self._keys: Array = hash_counter(batch.state.key[0], STREAM_TURNS, 0, np.arange(lucks, dtype=np.uint64))

    def hours(self) -> float:
        """Mean hours from the present state to the end; 0 if the episode is over."""
        if self._batch.terminated[0] or self._batch.truncated[0]:
            return 0.0
        going = self._take(1)
        self._decide(going)
        return float(self._played_on(going).mean())

    def hours_after(self, actions: Array) -> Array:
        """Mean hours [C] from the present state to the end, if the oracle plays on after one of the joint actions.

        Args:
            actions: int32 [C, N, parts].
        """
        going = self._take(len(actions))
        self._copies.actions[: len(going)] = np.repeat(actions, len(self._keys), axis=0)
        means: Array = self._played_on(going).reshape(len(actions), -1).mean(axis=1)
        return means

    def _take(self, count: int) -> Array:
        """Copy the environment under every luck, `count` times."""
        sources = np.zeros(count * len(self._keys), dtype=np.int64)
        return self._copies.take(sources, np.tile(self._keys, count))

    def _decide(self, rows: Array) -> None:
        copies = self._copies
        self._decide_rows(copies.params, copies.state, self._scratch, self._rule, copies.actions, rows)

    def _played_on(self, rows: Array) -> Array:
        """Take the actions that stand in the copies, then the oracle's; return hours [copies] to their ends."""
        copies, count = self._copies, len(rows)
        first = copies.state.t[:count].copy()
        while len(rows):
            rows = copies.step(rows)
            copies.state.judged[rows] = 1.0  # the oracle's messages have no words that could be judged
            self._decide(rows)
        hours: Array = (copies.state.t[:count] - first) * copies.params.dt
        return hours


class StepHours:
    """Minus the hours of a step, the same for all."""

    def __init__(self, batch: Batch) -> None:
        self._each = np.full(batch.num_agents, -batch.config.dt)

    def begin(self) -> None:
        """Do nothing: every step takes as long."""

    def earned(self) -> Array:
        """Return the reward of the step [N]."""
        return self._each


class TimeToGo:
    """The fall of the oracle's expected hours to the end, the same for all.

    The potential is 0 before the first step and at the end, so the sum over an episode is 0.
    """

    def __init__(self, batch: Batch) -> None:
        self._agents, self._forecast = batch.num_agents, OracleForecast(batch)
        self._before = 0.0

    def begin(self) -> None:
        """Do nothing: the hours after the last step are known."""

    def earned(self) -> Array:
        """Return the reward of the step [N]."""
        hours = self._forecast.hours()
        fall, self._before = self._before - hours, hours
        return np.full(self._agents, fall)


class MessageGain:
    """What each agent's message gained against silence in its place, all else the same, in shares of the lower bound.

    Both are played on by the oracle under the same lucks; silence gains 0. The words of a message do not count, since
    the oracle does not read them.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch, self._forecast = batch, OracleForecast(batch)
        self._gains = np.zeros(batch.num_agents)
        self._bound = float(batch.params.lower_bound[batch.state.workflow[0]])

    def begin(self) -> None:
        """Compare every message that is about to be sent with silence."""
        said = self._batch.action_buffer[0]
        speakers = np.flatnonzero(said[:, SPEECH] != SILENT)
        self._gains = np.zeros(len(said))
        if len(speakers):
            tried = np.repeat(said[None], 1 + len(speakers), axis=0)
            tried[1 + np.arange(len(speakers)), speakers, SPEECH] = SILENT
            hours = self._forecast.hours_after(tried)
            self._gains[speakers] = (hours[1:] - hours[0]) / self._bound

    def earned(self) -> Array:
        """Return the reward of the step [N]."""
        return self._gains
