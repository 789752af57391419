"""Answers that cannot be used: their reasons are counted, and a run of little else stops and can go on."""

from __future__ import annotations

import json

import pytest
from prompted_team import play_small, prompted, small_batch

from agents.play import play
from agents.prompted.accounts import kind_of_fault
from agents.prompted.client.first_answers import FIRST, FirstAnswers, describe_reasons
from c2c_env.errors import EndpointError


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("cut off", "cut off"),
        ("work 's99' does not exist", "work ... does not exist"),
        ("recipient worker_12 is not allowed now", "recipient ... is not allowed now"),
        ("topic s3 is not allowed now", "topic ... is not allowed now"),
        ("manager_0 has not exactly one action", "... has not exactly one action"),
        ("actions.3.text: Field required", "actions.....text: Field required"),
        (
            "the answer has 200123 characters, expected at most 100000",
            "the answer has ... characters, expected at most ...",
        ),
    ],
)
def test_equal_reasons_are_counted_together(how, kind):
    assert kind_of_fault(how) == kind


def test_reasons_stand_in_the_columns(server, options):
    server.fault = lambda number, body: {0: "no_such_subtask", 1: "no_such_subtask", 2: "cut_json"}.get(number)
    _, policy, _ = play_small("direct", {**options, "concurrency": 1})
    reasons = json.loads(policy.episode_columns(0)["invalid_reasons"])
    assert {reason.partition(":")[0]: count for reason, count in reasons.items()} == {
        "work ... does not exist": 2,
        "cut off": 1,
    }
    assert sum(reasons.values()) == policy.episode_columns(0)["answers_invalid"]


@pytest.mark.parametrize("most_invalid", [0.0, 0.3, 0.5, 0.98, 1.0, None])
def test_more_than_the_share_of_the_first_stops_and_what_comes_later_does_not(most_invalid):
    most = FIRST if most_invalid is None else round(most_invalid * FIRST)
    watch = FirstAnswers(most_invalid)
    watch.add("a", ["cut off"] * most + [""] * (FIRST - most))
    watch.add("a", ["cut off"] * 1000)
    watch.add("b", ["refusal"] * (FIRST - 1))  # another policy, whose answers are too few yet
    if most < FIRST:
        other = FirstAnswers(most_invalid)
        with pytest.raises(EndpointError, match=rf"{most + 1} of the first {FIRST} answers of a cannot be used \("):
            other.add("a", ["cut off"] * (most + 1) + [""] * (FIRST - most - 1))


def test_a_run_of_nothing_usable_stops_and_goes_on_without_asking_again(server, options):
    server.fault = lambda number, body: "cut_json"
    options |= {"temperature": 1.0}  # so that every episode asks questions of its own
    asked = []
    for timeout in (
        30.0,
        31.0,
    ):  # a client each, as two runs have; the second asks nothing and stops too
        batch = small_batch(2)
        with pytest.raises(EndpointError, match=r"50 of the first 50 answers of prompted:direct@rule .*\(50 cut off"):
            play(batch, prompted(batch, "direct", {**options, "timeout": timeout}))
        asked.append(len(server.prompts))
    assert asked == [54, 54]  # the step of the fiftieth answer is finished
    (metrics,), policy, _ = play_small("direct", {**options, "most_invalid": None}, horizon=5)
    assert metrics["steps"] == 5
    assert policy.episode_columns(0)["answers_invalid"] == 15
    (metrics, _), policy, _ = play_small("direct", {**options, "most_invalid": None}, count=2)
    assert policy.episode_columns(0)["answers_invalid"] == 3 * metrics["steps"]


def test_the_most_frequent_reasons_are_told_first():
    counts = {"refusal": 2, "cut off": 9350, "no answer": 2, "a": 1, "b": 3}
    assert describe_reasons(counts) == "9,350 cut off, 3 b, 2 no answer, 3 others"
    assert describe_reasons({"cut off": 1}) == "1 cut off"
