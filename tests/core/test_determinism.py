"""The same seed and actions give the same episode, whoever else is simulated and wherever; nothing leaves its range."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from simulate import arrays_of, assert_same_bits, random_team, random_workflow, step

import c2c_env
from c2c_env import Batch, EnvConfig, Generated, Team, parallel_env
from c2c_env.core import constants as c

ROUGH = EnvConfig(volatility=0.02, horizon=80, reward_weights=(1.0, 0.5, 0.5, 0.5, 0.4, 0.3))
SMALL = [random_workflow(np.random.default_rng(n), 4) for n in range(20)]
SOURCES = [Generated("medium", range(100)), *SMALL]
TEAM = Team.default(4)
SEEDS = [7 * n + 3 for n in range(17)]
DRAWS = np.random.default_rng(11).random((80, len(SEEDS), TEAM.size, 100))  # steps, environments, agents, choices


def legal_actions(batch, draws):
    """Of the legal choices of each part the one with the highest draw; mostly silent, so that work gets done."""
    drawn = batch.action_masks * draws[..., : batch.action_masks.shape[-1]]
    parts = np.split(drawn, np.cumsum(batch.action_sizes)[:-1], axis=-1)
    actions = np.stack([part.argmax(axis=-1) for part in parts], axis=-1)
    if len(parts) > 1:
        actions[..., 1] *= draws[..., 0] < 0.3
    return actions


def play(batch, draws, rows=None):
    """Step the rows (default: all) that have not ended."""
    chosen = np.arange(batch.num_envs) if rows is None else rows
    for drawn in draws:
        going = chosen[(batch.terminated | batch.truncated)[chosen] == 0]
        everything = len(going) == batch.num_envs
        batch.step(legal_actions(batch, drawn), rows=None if everything else going)
    return batch


def started(seeds, **kwargs):
    batch = Batch(SOURCES, TEAM, ROUGH, num_envs=len(seeds), **kwargs)
    batch.reset(seeds)
    return batch


def whole_batch(**kwargs):
    return play(started(SEEDS, **kwargs), DRAWS)


def test_these_episodes_meet_chance_and_end():
    batch = whole_batch()
    assert 3 < batch.terminated.sum() < len(SEEDS)
    assert (batch.state.tally[:, [c.REWORKS, c.REQUIREMENT_CHANGES]].sum(axis=0) > 5).all()


@pytest.mark.parametrize("size", [1, 3])
def test_batch_size_does_not_matter(size):
    whole = whole_batch()
    for first in range(0, len(SEEDS), size):
        rows = slice(first, first + size)
        part = play(started(SEEDS[rows]), DRAWS[:, rows])
        assert part.workflow_index.tolist() == whole.workflow_index[rows].tolist()
        assert_same_bits(part, whole, other_rows=rows)


@pytest.mark.parametrize("num_threads", [2, 4, 20])
def test_number_of_threads_does_not_matter(num_threads):
    assert_same_bits(whole_batch(), whole_batch(num_threads=num_threads))


def test_stepping_some_rows_leaves_the_others():
    halves = started(SEEDS)
    for first in (1, 0):
        play(halves, DRAWS, rows=np.arange(first, len(SEEDS), 2))
    assert_same_bits(whole_batch(), halves)


def fingerprint():
    """A hash of everything after some steps."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays_of(whole_batch()).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def test_another_process_gives_the_same_episode():
    script = "from test_determinism import fingerprint; print(fingerprint())"
    folders = [Path(__file__).parent, Path(__file__).parents[1], Path(c2c_env.__file__).parents[1]]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONHASHSEED": "12"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


def play_single(env, draws):
    """One environment through its PettingZoo face, draws [steps, N, choices]."""
    for drawn in draws:
        if env.agents:
            step(env, legal_actions(env.batch, drawn[None])[0])
    return env


def test_single_environment_equals_its_row_of_a_batch():
    whole = whole_batch()
    for row in (0, 5, 16):
        env = parallel_env(SOURCES, team=TEAM, config=ROUGH)
        env.reset(seed=SEEDS[row])
        assert_same_bits(play_single(env, DRAWS[:, row]).batch, whole, other_rows=slice(row, row + 1))


def episodes(seed, count=3):
    """Snapshots, one an episode: reset with the seed first, then without."""
    env = parallel_env(SOURCES, team=TEAM, config=ROUGH)
    taken = []
    for n in range(count):
        env.reset(seed=None if n else seed)
        taken.append(play_single(env, DRAWS[:, n]).snapshot())
    return taken


