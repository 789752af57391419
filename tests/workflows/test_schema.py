"""A workflow as data: every fault of one stands in one error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from c2c_env import Subtask, Workflow
from c2c_env.errors import WorkflowError

FIRST = Subtask("first", "backend", 2.0, 1.0)
SECOND = Subtask("second", "data", 3.0, 1.5, prerequisites=("first",))


def build(*subtasks, **changes):
    return Workflow(**{"name": "w", "tier": "simple", "subtasks": subtasks or (FIRST, SECOND), **changes})


def refused(*parts, call):
    with pytest.raises(WorkflowError) as raised:
        call()
    for part in parts:
        assert part in str(raised.value), f"{part!r} is not in: {raised.value}"


def after(id_, *prerequisites):
    return Subtask(id_, "backend", 1.0, 1.0, prerequisites=prerequisites)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effort": 1e-6}, "effort is 1e-06, expected hours in (1e-06, 1e+06], or 0 for a milestone"),
        ({"effort": -1.0}, "effort is -1.0"),
        ({"effort": math.nan}, "effort is nan"),
        ({"effort": math.inf}, "effort is inf"),
        ({"effort": "2 h"}, "effort is '2 h'"),
        ({"effort": True}, "effort is True"),
        ({"effort": None}, "effort is None"),
        ({"effort": 1e7}, "effort is 10000000.0, expected hours in (1e-06, 1e+06]"),
        ({"effort": 10**400}, "effort is 1000"),
        ({"complexity": 0.7}, "complexity is 0.7, expected a number in [0.75, 2.5]"),
        ({"complexity": 2.6}, "complexity is 2.6"),
        ({"complexity": math.nan}, "complexity is nan"),
        ({"domain": "backnd"}, "unknown domain 'backnd'; did you mean 'backend'?"),
        ({"domain": np.array(["a", "b"])}, "unknown domain"),
        ({"id": ""}, "id is empty, expected a name"),
        ({"id": 7}, "id is 7, expected text"),
        ({"id": []}, "id is [], expected text"),
        ({"title": 3}, "title is 3, expected text"),
        ({"prerequisites": "second"}, "prerequisites is 'second', expected a list of subtask ids"),
        ({"prerequisites": (1,)}, "prerequisites is (1,)"),
        ({"prerequisites": ("secnd",)}, "unknown prerequisite 'secnd'; did you mean 'second'?"),
        ({"prerequisites": ("zzz",)}, "unknown prerequisite 'zzz'"),
        ({"facet_weights": {"intnt": 1}}, "unknown facet 'intnt'; did you mean 'intent'?"),
        ({"facet_weights": {"intent": -1}}, "expected numbers in [0, 1e+06]"),
        ({"facet_weights": (1, 1, 1)}, "expected four numbers or a table with intent, interface"),
        ({"facet_weights": "abcd"}, "expected four numbers"),
        ({"facet_weights": (1, 1, 1, math.nan)}, "expected numbers in [0, 1e+06]"),
        (
            {"facet_weights": (0, 1, 0, 0)},
            "expected a sum of at least 1e-06 without unused facets",
        ),  # interface, no prerequisite
        ({"facts": {"contxt": "x"}}, "unknown facet 'contxt'; did you mean 'context'?"),
        ({"facts": {"intent": 3}}, "facts.intent is 3, expected text"),
        ({"facts": "x"}, "facts is 'x', expected a table"),
    ],
    ids=lambda x: str(x)[:40],
)
def test_a_bad_subtask(changes, message):
    refused("subtask ", message, call=lambda: build(replace(FIRST, **changes), SECOND))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tier": "simpel"}, "unknown tier 'simpel'; did you mean 'simple'?"),
        ({"tier": None}, "unknown tier None"),
        ({"name": ""}, "name is empty, expected a name"),
        ({"name": 3}, "name is 3, expected text"),
        ({"brief": []}, "brief is [], expected text"),
        ({"subtasks": ()}, "subtasks is empty, expected at least one"),
        ({"subtasks": None}, "subtasks is of type NoneType, expected a list of Subtask"),
        ({"subtasks": [1]}, "expected a list of Subtask"),
    ],
    ids=str,
)
def test_a_bad_workflow(changes, message):
    refused(message, call=lambda: build(**changes))


def test_duplicate_ids():
    refused("subtask 'first': duplicate id, used 3 times", call=lambda: build(FIRST, FIRST, FIRST, SECOND))


def test_a_prerequisite_listed_twice():
    refused("'first' is listed twice", call=lambda: build(FIRST, after("b", "first", "first")))


def test_a_subtask_that_needs_itself():
    refused("prerequisites form a cycle: a -> a", call=lambda: build(after("a", "a"), FIRST))


def test_a_cycle_is_named_without_what_hangs_on_it():
    build(after("d", "c"), after("a"), after("b", "a"), after("c", "b"))
    hanging = (after("d", "c"), after("a", "c"), after("b", "a"), after("c", "b"))
    refused("1 fault", "prerequisites form a cycle: c -> b -> a -> c", call=lambda: build(*hanging))


def test_separate_cycles_are_all_named():
    refused("2 faults", "a -> b -> a", "c -> c", call=lambda: build(after("a", "b"), after("b", "a"), after("c", "c")))


def test_every_fault_stands_in_one_error():
    wrong = Subtask("bad", "ops", -1, 9, prerequisites=("frst",), facet_weights=(1,), facts={"why": "x"})
    parts = ["8 faults", "unknown tier 'huge'", "unknown domain 'ops'", "effort is -1", "complexity is 9"]
    parts += ["did you mean 'first'?", "facet_weights is (1,)", "unknown facet 'why'", "form a cycle: x -> x"]
    refused(*parts, call=lambda: build(FIRST, wrong, after("x", "x"), tier="huge"))


def test_lists_become_tuples_and_order_is_kept():
    workflow = build(subtasks=[FIRST, after("b", "first"), Subtask("c", "data", 1, 1, ["b", "first"])])
    assert [s.id for s in workflow.subtasks] == ["first", "b", "c"]
    assert workflow.subtasks[2].prerequisites == ("b", "first")
    assert workflow.prerequisite_indices() == [[], [0], [0, 1]]
    assert workflow.total_effort == 4.0


def test_weights_are_normalised_and_interface_needs_prerequisites():
    default = (0.35, 0.25, 0.25, 0.15)
    assert SECOND.weights(default) == pytest.approx(default)
    assert FIRST.weights(default) == pytest.approx((7 / 15, 0, 1 / 3, 1 / 5))
    given = replace(SECOND, facet_weights={"intent": 3, "context": 1})
    assert given.weights(default) == (0.75, 0.0, 0.0, 0.25)
    assert replace(FIRST, facet_weights=[1, 5, 1, 2]).weights(default) == (0.25, 0.0, 0.25, 0.5)
