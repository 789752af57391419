"""Gymnasium's vector form of Team-v0 on the batched simulator: `gymnasium.make_vec("c2c_env/Team-v0", num_envs=64)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from c2c_env.adapters.vector_infos import add_rows, start_infos, step_infos
from c2c_env.checks import choice_fault
from c2c_env.core.arrays import Array
from c2c_env.envs.infos import Info
from c2c_env.envs.parallel_env import C2CParallelEnv, chosen_workflow
from c2c_env.envs.spaces import with_mask
from c2c_env.envs.team_env import team_rewards, team_spaces
from c2c_env.errors import ActionError, ConfigError, ResetNeededError
from c2c_env.make import make_batch
from c2c_env.render import MODES, check_mode, draw, warn_without_mode


class TeamVectorEnv(VectorEnv[Any, Array, Array]):
    """Copies of Team-v0 that are stepped together: what `SyncVectorEnv` makes of them, on one batch.

    Observations are float32 [B, N, D], actions integers [B, N parts], and `infos["action_mask"]` int8 [B, N M].

    Args:
        num_envs: B.
        autoreset_mode: "NextStep" begins the next episode in the step after an end, "SameStep" in the same one, where
            `final_obs` and `final_info` keep the end; "Disabled" leaves it to `reset(options={"reset_mask": ...})`.
        num_threads: threads that share the batch; results do not depend on it.
        render_mode: None, "ansi" or "rgb_array"; "human" is for one environment alone.
        **arguments: those of `c2c_env.parallel_env`; masks are always flat.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        num_threads: int = 1,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        if wrong := choice_fault("autoreset_mode", mode, [mode.value for mode in AutoresetMode]):
            raise ConfigError(wrong)
        if render_mode is not None:
            check_mode(render_mode)
        self.autoreset_mode, self.render_mode, self.num_envs = AutoresetMode(mode), render_mode, num_envs
        self.metadata = {**C2CParallelEnv.metadata, "render_modes": list(MODES), "autoreset_mode": self.autoreset_mode}
        self.batch = make_batch(num_envs=num_envs, num_threads=num_threads, **arguments)
        self.single_observation_space, action_space = team_spaces(self.batch)
        self.single_action_space, self._most = action_space, action_space.nvec - 1
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self._started, self._ended = np.zeros((2, num_envs), dtype=bool)  # ended, and not begun anew

    def action_masks(self) -> Array:
        """The legal choices of all agents, their parts side by side: int8 [B, N M], 1 = legal."""
        masks: Array = self.batch.action_masks.reshape(self.num_envs, -1).copy()
        return masks

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, Info]:
        """Start episodes.

        Args:
            seed: of the first environment, after which the others get the integers that follow; or one for each.
            options: `{"workflow": name}` chooses a workflow, `{"reset_mask": bool [B]}` which environments.
        """
        chosen = dict(options or {})
        mask = np.asarray(chosen.pop("reset_mask", np.ones(self.num_envs, dtype=bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ConfigError(f"reset_mask is {mask!r}, expected {self.num_envs} of True and False")
        seeds, workflow, infos = self._seeds(seed), chosen_workflow(self.batch, chosen), Info()
        for row in np.flatnonzero(mask).tolist():
            self._begin(infos, np.array([row]), seeds[row], workflow)
        return self._observations(), infos

    def step(self, actions: Array) -> tuple[Any, Array, Array, Array, Info]:
        """Step every environment; with "NextStep", those that ended in the last step begin anew instead."""
        waiting = ~self._started | (self._ended & (self.autoreset_mode == AutoresetMode.DISABLED))
        if waiting.any():
            raise ResetNeededError(f"step() was called, but environment {waiting.argmax()} has to be reset first")
        over, live = np.flatnonzero(self._ended), np.flatnonzero(~self._ended)
        self._write(np.asarray(actions), live)
        self.batch.step_written(live)
        rewards, infos = team_rewards(self.batch), Info()
        rewards[over] = 0.0
        if len(over):
            self._begin(infos, over)
        terminated, truncated = self.batch.terminated.astype(bool), self.batch.truncated.astype(bool)
        self._ended = terminated | truncated
        ended, going = np.flatnonzero(self._ended), live[~self._ended[live]]
        if len(going):
            add_rows(infos, going, step_infos(self.batch, going, ended=False), self.num_envs)
        if len(ended):
            self._tell_ends(infos, ended)
        return self._observations(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...] | None:
        """Draw every environment, see `C2CParallelEnv.render`."""
        mode = self.render_mode
        if mode is None:
            warn_without_mode()
        return None if mode is None else tuple(draw(self.batch, mode, row) for row in range(self.num_envs))

    # --- inside ----------------------------------------------------------------------------------------------

    def _seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:  # fresh entropy, where there is no stream yet to go on with
            fresh = np.random.SeedSequence().generate_state(self.num_envs, np.uint64).tolist()
            return [None if begun else number for begun, number in zip(self._started, fresh, strict=True)]
        if isinstance(seed, int | np.integer):
            return range(int(seed), int(seed) + self.num_envs)
        if not isinstance(seed, Sequence) or isinstance(seed, str) or len(seed) != self.num_envs:
            raise ConfigError(f"seed is {seed!r}, expected an integer, or {self.num_envs} of them")
        return seed

    def _begin(self, infos: Info, rows: Array, seed: int | None = None, workflow: list[int] | None = None) -> None:
        self.batch.reset(None if seed is None else [seed], rows=rows, workflows=workflow)
        self._started[rows], self._ended[rows] = True, False
        add_rows(infos, rows, start_infos(self.batch, rows), self.num_envs)

    def _write(self, actions: Array, live: Array) -> None:
        """Write the actions of environments whose episode goes on."""
        if actions.shape != self.action_space.shape or actions.dtype.kind not in "iu":
            raise ActionError(
                f"actions are of type {actions.dtype} and shape {actions.shape}, expected integers of shape"
                f" {self.action_space.shape} (environments, parts of all agents)"
            )
        for n, part in np.argwhere((actions[live] < 0) | (actions[live] > self._most))[:1]:
            place, value = f"actions[{live[n]}, {part}]", actions[live[n], part]
            raise ActionError(f"{place} is {value}, expected an integer in [0, {self._most[part]}]")
        buffer = self.batch.action_buffer
        buffer[live] = actions[live].reshape(len(live), *buffer.shape[1:])

    def _observations(self) -> Any:
        return with_mask(self.batch.config, self.batch.observations.copy(), self.action_masks())

    def _tell_ends(self, infos: Info, ended: Array) -> None:
        """Add the infos of the ends of episodes; with "SameStep" keep them, and begin others in their place."""
        last = step_infos(self.batch, ended, ended=True)
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            add_rows(infos, ended, last, self.num_envs)
            return
        observations, final = self._observations(), np.full(self.num_envs, None, dtype=object)
        for row in ended.tolist():
            parts = isinstance(observations, dict)
            final[row] = {name: part[row] for name, part in observations.items()} if parts else observations[row]
        infos["final_obs"], infos["_final_obs"] = final, self._ended.copy()
        add_rows(infos, ended, {"final_info": last}, self.num_envs)
        self._begin(infos, ended)
