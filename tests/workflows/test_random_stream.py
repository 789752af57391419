"""The numbers that generated workflows are drawn from, against numpy, the standard library and a second reading."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2c_env import generate
from c2c_env.workflows import DOMAINS, TIERS, draw_workflow, normal, random_stream

SEEDS = st.integers(0, 2**63 - 1)
BITS = st.integers(0, 2**64 - 1)


@pytest.fixture(autouse=True)
def modulo():
    with np.errstate(over="ignore"):
        yield


@given(BITS, BITS)
def test_high_product(a, b):
    assert int(random_stream.high_product(np.uint64(a), np.uint64(b))) == a * b >> 64


def stream(tier, seed):
    started = np.zeros(random_stream.STREAM_LENGTH, dtype=np.uint64)
    random_stream.start_stream(started, tier, seed)
    return started


@given(seed=SEEDS, tier=st.integers(0, 2))
def test_uniform_numbers_are_those_of_numpys_philox(seed, tier):
    words = np.random.Philox(key=np.array([seed, tier], dtype=np.uint64)).random_raw(41)
    mine = stream(tier, seed)
    assert [random_stream.draw_uniform(mine) for _ in words] == [(int(word) >> 11) * 2.0**-53 for word in words]


def test_a_stream_is_started_anew():
    used = stream(2, 7)
    first = random_stream.draw_uniform(used)
    random_stream.draw_uniform(used)
    random_stream.start_stream(used, 2, 7)
    assert random_stream.draw_uniform(used) == first


@pytest.mark.parametrize(
    ("x", "expected"),
    [(0.75, 75), (2.5, 250), (1.0049, 100), (0.875, 88), (1.125, 112), (1.375, 138), (1.005, 100), (2.675, 267)],
)
def test_hundredths_by_hand(x, expected):
    assert draw_workflow.hundredths(x) == expected  # eighths are true ties; 1.005 and 2.675 lie just below theirs


@given(st.floats(0.75, 2.5))
def test_hundredths_round_as_python_does(x):
    assert draw_workflow.hundredths(x) / 100 == round(x, 2)


@given(st.integers(75, 249), st.integers(-3, 3))
def test_hundredths_round_as_python_does_next_to_ties(whole, ulps):
    x = (whole + 0.5) / 100
    x += ulps * np.spacing(x)
    assert draw_workflow.hundredths(x) / 100 == round(float(x), 2)


@given(st.floats(2.0**-53, 1 - 2.0**-53) | st.integers(1, 53).map(lambda n: 2.0**-n))
def test_quantiles_are_those_of_the_standard_library(share):
    for p in (share, 1 - share):
        assert normal.normal_quantile(p) == NormalDist().inv_cdf(p)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(5, 20))
def test_inserting_is_taking_out_of_what_is_left(places, first):
    left, listed = list(range(first, first + 10)), np.full((1, 9), -1)
    taken = []
    for n, place in enumerate(places):
        place = min(place, len(left) - 1)
        draw_workflow.insert_untaken(listed, 0, 2, n, first + place)
        taken.append(left.pop(place))
    assert listed[0].tolist() == [-1, -1, *sorted(taken), *[-1] * (7 - len(taken))]


SHAPES = {"simple": (5, 8, 4, 10, 1.0), "medium": (10, 16, 4, 14, 1.5), "complex": (20, 34, 4, 18, 2.0)}


class FirstGenerator:
    """The generator as it was first written: numpy's stream, the standard library's quantiles, lists."""

    def __init__(self, tier, seed):
        self.bits = np.random.Philox(key=np.array([seed, TIERS.index(tier)], dtype=np.uint64))
        self.shape = SHAPES[tier]

    def uniform(self):
        return (int(self.bits.random_raw()) >> 11) * 2.0**-53

    def integer(self, low, high):
        return low + int(self.uniform() * (high - low + 1))

    def workflow(self):
        return [self.subtask(k) for k in range(self.integer(*self.shape[:2]))]

    def subtask(self, k):
        effort = self.integer(*self.shape[2:4]) / 2
        complexity = round(NormalDist(self.shape[4], 0.25).inv_cdf(max(self.uniform(), 2.0**-53)), 2)
        domain = DOMAINS[self.integer(0, 4)]
        left = list(range(max(0, k - 6), k))
        wanted = min(self.integer(0, 2), len(left))
        taken = sorted(left.pop(self.integer(0, len(left) - 1)) for _ in range(wanted))
        return effort, min(max(complexity, 0.75), 2.5), domain, taken


def assert_as_first_written(tier, seed):
    workflow = generate(tier, seed)
    made = zip(workflow.subtasks, workflow.prerequisite_indices(), strict=True)
    assert [(s.effort, s.complexity, s.domain, p) for s, p in made] == FirstGenerator(tier, seed).workflow()


@given(tier=st.sampled_from(TIERS), seed=SEEDS)
def test_workflows_are_as_first_written(tier, seed):
    assert_as_first_written(tier, seed)


@pytest.mark.slow
@pytest.mark.parametrize("tier", TIERS)
def test_thousands_of_workflows_are_as_first_written(tier):
    for first in (0, 1_000_000, 2_000_000):
        for seed in range(first, first + 1000):
            assert_as_first_written(tier, seed)
