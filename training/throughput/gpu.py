"""How fast the environment is on a GPU: ``c2c-env throughput --gpu``.

The clock is on for everything that an episode needs but a policy: random legal actions, the step, and the restart of
what has ended, all on the device. It stops when the device is done.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from c2c_env import EnvConfig, Team
from c2c_env.envs.device_batch import DeviceBatch
from c2c_env.errors import ConfigError

RUNS = 5


def describe_device(tier: str, team_size: int, num_envs: int, steps: int) -> Iterator[str]:
    """Measure the batch on the device, with observations and without, and describe each in a line.

    Raises:
        ConfigError: there is no device, or a number cannot be used.
        MissingExtraError: numba-cuda is not installed.
    """
    if steps < 1:
        raise ConfigError(f"--steps is {steps}, expected an integer >= 1")
    team = Team.default(team_size)
    for what, write_observations in (("with observations", True), ("without observations", False)):
        envs = DeviceBatch(tier, team, EnvConfig(), num_envs, write_observations=write_observations)
        rates = [rate * team_size for rate in measure_device(envs, steps)]
        yield (
            f"{tier}, {team_size} agents, {num_envs} environments, {what}:"
            f" {statistics.median(rates):,.0f} agent-steps per second (median of {RUNS} runs of {steps}"
            f" steps; {min(rates):,.0f} to {max(rates):,.0f})"
        )


def measure_device(envs: DeviceBatch, steps: int) -> list[float]:
    """Return the environment steps per second of each run; a first one, which compiles, is not counted."""
    envs.reset(range(envs.num_envs))
    return [timed(envs, steps) for _ in range(RUNS + 1)][1:]


def timed(envs: DeviceBatch, steps: int) -> float:
    """Return the environment steps per second of one run."""
    envs.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        envs.sample_actions()
        envs.step_written()
        envs.autoreset()
    envs.synchronize()
    return steps * envs.num_envs / (time.perf_counter() - start)
