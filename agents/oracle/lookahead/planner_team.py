"""The policy `planner`: the rule of the oracle, improved by search. It is a reference and not a competitor."""

from __future__ import annotations

import numpy as np

from agents.oracle.lookahead.search import Searcher
from agents.oracle.oracle_team import OracleTeam
from agents.policy import Array, PolicyContext
from c2c_env import Batch

PRICES = {"thrifty": 0.25, "free": 0.05}  # hours of completion time that an hour of communication counts


class PlannerTeam(OracleTeam):
    """The rule, improved by trying out other joint actions in copies of the environment."""

    name = "planner"
    description = "sees the true state: improves on oracle by simulating what follows (or planner:free, planner:FILE)"

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        super().__init__(context, argument)
        self._searcher: Searcher | None = None

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Actions of all agents in environments `rows` [R]: int32 [R, N, parts]."""
        if self._searcher is None or self._searcher.batch is not batch:
            self._searcher = Searcher(batch, self.oracle, PRICES[self.budget], self.seed)
        return np.stack([self._searcher.decide(int(row)) for row in rows])
