"""An episode as it was played: what it was played with, and what everybody decided. All else follows from that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from c2c_env.config import EnvConfig, Team
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.errors import C2CError
from c2c_env.workflows.schema import Workflow

# what the check of a step covers, of the agents and subtasks that there are, with the reward terms of the step
_AGENT_ARRAYS = ("debt", "last_work", "spoken_hours")
_SUBTASK_ARRAYS = ("remaining", "status", "owner", "worked_hours", "aligned_hours")
_CHECK_BYTES = 4
_FIRST = np.arange(1)  # the one environment of most batches
CHECK_DIGITS = 2 * _CHECK_BYTES  # hexadecimal


class EpisodeError(C2CError, ValueError):
    """The file of an episode is damaged, or its episode goes another way in this simulator."""


@dataclass(frozen=True)
class ModelText:
    """What a language model was asked in a step, and what it answered.

    Attributes:
        step: from 1; the answer decided this step.
        agents: indices of those for whom it answered.
        prompt: pairs of role and content.
        answer: of the model.
        labels: for each of the agents what became of the answer, such as "valid", "repaired" or "invalid".
        prompt_tokens, answer_tokens: None if they are not known.
        money: dollars; None if the price is not known.
        reasons: for each of the agents why the answer had to be repaired or is invalid; empty if nobody's had.
    """

    step: int
    agents: tuple[int, ...]
    prompt: tuple[tuple[str, str], ...]
    answer: str
    labels: tuple[str, ...] = ()
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    money: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Episode:
    """A whole episode of T steps, N agents and A parts of an action.

    Attributes:
        workflow: what was done.
        team: by whom.
        config: every constant; `max_agents` and `max_subtasks` are the sizes that the environment really had, on which
            the meaning of an action depends.
        seed: of the environment.
        number: which of the seed's episodes it is, from 0.
        actions: int32 [T, N, A], as they were chosen.
        factors: float64 [T, N] in [0, 1], how much the words of each agent counted (1 unless a judge says less).
        checks: for each step 8 hexadecimal digits that depend on everything that happened until then.
        policies: who decided for each agent; "" where that is not known.
        policy_seed: of policies that draw random numbers.
        texts: what language models were asked and answered, by step.
        failure: why a team of language models failed, so that its episode counts for nothing; "" if it did not.
        version: of the package that recorded it.
    """

    workflow: Workflow
    team: Team
    config: EnvConfig
    seed: int
    number: int
    actions: Array
    factors: Array
    checks: tuple[str, ...]
    policies: tuple[str, ...]
    policy_seed: int = 0
    texts: tuple[ModelText, ...] = ()
    failure: str = ""
    version: str = ""

    @property
    def length(self) -> int:
        """T."""
        return len(self.actions)

    @property
    def player(self) -> str:
        """Who played, in a few words: the policy of all, or who is among whose partners."""
        names = list(dict.fromkeys(self.policies))
        if len(names) == 1:
            return names[0] or "unknown"
        fewest = min(names, key=self.policies.count)
        others = " and ".join(name or "unknown" for name in names if name != fewest)
        return f"{fewest or 'unknown'} with {others}"

    def batch(self, num_envs: int = 1) -> Batch:
        """The start of the episode, once or several times.

        Raises:
            ConfigError: the parts do not fit together.
            WorkflowError: the workflow is faulty.
        """
        batch = Batch(self.workflow, self.team, self.config, num_envs)
        self.restart(batch)
        return batch

    def restart(self, batch: Batch) -> None:
        """Put every environment of a batch that `batch` made back to the start of the episode."""
        batch.reset([self.seed] * batch.num_envs)
        batch.state.episode[:] = self.number - 1  # the next reset counts it up
        batch.reset(workflows=[0] * batch.num_envs)


def real_config(batch: Batch) -> EnvConfig:
    """The constants of a batch with the sizes that it really has."""
    return replace(batch.config, max_agents=batch.max_agents, max_subtasks=batch.max_subtasks)


class StepChecks:
    """Chains the checks of an episode's steps, see `Episode.checks`."""

    def __init__(self) -> None:
        self._chain = hashlib.blake2b(digest_size=_CHECK_BYTES)

    def next(self, batch: Batch, row: int = 0) -> str:
        """The check of the step that an environment has just taken."""
        state, n = batch.state, batch.num_agents
        k = int(batch.params.num_subtasks[state.workflow[row]])
        for name in _AGENT_ARRAYS:
            self._add(getattr(state, name)[row, :n])
        for name in _SUBTASK_ARRAYS:
            self._add(getattr(state, name)[row, :k])
        self._add(state.understanding[row, :n, :k])
        self._add(state.request_topic[row, :n, :n])
        self._add(batch.reward_terms[row])
        self._add(state.tally[row, : c.INVALID_ACTIONS])
        return self._chain.copy().hexdigest()

    def _add(self, array: Array) -> None:
        self._chain.update(np.ascontiguousarray(array).tobytes())


def take_step(batch: Batch, actions: Array, factors: Array, rows: Array | None = None) -> None:
    """Take a step as it was decided.

    Args:
        batch: of environments.
        actions: int32 [N, A] for all of them, or [R, N, A].
        factors: [N] or [R, N], how much the words of each agent count.
        rows: [R], the environments; None for the first one.
    """
    chosen = _FIRST if rows is None else rows
    batch.action_buffer[chosen] = actions
    if (factors != 1.0).any() or (batch.state.judged[chosen, : batch.num_agents] != 1.0).any():
        batch.message_factors[chosen] = factors
    batch.step_written(chosen)
