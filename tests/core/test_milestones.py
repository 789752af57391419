"""Subtasks of no effort, horizons in steps and the tolerance of "done", worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from simulate import step

from c2c_env import Subtask, Team, Workflow, bounds, parallel_env
from c2c_env.core import constants as c
from c2c_env.errors import WorkflowError

TEAM = Team(((1.0,) * 5, (1.0,) * 5))
WAIT = (0, 0, 0, 0)


def subtask(name, effort, *needs):
    return Subtask(name, "data", effort, 1.0, needs)


def make(*subtasks, team=TEAM, **fields):
    env = parallel_env(Workflow("w", "simple", subtasks), team=team, **{"rework_probability": 0.0, **fields})
    env.reset(seed=0)
    return env


PROJECT = (
    subtask("start", 0.0),
    subtask("work", 0.1, "start"),
    subtask("gate", 0.0, "work"),
    subtask("end", 0.0, "gate", "rest"),  # before `rest`, which it needs
    subtask("rest", 0.2, "gate"),
)
START, WORK, GATE, END, REST = range(5)


def statuses(env):
    return [c.STATUSES[status] for status in env.snapshot()["status"]]


def test_milestones_are_passed_at_reset_and_after_work():
    env = make(*PROJECT)
    assert statuses(env) == ["done", "ready", "blocked", "blocked", "blocked"]
    assert env.snapshot()["finished_step"].tolist() == [0, -1, -1, -1, -1]
    *_, infos = step(env, np.array([(WORK + 1, 0, 0, 0), WAIT]))
    assert statuses(env) == ["done", "done", "done", "blocked", "ready"]  # `gate` never was ready
    state = env.snapshot()
    assert (state["owner"].tolist(), state["subtasks_left"], state["finished_step"][GATE]) == (
        [-1, 0, -1, -1, -1],
        2,
        1,
    )
    assert state["prerequisites_left"].tolist() == [0, 0, 0, 1, 0]
    assert state["dependents_left"].tolist() == [0, 0, 2, 0, 1]
    assert infos["manager_0"]["action_mask"][0].tolist() == [1, 0, 0, 0, 0, 1]
    *_, terminated, _, _ = step(env, np.array([(REST + 1, 0, 0, 0), WAIT]))
    assert all(terminated.values())
    assert env.batch.metrics(0)["success"] == 1.0
    assert env.snapshot()["finished_step"].tolist() == [0, 1, 1, 2, 2]


def test_nobody_learns_from_a_milestone_and_it_counts_nowhere():
    env = make(*PROJECT)
    before = env.snapshot()["understanding"]
    *_, infos = step(env, np.array([(WORK + 1, 0, 0, 0), WAIT]))
    after = env.snapshot()["understanding"]
    assert after[0, GATE, c.INTERFACE] == 1.0  # from finishing `work`, on which it depends
    np.testing.assert_array_equal(after[:, [END, REST]], before[:, [END, REST]])  # `gate` teaches nothing
    assert infos["manager_0"]["reward_terms"]["progress"] == pytest.approx(0.1 / 0.3, abs=1e-7)
    observation = env.batch.observations[0, 0]
    assert env.layout.read(observation, "effort").tolist()[GATE] == 0.0
    assert np.isfinite(env.batch.observations).all()
    assert not env.layout.relation(observation, "interface_holders")[REST].any()
    assert env.layout.relation(observation, "interface_holders")[GATE].tolist() == [True, False]
    assert np.isfinite(env.state()).all()


@pytest.mark.parametrize("relations", ["onehot", "index"])
def test_whoever_was_assigned_to_a_milestone_is_no_interface_holder(relations):
    env = make(*PROJECT, relations=relations)
    step(env, np.array([(0, c.ASSIGN, 1, GATE), WAIT]))
    step(env, np.array([(WORK + 1, 0, 0, 0), WAIT]))
    assert env.snapshot()["owner"][GATE] == 1
    assert not env.layout.relation(env.batch.observations[0, 0], "interface_holders")[REST].any()


def test_an_episode_with_milestones_is_shown_everywhere():
    env = parallel_env(Workflow("w", "simple", PROJECT), team=TEAM, render_mode="ansi")
    env.reset(seed=0)
    assert "nan" not in env.render()
    step(env, np.array([(WORK + 1, 0, 0, 0), WAIT]))
    assert "nan" not in env.render()
    env.restore(env.snapshot())


def test_a_workflow_of_milestones_alone_is_refused():
    with pytest.raises(WorkflowError, match="every subtask is a milestone"):
        Workflow("w", "simple", (subtask("a", 0.0), subtask("b", 0.0, "a")))


def test_milestones_add_neither_to_the_bound_nor_to_the_steps():
    workflow = Workflow("w", "simple", PROJECT)
    plain = Workflow("w", "simple", (subtask("work", 0.1), subtask("rest", 0.2, "work")))
    for of in (bounds.lower_bound, bounds.least_steps):
        assert of(workflow, TEAM) == of(plain, TEAM)


@pytest.mark.parametrize(
    ("subtasks", "size", "least"),
    [
        ([subtask("a", 0.05), subtask("b", 0.05, "a"), subtask("c", 0.05, "b"), subtask("d", 0.05, "c")], 5, 4),
        ([subtask(str(n), 0.01) for n in range(40)], 5, 8),
        ([subtask(str(n), 0.01) for n in range(41)], 5, 9),
        ([subtask("a", 0.05), subtask("gate", 0.0, "a"), subtask("b", 0.05, "gate")], 5, 2),
    ],
)
def test_a_graph_finer_than_a_step_gets_steps_enough(subtasks, size, least):
    workflow = Workflow("w", "simple", tuple(subtasks))
    assert bounds.least_steps(workflow, Team.default(size)) == least
    env = parallel_env(workflow, size)
    assert env.batch.params.horizon[0] == 5 * least
    env = parallel_env(workflow, size, horizon_factor=1.5)
    assert env.batch.params.horizon[0] == -(-3 * least // 2)


def test_generated_workflows_with_long_steps_get_steps_enough():
    env = parallel_env("complex", 5, dt=1000.0)
    env.reset(seed=3)
    least = bounds.least_steps(env.batch.workflow(), env.team)
    assert env.batch.params.horizon[env.batch.state.workflow[0]] == 5 * least > 5


@pytest.mark.parametrize(("effort", "left", "done"), [(4.0, 0.9e-6, True), (4.0, 1.1e-6, False),
                                                       (0.01, 0.9e-8, True), (0.01, 1.1e-8, False)])  # fmt: skip
def test_what_is_left_when_a_subtask_is_done_is_a_share_of_its_effort(effort, left, done):
    env = make(subtask("a", effort), subtask("b", 1.0), alignment_floor=0.999999)
    snapshot = env.snapshot()
    snapshot["remaining"][0] = 0.5 + left  # a step of half an hour at skill 1 and full alignment leaves `left`
    snapshot["understanding"][...] = 1.0
    if effort < 0.5:
        snapshot["debt"][0], snapshot["remaining"][0] = 0.495, 0.005 + left
    env.restore(snapshot)
    step(env, np.array([(1, 0, 0, 0), WAIT]))
    assert (env.snapshot()["status"][0] == c.DONE) == done


def test_no_policy_beats_the_bound_with_tiny_efforts():
    env = make(*[subtask(str(n), 2e-6) for n in range(3)], dt=1e-6)
    while env.agents:
        ready = env.batch.state.status[0].tolist().index(c.READY)
        step(env, np.array([(ready + 1, 0, 0, 0)] * 2))
    assert env.batch.metrics(0)["score"] <= 1.0
