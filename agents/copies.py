"""Copies of environments of a batch, in which actions are tried out with random numbers that are not their own."""

from __future__ import annotations

import numpy as np

from agents.policy import Array
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.core import transition
from c2c_env.core.arrays import Outputs, Params, State, allocate
from c2c_env.core.compile import cpu


class Copies:
    """Copies of environments of a batch; the batch itself is only read.

    Args:
        batch: of any size.
        observed: whether observations are written, for policies that read them.
        rework: False lets nothing come back as rework, so that its luck does not drown what is to be compared.

    Attributes:
        params: what the copies play by.
        state: of all copies; there is room for more of them than are in use.
        out: what they hand out; `batch.form` says how their observations are read.
        actions: int32 [copies, N, parts], which the next `step` takes.
    """

    def __init__(self, batch: Batch, *, observed: bool = False, rework: bool = True) -> None:
        self.batch, self.observed = batch, observed
        self.params: Params = batch.params._replace(write_observations=int(observed))
        if not rework:
            self.params = self.params._replace(rework_probability=0.0)
        self._run = cpu.load(batch.backend, transition.run_rows)
        self._reserve(1)

    def _reserve(self, count: int) -> None:
        """Make room for `count` copies."""
        sizes = self.batch.axes(count)
        if not self.observed:
            sizes = sizes | {"S": 1}
        self.state = State(**allocate(State, sizes))
        self.out = Outputs(**allocate(Outputs, sizes))
        self.actions = np.zeros((count, *self.batch.action_buffer.shape[1:]), dtype=np.int32)

    def take(self, sources: Array, keys: Array) -> Array:
        """Copy environments and give each copy a random key; return the rows of the copies.

        Args:
            sources: environments of the batch [copies]; each may be named several times.
            keys: uint64 [copies]; copies with the same key meet the same luck.
        """
        count = len(sources)
        if count > len(self.actions):
            self._reserve(count)
        for mine, theirs in zip(self.state, self.batch.state, strict=True):
            mine[:count] = theirs[sources]
        self.state.key[:count] = keys
        rows = np.arange(count)
        if self.observed:
            self._run(self.params, self.state, self.out, self.actions, rows, c.SHOW)
        return rows

    def step(self, rows: Array) -> Array:
        """Step some copies by what stands in `actions`; return the rows of those whose episodes go on."""
        self._run(self.params, self.state, self.out, self.actions, rows, c.STEP)
        going: Array = rows[(self.out.terminated[rows] | self.out.truncated[rows]) == 0]
        return going
