"""The environment as PettingZoo's users meet it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.test import api_test, parallel_api_test, render_test
from playing import assert_same, play, random_actions

import c2c_env
from c2c_env import METRICS, Batch, EnvConfig, Team, parallel_env
from c2c_env.registration import ENV_ID, MEMBER_ID

ROOT = Path(c2c_env.__file__).parent.parent
WORKFLOW = "password-reset-flow"
DICT_WARNING = "ignore:Observation is not a NumPy array:UserWarning"
MULTI, DISCRETE = {"action_format": "multi_discrete"}, {"action_format": "discrete"}
FACTS = {"hidden_facts": 2}
FLAT, IN_OBSERVATION = {"mask_format": "flat"}, {"mask_in_observation": True}
FORMATS = pytest.mark.parametrize("fields", [MULTI, DISCRETE], ids=["multi", "discrete"])


# --- PettingZoo's own tests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3], ids=["alone", "three"])
@pytest.mark.parametrize(
    "fields",
    [MULTI, DISCRETE, MULTI | FLAT, DISCRETE | FLAT, FACTS | {"vocab_size": 3}, FACTS | FLAT],
    ids=["multi", "discrete", "multi-flat", "discrete-flat", "facts-symbols", "facts-flat"],
)
def test_parallel_api(fields, size):
    parallel_api_test(parallel_env(WORKFLOW, size, **fields), num_cycles=1000)


@pytest.mark.filterwarnings(DICT_WARNING)
@FORMATS
def test_parallel_api_with_mask_in_observation(fields):
    parallel_api_test(parallel_env(WORKFLOW, 3, **fields, **IN_OBSERVATION), num_cycles=1000)


@pytest.mark.parametrize("fields", [MULTI, DISCRETE, DISCRETE | FLAT], ids=["multi", "discrete", "discrete-flat"])
def test_aec_api(fields):
    api_test(c2c_env.env(WORKFLOW, 3, **fields), num_cycles=1000)


@pytest.mark.filterwarnings(DICT_WARNING, "ignore:Observation space for each agent probably should be:UserWarning")
@FORMATS
def test_aec_api_with_mask_in_observation(fields):
    api_test(c2c_env.env(WORKFLOW, 3, **fields, **IN_OBSERVATION), num_cycles=1000)


@FORMATS
def test_aec_form_plays_an_episode_to_its_end(fields):
    env = c2c_env.env(WORKFLOW, 3, horizon=6, **fields)
    assert isinstance(env, AECEnv)
    env.reset(seed=4)
    ended, turns = {}, 0
    for agent in env.agent_iter(max_iter=100):
        _, _, terminated, truncated, info = env.last()
        if terminated or truncated:
            ended[agent] = info["episode_metrics"]["steps"]
            env.step(None)
            continue
        env.step(env.action_space(agent).sample(info["action_mask"]))
        turns += 1
    assert (turns, ended) == (3 * 6, dict.fromkeys(["manager_0", "worker_1", "worker_2"], 6.0))


# --- spaces ----------------------------------------------------------------------------------------------------


def test_spaces_are_the_same_objects_at_every_call():
    env = parallel_env(WORKFLOW, 3)
    before = [(env.observation_space(a), env.action_space(a)) for a in env.possible_agents]
    env.reset(seed=0)
    after = [(env.observation_space(a), env.action_space(a)) for a in env.possible_agents]
    assert all(x is y for one, other in zip(before, after, strict=True) for x, y in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        DISCRETE,
        IN_OBSERVATION,
        IN_OBSERVATION | FLAT,
        {"vocab_size": 3},
        {"relations": "index"},
        FACTS,
        FACTS | {"vocab_size": 3},
    ],
)
def test_observations_and_masks_fit_their_spaces(fields):
    env = parallel_env(WORKFLOW, 3, max_agents=4, max_subtasks=9, **fields)
    observations, infos = env.reset(seed=2)
    rng = np.random.default_rng(0)
    while True:
        for agent, observation in observations.items():
            assert env.observation_space(agent).contains(observation)
            mask = infos[agent]["action_mask"]
            for part in mask if isinstance(mask, tuple) else (mask,):
                assert part.dtype == np.int8
                assert part.any()
        if not env.agents:
            break
        observations, _, _, _, infos = env.step(random_actions(env, rng))


def test_mask_formats_say_the_same():
    split, flat = parallel_env(WORKFLOW, 3), parallel_env(WORKFLOW, 3, mask_format="flat")
    left, right = split.reset(seed=1)[1], flat.reset(seed=1)[1]
    for agent in split.agents:
        assert [len(part) for part in left[agent]["action_mask"]] == split.action_space(agent).nvec.tolist()
        np.testing.assert_array_equal(np.concatenate(left[agent]["action_mask"]), right[agent]["action_mask"])


@pytest.mark.parametrize("fields", [MULTI, MULTI | FLAT, DISCRETE])
def test_mask_in_observation_is_the_one_in_info_and_always_flat(fields):
    env = parallel_env(WORKFLOW, 3, mask_in_observation=True, **fields)
    observations, infos = env.reset(seed=1)
    for agent in env.agents:
        mask = observations[agent]["action_mask"]
        assert env.observation_space(agent)["action_mask"] == spaces.Box(0, 1, mask.shape, np.int8)
        np.testing.assert_array_equal(mask, np.hstack(infos[agent]["action_mask"]))


def test_sampling_takes_masks_in_both_forms():
    env = parallel_env(WORKFLOW, 3, vocab_size=2)
    _, infos = env.reset(seed=1)
    space, split = env.action_space("worker_1"), infos["worker_1"]["action_mask"]
    assert space == spaces.MultiDiscrete(space.nvec)
    drawn = []
    for mask in (split, np.concatenate(split)):
        space.seed(5)
        drawn.append([space.sample(mask).tolist() for _ in range(50)])
    assert drawn[0] == drawn[1]
    assert all(part[value] == 1 for action in drawn[1] for part, value in zip(split, action, strict=True))
    space.seed(5)
    chances = np.concatenate([part / part.sum() for part in split])
    assert all(part[value] == 1 for part, value in zip(split, space.sample(probability=chances), strict=True))


def test_state_fits_its_space_and_shows_hidden_understanding():
    env = parallel_env(WORKFLOW, 3)
    observations, _ = env.reset(seed=1)
    before, snapshot = env.state(), env.snapshot()
    assert env.state_space.contains(before)
    snapshot["understanding"][2, 0, 0] = 0.77  # worker_2's intent of subtask 0
    others, _ = env.restore(snapshot)
    after = env.state()
    assert env.state_space.contains(after)
    assert np.flatnonzero(before != after).size == 1
    np.testing.assert_array_equal(observations["worker_1"], others["worker_1"])  # nobody else sees it
    assert not np.array_equal(observations["worker_2"], others["worker_2"])


# --- what a step returns ---------------------------------------------------------------------------------------


def spoil(results):
    """Overwrite everything that came back."""
    for thing in results:
        for key, value in list(thing.items()):
            parts = value if isinstance(value, tuple) else (value,)
            for part in parts:
                if isinstance(part, np.ndarray):
                    part[...] = 1
                elif isinstance(part, dict):
                    spoil([part])
            thing[key] = None
        thing.clear()


@pytest.mark.parametrize("fields", [{}, FLAT, DISCRETE, IN_OBSERVATION], ids=["tuple", "flat", "discrete", "dict"])
def test_what_came_back_may_be_overwritten(fields):
    clean, spoilt = parallel_env(WORKFLOW, 3, **fields), parallel_env(WORKFLOW, 3, **fields)
    clean.reset(seed=3)
    spoil(spoilt.reset(seed=3))
    rng = np.random.default_rng(0)
    while clean.agents:
        actions = random_actions(clean, rng)
        expected, got = clean.step(actions), spoilt.step(actions)
        assert_same(got, expected)
        assert_same(spoilt.state(), clean.state())
        spoil(got)
        spoilt.state()[...] = 1


def test_a_later_step_leaves_earlier_results_alone():
    env = parallel_env(WORKFLOW, 3)
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    first = env.step(random_actions(env, rng))
    kept = copy.deepcopy(first)
    play(env, rng)
    assert_same(first, kept)


@FORMATS
def test_all_agents_end_together_with_metrics(fields):
    env = parallel_env(WORKFLOW, 3, **fields)
    env.reset(seed=5)
    results = play(env, np.random.default_rng(0))
    for observations, rewards, terminated, truncated, infos in results:
        for part in (observations, rewards, terminated, truncated, infos):
            assert list(part) == env.possible_agents
        assert len(set(terminated.values())) == len(set(truncated.values())) == 1
    ends = [terminated["manager_0"] or truncated["manager_0"] for _, _, terminated, truncated, _ in results]
    assert ends == [False] * (len(ends) - 1) + [True]
    assert all("episode_metrics" not in info for info in results[-2][4].values())
    for info in results[-1][4].values():
        assert list(info["episode_metrics"]) == list(METRICS)
        assert all(type(value) is float for value in info["episode_metrics"].values())
    assert results[-1][4]["manager_0"]["episode_metrics"]["steps"] == len(results)


@pytest.mark.parametrize("sharing", ["team", "individual", 0.3])
def test_reward_terms_add_up_to_the_reward(sharing):
    env = parallel_env("medium", 4, reward_sharing=sharing, horizon=60, reward_weights=(1.0, 0.5, 0.5, 0.5, 0.4, 0.3))
    env.reset(seed=6)
    for _, rewards, _, _, infos in play(env, np.random.default_rng(1)):
        for agent, reward in rewards.items():
            terms = infos[agent]["reward_terms"]
            assert list(terms) == ["progress", "alignment", "communication", "time", "forecast", "information"]
            assert sum(terms.values()) == pytest.approx(reward, rel=1e-5, abs=1e-7)


def test_illegal_actions_raise_nothing_and_are_flagged():
    env = parallel_env("csv-import-tool", 3)
    env.reset(seed=0)
    infos = env.step({"manager_0": [0, 6, 1, 0], "worker_1": [0, 6, 0, 0], "worker_2": [3, 0, 0, 0]})[4]
    assert [infos[a]["invalid_action"] for a in env.agents] == [False, True, True]  # only managers assign; 3 is blocked


# --- seeds and copies ------------------------------------------------------------------------------------------


def test_the_same_seed_plays_the_same_episodes():
    left, right = parallel_env("medium", 3, horizon=30), parallel_env("medium", 3, horizon=30)
    for seed in (7, None):  # a given seed, and that seed's next episode
        assert_same(left.reset(seed=seed), right.reset(seed=seed))
        assert_same(play(left, np.random.default_rng(0)), play(right, np.random.default_rng(0)))


def test_a_reset_without_seed_gives_another_episode():
    env = parallel_env("medium", 3)
    env.reset(seed=7)
    names = [env.batch.workflow().name]
    for _ in range(3):
        env.reset()
        names.append(env.batch.workflow().name)
    assert len(set(names)) == 4


def test_a_first_reset_without_seed_draws_one():
    seeds = set()
    for _ in range(3):
        env = parallel_env(WORKFLOW, 2)
        env.reset()
        seeds.add(int(env.snapshot()["random_state"][0]))
    assert len(seeds) == 3


def test_a_workflow_can_be_chosen_at_reset():
    env = parallel_env([WORKFLOW, "csv-import-tool"], 3)
    for name in ("csv-import-tool", WORKFLOW):
        env.reset(seed=1, options={"workflow": name})
        assert env.batch.workflow().name == name


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
def test_a_copy_continues_identically_and_apart(copied):
    env = parallel_env("medium", 3, horizon=40)
    env.reset(seed=8)
    play(env, np.random.default_rng(0), steps=10)
    twin = copied(env)
    expected = play(env, np.random.default_rng(1))
    assert twin.snapshot()["t"] == 10
    assert_same(play(twin, np.random.default_rng(1)), expected)
    assert_same(twin.reset(), env.reset())


def test_a_batch_with_threads_can_be_pickled():
    batch = Batch("simple", Team.default(3), EnvConfig(), num_envs=4, num_threads=2)
    batch.reset(range(4))
    twin = pickle.loads(pickle.dumps(batch))
    for each in (batch, twin):
        each.step(np.ones((4, 3, 4), dtype=int))
    assert_same([twin.snapshot(row) for row in range(4)], [batch.snapshot(row) for row in range(4)])


def test_render_without_mode_says_how_to_have_one():
    env = parallel_env(WORKFLOW, 2)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match=r'without a render_mode.*write for example parallel_env.*="ansi"') as warned:
        assert env.render() is None
    assert [Path(warning.filename) for warning in warned] == [Path(__file__)]


@pytest.mark.parametrize("fields", [{}, {"mask_format": "flat", "mask_in_observation": True}])
def test_pettingzoos_own_test_of_rendering(fields):
    custom = {
        "ansi": lambda text: "manager_0" in text,
        "rgb_array": lambda image: image.any(),
        "human": lambda shown: shown is None,
    }
    render_test(lambda **mode: c2c_env.env(WORKFLOW, 3, **fields, **mode), custom)
    assert set(c2c_env.env(WORKFLOW, 3).metadata["render_modes"]) == set(custom)


# --- import and registration -----------------------------------------------------------------------------------


def python(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_importing_twice_warns_about_nothing():
    done = python(
        "import importlib, c2c_env, c2c_env.registration as r; r.register_all(); importlib.reload(c2c_env);"
        "import sys; [sys.modules.pop(m) for m in list(sys.modules) if m.startswith('c2c_env')]; import c2c_env"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_one_id_names_the_environment_everywhere():
    assert ENV_ID == "c2c_env/Team-v0"
    assert parallel_env(WORKFLOW, 2).metadata["name"] == ENV_ID
    ids = [id_ for id_ in gymnasium.registry if id_.lower().startswith("c2c_env")]
    assert ids == [ENV_ID, MEMBER_ID]  # the team as one, and one of its members


def test_pettingzoo_registry_makes_both_forms():
    registration = pytest.importorskip("pettingzoo.env_registry.registration", exc_type=ImportError)
    env = registration.make("parallel", ENV_ID, workflow=WORKFLOW, team_size=3)
    assert len(env.reset(seed=0)[0]) == 3
    assert isinstance(registration.make("aec", ENV_ID, workflow=WORKFLOW), AECEnv)
    for registry in (registration.parallel_registry, registration.aec_registry):
        assert [id_ for id_ in registry if id_.lower().startswith("c2c_env")] == [ENV_ID]
