"""The one protocol of all policies: own observation in, own action out.

A policy decides for many agents at once, one row for each of them. Rows never see each other: row r of the answer
depends on row r of the observations (and on that row's memory) only, so a team that shares a policy object is as
decentralised as one with an object per agent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from c2c_env import Batch, EnvConfig
from c2c_env.core.constants import WORK
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.envs.spaces import part_names
from c2c_env.text.names import WorkflowWords
from c2c_env.text.observation_text import Letter

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class PolicyContext:
    """What every policy may know before the first step: the rules of the game, nothing of the episode.

    Attributes:
        layout: how to read an observation.
        config: the constants.
        num_agents: N.
        num_rows: how many agents it decides for at once; with a batch of B environments B * N, environment-major.
        seed: for policies that draw random numbers.
        options: what the command line gives to families of policies, such as the endpoint of prompted ones.
        words: titles and facts of the workflow that an environment plays now, for policies that read text.
    """

    layout: ObservationLayout
    config: EnvConfig
    num_agents: int
    num_rows: int
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    words: Callable[[int], WorkflowWords] | None = None

    @classmethod
    def of(cls, batch: Batch, seed: int = 0, options: Mapping[str, Any] | None = None) -> PolicyContext:
        """The context of a batch."""
        rows = batch.num_envs * batch.num_agents

        def words(env: int) -> WorkflowWords:
            return WorkflowWords.of(batch.workflow(env))

        return cls(batch.layout, batch.config, batch.num_agents, rows, seed, dict(options or {}), words)


def no_actions(config: EnvConfig, rows: int) -> Array:
    """Make multi-discrete actions int64 [rows, parts] of nothing done; symbols and variants, if any, are the first."""
    return np.zeros((rows, len(part_names(config))), dtype=np.int64)


def choose_known_variants(actions: Array, observations: Array, layout: ObservationLayout) -> None:
    """Write into actions [R, parts] the variant that is wanted of what each works on, where it knows that.

    Where it does not, it guesses, by the time, so that it tries another one after what turns out wrong. Nothing is
    written without hidden facts.
    """
    if layout.sizes["F"]:
        rows, work = np.arange(len(actions)), np.maximum(actions[:, WORK] - 1, 0)
        wanted = layout.get(observations, "known_fact")[rows, work]
        # the root, since equal parts of a whole horizon could all give the same remainder
        guess = (1000 * np.sqrt(layout.get(observations, "time_used")[:, 0])).astype(int) % layout.sizes["F"]
        variant = np.where(wanted.any(axis=-1), wanted.argmax(axis=-1), guess)
        actions[:, -1] = np.where(actions[:, WORK] > 0, variant, 0)


class Policy(Protocol):
    """What everything that plays must offer."""

    def reset(self, rows: Array) -> None:
        """Forget what is remembered of these rows: their episodes start."""

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Decide.

        Args:
            observations: float32 [R, D].
            action_masks: int8 [R, M], 1 = legal; the parts of a multi-discrete action side by side.
            rows: [R] which of the `num_rows` agents these are, for policies with a memory.

        Returns:
            Integers [R, parts] (multi-discrete) or [R, 1] (discrete).
        """


@runtime_checkable
class Judging(Protocol):
    """A policy whose messages are judged: how much each counts is told to the simulator before the step."""

    def message_factors(self, rows: Array) -> Array | None:
        """Return the share [R] of its usual effect that each agent's present message has; None if all have all."""


@runtime_checkable
class Accounting(Protocol):
    """A policy that has more to tell about an episode than the metrics of the simulator."""

    def episode_columns(self, env: int) -> dict[str, Any]:
        """Further columns of the results; with `failed` true, the episode stays out of all means."""


@runtime_checkable
class Writing(Protocol):
    """A policy whose messages have words, which agents that do not follow it can read as well."""

    def letters_to(self, agent: int, step: int, observation: Array) -> tuple[Letter, ...]:
        """Return what an agent of the first environment has read lately, oldest first; ask once at every step.

        Args:
            agent: its index.
            step: number of steps that have been taken.
            observation: [D] its own one.
        """


class TranscriptRecorder(Protocol):
    """Writes down the episodes of a batch, line by line as they are played."""

    def record(self) -> None:
        """Write the step that was just taken, and the end of the episodes that ended in it."""

    def discard(self) -> None:
        """Remove the transcripts of episodes that did not come to their end."""


@runtime_checkable
class Transcribing(Protocol):
    """A policy whose episodes can be written down word by word."""

    def start_transcripts(
        self, batch: Batch, name: str, seeds: Sequence[int], paths: Sequence[Path]
    ) -> TranscriptRecorder:
        """A recorder for a batch that was just reset.

        Args:
            batch: see above.
            name: of the policy.
            seeds: of the environments.
            paths: of the files, one for each environment.
        """


@runtime_checkable
class SeesState(Protocol):
    """A policy that gets the batch instead of observations: a reference and not a competitor.

    A `Policy` with this method too is asked through it. It must not look at what has not happened yet: the random
    key of an episode is in the state.
    """

    def act_batch(self, batch: Batch, rows: Array) -> Array:
        """Decide for all agents in environments `rows` [R]: integers [R, N, parts]."""


@runtime_checkable
class Seating(Protocol):
    """A team whose members follow several policies, each of which is asked in its own way and for its own seats."""

    def seated_members(self) -> Sequence[tuple[Policy, Array]]:
        """The policies, each made for all agents, with the indices of the agents that follow it."""
