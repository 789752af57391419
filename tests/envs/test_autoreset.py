"""Ended episodes are followed by the next one of their own stream, and the others are left alone."""

from __future__ import annotations

import numpy as np

from c2c_env import Batch, EnvConfig, Team


def make(num_envs, horizon=3):
    batch = Batch("simple", Team.default(3), EnvConfig(horizon=horizon), num_envs)
    batch.reset(range(num_envs))
    return batch


def idle(batch, rows=None):
    batch.step(np.zeros_like(batch.action_buffer), rows=rows)


def test_only_ended_episodes_start_anew():
    batch = make(3)
    idle(batch)
    assert batch.autoreset().tolist() == []
    for _ in range(2):
        idle(batch, rows=[0, 2])
    assert batch.truncated.tolist() == [1, 0, 1]
    kept = batch.observations[1].copy()
    assert batch.autoreset().tolist() == [0, 2]
    assert batch.state.t.tolist() == [0, 1, 0]
    assert batch.state.episode.tolist() == [1, 0, 1]
    assert not batch.truncated.any()
    assert batch.autoreset().tolist() == []
    np.testing.assert_array_equal(batch.observations[1], kept)


def test_the_next_episode_is_the_one_that_reset_without_a_seed_gives():
    ended, fresh = make(2, horizon=1), make(2)
    idle(ended)
    ended.autoreset()
    fresh.reset()
    np.testing.assert_array_equal(ended.observations, fresh.observations)
    np.testing.assert_array_equal(ended.action_masks, fresh.action_masks)
    assert [ended.workflow(row).name for row in range(2)] == [fresh.workflow(row).name for row in range(2)]
