"""The policy `oracle`: a rule that decides for whole teams from the true state."""

from __future__ import annotations

from typing import ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from agents.oracle.decide import decide_rows, decide_scheduled_rows
from agents.oracle.rule import BUDGETS, Rule, load_rules
from agents.oracle.scratch import Scratch
from agents.policy import Array, PolicyContext
from agents.public_schedule.schedule_arrays import Schedule
from c2c_env import Batch
from c2c_env.core.arrays import allocate
from c2c_env.core.compile import cpu
from c2c_env.core.constants import DONE
from c2c_env.errors import ConfigError


class OracleRule:
    """Sees the true state: everybody's understanding of everything, and all mail under way; never the future.

    Args:
        rules: one for all, or the name of a budget: "thrifty" (no more communication than the scripted teams) or
            "free", or a file, see `load_rules`; these have a rule for the tier of each environment's workflow.

    Attributes:
        scratch: what it thought of the environment that it decided for last.
    """

    scratch: Scratch

    def __init__(self, rules: Rule | str = "thrifty") -> None:
        self._single = Rule(*map(float, rules)) if isinstance(rules, Rule) else None
        self._by_tier = load_rules(rules) if isinstance(rules, str) else {}
        self._batch: Batch | None = None

    def act_batch(self, batch: Batch, rows: npt.ArrayLike | None = None, schedule: Schedule | None = None) -> Array:
        """Decide for all agents: int32 [B, N, parts]; of variants, if there are any, the one that is wanted.

        Args:
            batch: of any size; its state is read, not changed.
            rows: environments to decide for (default: all); the others' actions are 0.
            schedule: [B, K], who is to work on what when; by default the rule makes its own from the true state.

        Raises:
            ConfigError: the schedule is for another batch, or names nobody for something that is to be done.
        """
        actions = np.zeros(batch.action_buffer.shape, dtype=np.int32)
        chosen = np.arange(batch.num_envs) if rows is None else np.asarray(rows, dtype=np.int64)
        self.write_actions(batch, chosen, actions, schedule)
        return actions

    def write_actions(self, batch: Batch, rows: Array, actions: Array, schedule: Schedule | None = None) -> None:
        """Write the decisions of rows [R] into int32 actions [B, N, parts], for example `batch.action_buffer`."""
        if batch is not self._batch:
            self._prepare(batch)
        if schedule is not None:
            _check_schedule(schedule, batch, rows)
        sources = np.searchsorted(batch.pool.arrays.ends, batch.workflow_index[rows], side="right")
        for rule, numbers in self._groups:
            chosen = rows if len(self._groups) == 1 else rows[np.isin(sources, numbers)]
            if schedule is None:
                self._decide(batch.params, batch.state, self.scratch, rule, actions, chosen)
            else:
                self._decide_scheduled(batch.params, batch.state, self.scratch, rule, schedule, actions, chosen)

    def rule_of(self, batch: Batch, row: int) -> Rule:
        """The rule that decides in an environment."""
        if self._single is not None:
            return self._single
        source = np.searchsorted(batch.pool.arrays.ends, batch.workflow_index[row], side="right")
        return self._by_tier[batch.pool.sources[int(source)].tier]

    def _prepare(self, batch: Batch) -> None:
        """Get the rules of a batch's workflows, and scratch arrays of its size."""
        if batch.config.action_format != "multi_discrete":
            raise ConfigError("the oracle needs action_format='multi_discrete', got 'discrete'")
        tiers: dict[str, list[int]] = {}
        for number, source in enumerate(batch.pool.sources):
            tiers.setdefault(source.tier, []).append(number)
        self._groups = [(self._single or self._by_tier[tier], numbers) for tier, numbers in tiers.items()]
        if self._single:
            self._groups = [(self._single, list(range(len(batch.pool.sources))))]
        self._decide = cpu.load(batch.backend, decide_rows)
        self._decide_scheduled = cpu.load(batch.backend, decide_scheduled_rows)
        self.scratch = Scratch(**allocate(Scratch, batch.axes(1)))
        self._batch = batch


def _check_schedule(schedule: Schedule, batch: Batch, rows: Array) -> None:
    """Refuse what compiled code could not go by."""
    wanted = (batch.num_envs, batch.max_subtasks)
    if got := [part.shape for part in schedule if part.shape != wanted]:
        raise ConfigError(f"the schedule has arrays of the shape {got[0]}, expected {wanted}")
    state, worker = batch.state, schedule.worker[rows]
    subtasks = np.arange(batch.max_subtasks) < batch.params.num_subtasks[state.workflow[rows]][:, None]
    nobody = subtasks & (state.status[rows] != DONE) & ((worker < 0) | (worker >= batch.num_agents))
    if nobody.any():
        place, k = np.argwhere(nobody)[0]
        raise ConfigError(
            f"the schedule has worker {worker[place, k]} for subtask {k} of environment {rows[place]}, which is not"
            f" done; expected an agent below {batch.num_agents}"
        )


class OracleTeam:
    """Plays the rule over the true state."""

    name: ClassVar[str] = "oracle"
    description: ClassVar[str] = (
        "sees the true state: a central rule, with no more talk than scripted teams (or oracle:free, oracle:FILE)"
    )

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        if context.config.action_format != "multi_discrete":
            raise ConfigError(f"policy {self.name} needs action_format='multi_discrete', got 'discrete'")
        self.budget, self.seed = argument if argument in BUDGETS else BUDGETS[0], context.seed
        self.oracle = OracleRule(argument or self.budget)

    @classmethod
    def make(cls, context: PolicyContext, argument: str) -> OracleTeam:
        """Make the team; this is what the registry calls."""
        return cls(context, argument)

    def reset(self, rows: Array) -> None:
        """There is nothing to forget."""

    def act(self, observations: Array, action_masks: Array, rows: Array) -> NoReturn:
        """Refuse: observations do not suffice."""
        raise ConfigError(f"policy {self.name} sees the true state: call act_batch, as agents.play.play does")

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Actions of all agents in environments `rows` [R]: int32 [R, N, parts]."""
        return self.oracle.act_batch(batch, rows)[rows]
