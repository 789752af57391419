"""What a turn of a language model is rewarded by, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from agents.policy import Array
from c2c_env import Batch
from c2c_env.errors import ConfigError, unknown_name


class TurnReward(Protocol):
    """Rewards the steps of the one environment of a batch; made at the start of an episode."""

    def begin(self) -> None:
        """Take note of the state before a step."""

    def earned(self) -> Array:
        """Return what each agent [N] earned in the step that was just taken."""


class TeamReward:
    """The environment's reward as `EnvConfig.reward_sharing` shares it out."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def begin(self) -> None:
        """Do nothing: the environment keeps what it needs."""

    def earned(self) -> Array:
        """See `TurnReward`."""
        mean: Array = self._batch.rewards[0].astype(float)
        return mean


TURN_REWARDS: Mapping[str, Callable[[Batch], TurnReward]] = {"team": TeamReward}


def make_turn_reward(name: str, batch: Batch) -> TurnReward:
    """Make a reward for an episode that was just started.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in TURN_REWARDS:
        raise ConfigError(unknown_name("reward", name, TURN_REWARDS))
    return TURN_REWARDS[name](batch)
