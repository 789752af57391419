"""The lower bound on the completion time: by hand, reached where it can be, never beaten."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow, generate, parallel_env
from c2c_env.bounds import best_hours, lower_bound, path_after

EVEN = Team(((1.0,) * 5,) * 2)
BACKEND, DATA = (1.0, 0.4, 0.5, 0.4, 0.4), (0.25, 0.4, 0.8, 0.4, 0.4)
# everybody understands everything: Alignment Factor 1, and work is never undone
PERFECT = {
    "manager_intent": 1.0, "initial_intent": 1.0, "initial_interface": 1.0, "initial_context": 1.0,
    "constraints_exponent": 0.0, "volatility": 0.0,
}  # fmt: skip


def workflow(*subtasks):
    """From (id, domain, effort, prerequisites)."""
    return Workflow("w", "simple", tuple(Subtask(i, d, e, 1.0, tuple(p)) for i, d, e, p in subtasks))


CHAIN = workflow(("c", "backend", 3, "b"), ("a", "backend", 1, ""), ("b", "backend", 2, "a"))
PARALLEL = workflow(*((id_, "backend", 2, "") for id_ in "abcde"))
DIAMOND = workflow(("a", "backend", 1, ""), ("b", "data", 4, "a"), ("c", "backend", 2, "a"), ("d", "backend", 3, "bc"))


def test_a_chain_takes_its_length():
    assert best_hours(CHAIN, EVEN).tolist() == [3, 1, 2]
    assert path_after(CHAIN, np.array([3.0, 1.0, 2.0])).tolist() == [0, 5, 3]
    assert lower_bound(CHAIN, EVEN) == 6.0


def test_parallel_subtasks_are_shared_by_all():
    assert lower_bound(PARALLEL, EVEN) == 5.0  # 10 h / 2; the longest takes 2 h
    assert lower_bound(PARALLEL, Team(((1.0,) * 5,) * 17)) == 2.0


def test_the_most_skilled_sets_the_hours():
    team = Team((BACKEND, DATA))
    # a 1 / 1, b 4 / .8, c 2 / 1, d 3 / 1
    assert best_hours(DIAMOND, team).tolist() == [1, 5, 2, 3]
    assert path_after(DIAMOND, best_hours(DIAMOND, team)).tolist() == [8, 3, 3, 0]
    assert lower_bound(DIAMOND, team) == 9.0  # a, b, d; 11 h / 2 is less
    assert lower_bound(DIAMOND, Team((DATA,))) == 4 + 5 + 8 + 12  # alone: everything


def test_the_environment_uses_this_bound():
    env = parallel_env(DIAMOND, team=Team((BACKEND, DATA)), horizon_factor=2.0, dt=0.25)
    env.reset(seed=0)
    params = env.batch.params
    assert (params.lower_bound[0], params.horizon[0], params.total_effort[0]) == (9.0, 72, 10.0)
    assert params.path_after[0].tolist() == [8, 3, 3, 0]


def completion_time(task, team, choose):
    """Hours until all is done, of a team that works on what `choose(agent, ready subtasks)` says."""
    env = parallel_env(task, team=team, horizon_factor=20.0, **PERFECT)
    env.reset(seed=0)
    while env.agents:
        masks = env.batch.action_masks[0]
        actions = {}
        for i, agent in enumerate(env.agents):
            ready = np.flatnonzero(masks[i, 1 : 1 + len(task.subtasks)])
            actions[agent] = [choose(i, ready), 0, 0, 0]
        env.step(actions)
    assert env.episode_metrics()["success"] == 1
    return env.episode_metrics()["completion_time"]


@pytest.mark.parametrize(
    ("task", "team", "choose", "hours"),
    [
        (CHAIN, EVEN, lambda i, ready: ready[0] + 1, 6.0),
        (PARALLEL, Team((BACKEND,)), lambda i, ready: ready[0] + 1, 10.0),
        (PARALLEL, Team(((1.0,) * 5,) * 5), lambda i, ready: i + 1, 2.0),
        (DIAMOND, Team((BACKEND, DATA)), lambda i, ready: 2 if i else next((k + 1 for k in ready if k != 1), 0), 9.0),
    ],
    ids=["chain", "alone", "one each", "experts"],
)
def test_the_bound_can_be_reached(task, team, choose, hours):
    assert lower_bound(task, team) == hours
    assert completion_time(task, team, choose) == hours


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 8), tier=st.sampled_from(["simple", "medium"]))
def test_no_random_workers_beat_it(seed, size, tier):
    rng = np.random.default_rng(seed)
    team = Team(rng.choice([0.3, 0.7, 1.0], size=(size, 5)).tolist())
    task = generate(tier, seed)
    took = completion_time(task, team, lambda i, ready: rng.choice(ready) + 1)
    assert took >= lower_bound(task, team) - 1e-9


def test_no_random_policy_beats_it_with_the_default_rules():
    config = EnvConfig(horizon_factor=30.0)
    batch = Batch("simple", Team.default(4), config, num_envs=64, write_observations=False)
    batch.reset(range(64))
    rng = np.random.default_rng(0)
    running = np.arange(64)
    while len(running):
        actions = rng.integers(0, batch.action_sizes, size=(64, 4, 4))
        masks = batch.action_masks
        actions[..., 0] = np.where(
            masks[:, :, 1:9].any(-1), 1 + (masks[:, :, 1:9] * rng.random((64, 4, 8))).argmax(-1), 0
        )
        actions[..., 1] *= rng.random((64, 4)) < 0.2
        batch.step(actions, rows=running)
        running = np.flatnonzero((batch.terminated | batch.truncated) == 0)
    scores = np.array([batch.metrics(row)["score"] for row in range(64)])
    assert batch.terminated.mean() > 0.5  # else nothing was tested
    assert 0.05 < scores.max() < 1.0
