"""Episodes for tests: random ones of random environments, and those of policies."""

from __future__ import annotations

import numpy as np
from playing import play

from c2c_env.envs.parallel_env import C2CParallelEnv
from c2c_env.episodes.recorder import EpisodeRecorder


def recorded(env, rng=None, steps=None, **options):
    """The episode of a started environment that is played at random, or by actions [T, N, A] and then by nothing."""
    assert isinstance(env, C2CParallelEnv)
    found = []
    recorder = EpisodeRecorder(env.batch, found.append, **options)
    step = env.batch.step_written

    def step_and_record(*args):
        step(*args)
        recorder.record()

    env.batch.step_written = step_and_record
    try:
        if steps is None:
            play(env, np.random.default_rng(0) if rng is None else rng)
        else:
            play_actions(env, steps)
    finally:
        del env.batch.step_written
    (episode,) = found
    return episode


def play_actions(env, steps):
    """Take the given steps, and then nothing is done until the end."""
    nothing = np.zeros_like(env.batch.action_buffer[0])
    steps = iter(steps)
    while env.agents:
        env.step(dict(zip(env.agents, np.array(next(steps, nothing)), strict=True)))
