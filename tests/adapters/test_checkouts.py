"""The shapes of EPyMARL and on-policy, whose own code is a checkout, give the episodes of the parallel environment."""

from __future__ import annotations

import numpy as np
import pytest

from c2c_env import Generated, parallel_env
from c2c_env.adapters.epymarl import EPyMARLEnv
from c2c_env.adapters.onpolicy import OnPolicyEnv
from c2c_env.errors import ActionError, ConfigError

FIELDS = {"team_size": 3, "horizon": 25, "reward_sharing": "individual"}
WORKFLOW = Generated("simple", range(20))


def other():
    """The parallel environment that plays the same."""
    return parallel_env(WORKFLOW, action_format="discrete", **FIELDS)


def draw(rng, masks):
    """A legal action of each agent."""
    return [int(rng.choice(np.flatnonzero(mask))) for mask in masks]


@pytest.mark.parametrize("scalarisation", ["sum", "mean", None])
def test_epymarl_gets_the_episodes_of_the_parallel_environment(scalarisation):
    common = {"common_reward": False} if scalarisation is None else {"reward_scalarisation": scalarisation}
    env, expected, rng = EPyMARLEnv(WORKFLOW, seed=4, **common, **FIELDS), other(), np.random.default_rng(0)
    join = {"sum": sum, "mean": lambda earned: sum(earned) / 3, None: list}[scalarisation]
    for episode in range(2):  # the second goes on from the stream of the seed
        seen, told = env.reset()
        rows, infos = expected.reset(seed=4 if episode == 0 else None)
        assert told == {}
        for step in range(25):
            masks = [infos[agent]["action_mask"] for agent in expected.possible_agents]
            assert np.array_equal(seen, list(rows.values()))
            assert np.array_equal(env.get_obs(), list(rows.values()))
            assert np.array_equal(env.get_obs_agent(2), rows["worker_2"])
            assert np.array_equal(env.get_avail_actions(), masks)
            assert env.get_avail_agent_actions(1) == masks[1].tolist()
            assert np.array_equal(env.get_state(), expected.state())
            actions = draw(rng, masks)
            seen, reward, terminated, truncated, told = env.step(actions)
            rows, earned, _, _, infos = expected.step(dict(zip(expected.agents, actions, strict=True)))
            assert reward == pytest.approx(join(earned.values()), abs=1e-6)
            assert (terminated, truncated) == (False, step == 24)
        metrics = infos["manager_0"]["episode_metrics"]
        assert told == {k: v for k, v in metrics.items() if not np.isnan(v)} | {"episode_limit": True}


def test_epymarl_is_told_that_an_end_is_no_time_limit():
    env = EPyMARLEnv("csv-import-tool", seed=0, team_size=6)
    env.reset()
    works = 1 + env.env.batch.max_subtasks  # the first actions of the catalogue: wait, and work on each of them
    for _ in range(env.episode_limit):
        work = [int(np.flatnonzero(mask[:works])[-1]) for mask in env.get_avail_actions()]
        _, _, terminated, truncated, told = env.step(work)
        if terminated or truncated:
            break
    assert terminated
    assert not truncated
    assert told["episode_limit"] is False
    assert told["success"] == 1


def test_epymarl_builds_its_networks_from_right_sizes():
    env, expected = EPyMARLEnv(WORKFLOW, **FIELDS), other()
    assert env.get_env_info() == {
        "state_shape": expected.state_space.shape[0],
        "obs_shape": expected.observation_space("manager_0").shape[0],
        "n_actions": expected.action_space("manager_0").n,
        "n_agents": 3,
        "episode_limit": 25,
    }


def test_onpolicy_gets_the_episodes_of_the_parallel_environment():
    env, expected, rng = OnPolicyEnv(WORKFLOW, **FIELDS), other(), np.random.default_rng(0)
    env.seed(4)
    spaces = env.observation_space, env.share_observation_space, env.action_space
    agents = expected.possible_agents
    assert [len(of_agents) for of_agents in spaces] == [3, 3, 3]
    assert [of_agents[1] for of_agents in spaces] == [
        expected.observation_space(agents[1]), expected.state_space, expected.action_space(agents[1])
    ]  # fmt: skip
    for episode in range(2):
        seen, states, masks = env.reset()
        rows, infos = expected.reset(seed=4 if episode == 0 else None)
        for step in range(25):
            assert np.array_equal(seen, list(rows.values()))
            assert np.array_equal(states, [expected.state()] * 3)
            assert np.array_equal(masks, [infos[agent]["action_mask"] for agent in agents])
            actions = draw(rng, masks)
            seen, states, rewards, ends, told, masks = env.step(np.array(actions)[:, None])
            rows, earned, _, _, infos = expected.step(dict(zip(agents, actions, strict=True)))
            assert rewards == [[pytest.approx(reward, abs=1e-6)] for reward in earned.values()]
            assert ends == [step == 24] * 3
            assert [info["bad_transition"] for info in told] == ends
            assert [info["invalid_action"] for info in told] == [False] * 3


@pytest.mark.parametrize("make", [EPyMARLEnv, OnPolicyEnv])
def test_wrong_actions_are_named(make):
    env = make("simple", team_size=3)
    env.reset()
    with pytest.raises(ActionError, match="got 2 actions, expected one for each of 3 agents"):
        env.step([0, 0])
    with pytest.raises(ActionError, match=r"worker_2: .* is 99999, expected an integer in \[0, "):
        env.step([0, 0, 99_999])


@pytest.mark.parametrize("make", [EPyMARLEnv, OnPolicyEnv])
def test_what_was_seen_stays_as_it_was(make):
    env = make("simple", team_size=3)
    seen = env.reset()[0]
    before = np.array(seen)
    env.step([0, 0, 0])
    assert np.array_equal(before, seen)
    assert not np.array_equal(before, env.get_obs() if make is EPyMARLEnv else env.step([0, 0, 0])[0])


@pytest.mark.parametrize("make", [EPyMARLEnv, OnPolicyEnv])
def test_other_forms_than_they_take_are_refused(make):
    with pytest.raises(ConfigError, match=r"action_format is 'multi_discrete'.*\n.*mask_in_observation is True"):
        make("simple", action_format="multi_discrete", mask_in_observation=True)


def test_how_rewards_are_joined_is_one_of_two():
    with pytest.raises(ConfigError, match=r"reward_scalarisation.*did you mean 'mean'"):
        EPyMARLEnv("simple", reward_scalarisation="means")
