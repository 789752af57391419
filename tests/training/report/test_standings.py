from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from c2c_env.errors import ConfigError
from training.benchmark.statistics import communication_per_effort
from training.report.standings import (
    Draws,
    above,
    choose_rival,
    compare,
    improve,
    improvement,
    intervals,
    median,
    middle,
)

DRAWS = Draws(400, 0)


def block(*runs):
    """A matrix [runs, tasks]."""
    return np.array(runs, dtype=np.float64)


def shared(mine, rival):
    """Episodes of one task that both have played."""
    seeds = range(len(mine))
    where = {"split": "built-in", "workflow": "one", "team_size": 5, "seed": seeds, "task": "one"}
    return pd.DataFrame({**where, "reduction": np.array(mine, float), "rival_reduction": np.array(rival, float)})


def test_interquartile_mean_is_that_of_the_middle_half_of_all_blocks():
    # 0 1 | 2 3 10 20 | 30 100: 35 / 4
    assert middle(block([100, 2], [3, 0]), block([10, 1, 20, 30])).tolist() == [8.75]


def test_median_is_that_of_the_means_of_tasks():
    # means of tasks: (0 + 4) / 2 = 2 and (20 + 40) / 2 = 30 in the first block, 5 in the second
    assert median([block([0, 20], [4, 40]), block([5])]) == 5.0


@pytest.mark.parametrize(
    ("mine", "rival", "expected"),
    [
        ([5, 6], [1, 2], 1.0),
        ([1, 2], [5, 6], 0.0),
        ([1, 2], [1, 2], 0.5),
        ([1, 4], [2, 3], 0.5),  # 4 beats both, 1 none
        ([3, 5], [3, 4], 0.625),  # a tie, a loss and two wins: 2.5 of 4
    ],
)
def test_probability_of_improvement(mine, rival, expected):
    assert improve(shared(mine, rival), DRAWS).value == expected


def test_probability_of_improvement_is_the_mean_over_tasks_of_all_blocks():
    # two tasks of two runs at 1, and one of three at 0
    blocks = [block([5, 5], [6, 6]), block([1, 1], [2, 2]), block([1], [2], [3]), block([4], [5], [6])]
    assert improvement(*blocks) == pytest.approx(2 / 3)


def test_the_runs_of_both_teams_are_drawn_by_themselves():
    # the own two are 1, 1 and those of the rival 10, 10 in one of 16 draws, which gives 0; more than 2.5 %
    found = improve(shared([1, 11], [0, 10]), DRAWS)
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)


def test_without_shared_episodes_nothing_is_known():
    assert np.isnan(improve(shared([], []), DRAWS).value)


def test_profile_at_known_levels():
    assert above(np.array([-1.0, 0.0, 15.0, 30.0]), [block([0, 10], [20, 30])]).tolist() == [1.0, 0.75, 0.5, 0.0]


def test_runs_are_drawn_within_tasks_only():
    constant = block([0, 10], [0, 10])  # of either task
    assert [found.tolist() for found in intervals(middle, [constant], DRAWS)] == [[5.0]] * 3
    # drawn from one task: means of two of {0, 1}, which are 0 or 1 in a quarter of the cases each
    assert [found.tolist() for found in intervals(middle, [block([0], [1])], DRAWS)] == [[0.5], [0.0], [1.0]]


def test_single_runs_have_no_interval():
    value, low, high = intervals(middle, [block([1, 2, 3, 6])], DRAWS)
    assert value.tolist() == [2.5]
    assert np.isnan([low, high]).all()


def test_intervals_depend_on_the_seed_and_leave_the_random_numbers_of_others_alone():
    values = [np.random.default_rng(0).normal(size=(6, 4))]
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first = intervals(middle, values, Draws(50, 1))
    assert np.random.random() == expected  # noqa: NPY002
    assert intervals(middle, values, Draws(50, 1)) == first
    assert intervals(middle, values, Draws(50, 2))[1] != first[1]


def test_communication_is_counted_for_finished_effort():
    hours = {"work_hours": [8.0, 4.0], "communication_hours": [3.0, 1.0], "wasted_hours": [1.0, 0.0]}
    episodes = pd.DataFrame({**hours, "efficiency": [0.5, 0.8]})
    # (3 + 1) / (0.5 * 12 + 0.8 * 5)
    assert communication_per_effort(episodes) == pytest.approx(0.4)


def test_the_largest_reduction_comes_first():
    hours = dict.fromkeys(["work_hours", "communication_hours", "wasted_hours", "efficiency", "success"], 1.0)
    where = {"split": "built-in", "workflow": "one", "team_size": 5, "task": "one", "seed": [0, 1, 0, 1, 0, 1]}
    policies = ["a", "a", "b", "b", "c", "c"]
    episodes = pd.DataFrame({**where, **hours, "policy": policies, "reduction": [1.0, 2, 5, 6, 3, 4]})
    found = compare(episodes, "c", DRAWS)
    assert [(one.policy, one.reduction.value, one.improvement.value) for one in found[::2]] == [
        ("b", 5.5, 1.0), ("a", 1.5, 0.0),
    ]  # fmt: skip
    assert (found[1].policy, found[1].median, np.isnan(found[1].improvement.value)) == ("c", 3.5, True)


# --- rivals ----------------------------------------------------------------------------------------------------


def reductions(**of_policies):
    rows = [(policy, value) for policy, values in of_policies.items() for value in values]
    return pd.DataFrame(rows, columns=["policy", "reduction"])


@pytest.mark.parametrize(
    ("policies", "wanted", "expected"),
    [
        ({"cost_aware": [9.0], "proactive": [1.0]}, None, "proactive"),
        ({"cost_aware": [9.0], "proactive": [1.0]}, "cost_aware", "cost_aware"),
        ({"broadcast": [8.0, np.nan], "cost_aware": [9.0], "oracle": [50.0]}, None, "cost_aware"),
        ({"learned": [9.0], "oracle": [50.0]}, None, "no_communication"),
        ({"proactive": [9.0]}, None, "no_communication"),
    ],
)
def test_rival(policies, wanted, expected):
    assert choose_rival(reductions(no_communication=[0.0], **policies), wanted) == expected


def test_an_unknown_rival_has_a_near_name():
    with pytest.raises(ConfigError, match="unknown policy in --against 'proactiv'; did you mean 'proactive'"):
        choose_rival(reductions(no_communication=[0.0], proactive=[1.0]), "proactiv")


def test_episodes_without_partners_cannot_be_compared():
    with pytest.raises(ConfigError, match="no episode of a split has a partner of no_communication"):
        compare(reductions(), "proactive", DRAWS)
