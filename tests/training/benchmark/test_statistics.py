"""Every expected number is worked out by hand in the comment beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.benchmark import statistics
from training.benchmark.statistics import Estimate, estimate, interquartile_mean, mean, resample, with_reduction


def results(*rows):
    columns = ["policy", "split", "workflow", "team_size", "seed", "completion_time", "score"]
    return pd.DataFrame(rows, columns=columns)


def test_reduction_is_paired_by_workflow_team_size_and_seed():
    paired = with_reduction(
        results(
            ("base", "built-in", "a", 5, 0, 10.0, 0.5),
            ("base", "built-in", "a", 5, 1, 20.0, 0.25),
            ("base", "built-in", "a", 8, 0, 40.0, 0.125),
            ("fast", "built-in", "a", 5, 1, 5.0, 1.0),  # 5 of 20 h: 75 % less
            ("fast", "built-in", "a", 5, 0, 8.0, 0.625),  # 8 of 10 h: 20 % less
            ("fast", "built-in", "a", 8, 0, 60.0, 0.1),  # 60 of 40 h: 50 % more
            ("fast", "built-in", "b", 5, 0, 60.0, 0.1),  # no partner
        ),
        "base",
    )
    assert paired.loc[paired["policy"] == "base", "reduction"].tolist() == [0.0, 0.0, 0.0]
    fast = paired[paired["policy"] == "fast"]
    assert fast["reduction"].tolist()[:3] == pytest.approx([75.0, 20.0, -50.0])
    assert fast["baseline_time"].tolist()[:3] == [20.0, 10.0, 40.0]
    assert np.isnan(fast["reduction"].iloc[3])


def test_generated_and_built_in_workflows_of_one_name_are_not_paired():
    paired = with_reduction(
        results(("base", "built-in", "a", 5, 0, 10.0, 0.5), ("fast", "generated", "a", 5, 0, 5.0, 1.0)), "base"
    )
    assert np.isnan(paired["reduction"].iloc[1])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], 7),
        ([9, 1], 5),  # each half of its own counts
        ([100, 2, 4, -100], 3),  # (2 + 4) / 2
        # a quarter of five is 1.25: a whole value and a quarter of the next fall away at either end
        ([1, 2, 3, 4, 50], (0.75 * 2 + 3 + 0.75 * 4) / 2.5),
        # of six 1.5
        ([0, 2, 4, 8, 10, 99], (0.5 * 2 + 4 + 8 + 0.5 * 10) / 3),
    ],
)
def test_interquartile_mean(values, expected):
    assert interquartile_mean(np.array(values, dtype=float)) == pytest.approx(expected)
    assert interquartile_mean(np.array([values[::-1]] * 2, dtype=float)) == pytest.approx([expected] * 2)


def test_resampling_stays_within_the_workflow():
    drawn = resample(["a", "b", "a", "b", "b"], 500, np.random.default_rng(0))
    assert drawn.shape == (500, 5)
    assert set(drawn[:, [0, 2]].ravel()) == {0, 2}
    assert set(drawn[:, [1, 3, 4]].ravel()) == {1, 3, 4}


def test_workflows_are_resampled_where_each_was_played_once():
    drawn = resample(["a", "b", "c"], 500, np.random.default_rng(0))
    assert all(set(drawn[:, place]) == {0, 1, 2} for place in range(3))


def test_interval_of_two_equal_strata():
    """Two workflows with the values {0, 1} and {10, 11}.

    The mean of a resample is 5 + (ones drawn of 4) / 4: 5.0, 5.25, 5.5, 5.75, 6.0 with chances 1, 4, 6, 4, 1 of 16.
    One of 16 is more than 2.5 %, so the interval is the whole range; without strata it would be far wider.
    """
    found = estimate([0, 10, 1, 11], ["a", "b", "a", "b"], "two strata")
    assert found == Estimate(5.5, 5.0, 6.0)


def test_interval_has_the_level_it_claims():
    """100 values of one workflow, half 0 and half 1: the mean's standard error is 0.05, 95 % within 1.96 of it."""
    found = estimate([0, 1] * 50, ["a"] * 100, "a hundred")
    assert found.value == 0.5
    assert (found.low, found.high) == (pytest.approx(0.402, abs=0.012), pytest.approx(0.598, abs=0.012))


def test_equal_values_leave_no_doubt():
    assert estimate([3, 3, 3], ["a", "a", "b"], "equal") == Estimate(3, 3, 3)


def test_nothing_and_one_value_have_no_interval():
    assert np.isnan(estimate([np.nan, np.nan], ["a", "a"], "none").value)
    one = estimate([4.0, np.nan], ["a", "a"], "one")
    assert one.value == 4
    assert np.isnan(one.low)
    assert np.isnan(one.high)


def test_interval_depends_on_label_and_values_only():
    values, strata = np.arange(12.0), ["a", "b", "c"] * 4
    first = estimate(values, strata, "x", interquartile_mean)
    np.random.seed(1)  # noqa: NPY002 - the global state must not matter
    assert estimate(values, strata, "x", interquartile_mean) == first
    assert estimate(values, strata, "y", interquartile_mean) != first


def test_statistics_work_on_the_last_axis():
    values = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 8.0, 8.0]])
    assert mean(values).tolist() == [2.5, 4.0]
    assert interquartile_mean(values).tolist() == [2.5, 4.0]
    assert statistics.RESAMPLES == 2_000
