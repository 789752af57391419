"""The Gymnasium environment, in which one learner controls the whole team."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from c2c_env.core.arrays import Array
from c2c_env.envs.parallel_env import C2CParallelEnv, parallel_env
from c2c_env.envs.spaces import part_slices
from c2c_env.errors import ActionError, ConfigError


class TeamEnv(gymnasium.Env[Array, Array]):
    """`gymnasium.make("c2c_env/Team-v0", workflow=..., team_size=...)` makes all agents one.

    Observations are those of all agents, float32 [N, D]. Actions are a `MultiDiscrete` with the parts of every agent
    side by side (N x [work, speech, recipient, topic], or N entries of the discrete catalogue). The reward is the
    mean over agents, which is the team's reward. `info["action_mask"]` is a tuple with one mask for each part, as the
    sampling of Gymnasium takes it, or their concatenation with `mask_format="flat"`.

    The arguments are those of `c2c_env.parallel_env`, without `mask_in_observation`.
    """

    metadata = C2CParallelEnv.metadata

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.team_env = parallel_env(*args, **kwargs)
        if self.team_env.config.mask_in_observation:
            raise ConfigError("mask_in_observation=True is not offered here; the mask is in info['action_mask']")
        self.render_mode = self.team_env.render_mode
        batch = self.team_env.batch
        shape = (batch.num_agents, batch.layout.size)
        self._sizes = [int(n) for n in batch.action_sizes] * batch.num_agents
        self.observation_space = spaces.Box(0.0, 1.0, shape=shape, dtype=np.float32)
        self._parts = part_slices(self._sizes)
        self.action_space = spaces.MultiDiscrete(self._sizes)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode; see `C2CParallelEnv.reset`."""
        super().reset(seed=seed)
        self.team_env.reset(seed=seed, options=options)
        return self._observation(), {"action_mask": self._mask()}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Step with the actions of all agents side by side."""
        env = self.team_env
        discrete = env.config.action_format == "discrete"
        given = np.asarray(action)
        if given.shape != self.action_space.shape:
            raise ActionError(
                f"action has shape {given.shape}, expected {self.action_space.shape} (parts of all agents)"
            )
        rows = given.reshape(env.batch.num_agents, -1)
        actions = {agent: row[0] if discrete else row for agent, row in zip(env.possible_agents, rows, strict=True)}
        _, rewards, terminated, truncated, infos = env.step(actions)
        first = env.possible_agents[0]
        info = {"action_mask": self._mask(), "invalid_actions": sum(i["invalid_action"] for i in infos.values())}
        if "episode_metrics" in infos[first]:
            info["episode_metrics"] = infos[first]["episode_metrics"]
        reward = float(np.mean(list(rewards.values())))
        return self._observation(), reward, terminated[first], truncated[first], info

    def render(self) -> Any:
        """See `C2CParallelEnv.render`."""
        return self.team_env.render()

    def _observation(self) -> Array:
        return np.array(self.team_env.batch.observations[0])

    def _mask(self) -> Any:
        flat = self.team_env.batch.action_masks[0].reshape(-1).copy()
        return flat if self.team_env.config.mask_format == "flat" else tuple(flat[part] for part in self._parts)
