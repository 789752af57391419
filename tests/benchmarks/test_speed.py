"""A small regression set: `make bench` times these and compares with the last time; `make test` runs each once."""

import numpy as np
import pytest

import c2c_env
from training.throughput import own_loops, scaling


def timed_loop(benchmark, loop):
    """The steps alone, each with freshly drawn actions."""

    def setup():
        return (loop.choose(),), {}

    benchmark.pedantic(loop.step, setup=setup, rounds=100, warmup_rounds=10)


def test_one_environment(benchmark):
    timed_loop(benchmark, own_loops.one_environment("simple", 5))


@pytest.mark.parametrize("write_observations", [True, False], ids=["observations", "no_observations"])
@pytest.mark.parametrize(("tier", "team_size"), [("simple", 5), ("complex", 17)])
def test_batch(benchmark, tier, team_size, write_observations):
    timed_loop(benchmark, own_loops.batch(tier, team_size, 64, 1, write_observations))


@pytest.mark.parametrize(("tier", "team_size"), [("simple", 5), ("complex", 17)])
def test_batch_with_a_shared_board(benchmark, tier, team_size):
    timed_loop(benchmark, own_loops.batch(tier, team_size, 64, 1, True, shared_board=True))


def test_many_agents_and_subtasks(benchmark):
    timed_loop(benchmark, scaling.growth_loop(64, 34, "index", True))


def test_reset(benchmark):
    batch = c2c_env.Batch("csv-import-tool", c2c_env.Team.default(5), c2c_env.EnvConfig(), num_envs=256)
    rows = np.arange(256)
    batch.reset(range(256))
    benchmark.pedantic(lambda: batch.reset(rows=rows), rounds=50, warmup_rounds=5)
