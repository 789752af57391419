"""Infos: nested and flat, the same at every step for libraries that stack them, and the flag of a time limit."""

from __future__ import annotations

import math

import gymnasium
import numpy as np
import pytest

from c2c_env import METRICS, PRESETS, Batch, EnvConfig, Generated, Team, parallel_env
from c2c_env.core.constants import REWARD_TERMS
from c2c_env.errors import ConfigError
from c2c_env.workflows import TIERS

WORKFLOW = "csv-import-tool"
TIME_LIMIT = "TimeLimit.truncated"
WAIT = [0, 0, 0, 0]


def played(**fields):
    """Infos of all steps of an episode in which everybody does what the mask allows."""
    env = parallel_env(WORKFLOW, 3, **fields)
    _, infos = env.reset(seed=3)
    every = [infos]
    for agent in env.agents:
        env.action_space(agent).seed(1)
    while env.agents:
        masks = [env.batch.action_masks[0, i] for i in range(3)]
        actions = {a: env.action_space(a).sample(mask) for a, mask in zip(env.agents, masks, strict=True)}
        every.append(env.step(actions)[-1])
    return env, every


def test_flat_infos_have_the_same_numbers_under_the_same_keys_always():
    env, every = played(info_format="flat", horizon=30)
    keys = ["action_mask", "invalid_action", TIME_LIMIT]
    keys += [f"reward_{name}" for name in REWARD_TERMS] + [f"metric_{name}" for name in METRICS]
    kinds = {"invalid_action": bool, TIME_LIMIT: bool, "action_mask": np.ndarray}
    for infos in every:
        for info in infos.values():
            assert list(info) == keys
            assert all(type(value) is kinds.get(name, float) for name, value in info.items())
            assert info["action_mask"].shape == (sum(env.action_space("worker_1").nvec),)
            assert info["action_mask"].dtype == np.int8
    for infos in every[:-1]:
        assert all(math.isnan(info[f"metric_{name}"]) for info in infos.values() for name in METRICS)
    assert not any(info[f"reward_{name}"] for info in every[0].values() for name in REWARD_TERMS)


@pytest.mark.parametrize("horizon", [5, 400])
def test_flat_and_nested_infos_say_the_same(horizon):
    _, nested = played(horizon=horizon)
    _, flat = played(info_format="flat", horizon=horizon)
    assert len(nested) == len(flat)
    for left, right in zip(nested[1:], flat[1:], strict=True):
        for agent, info in left.items():
            assert info["invalid_action"] == right[agent]["invalid_action"]
            assert list(info["reward_terms"].values()) == [right[agent][f"reward_{name}"] for name in REWARD_TERMS]
            np.testing.assert_array_equal(np.concatenate(info["action_mask"]), right[agent]["action_mask"])
    for agent, info in nested[-1].items():
        last = {name: flat[-1][agent][f"metric_{name}"] for name in METRICS}
        np.testing.assert_equal(info["episode_metrics"], last)
        assert info[TIME_LIMIT] == flat[-1][agent][TIME_LIMIT] == (horizon == 5)
    assert all(TIME_LIMIT not in info for infos in nested[:-1] for info in infos.values())


@pytest.mark.parametrize("fields", [{}, {"info_format": "flat"}])
def test_masks_can_be_left_out_of_infos(fields):
    _, every = played(mask_in_info=False, horizon=4, **fields)
    assert all("action_mask" not in info for infos in every for info in infos.values())


def test_observations_stand_under_the_chosen_key():
    env = parallel_env(WORKFLOW, 3, mask_in_observation=True, observation_key="observations")
    observations, _ = env.reset(seed=0)
    assert sorted(observations["worker_1"]) == ["action_mask", "observations"]
    assert env.observation_space("worker_1").contains(observations["worker_1"])


# --- the team as one ------------------------------------------------------------------------------------------------


