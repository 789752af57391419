"""The environment in EPyMARL's shape, with legal actions, the global state and time limits.

EPyMARL is a repository, not a package. In its `src/envs/__init__.py` add

    from c2c_env.adapters.epymarl import EPyMARLEnv
    REGISTRY["c2c"] = EPyMARLEnv

and write `src/config/envs/c2c.yaml` with `env: c2c` and `env_args: {key: simple, team_size: 5}`, whose entries are the
arguments below. `tests/consumers/epymarl_qmix.py` does so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from c2c_env.adapters.catalogue import catalogue_env, legal_actions, observations_of, step_agents
from c2c_env.checks import choice_fault
from c2c_env.core.arrays import Array
from c2c_env.errors import ConfigError

SCALARISATIONS: Mapping[str, Callable[[Array], Any]] = {"sum": np.sum, "mean": np.mean}


class EPyMARLEnv:
    """What `envs.multiagentenv.MultiAgentEnv` of EPyMARL asks for, and masks, which its wrapper `gymma` leaves out.

    Args:
        key: the workflow, as `c2c_env.parallel_env` takes it.
        seed: of the first episode; the next ones go on from its stream.
        common_reward: whether `step` returns one reward for the team, or one for each agent.
        reward_scalarisation: what the common reward is, "sum" or "mean" of those of the agents.
        **arguments: others of `c2c_env.parallel_env`; actions are those of the discrete catalogue.

    Raises:
        ConfigError: an argument is wrong; see also `c2c_env.parallel_env`.
    """

    def __init__(
        self,
        key: Any = "simple",
        seed: int | None = None,
        common_reward: bool = True,
        reward_scalarisation: str = "sum",
        **arguments: Any,
    ) -> None:
        if wrong := choice_fault("reward_scalarisation", reward_scalarisation, list(SCALARISATIONS)):
            raise ConfigError(wrong)
        self.env = catalogue_env("EPyMARL", key, arguments)
        self._first_seed, self._common, self._scalarise = seed, common_reward, SCALARISATIONS[reward_scalarisation]
        self.n_agents, self.episode_limit = len(self.env.possible_agents), self.env.max_steps

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[list[Array], dict[str, Any]]:
        """Start an episode; return the observations of the agents and an empty info."""
        self.env.reset(self._first_seed if seed is None else seed, options)
        self._first_seed = None
        return self.get_obs(), {}

    def step(self, actions: Sequence[Any]) -> tuple[list[Array], Any, bool, bool, dict[str, float]]:
        """Step with one integer for each agent.

        Returns:
            The observations, the reward, whether the episode was terminated, whether it was truncated, and an info. It
            has the metrics at the end, whose means EPyMARL logs, and `episode_limit`, its name of a truncation.
        """
        step_agents(self.env, actions)
        rewards, batch = self.env.batch.rewards[0], self.env.batch
        reward = float(self._scalarise(rewards)) if self._common else rewards.tolist()
        terminated, truncated = bool(batch.terminated[0]), bool(batch.truncated[0])
        info = self._end(truncated) if terminated or truncated else {}
        return self.get_obs(), reward, terminated, truncated, info

    def _end(self, truncated: bool) -> dict[str, float]:
        """The metrics that are numbers, since EPyMARL adds up those of several episodes."""
        measured = self.env.episode_metrics().items()
        return {name: value for name, value in measured if not math.isnan(value)} | {"episode_limit": truncated}

    def get_obs(self) -> list[Array]:
        """Return the observation of each agent, float32 [D]."""
        return list(observations_of(self.env))

    def get_obs_agent(self, agent_id: int) -> Array:
        """Return the observation of one agent, float32 [D]."""
        return self.get_obs()[agent_id]

    def get_obs_size(self) -> int:
        """Return D."""
        return self.env.layout.size

    def get_state(self) -> Array:
        """Return the global state, float32 [S]."""
        return self.env.state()

    def get_state_size(self) -> int:
        """Return S."""
        return int(self.env.state_space.shape[0])

    def get_avail_actions(self) -> list[list[int]]:
        """Return a list for each agent, with 1 for an action that is legal now and 0 for one that is not."""
        masks: list[list[int]] = legal_actions(self.env).tolist()
        return masks

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """Return the list of one agent, see `get_avail_actions`."""
        return self.get_avail_actions()[agent_id]

    def get_total_actions(self) -> int:
        """Return the number of actions in the catalogue."""
        return int(self.env.batch.action_masks.shape[-1])

    def get_env_info(self) -> dict[str, int]:
        """Return the sizes by which EPyMARL builds its networks and buffers."""
        return {
            "state_shape": self.get_state_size(),
            "obs_shape": self.get_obs_size(),
            "n_actions": self.get_total_actions(),
            "n_agents": self.n_agents,
            "episode_limit": self.episode_limit,
        }

    def get_stats(self) -> dict[str, float]:
        """Return nothing more than what the infos have."""
        return {}

    def seed(self, seed: int | None = None) -> None:
        """Choose the seed of the next episode."""
        self._first_seed = seed

    def render(self) -> Any:
        """Draw the episode, see `C2CParallelEnv.render`."""
        return self.env.render()

    def save_replay(self) -> None:
        """Save nothing."""

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
