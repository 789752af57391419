"""The package's own loops for the throughput table: one environment, and batches.

Every episode plays a newly generated workflow; drawing it is part of the reset, inside the clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from c2c_env import Batch, EnvConfig, Team, parallel_env
from c2c_env.core.arrays import Array
from training.throughput.clock import Loop

CHUNK = 4096  # environments for which actions are drawn at once, so that drawing needs little memory


def one_environment(tier: str, team_size: int) -> Loop:
    """Make the loop of a single environment behind PettingZoo's interface."""
    env = parallel_env(tier, team_size)
    _, infos = env.reset(seed=0)

    def choose() -> dict[str, Any]:
        return {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}

    def step(actions: dict[str, Any]) -> None:
        nonlocal infos
        _, _, _, _, infos = env.step(actions)
        if not env.agents:
            _, infos = env.reset()

    return Loop(team_size, 1, env.batch.observations.nbytes, choose, step)


def batch(
    tier: str, team_size: int, num_envs: int, num_threads: int, write_observations: bool, shared_board: bool = False
) -> Loop:
    """Make the loop of many environments, spread over their episodes."""
    batch = Batch(
        tier, Team.default(team_size), EnvConfig(), num_envs,
        num_threads=num_threads, write_observations=write_observations, shared_board=shared_board,
    )  # fmt: skip
    batch.reset(range(num_envs))
    return batch_loop(batch, round(batch.params.horizon[batch.state.workflow].mean()), write_observations)


def batch_loop(batch: Batch, spread: int, write_observations: bool) -> Loop:
    """The loop of a batch that was reset, its environments spread over the first `spread` steps of their episodes."""
    generator = np.random.default_rng(0)
    spread_out(batch, spread, generator)
    everywhere = np.arange(batch.num_envs)

    def step(_: None) -> None:
        batch.step_written()
        batch.autoreset()

    return Loop(
        batch.num_agents, batch.num_envs, batch.out.observation[0].nbytes * write_observations,
        lambda: write_random_legal(batch, everywhere, generator), step,
    )  # fmt: skip


def spread_out(batch: Batch, spread: int, generator: np.random.Generator) -> None:
    """Step each environment another number of times: side by side they would all end in the same few steps."""
    ages = (2 * np.arange(batch.num_envs) + 1) * spread // (2 * batch.num_envs)
    for age in range(ages.max()):
        rows = np.flatnonzero(ages > age)
        write_random_legal(batch, rows, generator)
        batch.step_written(rows)
        batch.autoreset()


def write_random_legal(batch: Batch, rows: Array, generator: np.random.Generator) -> None:
    """Write a random legal choice of every part of every action: the largest of random numbers where legal."""
    for start in range(0, len(rows), CHUNK):
        chunk, end = rows[start : start + CHUNK], 0
        masks = batch.action_masks[chunk]
        for part, size in enumerate(batch.action_sizes.tolist()):
            legal = masks[..., end : end + size]
            draws = generator.random(legal.shape, dtype=np.float32)
            batch.action_buffer[chunk, :, part] = (legal * draws).argmax(axis=-1)
            end += size
