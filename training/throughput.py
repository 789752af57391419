"""How fast the environment is here: steps of one core, warm-up and the choice of actions outside the clock."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from c2c_env import Batch, EnvConfig, Team, parallel_env
from c2c_env.errors import ConfigError

RUNS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--tier", default="simple", help="generated workflows of this tier (default: simple)")
    parser.add_argument("--team-size", type=int, default=5, help="agents (default: 5)")
    parser.add_argument("--num-envs", type=int, default=1024, help="environments of the batch (default: 1024)")
    parser.add_argument("--steps", type=int, default=2000, help="steps of a run of one environment (default: 2000)")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if args.steps < 1:
        raise ConfigError(f"--steps is {args.steps}, expected an integer >= 1")
    rows = {
        "one environment, PettingZoo face": one_environment(args),
        f"batch of {args.num_envs}": batch(args, write_observations=True),
        f"batch of {args.num_envs}, no observations": batch(args, write_observations=False),
    }
    table = Table(title=f"Steps a second on one core: {args.tier} workflows, {args.team_size} agents, {RUNS} runs")
    for heading in ("", "median", "lowest", "highest", "agent-steps (median)"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, rates in rows.items():
        middle = statistics.median(rates)
        numbers = [middle, min(rates), max(rates), middle * args.team_size]
        table.add_row(name, *(f"{number:,.0f}" for number in numbers))
    Console().print(table)
    return 0


def one_environment(args: argparse.Namespace) -> list[float]:
    """Steps a second of each run, with random legal actions."""
    env = parallel_env(args.tier, args.team_size)
    _, infos = env.reset(seed=0)
    rates = []
    for _ in range(RUNS + 1):
        clock = 0.0
        for _ in range(args.steps):
            if not env.agents:
                _, infos = env.reset()
            actions = {a: env.action_space(a).sample(infos[a]["action_mask"]) for a in env.agents}
            start = time.perf_counter()
            _, _, _, _, infos = env.step(actions)
            clock += time.perf_counter() - start
        rates.append(args.steps / clock)
    return rates[1:]


def batch(args: argparse.Namespace, write_observations: bool) -> list[float]:
    """Environment steps a second of each run; ended episodes are started anew outside the clock."""
    envs = Batch(
        args.tier, Team.default(args.team_size), EnvConfig(), args.num_envs, write_observations=write_observations
    )
    envs.reset(range(args.num_envs))
    generator = np.random.default_rng(0)
    steps = max(10, 20_000 // args.num_envs)
    return [timed(envs, steps, lambda: random_legal(envs, generator)) for _ in range(RUNS + 1)][1:]


def timed(envs: Batch, steps: int, choose: Callable[[], None]) -> float:
    """Environment steps a second."""
    clock = 0.0
    for _ in range(steps):
        choose()
        start = time.perf_counter()
        envs.step_written()
        clock += time.perf_counter() - start
        envs.autoreset()
    return steps * envs.num_envs / clock


def random_legal(envs: Batch, generator: np.random.Generator) -> None:
    """Write a random legal choice of every part of every action: the largest of random numbers where legal."""
    end = 0
    for part, size in enumerate(envs.action_sizes.tolist()):
        legal = envs.action_masks[..., end : end + size]
        envs.action_buffer[..., part] = (legal * generator.random(legal.shape, dtype=np.float32)).argmax(axis=-1)
        end += size
