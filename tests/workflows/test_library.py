"""The fifteen built-in workflows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import c2c_env
from c2c_env import EnvConfig, Team, builtin_names, load_builtin
from c2c_env.bounds import lower_bound
from c2c_env.workflows import FACETS, TIERS
from c2c_env.workflows.draw_workflow import TIER_SHAPES

FOLDER = Path(c2c_env.__file__).parent / "workflows" / "library"
EVERY = pytest.mark.parametrize("name", builtin_names())


def test_five_of_each_tier():
    assert Counter(load_builtin(name).tier for name in builtin_names()) == dict.fromkeys(TIERS, 5)
    assert sorted(path.stem for path in FOLDER.iterdir() if path.suffix == ".toml") == list(builtin_names())


@EVERY
def test_names_and_texts(name):
    workflow = load_builtin(name)
    assert workflow.name == name
    assert len(workflow.title) >= 15
    assert len(workflow.brief) >= 300
    assert all(len(subtask.title) >= 15 for subtask in workflow.subtasks)


@EVERY
def test_size_efforts_and_complexities_of_the_tier(name):
    workflow = load_builtin(name)
    shape = TIER_SHAPES[TIERS.index(workflow.tier)]
    assert shape.min_subtasks <= len(workflow.subtasks) <= shape.max_subtasks
    for subtask in workflow.subtasks:
        assert shape.min_half_hours <= 2 * subtask.effort <= shape.max_half_hours
        assert (2 * subtask.effort).is_integer()
    mean = sum(s.complexity for s in workflow.subtasks) / len(workflow.subtasks)
    assert abs(mean - shape.mean_complexity) < 0.35


@EVERY
def test_every_fact_of_every_subtask_says_something_of_its_own(name):
    facts = []
    for subtask in load_builtin(name).subtasks:
        assert sorted(subtask.facts) == sorted(FACETS)
        facts += subtask.facts.values()
    assert all(len(fact) >= 100 and fact.strip() == fact and fact.endswith(".") for fact in facts)
    assert len(set(facts)) == len(facts)


@EVERY
def test_weights_are_normalised(name):
    for subtask in load_builtin(name).subtasks:
        weights = subtask.weights(EnvConfig().facet_weights)
        assert sum(weights) == pytest.approx(1.0)
        assert min(weights) >= 0
        assert (weights[FACETS.index("interface")] == 0) == (not subtask.prerequisites)


@EVERY
def test_there_is_something_to_start_with_and_something_to_wait_for(name):
    blocked = [bool(subtask.prerequisites) for subtask in load_builtin(name).subtasks]
    assert not all(blocked)
    assert any(blocked)


@EVERY
@pytest.mark.parametrize("size", [5, 8, 17])
def test_bound_and_horizon(name, size):
    workflow = load_builtin(name)
    bound = lower_bound(workflow, Team.default(size))
    assert workflow.total_effort / size <= bound <= workflow.total_effort
