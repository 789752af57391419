"""stable-baselines3's vector environment, in which every agent is a row: one policy learns for all of them.

`MaskablePPO("MlpPolicy", AgentVecEnv(64, workflow="simple")).learn(1_000_000)` finds the masks by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from c2c_env.checks import fault, integer_from, one_of, or_none
from c2c_env.core.arrays import Array
from c2c_env.envs.infos import TIME_LIMIT
from c2c_env.envs.parallel_env import C2CParallelEnv, chosen_workflow
from c2c_env.envs.spaces import with_mask
from c2c_env.errors import ConfigError, needs_extra
from c2c_env.make import make_batch
from c2c_env.render import draw

with needs_extra("c2c_env.adapters.sb3", "sb3"):
    from stable_baselines3.common.vec_env import VecEnv


class AgentVecEnv(VecEnv):
    """C copies of a team with N agents as C N environments, which begin and end together, N by N.

    Observations are float32 [C N, D]; actions are integers [C N, parts], or [C N] with the discrete format. The last
    info of a row has `terminal_observation`, `TimeLimit.truncated`, `episode` (its return `r`, length `l` and seconds
    `t`) and `episode_metrics`; every info has `invalid_action`.

    Args:
        num_copies: C.
        num_threads: threads that share the batch; results do not depend on it.
        render_mode: None or "rgb_array", of which stable-baselines3 makes one picture of all copies.
        **arguments: those of `c2c_env.parallel_env`; masks are always flat.
    """

    render_mode: str | None = None

    def __init__(
        self, num_copies: int = 1, *, num_threads: int = 1, render_mode: str | None = None, **arguments: Any
    ) -> None:
        if wrong := fault("num_copies", num_copies, integer_from(1)):
            raise ConfigError(wrong)
        if wrong := fault("render_mode", render_mode, or_none(one_of("rgb_array"))):
            raise ConfigError(wrong)
        self.render_mode = render_mode
        self.batch = make_batch(num_envs=num_copies, num_threads=num_threads, **arguments)
        self.team_size = self.batch.num_agents
        single = C2CParallelEnv(self.batch)
        agent = single.possible_agents[0]
        super().__init__(num_copies * self.team_size, single.observation_space(agent), single.action_space(agent))
        self._started, self._begun_at = False, time.perf_counter()
        self._returns = np.zeros((num_copies, self.team_size))

    def action_masks(self) -> Array:
        """The legal choices of every row, the parts of an action side by side: int8 [C N, M], 1 = legal."""
        masks: Array = self.batch.action_masks.reshape(self.num_envs, -1).copy()
        return masks

    def reset(self) -> Any:
        """Start an episode in every copy, from the seeds and options that were set before."""
        seeds = self._seeds[:: self.team_size]
        if seeds[0] is None and not self._started:
            seeds = np.random.SeedSequence().generate_state(len(seeds), np.uint64).tolist()
        for copy, seed in enumerate(seeds):
            workflow = chosen_workflow(self.batch, self._options[copy * self.team_size])
            self.batch.reset(None if seed is None else [seed], rows=[copy], workflows=workflow)
        self._started = True
        self._returns[:] = 0.0
        self._reset_seeds()
        self._reset_options()
        return self._observations()

    def step_async(self, actions: Array) -> None:
        """Take the actions of all rows."""
        self._actions = np.asarray(actions).reshape(self.batch.action_buffer.shape)

    def step_wait(self) -> tuple[Any, Array, Array, list[dict[str, Any]]]:
        """Step; copies whose episode ended begin the next one at once."""
        self.batch.step(self._actions)
        rewards = self.batch.rewards.copy()
        self._returns += rewards
        infos = [{"invalid_action": bool(invalid)} for invalid in self.batch.invalid.reshape(-1)]
        ended = (self.batch.terminated | self.batch.truncated).astype(bool)
        if ended.any():
            self._tell_ends(infos, np.flatnonzero(ended))
            self.batch.autoreset()
        return self._observations(), rewards.reshape(-1), np.repeat(ended, self.team_size), infos

    def _tell_ends(self, infos: list[dict[str, Any]], copies: Array) -> None:
        masks = self.action_masks()
        for copy in copies.tolist():
            metrics = self.batch.metrics(copy)
            for i in range(self.team_size):
                row = copy * self.team_size + i
                infos[row] |= {
                    "terminal_observation": with_mask(
                        self.batch.config, self.batch.observations[copy, i].copy(), masks[row]
                    ),
                    TIME_LIMIT: bool(self.batch.truncated[copy]),
                    "episode": {
                        "r": float(self._returns[copy, i]),
                        "l": int(metrics["steps"]),
                        "t": round(time.perf_counter() - self._begun_at, 6),
                    },
                    "episode_metrics": dict(metrics),
                }
        self._returns[copies] = 0.0

    def _observations(self) -> Any:
        rows = self.batch.observations.reshape(self.num_envs, -1).copy()
        return with_mask(self.batch.config, rows, self.action_masks())

    # --- what stable-baselines3 asks of a vector environment ------------------------------------------------------

    def close(self) -> None:
        """Do nothing, since nothing is held open."""

    def get_images(self) -> Sequence[Any]:
        """A picture of every copy."""
        return [draw(self.batch, "rgb_array", copy) for copy in range(self.batch.num_envs)]

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of this object, for each of the rows."""
        value = getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Refuse: the rows share everything."""
        raise AttributeError(f"{attr_name} cannot be set for single rows, which share one batch")

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """What a method that answers for all rows answers for some: `action_masks`."""
        if method_name != "action_masks":
            raise AttributeError(f"rows have no method {method_name!r}, only 'action_masks'")
        masks = self.action_masks()
        return [masks[row] for row in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: int | Iterable[int] | None = None) -> list[bool]:
        """No row is wrapped."""
        return [False for _ in self._get_indices(indices)]
