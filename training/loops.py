"""The package's own loops for the throughput table: one environment, and batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from c2c_env import Batch, EnvConfig, Generated, Team, parallel_env
from c2c_env.core.layout import Array
from training.timing import Loop

WORKFLOWS = 256  # generated ones; all are met before the clock starts
CHUNK = 4096  # environments for which actions are drawn at once, so that drawing needs little memory


def workflows_of(tier: str, fresh: bool) -> Generated:
    """Few enough to be met before, or so many (`fresh`) that nearly every episode brings a new one."""
    return Generated(tier) if fresh else Generated(tier, seeds=range(WORKFLOWS))


def one_environment(tier: str, team_size: int, fresh: bool = False) -> Loop:
    """The PettingZoo face."""
    env = parallel_env(workflows_of(tier, fresh), team_size)
    if not fresh:
        meet_all(env.batch)
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
    tier: str, team_size: int, num_envs: int, num_threads: int, write_observations: bool, fresh: bool = False
) -> Loop:
    """Many environments, spread over their episodes."""
    batch = Batch(
        workflows_of(tier, fresh), Team.default(team_size), EnvConfig(), num_envs,
        num_threads=num_threads, write_observations=write_observations,
    )  # fmt: skip
    if not fresh:
        meet_all(batch)
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
        batch.num_agents, batch.num_envs, batch.observations[0].nbytes * write_observations,
        lambda: write_random_legal(batch, everywhere, generator), step,
    )  # fmt: skip


def meet_all(batch: Batch) -> None:
    """Start an episode of every workflow, so that none is generated inside the clock."""
    for start in range(0, len(batch.pool), batch.num_envs):
        chosen = range(start, min(start + batch.num_envs, len(batch.pool)))
        batch.reset([0] * len(chosen), rows=range(len(chosen)), workflows=chosen)


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
