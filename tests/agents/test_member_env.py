"""One member learns, the others follow policies: who decides what, who is drawn, and Gymnasium's own checks."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from agents.member_env import PARTNERS, partner_names
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import POLICIES, make_policy
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core import constants as c
from c2c_env.errors import ActionError, ConfigError, ResetNeededError

WORKFLOW = "csv-import-tool"


def make(**fields):
    arguments = {"workflow": WORKFLOW, "team_size": 4, "disable_env_checker": True, **fields}
    return gymnasium.make("c2c_env/Member-v0", **arguments).unwrapped


def episode(env, choose, seed=0):
    """The last info and the sum of rewards of an episode."""
    observation, info = env.reset(seed=seed)
    total = 0.0
    while True:
        observation, reward, terminated, truncated, info = env.step(choose(observation))
        total += reward
        if terminated or truncated:
            return info, total


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": "manager_0", "mask_format": "flat"},
        {"role": "any", "partners": "train"},
        {"action_format": "discrete", "partners": "random"},
        {"mask_in_observation": True, "mask_format": "flat"},
        {"partners": "oracle", "team_size": 1, "role": "manager_0"},
    ],
)
def test_gymnasiums_own_check(fields):
    check_env(make(render_mode="ansi", **fields))


@pytest.mark.parametrize("role", ["manager_0", "worker_2"])
@pytest.mark.parametrize("name", ["cost_aware", "proactive", "fixed_steps:3", "learned", "oracle"])
def test_a_member_that_plays_as_its_partners_makes_a_team_of_them(name, role):
    env = make(partners=name, role=role, workflow=Generated("simple", [5]))
    batch = Batch(Generated("simple", [5]), Team.default(4), EnvConfig(), 1)
    batch.reset([3])
    [expected] = play(batch, make_policy(name, PolicyContext.of(batch)))
    context = PolicyContext.of(env.team_env.batch)
    same, row = make_policy(name, context), env.team_env.possible_agents.index(role)
    same.reset(np.arange(4))

    def choose(_):
        inner = env.team_env.batch
        if name == "oracle":
            return same.act_batch(inner, np.arange(1))[0, row]
        return same.act(inner.observations[0], inner.action_masks[0], np.arange(4))[row]

    info, _ = episode(env, choose, seed=3)
    np.testing.assert_equal(info["episode_metrics"], expected)


def test_what_the_member_does_counts():
    env = make(partners="no_communication", role="worker_1")
    idle, _ = episode(env, lambda _: np.zeros(4, dtype=int))
    context = PolicyContext.of(env.team_env.batch)
    policy = make_policy("no_communication", context)
    busy, _ = episode(env, lambda seen: policy.act(seen[None], env.action_masks()[None], np.array([1]))[0])
    assert 0 < idle["episode_metrics"]["progress"] < 0.9  # the others leave it what it is best at
    assert busy["episode_metrics"]["progress"] == 1


def test_rewards_are_the_members_own():
    env = make(partners="no_communication", role="worker_3", reward_sharing="individual")
    env.reset(seed=0)
    _, reward, *_ = env.step(np.array([0, c.CHAT_ASK, 0, 0]))
    assert reward == pytest.approx(float(env.team_env.batch.rewards[0, 3]))
    assert reward < env.team_env.batch.rewards[0, 2]  # who alone has spoken


def test_partners_and_roles_are_drawn_by_the_seed():
    env = make(partners=["no_communication", "cost_aware", "proactive"], role="any")
    drawn = []
    for seed in [*range(60), *range(60)]:
        _, info = env.reset(seed=seed)
        assert (info["partner"], info["agent"]) == (env.partner, env.agent)
        np.testing.assert_array_equal(env.action_masks(), np.concatenate(info["action_mask"]))
        drawn.append((env.partner, env.agent))
    assert drawn[:60] == drawn[60:]
    assert len(set(drawn)) == 12


def test_an_episode_has_to_be_begun():
    env = make(horizon=1)
    assert env.action_masks().shape == (env.action_space.nvec.sum(),)
    with pytest.raises(ResetNeededError, match=r"before reset\(\)"):
        env.step(np.zeros(4, dtype=int))
    env.reset(seed=0)
    env.step(np.zeros(4, dtype=int))
    with pytest.raises(ResetNeededError, match="after the end of the episode"):
        env.step(np.zeros(4, dtype=int))


def test_wrong_actions_of_the_member_are_named():
    env = make()
    env.reset(seed=0)
    with pytest.raises(ActionError, match="worker_1: speech is 7"):
        env.step(np.array([0, 7, 0, 0]))


def test_flat_infos_hold_numbers_alone():
    env = make(info_format="flat", partners="train")
    _, info = env.reset(seed=0)
    assert not {"partner", "agent"} & set(info)


def test_partners_to_learn_with_and_to_be_tested_with_are_policies_and_differ():
    names = [name for group in PARTNERS.values() for name in group]
    assert len(set(names)) == len(names) == 8
    assert {name.partition(":")[0] for name in names} <= set(POLICIES)
    assert partner_names(["test", "oracle"]) == (*PARTNERS["test"], "oracle")
    for name in names:
        make(partners=name).reset(seed=0)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"role": "worker_9"}, "did you mean 'worker_"),
        ({"partners": "cost_awre"}, "did you mean 'cost_aware'"),
        ({"partners": []}, "partners is"),
        ({"partners": 3}, "partners is 3"),
        ({"horizn": 3}, "did you mean 'horizon'"),
    ],
)
def test_wrong_arguments_are_named(fields, fault):
    with pytest.raises(ConfigError, match=fault):
        make(**fields)
