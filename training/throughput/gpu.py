"""How fast the environment is on a GPU: ``python -m training.throughput.gpu``.

The clock is on for everything that an episode needs but a policy: random legal actions, the step, and the restart of
what has ended, all on the device. It stops when the device is done.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence

from c2c_env import EnvConfig, Team
from c2c_env.envs.device_batch import DeviceBatch
from c2c_env.errors import C2CError, ConfigError

RUNS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status."""
    args = parse(argv)
    try:
        if args.steps < 1:
            raise ConfigError(f"--steps is {args.steps}, expected an integer >= 1")
        for what, write_observations in (("with observations", True), ("without observations", False)):
            envs = make_device_batch(args, write_observations)
            rates = [rate * args.team_size for rate in measure_device(envs, args.steps)]
            print(
                f"{args.tier}, {args.team_size} agents, {args.num_envs} environments, {what}:"
                f" {statistics.median(rates):,.0f} agent-steps a second (median of {RUNS} runs of {args.steps}"
                f" steps; {min(rates):,.0f} to {max(rates):,.0f})"
            )
    except C2CError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m training.throughput.gpu", description=__doc__)
    parser.add_argument("--tier", default="simple", help="workflows, generated as they start (default: simple)")
    parser.add_argument("--team-size", type=int, default=5, help="agents (default: 5)")
    parser.add_argument("--num-envs", type=int, default=65536, help="environments of the batch (default: 65536)")
    parser.add_argument("--steps", type=int, default=200, help="steps of a run (default: 200)")
    return parser.parse_args(argv)


def make_device_batch(args: argparse.Namespace, write_observations: bool) -> DeviceBatch:
    """The batch that is measured."""
    team = Team.default(args.team_size)
    return DeviceBatch(args.tier, team, EnvConfig(), args.num_envs, write_observations=write_observations)


def measure_device(envs: DeviceBatch, steps: int) -> list[float]:
    """Environment steps a second of each run; a first run, in which kernels are compiled, is not counted."""
    envs.reset(range(envs.num_envs))
    return [timed(envs, steps) for _ in range(RUNS + 1)][1:]


def timed(envs: DeviceBatch, steps: int) -> float:
    """Environment steps a second."""
    envs.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        envs.sample_actions()
        envs.step_written()
        envs.autoreset()
    envs.synchronize()
    return steps * envs.num_envs / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
