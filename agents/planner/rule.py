"""The planner's rule over a batch: decides for whole teams from the true state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agents.base import Array
from agents.planner.decide import decide_rows
from agents.planner.plan import Plan, Rule
from c2c_env import Batch
from c2c_env.core import backends
from c2c_env.core.layout import allocate
from c2c_env.errors import ConfigError


class OracleRule:
    """Sees the true state: everybody's understanding of everything, and all mail under way; never the future.

    Args:
        rule: its numbers.
        backend: "numba" or "interpreted" (slow, for debugging).
    """

    def __init__(self, rule: Rule | None = None, *, backend: str = "numba") -> None:
        self.rule = Rule(*map(float, Rule() if rule is None else rule))
        self._decide = backends.load(backend, decide_rows)
        self._plan: Plan | None = None

    def act_batch(self, batch: Batch, rows: npt.ArrayLike | None = None) -> Array:
        """Actions of all agents, int32 [B, N, parts] (work, speech, recipient, topic, symbol if there are any).

        Args:
            batch: of any size; its state is read, not changed.
            rows: environments to decide for (default: all); the others' actions are 0.
        """
        if batch.config.action_format != "multi_discrete":
            raise ConfigError("the planner needs action_format='multi_discrete', got 'discrete'")
        actions = np.zeros(batch.action_buffer.shape, dtype=np.int32)
        chosen = np.arange(batch.num_envs) if rows is None else np.asarray(rows, dtype=np.int64)
        self.write_actions(batch, chosen, actions)
        return actions

    def write_actions(self, batch: Batch, rows: Array, actions: Array) -> None:
        """Write the decisions of rows [R] into int32 actions [B, N, parts], for example `batch.action_buffer`."""
        plan = self._plan
        if plan is None or plan.hours.shape != batch.state.alignment.shape[1:]:
            plan = self._plan = Plan(**allocate(Plan, batch.axes(1)))
        self._decide(batch.params, batch.state, plan, self.rule, actions, rows)
