"""The vector environment for stable-baselines3: rows are agents, masks are honoured, ends are flagged rightly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from c2c_env import Generated, parallel_env
from c2c_env.adapters.sb3 import AgentVecEnv
from c2c_env.errors import ConfigError
from c2c_env.render import draw

WORKFLOW = "csv-import-tool"
WAIT = [0, 0, 0, 0]


def make(copies=2, **fields):
    return AgentVecEnv(copies, **{"workflow": WORKFLOW, "team_size": 3, **fields})


def sample(venv, rng):
    """Legal actions of all rows."""
    space = venv.action_space
    space.seed(int(rng.integers(2**31)))
    return np.stack([space.sample(mask) for mask in venv.action_masks()])


@pytest.mark.parametrize("fields", [{}, {"action_format": "discrete"}, {"mask_in_observation": True}])
def test_copies_play_what_parallel_environments_play(fields):
    fields = {"workflow": Generated("simple", range(20)), "horizon": 30, "reward_sharing": "individual", **fields}
    venv, rng, ends = make(**fields), np.random.default_rng(0), 0
    others = [parallel_env(fields["workflow"], 3, **{k: v for k, v in fields.items() if k != "workflow"}) for _ in "ab"]
    venv.seed(5)
    observations = venv.reset()
    expected = [env.reset(seed=5 + 3 * copy)[0] for copy, env in enumerate(others)]
    returns = np.zeros(6)
    for _ in range(70):
        assert_rows(observations, expected)
        actions = sample(venv, rng)
        observations, rewards, dones, infos = venv.step(actions)
        expected = []
        for copy, env in enumerate(others):
            rows = slice(3 * copy, 3 * copy + 3)
            result, earned, terminated, truncated, last = env.step(dict(zip(env.agents, actions[rows], strict=True)))
            assert rewards[rows].tolist() == list(earned.values())
            returns[rows] += rewards[rows]
            ended = not env.agents
            assert dones[rows].tolist() == [ended] * 3
            assert [info["invalid_action"] for info in infos[rows]] == [i["invalid_action"] for i in last.values()]
            if ended:
                ends += 1
                for info, agent, total in zip(infos[rows], result, returns[rows], strict=True):
                    assert_rows(stacked([info["terminal_observation"]]), [{agent: result[agent]}])
                    assert info["TimeLimit.truncated"] == truncated[agent] != terminated[agent]
                    assert info["episode"]["r"] == pytest.approx(total, abs=1e-5)
                    assert info["episode"]["l"] == last[agent]["episode_metrics"]["steps"]
                    np.testing.assert_equal(info["episode_metrics"], last[agent]["episode_metrics"])
                returns[rows] = 0.0
                result = env.reset()[0]
            else:
                assert all(list(info) == ["invalid_action"] for info in infos[rows])
            expected.append(result)
    assert ends >= 4


def stacked(rows):
    if isinstance(rows[0], dict):
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return np.stack(rows)


def assert_rows(observations, expected):
    """Rows of arrays, or a dict of them, are the observations of all agents of all environments in turn."""
    wanted = stacked([row for each in expected for row in each.values()])
    if isinstance(wanted, dict):
        assert observations.keys() == wanted.keys()
        for name, values in wanted.items():
            np.testing.assert_array_equal(observations[name], values)
    else:
        np.testing.assert_array_equal(observations, wanted)


@pytest.mark.parametrize("fields", [{}, {"action_format": "discrete"}])
def test_a_masked_learner_never_plays_what_is_illegal(fields):
    torch.set_num_threads(1)
    venv, illegal = make(4, workflow="simple", horizon=25, **fields), []
    model = MaskablePPO("MlpPolicy", venv, n_steps=16, batch_size=64, n_epochs=1, seed=0)
    model.learn(600, callback=lambda scope, _: illegal.extend(i["invalid_action"] for i in scope["infos"]) or True)
    assert len(illegal) >= 600
    assert not any(illegal)
    assert model.ep_info_buffer[0]["l"] == 25


def test_a_learner_without_masks_shows_that_the_test_above_can_fail():
    torch.set_num_threads(1)
    venv, illegal = make(4), []
    model = PPO("MlpPolicy", venv, n_steps=16, batch_size=64, n_epochs=1, seed=0)
    model.learn(192, callback=lambda scope, _: illegal.extend(i["invalid_action"] for i in scope["infos"]) or True)
    assert sum(illegal) > 50


def test_values_are_bootstrapped_at_the_time_limit_alone():
    """PPO adds the discounted value of the terminal observation to the reward where an episode was cut off."""
    torch.set_num_threads(1)
    venv = make(1, horizon=4)
    model = MaskablePPO("MlpPolicy", venv, n_steps=8, batch_size=24, n_epochs=1, seed=0, learning_rate=0.0)
    model.learn(24)
    rewards = model.rollout_buffer.rewards  # [steps, rows]; actions were flattened by rows
    actions = model.rollout_buffer.actions.reshape(3, 8, 4).swapaxes(0, 1).astype(int)
    plain = make(1, horizon=4)
    plain.seed(0)
    plain.reset()
    for step in range(8):
        _, earned, dones, infos = plain.step(actions[step])
        if dones.any():
            last = torch.as_tensor(np.stack([info["terminal_observation"] for info in infos]))
            earned = earned + 0.99 * model.policy.predict_values(last).detach().numpy()[:, 0]
        np.testing.assert_allclose(rewards[step], earned, atol=1e-5)


def test_equal_seeds_learn_the_same():
    torch.set_num_threads(1)
    weights = []
    for _ in range(2):
        model = MaskablePPO("MlpPolicy", make(2, workflow="simple"), n_steps=8, batch_size=24, n_epochs=1, seed=3)
        model.learn(96)
        weights.append(torch.cat([p.detach().flatten() for p in model.policy.parameters()]))
    assert torch.equal(*weights)


def test_its_own_monitor_takes_it():
    venv = VecMonitor(make(2, horizon=3))
    venv.reset()
    for _ in range(3):
        *_, infos = venv.step(np.array([WAIT] * 6))
    assert [info["episode"]["l"] for info in infos] == [3] * 6


def test_all_copies_are_one_picture():
    venv = make(3, render_mode="rgb_array")
    venv.reset()
    one = draw(venv.batch, "rgb_array", 1)
    picture = venv.render()
    assert picture.shape == (2 * one.shape[0], 2 * one.shape[1], 3)  # three copies in a square of four
    np.testing.assert_array_equal(picture[: one.shape[0], one.shape[1] :], one)


def test_a_workflow_can_be_chosen():
    venv = make(workflow=[WORKFLOW, "password-reset-flow"])
    venv.set_options({"workflow": "password-reset-flow"})
    venv.reset()
    assert {venv.batch.workflow(copy).name for copy in range(2)} == {"password-reset-flow"}


def test_rows_answer_as_stable_baselines3_asks():
    venv = make(render_mode="rgb_array")
    venv.reset()
    assert venv.num_envs == 6
    assert venv.has_attr("action_masks")
    assert not venv.has_attr("no_such_thing")
    assert venv.get_attr("render_mode", [1, 2]) == ["rgb_array", "rgb_array"]
    masks = venv.env_method("action_masks", indices=[4])
    np.testing.assert_array_equal(masks[0], venv.action_masks()[4])
    assert venv.env_is_wrapped(object) == [False] * 6
    with pytest.raises(AttributeError, match="only 'action_masks'"):
        venv.env_method("reset")
    with pytest.raises(AttributeError, match="cannot be set for single rows"):
        venv.set_attr("batch", None)


@pytest.mark.parametrize("fields", [{"horizn": 1}, {"num_copies": 0}, {"render_mode": "ansi"}, {"preset": "sb"}])
def test_wrong_arguments_are_named(fields):
    with pytest.raises(ConfigError):
        AgentVecEnv(**fields)