def make_team(**fields):
    return gymnasium.make("c2c_env/Team-v0", workflow=WORKFLOW, team_size=3, **fields).unwrapped


def test_team_counts_illegal_actions_and_flags_the_time_limit():
    env = make_team(horizon=2)
    _, info = env.reset(seed=0)
    assert (info["invalid_actions"], list(info)) == (0, ["action_mask", "invalid_actions"])
    blocked = 1 + next(k for k, s in enumerate(env.team_env.batch.workflow().subtasks) if s.prerequisites)
    action = np.array([blocked, 0, 0, 0, *WAIT, blocked, 0, 0, 0])
    *_, info = env.step(action)
    assert (info["invalid_actions"], info["invalid_action"], TIME_LIMIT in info) == (2, True, False)
    *_, terminated, truncated, info = env.step(np.array(WAIT * 3))
    assert (terminated, truncated, info[TIME_LIMIT], info["invalid_actions"]) == (False, True, True, 0)
    assert info["episode_metrics"]["steps"] == 2


@pytest.mark.parametrize("fields", [{}, {"action_format": "discrete"}, {"vocab_size": 2}])
def test_action_masks_of_the_team_are_those_of_its_members(fields):
    env, single = make_team(**fields), parallel_env(WORKFLOW, 3, **fields)
    env.reset(seed=4)
    _, infos = single.reset(seed=4)
    masks = [np.hstack(info["action_mask"]) for info in infos.values()]
    np.testing.assert_array_equal(env.action_masks(), np.concatenate(masks))
    assert env.action_masks().shape == (env.action_space.nvec.sum(),)
    env.action_masks()[:] = 0  # a copy
    assert env.action_masks().any()


def test_team_observes_masks_as_well():
    env = make_team(mask_in_observation=True, info_format="flat")
    observation, info = env.reset(seed=4)
    assert env.observation_space.contains(observation)
    np.testing.assert_array_equal(observation["action_mask"], env.action_masks())
    np.testing.assert_array_equal(info["action_mask"], env.action_masks())
    action = env.action_space.sample(observation["action_mask"])
    observation, *_, info = env.step(action)
    assert env.observation_space.contains(observation)
    assert info["invalid_actions"] == 0


# --- presets and the step limit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_set_their_fields_and_keywords_count_more(preset):
    env = parallel_env(WORKFLOW, 3, preset=preset)
    assert {name: getattr(env.config, name) for name in PRESETS[preset]} == dict(PRESETS[preset])
    plain = EnvConfig()
    for name, value in PRESETS[preset].items():
        changed = parallel_env(WORKFLOW, 3, preset=preset, **{name: getattr(plain, name)}).config
        assert getattr(changed, name) == getattr(plain, name) != value


def test_unknown_presets_name_the_nearest():
    with pytest.raises(ConfigError, match="unknown preset 'torch_rl'; did you mean 'torchrl'"):
        parallel_env(WORKFLOW, 3, preset="torch_rl")


def test_max_steps_is_the_largest_horizon_of_the_pool():
    horizons = [parallel_env(name, 3).max_steps for name in (WORKFLOW, "password-reset-flow")]
    assert horizons[0] != horizons[1]
    assert parallel_env([WORKFLOW, "password-reset-flow"], 3).max_steps == max(horizons)
    assert parallel_env(WORKFLOW, 3, horizon=7).max_steps == make_team(horizon=7).max_steps == 7


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("fields", [{}, {"dt": 30.0}, {"horizon": 11}])
def test_max_steps_bounds_generated_workflows(tier, fields):
    config, count = EnvConfig(**fields), 300
    batch = Batch(Generated(tier, range(count)), Team.default(4), config, num_envs=count)
    batch.reset(range(count), workflows=range(count))
    longest = batch.params.horizon[batch.state.workflow].max()
    assert longest <= batch.max_steps
    assert (longest == batch.max_steps) == ("horizon" in fields)
    assert batch.max_steps < 30 * longest
