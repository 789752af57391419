"""A common plan that team-mates of another policy do not follow still gets the work done."""

from __future__ import annotations

import numpy as np
import pytest

from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import TEST_SEEDS, Batch, EnvConfig, Generated, Team

NUM_ENVS = 4


class Idle:
    """Never does anything."""

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        return np.zeros((len(rows), 4), dtype=np.int32)


def play_mixed(tier, team_size, other, strangers):
    """Metrics of episodes in which the agents `strangers` play another policy than the learned one."""
    batch = Batch(
        Generated(tier, seeds=TEST_SEEDS[:NUM_ENVS]), Team.default(team_size), EnvConfig(relations="index"),
        num_envs=NUM_ENVS,
    )  # fmt: skip
    batch.reset(range(NUM_ENVS), workflows=range(NUM_ENVS))
    context = PolicyContext.of(batch)
    learned, stranger = make_policy("learned", context), Idle() if other == "idle" else make_policy(other, context)
    rows = np.arange(NUM_ENVS * team_size)
    theirs = np.isin(rows % team_size, strangers)
    for policy in (learned, stranger):
        policy.reset(rows)
    metrics: dict[int, dict[str, float]] = {}
    while len(metrics) < NUM_ENVS:
        active = np.array([env for env in range(NUM_ENVS) if env not in metrics])
        actions = np.zeros((len(rows), 4), dtype=np.int32)
        for policy, whose in ((learned, ~theirs), (stranger, theirs)):
            mine = rows[whose & np.isin(rows // team_size, active)]
            observations = batch.observations.reshape(len(rows), -1)[mine]
            actions[mine] = policy.act(observations, batch.action_masks.reshape(len(rows), -1)[mine], mine)
        batch.action_buffer[active] = actions.reshape(NUM_ENVS, team_size, 4)[active]
        batch.step_written(active)
        ended = active[(batch.terminated[active] | batch.truncated[active]) > 0]
        metrics |= {int(env): batch.metrics(int(env)) for env in ended}
    return [metrics[env] for env in range(NUM_ENVS)]


@pytest.mark.parametrize(
    ("tier", "team_size", "other", "strangers"),
    [
        ("simple", 5, "idle", [3]),
        ("simple", 5, "cost_aware", [1, 3]),
        ("simple", 5, "no_communication", [0, 2, 4]),
        ("medium", 4, "cost_aware", [0, 2]),
        ("medium", 4, "no_communication", [1]),  # the second was not finished before managers assigned
        ("medium", 8, "idle", [2]),
    ],
)
def test_a_team_of_two_policies_finishes(tier, team_size, other, strangers):
    metrics = play_mixed(tier, team_size, other, strangers)
    assert [one["success"] for one in metrics] == [1.0] * NUM_ENVS
    assert [one["invalid_actions"] for one in metrics] == [0.0] * NUM_ENVS


def test_no_rows_are_no_actions():
    batch = Batch(Generated("simple"), Team.default(3), EnvConfig(), num_envs=1)
    batch.reset([0])
    none = np.zeros(0, dtype=np.int64)
    team = make_policy("learned", PolicyContext.of(batch))
    assert team.act(batch.observations[0, none], batch.action_masks[0, none], none).shape == (0, 4)
