"""The planner: tries out joint actions around the rule's in copies of the environment and takes the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.oracle.lookahead.candidates import variations
from agents.oracle.lookahead.simulation import Futures, future_keys
from agents.oracle.oracle_team import OracleRule
from agents.oracle.rule import Rule
from agents.policy import Array
from c2c_env import Batch


@dataclass(frozen=True)
class Search:
    """How much is tried, and what counts.

    Attributes:
        futures: random futures that every joint action meets.
        first_futures: of these, those that all meet; the best `kept` of them meet the others too.
        kept: how many.
        rounds: changes to the rule's joint action, one after the other.
        price: hours of completion time that an hour of communication counts.
        rework: share of the hours of expected rework that delays the end.
        early: weight of the mean hour at which a subtask is done, which tells apart what ends at the same step.
        margin: hours that a change must gain.
    """

    futures: int = 2
    first_futures: int = 1
    kept: int = 8
    rounds: int = 2
    price: float = 0.1
    rework: float = 0.4
    early: float = 0.2
    margin: float = 0.01


class Searcher:
    """Improves a rule in the environments of a batch.

    Args:
        batch: whose environments are played.
        oracle: the rule.
        search: how.
        seed: of the futures, which are not the environments' own.
    """

    def __init__(self, batch: Batch, oracle: OracleRule, search: Search, seed: int = 0) -> None:
        self.batch, self._oracle, self._search, self._seed = batch, oracle, search, seed
        self._futures = Futures(batch)

    def decide(self, row: int) -> Array:
        """Joint action [N, parts] in an environment."""
        search, rows = self._search, np.array([row])
        rule = self._oracle.rule_of(self.batch, row)
        best: Array = self._oracle.act_batch(self.batch, rows)[row]
        plan = self._oracle.plan  # of this environment, as it is the only one that was decided for
        keys = future_keys(self._seed, int(self.batch.state.t[row]), search.futures)
        for _ in range(search.rounds):
            tried = [best, *variations(self.batch, row, plan, best)]
            found = self._best(row, tried, rule, keys)
            if found is best:
                break
            best = found
        return best

    def _best(self, row: int, tried: list[Array], rule: Rule, keys: Array) -> Array:
        """The best of the joint actions; the first, unless another one gains the margin."""
        first = self._costs(row, tried, rule, keys[: self._search.first_futures])
        order = np.argsort(first[1:], kind="stable")[: self._search.kept] + 1
        finalists = [tried[0], *(tried[n] for n in order)]
        costs = self._costs(row, finalists, rule, keys)
        costs[0] -= self._search.margin
        winner: Array = finalists[int(np.argmin(costs))]
        return winner

    def _costs(self, row: int, tried: list[Array], rule: Rule, keys: Array) -> Array:
        """Mean cost [C] over the futures."""
        search = self._search
        hours, spoken, done, again = self._futures.play(row, np.stack(tried), rule, keys)
        costs: Array = (hours + search.price * spoken + search.early * done + search.rework * again).mean(axis=1)
        return costs
