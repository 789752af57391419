"""The planner as policies for the benchmark. They see the true state: references, no competitors."""

from __future__ import annotations

from typing import ClassVar, NoReturn

import numpy as np

from agents.base import Array, PolicyContext
from agents.planner.rule import OracleRule
from agents.planner.rules import BUDGETS
from agents.planner.search import Search, Searcher
from c2c_env import Batch
from c2c_env.errors import ConfigError

SEARCHES = {"thrifty": Search(price=0.25), "free": Search(price=0.05)}


class OracleTeam:
    """The rule over the true state."""

    name: ClassVar[str] = "oracle"
    description: ClassVar[str] = (
        "sees the true state: a central rule for all, with no more messages than scripted teams (or oracle:free)"
    )

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        if context.config.action_format != "multi_discrete":
            raise ConfigError(f"policy {self.name} needs action_format='multi_discrete', got 'discrete'")
        self.budget, self.seed = argument or BUDGETS[0], context.seed
        self.oracle = OracleRule(self.budget)

    @classmethod
    def make(cls, context: PolicyContext, argument: str) -> OracleTeam:
        """For the registry."""
        return cls(context, argument)

    def reset(self, rows: Array) -> None:
        """There is nothing to forget."""

    def act(self, observations: Array, action_masks: Array, rows: Array) -> NoReturn:
        """Observations do not suffice."""
        raise ConfigError(f"policy {self.name} sees the true state: call act_batch, as agents.base.play does")

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Actions of all agents in environments `rows` [R]: int32 [R, N, parts]."""
        return self.oracle.act_batch(batch, rows)[rows]


class PlannerTeam(OracleTeam):
    """The rule, improved by trying out other joint actions in copies of the environment."""

    name = "planner"
    description = "sees the true state: improves on oracle by simulating what follows (or planner:free)"

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        super().__init__(context, argument)
        self.search = SEARCHES[self.budget]
        self._searcher: Searcher | None = None

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Actions of all agents in environments `rows` [R]: int32 [R, N, parts]."""
        if self._searcher is None or self._searcher.batch is not batch:
            self._searcher = Searcher(batch, self.oracle, self.search, self.seed)
        return np.stack([self._searcher.decide(int(row)) for row in rows])


TEAMS: tuple[type[OracleTeam], ...] = (OracleTeam, PlannerTeam)
