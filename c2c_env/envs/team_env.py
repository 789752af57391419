"""The Gymnasium environment, in which one learner controls the whole team."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from c2c_env.config import EnvConfig
from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.envs.infos import Info, start_info, step_info
from c2c_env.envs.parallel_env import C2CParallelEnv, parallel_env
from c2c_env.envs.spaces import Parts, mask_is_tuple, part_slices, space_with_mask, with_mask
from c2c_env.errors import ActionError


class TeamEnv(gymnasium.Env[Any, Array]):
    """`gymnasium.make("c2c_env/Team-v0", workflow=..., team_size=...)` makes all agents one.

    Observations are those of all agents, float32 [N, D]. Actions are a `MultiDiscrete` with the parts of every agent
    side by side (N x [work, speech, recipient, topic], or N entries of the discrete catalogue). The reward is the
    mean over agents, which is the team's reward. `info["action_mask"]` is a tuple with one mask for each part, as
    Gymnasium has it, or their concatenation with `mask_format="flat"`, which `action_masks()` returns as well.
    `info["invalid_actions"]` counts the agents whose action was illegal.

    The arguments are those of `c2c_env.parallel_env`.
    """

    metadata = C2CParallelEnv.metadata

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.team_env = parallel_env(*args, **kwargs)
        self.config: EnvConfig = self.team_env.config
        self.render_mode = self.team_env.render_mode
        self.observation_space, self.action_space = team_spaces(self.team_env.batch)
        self._parts = part_slices(self.action_space.nvec.tolist())

    @property
    def max_steps(self) -> int:
        """The steps of the longest possible episode, see `Batch.max_steps`."""
        return self.team_env.max_steps

    def action_masks(self) -> Array:
        """The legal choices of all agents, their parts side by side: int8 [N M], 1 = legal."""
        masks: Array = self.team_env.batch.action_masks[0].reshape(-1).copy()
        return masks

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start an episode; see `C2CParallelEnv.reset`."""
        super().reset(seed=seed)
        self.team_env.reset(seed=seed, options=options)
        return self._observation(), start_info(self.config, self._mask()) | self._invalid()

    def step(self, action: Array) -> tuple[Any, float, bool, bool, Info]:
        """Step with the actions of all agents side by side."""
        env, batch = self.team_env, self.team_env.batch
        given = np.asarray(action)
        if given.shape != self.action_space.shape:
            raise ActionError(
                f"action has shape {given.shape}, expected {self.action_space.shape} (parts of all agents)"
            )
        rows = given.reshape(batch.num_agents, -1)
        discrete = self.config.action_format == "discrete"
        actions = {agent: row[0] if discrete else row for agent, row in zip(env.possible_agents, rows, strict=True)}
        env.step(actions)
        terminated, truncated = bool(batch.terminated[0]), bool(batch.truncated[0])
        metrics = env.episode_metrics() if terminated or truncated else None
        terms = batch.reward_terms[0].mean(axis=0, dtype=np.float64).tolist()
        info = step_info(self.config, self._mask(), terms, bool(batch.invalid[0].any()), metrics, truncated)
        info |= self._invalid()
        return self._observation(), float(team_rewards(batch)[0]), terminated, truncated, info

    def render(self) -> Any:
        """See `C2CParallelEnv.render`."""
        return self.team_env.render()

    def _observation(self) -> Any:
        return with_mask(self.config, self.team_env.batch.observations[0].copy(), self.action_masks())

    def _mask(self) -> Any:
        flat = self.action_masks()
        return tuple(flat[part] for part in self._parts) if mask_is_tuple(self.config) else flat

    def _invalid(self) -> Info:
        return {"invalid_actions": int(self.team_env.batch.invalid[0].sum())}


def team_spaces(batch: Batch) -> tuple[spaces.Space[Any], Parts]:
    """The spaces of observations and actions of all agents together."""
    shape = (batch.num_agents, batch.layout.size)
    sizes = [int(n) for n in batch.action_sizes] * batch.num_agents
    box = spaces.Box(0.0, 1.0, shape=shape, dtype=np.float32)
    return space_with_mask(batch.config, box, sum(sizes)), Parts(sizes)


def team_rewards(batch: Batch) -> Array:
    """The mean reward over agents in every environment, float64 [B]."""
    means: Array = batch.rewards.mean(axis=1, dtype=np.float64)
    return means