def test_reset_without_seed_continues_the_stream():
    first, second = episodes(5), episodes(5)
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len({one["random_state"].tobytes() for one in first}) == 3
    assert len({int(one["workflow"]) for one in first}) > 1
    assert first[0]["random_state"][2] != episodes(6, count=1)[0]["random_state"][2]


def test_nothing_is_left_of_the_episode_before():
    fresh, used = started(SEEDS), play(started(SEEDS[::-1]), DRAWS)
    used.reset(SEEDS)
    for name, array in arrays_of(fresh).items():
        if name not in ("workflow", "reward", "reward_terms"):  # the rewards of the last step stay readable
            assert array.tobytes() == arrays_of(used)[name].tobytes(), name


def test_reset_with_seed_starts_the_stream_again():
    env = parallel_env(SOURCES, team=TEAM)
    keys = []
    for seed in (5, None, 5, None):
        env.reset(seed=seed)
        keys.append(env.snapshot()["random_state"].tolist())
    assert keys[:2] == keys[2:]
    assert keys[0] != keys[1]


def test_first_reset_without_seed_is_fresh():
    envs = [parallel_env("simple", 2) for _ in range(2)]
    for env in envs:
        env.reset()
    assert envs[0].snapshot()["random_state"][0] != envs[1].snapshot()["random_state"][0]


@pytest.mark.parametrize("source", [SOURCES[0], SMALL, SOURCES], ids=["generated", "list", "both"])
def test_seed_fixes_which_workflow_is_drawn(source):
    drawn = []
    for _ in range(2):
        batch = Batch(source, TEAM, ROUGH, num_envs=40)
        batch.reset(range(40))
        drawn.append(batch.workflow_index.tolist())
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) >= 5
    env = parallel_env(source, team=TEAM)
    for seed in (0, 13, 39):
        env.reset(seed=seed)
        assert env.batch.workflow_index[0] == drawn[0][seed]


FORMATS = {
    "parts": {},
    "padded_symbols": {"max_agents": 7, "max_subtasks": 40, "vocab_size": 3, "relations": "index"},
    "facts": {"hidden_facts": 2, "vocab_size": 2, "rework_share": 1.0},
    "discrete": {"action_format": "discrete"},
    "discrete_padded": {"action_format": "discrete", "max_agents": 7, "max_subtasks": 40, "relations": "index"},
}


def wild_actions(batch, rng):
    """In the space, one beyond it, or anything that 32 bits hold."""
    shape, sizes = batch.action_buffer.shape, batch.action_sizes
    anything = rng.integers(-(2**31), 2**31, size=shape)
    kinds = [rng.integers(0, sizes, size=shape), rng.integers(-1, sizes + 1, size=shape), anything]
    return np.choose(rng.choice(3, size=shape[:2], p=[0.8, 0.15, 0.05])[..., None], kinds)


def assert_in_range(batch):
    p, s = batch.params, batch.state
    assert s.understanding.min() >= 0.0
    assert s.understanding.max() <= 1.0
    floor = p.alignment_floor
    weights = p.weights[s.workflow][:, None]
    alignment = floor + (1 - floor) * (weights * s.understanding).sum(axis=-1)
    assert alignment.min() >= 0.01
    assert alignment.max() <= 1.0 + 1e-12
    assert s.remaining.min() >= 0.0
    assert (s.remaining <= p.effort[s.workflow]).all()
    assert s.debt.min() >= 0.0
    assert batch.observations.min() >= 0.0
    assert batch.observations.max() <= 1.0
    assert np.isfinite(batch.rewards).all()
    for part in np.split(batch.action_masks, np.cumsum(batch.action_sizes)[:-1], axis=-1):
        assert part.any(axis=-1).all()
        assert part.max() == 1


@pytest.mark.parametrize("name", FORMATS)
def test_quarter_of_a_million_random_actions_stay_in_range(name):
    rng = np.random.default_rng(2)
    sources = [*(Generated(tier, range(30)) for tier in ("simple", "medium", "complex")), *SMALL]
    config = EnvConfig(volatility=0.02, horizon=60, **FORMATS[name])
    batch = Batch(sources, random_team(rng, 5), config, num_envs=500, num_threads=2)
    batch.reset(range(500))
    finished = 0
    for _ in range(100):  # of 500 environments with 5 agents
        legal = legal_actions(batch, rng.random(batch.action_masks.shape))
        batch.step(np.where(rng.random((500, 1, 1)) < 0.5, legal, wild_actions(batch, rng)))
        assert_in_range(batch)
        finished += batch.terminated.sum()
        ended = np.flatnonzero(batch.terminated | batch.truncated)
        batch.reset(rows=ended)
        assert_in_range(batch)
    assert finished > 10
