"""The planner: tries out joint actions around the rule's in copies of the environment and takes the best."""

from __future__ import annotations

import numpy as np

from agents.oracle.lookahead.candidates import variations
from agents.oracle.lookahead.simulation import Futures, future_keys
from agents.oracle.oracle_team import OracleRule
from agents.oracle.rule import Rule
from agents.policy import Array
from c2c_env import Batch

FUTURES = 2  # random futures that a joint action meets
FIRST_FUTURES = 1  # of these, those that all joint actions meet; only the best of them meet the others, too
FINALISTS = 8  # joint actions that meet all futures
SEARCH_ROUNDS = 2  # changes to the rule's joint action, one after the other
LEAST_GAIN_OF_CHANGE = 0.01  # hours that a change must gain


class Searcher:
    """Improves a rule in the environments of a batch.

    Args:
        batch: whose environments are played.
        oracle: the rule.
        price: hours of completion time that an hour of communication counts.
        seed: of the futures, which are not the environments' own.
    """

    def __init__(self, batch: Batch, oracle: OracleRule, price: float, seed: int = 0) -> None:
        self.batch, self._oracle, self._price, self._seed = batch, oracle, price, seed
        self._futures = Futures(batch)

    def decide(self, row: int) -> Array:
        """Joint action [N, parts] in an environment."""
        rows = np.array([row])
        rule = self._oracle.rule_of(self.batch, row)
        best: Array = self._oracle.act_batch(self.batch, rows)[row]
        scratch = self._oracle.scratch  # of this environment, as it is the only one that was decided for
        keys = future_keys(self._seed, int(self.batch.state.t[row]), FUTURES)
        for _ in range(SEARCH_ROUNDS):
            tried = [best, *variations(self.batch, row, scratch, best)]
            found = self._best(row, tried, rule, keys)
            if found is best:
                break
            best = found
        return best

    def _best(self, row: int, tried: list[Array], rule: Rule, keys: Array) -> Array:
        """The best of the joint actions; the first, unless another one gains the margin."""
        first = self._costs(row, tried, rule, keys[:FIRST_FUTURES])
        order = np.argsort(first[1:], kind="stable")[:FINALISTS] + 1
        finalists = [tried[0], *(tried[n] for n in order)]
        costs = self._costs(row, finalists, rule, keys)
        costs[0] -= LEAST_GAIN_OF_CHANGE
        winner: Array = finalists[int(np.argmin(costs))]
        return winner

    def _costs(self, row: int, tried: list[Array], rule: Rule, keys: Array) -> Array:
        """Mean cost [C] over the futures."""
        costs = self._futures.play(np.array([row]), np.stack(tried)[None], rule, keys[None])
        mean: Array = costs.total(self._price)[0].mean(axis=1)
        return mean
