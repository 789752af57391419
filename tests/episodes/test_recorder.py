"""Recorders: whole episodes become files, and what is not whole leaves none."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from killing import kill_when
from pettingzoo.test import parallel_api_test
from pettingzoo.utils import parallel_to_aec
from pettingzoo.utils.wrappers import BaseParallelWrapper
from playing import assert_same, play

from c2c_env import Recorder, parallel_env
from c2c_env.episodes.episode import ModelText
from c2c_env.episodes.episode_file import read_episode
from c2c_env.episodes.history import simulate
from c2c_env.episodes.recorder import EpisodeRecorder, write_into
from c2c_env.errors import ConfigError, WriteError
from c2c_env.interventions import intervene
from c2c_env.make import make_batch


def files_of(folder):
    return [read_episode(path) for path in sorted(folder.glob("*.episode.json.gz"))]


def test_an_episode_is_written_at_its_end_and_not_before(tmp_path):
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path / "new" / "folder", policies="mine")
    env.reset(seed=3)
    play(env, np.random.default_rng(0), steps=10)
    assert files_of(tmp_path / "new" / "folder") == []
    play(env, np.random.default_rng(0))
    (episode,) = files_of(tmp_path / "new" / "folder")
    assert (episode.seed, episode.number, episode.policies) == (3, 0, ("mine", "mine"))
    assert simulate(episode).metrics == pytest.approx(env.unwrapped.episode_metrics(), nan_ok=True)


def test_the_wrapper_changes_nothing(tmp_path):
    plain, recording = parallel_env("simple", 3), Recorder(parallel_env("simple", 3), tmp_path)
    assert_same(plain.reset(seed=1), recording.reset(seed=1))
    recording.batch, recording.config = recording.unwrapped.batch, recording.unwrapped.config
    assert_same(play(plain, np.random.default_rng(2)), play(recording, np.random.default_rng(2)))
    np.testing.assert_array_equal(plain.state(), recording.state())


def test_it_is_a_wrapper_as_pettingzoo_wants_it(tmp_path):
    parallel_api_test(Recorder(parallel_env("csv-import-tool", 2), tmp_path), num_cycles=50)


def test_further_episodes_of_a_seed_are_told_apart_and_come_out_again(tmp_path):
    env = Recorder(parallel_env("complex", 2), tmp_path)  # a drawn workflow each
    for seed in (9, None, None):
        env.reset(seed=seed)
        play(env, np.random.default_rng(0))
    found = files_of(tmp_path)
    assert sorted(episode.number for episode in found) == [0, 1, 2]
    assert len({episode.workflow.name for episode in found}) == 3
    for episode in found:
        simulate(episode)


def test_an_episode_that_is_reset_or_restored_leaves_no_file(tmp_path):
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path)
    env.reset(seed=0)
    play(env, np.random.default_rng(0), steps=5)
    env.reset(seed=1)
    play(env, np.random.default_rng(0), steps=5)
    env.restore(env.unwrapped.snapshot())
    play(env, np.random.default_rng(0))
    assert files_of(tmp_path) == []
    env.reset(seed=2)
    play(env, np.random.default_rng(0))
    assert [episode.seed for episode in files_of(tmp_path)] == [2]


@pytest.mark.parametrize("back", [0, 1, 3])
def test_an_episode_that_goes_back_below_the_recorder_leaves_no_file(tmp_path, back):
    # it is at step 6 when it goes back, and comes to step 7 again with other actions before
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path)
    env.reset(seed=0)
    play(env, np.random.default_rng(0), steps=6 - back)
    snapshot = env.unwrapped.snapshot()
    play(env, np.random.default_rng(1), steps=back)
    env.unwrapped.restore(snapshot)
    play(env, np.random.default_rng(2))
    assert files_of(tmp_path) == []
    env.reset(seed=1)
    play(env, np.random.default_rng(0))
    simulate(*files_of(tmp_path))


def test_an_episode_that_is_reset_below_the_recorder_leaves_no_file(tmp_path):
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path)
    env.reset(seed=0)
    play(env, np.random.default_rng(0), steps=1)
    env.unwrapped.reset(seed=0)  # the same episode, which goes another way
    play(env, np.random.default_rng(1))
    assert files_of(tmp_path) == []


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_records_from_its_next_reset_on_and_the_first_one_goes_on(tmp_path, copied):
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path)
    env.reset(seed=0)
    play(env, np.random.default_rng(0), steps=5)
    other = copied(env)
    play(other, np.random.default_rng(1))
    assert files_of(tmp_path) == []
    other.reset(seed=7)
    play(other, np.random.default_rng(1))
    play(env, np.random.default_rng(0))
    found = files_of(tmp_path)
    assert sorted(episode.seed for episode in found) == [0, 7]
    for episode in found:
        simulate(episode)


def test_it_records_below_and_above_other_wrappers(tmp_path):
    env = BaseParallelWrapper(Recorder(BaseParallelWrapper(parallel_env("csv-import-tool", 2)), tmp_path))
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    sizes = env.unwrapped.batch.action_sizes
    while env.agents:
        env.step({agent: rng.integers(0, sizes) for agent in env.agents})
    turns = parallel_to_aec(Recorder(parallel_env("csv-import-tool", 2), tmp_path))
    turns.reset(seed=1)
    for _ in turns.agent_iter():
        *_, terminated, truncated, _ = turns.last()
        turns.step(None if terminated or truncated else rng.integers(0, sizes))
    found = files_of(tmp_path)
    assert sorted(episode.seed for episode in found) == [0, 1]
    for episode in found:
        simulate(episode)


@pytest.mark.parametrize("kind", ["lossy:0.5", "shuffled", "scrambled", "delayed:2", "free"])
def test_what_was_done_under_an_intervention_comes_out_again(tmp_path, kind):
    env = Recorder(intervene(parallel_env("csv-import-tool", 4), kind), tmp_path)
    env.reset(seed=4)
    play(env, np.random.default_rng(0))
    (episode,) = files_of(tmp_path)
    simulate(episode)
    assert (episode.factors.min() < 1.0) == (kind == "lossy:0.5")


def test_every_environment_of_a_batch_can_be_recorded(tmp_path):
    batch = make_batch(["csv-import-tool", "simple"], 3, num_envs=4)
    batch.reset([1, 2, 3, 4])
    recorders = [EpisodeRecorder(batch, write_into(tmp_path), row=row) for row in range(4)]
    rng, ended = np.random.default_rng(0), np.zeros(4, dtype=bool)
    while not ended.all():
        batch.step(rng.integers(0, batch.action_sizes, size=batch.action_buffer.shape), rows=np.flatnonzero(~ended))
        for recorder in recorders:
            recorder.record()
        ended = (batch.terminated | batch.truncated).astype(bool)
    found = files_of(tmp_path)
    assert sorted(episode.seed for episode in found) == [1, 2, 3, 4]
    assert len({episode.length for episode in found}) > 1
    for episode in found:
        simulate(episode)


def test_texts_are_kept_with_the_episode(tmp_path):
    env = Recorder(parallel_env("csv-import-tool", 2), tmp_path)
    env.reset(seed=0)
    text = ModelText(1, (0,), (("user", "What now?"),), "Wait.")
    env.note(text)
    play(env, np.random.default_rng(0))
    assert files_of(tmp_path)[0].texts == (text,)


def test_wrong_uses_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="there are 1 policies for 2 agents"):
        Recorder(parallel_env("csv-import-tool", 2), tmp_path, policies=["one"]).reset(seed=0)
    with pytest.raises(ConfigError, match="expected an environment made by"):
        Recorder(Other(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot make folder"):
        Recorder(parallel_env("csv-import-tool", 2), tmp_path / "file")


class Other(BaseParallelWrapper):
    """An environment that is not ours."""

    def __init__(self):
        self.env = self

    @property
    def unwrapped(self):
        return self


PLAY_ON = """
import sys
from c2c_env import Recorder, parallel_env
env = Recorder(parallel_env("csv-import-tool", 2), sys.argv[1])
env.reset(seed=0)
while True:
    while env.agents:
        env.step({a: env.action_space(a).sample() for a in env.agents})
    env.reset()
"""


@pytest.mark.slow
def test_a_killed_recorder_leaves_whole_episodes(tmp_path):
    command = [sys.executable, "-c", PLAY_ON, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    kill_when(process, lambda: len(list(tmp_path.glob("*.gz"))) >= 20)
    found = files_of(tmp_path)
    assert len(found) >= 20
    for episode in found[:5]:
        simulate(episode)
