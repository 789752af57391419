"""Recorders: whole episodes become files while they are played, one episode a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from pettingzoo import ParallelEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper

from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.envs.parallel_env import C2CParallelEnv
from c2c_env.episodes.episode import Episode, ModelText, StepChecks, real_config
from c2c_env.episodes.episode_file import write_episode_into
from c2c_env.errors import ConfigError, WriteError
from c2c_env.version import __version__

Write = Callable[[Episode], object]


@runtime_checkable
class Verbal(Protocol):
    """A policy that asks language models; what was said is kept with a recorded episode."""

    def model_texts(self, env: int, step: int) -> Sequence[ModelText]:
        """What was asked and answered for the last step of an environment, which is number `step` of its episode."""

    def model_failure(self, env: int) -> str:
        """Why the episode of an environment has failed, such as a server that is down; "" if it has not."""


class EpisodeRecorder:
    """Records one environment of a batch from its reset on; call `record` after every step.

    An episode counts when it has come to its end; what is left before is not written, nor what began anew.
    After the end nothing more is recorded, so that one callback serves a whole batch.

    Args:
        batch: an environment of which was just reset.
        write: what is done with the episode.
        policies: who decides, a name for each agent or one for all.
        policy_seed: of policies that draw random numbers.
        row: which environment.
        verbal: the policy, if it asks language models.
    """

    def __init__(
        self,
        batch: Batch,
        write: Write,
        policies: str | Sequence[str] = "",
        policy_seed: int = 0,
        row: int = 0,
        verbal: Verbal | None = None,
    ) -> None:
        self.batch, self.row = batch, row
        self._write, self._verbal = write, verbal
        self.policies = (policies,) * batch.num_agents if isinstance(policies, str) else tuple(policies)
        if len(self.policies) != batch.num_agents:
            raise ConfigError(f"there are {len(self.policies)} policies for {batch.num_agents} agents")
        self._policy_seed = policy_seed
        self._start = int(batch.state.t[row])
        self._begun = int(batch.begun[row])
        self._checks = StepChecks()
        self._found: list[str] = []
        self._actions: list[Array] = []
        self._factors: list[Array] = []
        self._texts: list[ModelText] = []

    def note(self, text: ModelText) -> None:
        """Keep what a language model was asked and answered."""
        self._texts.append(text)

    def record(self) -> None:
        """Add the step that was just taken, and write the episode if it was the last one."""
        batch, state, b, t = self.batch, self.batch.state, self.row, int(self.batch.state.t[self.row])
        if self._start or int(batch.begun[b]) != self._begun or t != len(self._actions) + 1:
            return
        self._actions.append(batch.action_buffer[b].copy())
        self._factors.append(state.judged[b, : batch.num_agents].copy())
        self._found.append(self._checks.next(batch, b))
        if self._verbal is not None:
            self._texts += self._verbal.model_texts(b, t)
        if batch.terminated[b] or batch.truncated[b]:
            self._write(self._episode())

    def _episode(self) -> Episode:
        state, b = self.batch.state, self.row
        return Episode(
            workflow=self.batch.workflow(b),
            team=self.batch.team,
            config=real_config(self.batch),
            seed=int(state.seed[b]),
            number=int(state.episode[b]),
            actions=np.stack(self._actions),
            factors=np.stack(self._factors),
            checks=tuple(self._found),
            policies=self.policies,
            policy_seed=self._policy_seed,
            texts=tuple(self._texts),
            failure="" if self._verbal is None else self._verbal.model_failure(b),
            version=__version__,
        )


def write_into(folder: str | os.PathLike[str]) -> Write:
    """What writes each episode into a file of a folder, which is made if need be.

    Raises:
        WriteError: there can be no such folder.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot make folder {str(place)!r}: {error.strerror or error}") from error
    return partial(write_episode_into, place)


class Recorder(BaseParallelWrapper[str, Any, Any]):
    """Writes every episode that an environment plays to its end into a folder.

    An episode that is reset before its end, or that goes on from a snapshot or in a copy, leaves no file.

    Args:
        env: made by `c2c_env.parallel_env`, perhaps in further wrappers.
        folder: for the files, a few kilobytes each. Equal episodes share a file.
        policies: who decides, a name for each agent or one for all, for whoever reads the files. With names of the
            registry, such as "proactive", it can be worked out later what each message was worth.

    Raises:
        ConfigError: it is another environment, or there are not as many policies as agents.
        WriteError: there can be no such folder.
    """

    def __init__(
        self, env: ParallelEnv[str, Any, Any], folder: str | os.PathLike[str], policies: str | Sequence[str] = ""
    ) -> None:
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, C2CParallelEnv):
            raise ConfigError(f"env is {env!r}, expected an environment made by c2c_env.parallel_env")
        self._batch, self._policies = inner.batch, policies
        self._write = write_into(folder)
        self._recorder: EpisodeRecorder | None = None

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Start an episode and its recording; see `C2CParallelEnv.reset`."""
        found: tuple[dict[str, Any], dict[str, dict[str, Any]]] = super().reset(seed=seed, options=options)
        self._recorder = EpisodeRecorder(self._batch, self._write, self._policies)
        return found

    def step(self, actions: Mapping[str, Any]) -> Any:
        """Step, and write the episode if it has come to its end; see `C2CParallelEnv.step`."""
        found = super().step(dict(actions))
        if self._recorder is not None:
            self._recorder.record()
        return found

    def restore(self, snapshot: Mapping[str, Array]) -> Any:
        """Go back to a snapshot, which ends the recording until the next reset; see `C2CParallelEnv.restore`."""
        self._recorder = None
        return self.env.unwrapped.restore(snapshot)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has, which records nothing until its next reset: the episode is that of the first one."""
        return {**vars(self), "_recorder": None}

    def note(self, text: ModelText) -> None:
        """Keep what a language model was asked and answered; it is written with the episode."""
        if self._recorder is not None:
            self._recorder.note(text)
