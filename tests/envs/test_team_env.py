import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from c2c_env import parallel_env
from c2c_env.errors import ActionError, ConfigError

WORKFLOW = "csv-import-tool"


def make(**fields):
    return gymnasium.make("c2c_env/Team-v0", workflow=WORKFLOW, team_size=3, **fields)


IN_OBSERVATION = {"mask_in_observation": True, "mask_format": "flat"}


@pytest.mark.parametrize("fields", [{}, {"action_format": "discrete"}, {"mask_format": "flat"}, IN_OBSERVATION])
def test_gymnasiums_own_check(fields):
    check_env(make(render_mode="ansi", **fields).unwrapped)


@pytest.mark.parametrize("fields", [{}, {"action_format": "discrete"}, {"reward_sharing": "individual"}])
def test_is_the_parallel_environment_with_all_agents_as_one(fields):
    team, single = make(**fields), parallel_env(WORKFLOW, 3, **fields)
    observation, info = team.reset(seed=5)
    observations, _ = single.reset(seed=5)
    team.action_space.seed(0)
    ended = False
    while not ended:
        np.testing.assert_array_equal(observation, np.stack(list(observations.values())))
        action = team.action_space.sample(info["action_mask"])
        parts = action.reshape(3, -1)
        actions = {a: row[0] if "action_format" in fields else row for a, row in zip(single.agents, parts, strict=True)}
        observation, reward, terminated, truncated, info = team.step(action)
        observations, rewards, terminations, truncations, infos = single.step(actions)
        assert reward == pytest.approx(np.mean(list(rewards.values())))
        assert (terminated, truncated) == (terminations["worker_1"], truncations["worker_1"])
        assert info["invalid_actions"] == 0
        ended = terminated or truncated
    assert info["episode_metrics"] == pytest.approx(infos["worker_1"]["episode_metrics"], nan_ok=True)


def test_wrong_actions_and_options_are_named():
    with pytest.raises(ConfigError, match="unknown preset 'rlib'; did you mean 'rllib'"):
        make(preset="rlib")
    env = make().unwrapped
    env.reset(seed=0)
    with pytest.raises(ActionError):
        env.step(np.zeros(11, dtype=np.int64))
