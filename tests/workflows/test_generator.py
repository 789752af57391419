"""Generated workflows, and the pool that hands out all kinds."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

import c2c_env.workflows.pool as pool_module
from c2c_env import TEST_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS, Generated, Subtask, Workflow, generate, load_builtin
from c2c_env.errors import WorkflowError
from c2c_env.workflows import DOMAINS, TIERS
from c2c_env.workflows.pool import WorkflowPool
from c2c_env.workflows.pool_index import draw_index

# subtasks, hours, mean complexity
SHAPES = {"simple": (5, 8, 2, 5, 1.0), "medium": (10, 16, 2, 7, 1.5), "complex": (20, 34, 2, 9, 2.0)}
SEEDS = 150
ONE = Workflow("one", "simple", (Subtask("a", "backend", 1, 1),))
TWO = Workflow("two", "medium", (Subtask("a", "data", 1, 1), Subtask("b", "data", 1, 1)))


def samples(tier):
    return [generate(tier, seed) for seed in range(SEEDS)]


@pytest.mark.parametrize("tier", TIERS)
def test_sizes_and_efforts_fill_their_ranges(tier):
    fewest, most, least, longest, _ = SHAPES[tier]
    made = samples(tier)
    assert {len(workflow.subtasks) for workflow in made} == set(range(fewest, most + 1))
    half_hours = {2 * subtask.effort for workflow in made for subtask in workflow.subtasks}
    assert half_hours == set(range(2 * least, 2 * longest + 1))
    assert {workflow.tier for workflow in made} == {tier}


@pytest.mark.parametrize("tier", TIERS)
def test_complexities_are_normal_and_clipped(tier):
    values = np.array([subtask.complexity for workflow in samples(tier) for subtask in workflow.subtasks])
    mean = SHAPES[tier][4]
    assert values.min() >= 0.75
    assert values.max() <= 2.5
    assert np.median(values) == pytest.approx(mean, abs=0.03)
    inner = np.abs(values - mean) < 0.25  # within one standard deviation: 68 %
    assert inner.mean() == pytest.approx(0.683, abs=0.04)


@pytest.mark.parametrize("tier", TIERS)
def test_domains_are_uniform(tier):
    counts = Counter(subtask.domain for workflow in samples(tier) for subtask in workflow.subtasks)
    assert set(counts) == set(DOMAINS)
    assert max(counts.values()) / sum(counts.values()) < 0.25


@pytest.mark.parametrize("tier", TIERS)
def test_up_to_two_prerequisites_among_the_six_before(tier):
    distances, sizes = Counter(), Counter()
    for workflow in samples(tier):
        for k, wanted in enumerate(workflow.prerequisite_indices()):
            assert len(set(wanted)) == len(wanted)
            distances.update(k - p for p in wanted)
            if k >= 2:
                sizes[len(wanted)] += 1
    assert set(distances) == set(range(1, 7))
    assert set(sizes) == {0, 1, 2}
    assert max(sizes.values()) / sum(sizes.values()) < 0.4


def digest(workflow):
    """A hash of what it was written as before workflows had domains of their own."""
    written = repr(workflow).replace(f", domains={DOMAINS!r})", ")")
    return hashlib.sha256(written.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("tier", "seed", "expected"), [("simple", 0, "bbd2d945b46d86be"), ("complex", 2_000_123, "5a3b89fdc1b47568")]
)
def test_a_seed_gives_the_same_workflow_for_ever(tier, seed, expected):
    assert digest(generate(tier, seed)) == expected


def test_seeds_and_tiers_differ():
    made = [generate(tier, seed) for tier in TIERS for seed in (0, 1, 2**63 - 1)]
    assert len({digest(workflow) for workflow in made}) == 9
    assert generate("simple", 3) == generate("simple", np.int64(3))


def test_seed_ranges_are_disjoint():
    ranges = [TRAIN_SEEDS, VALIDATION_SEEDS, TEST_SEEDS]
    for left, right in combinations(ranges, 2):
        assert left[-1] < right[0] or right[-1] < left[0]
    assert [len(seeds) for seeds in ranges] == [1_000_000, 10_000, 10_000]
    assert Generated("simple").seeds == TRAIN_SEEDS


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "1", None, True, []], ids=repr)
def test_bad_seed(seed):
    with pytest.raises(WorkflowError, match=r"seed is .*, expected an integer in"):
        generate("simple", seed)


@pytest.mark.parametrize("tier", ["simpel", None, [], np.array([1, 2])], ids=repr)
def test_bad_tier(tier):
    for call in (lambda: generate(tier, 0), lambda: Generated(tier)):
        with pytest.raises(WorkflowError, match="unknown tier"):
            call()


# --- pool ------------------------------------------------------------------------------------------------------


def test_pool_of_one():
    pool = WorkflowPool(ONE)
    assert (len(pool), pool[0], pool.max_subtasks) == (1, ONE, 1)
    assert {draw_index(pool.arrays, a, b) for a in (0, 0.999) for b in (0, 0.999)} == {0}


def test_pool_lists_its_sources_in_order():
    pool = WorkflowPool([ONE, Generated("simple", [7, 8, 9]), TWO, "csv-import-tool"])
    assert len(pool) == 6
    names = ["one", "simple-7", "simple-8", "simple-9", "two", "csv-import-tool"]
    assert [pool[n].name for n in range(6)] == names
    assert (pool.index("one"), pool.index("two"), pool.index("csv-import-tool")) == (0, 4, 5)
    assert pool[5] is load_builtin("csv-import-tool")


def test_max_subtasks_covers_all_that_can_be_drawn():
    assert WorkflowPool([ONE, TWO]).max_subtasks == 2
    assert [WorkflowPool([ONE, tier]).max_subtasks for tier in TIERS] == [8, 16, 34]


def test_every_source_is_equally_likely_and_every_seed_within_it():
    pool = WorkflowPool([ONE, Generated("simple", range(4)), TWO])
    grid = (np.arange(60) + 0.5) / 60
    drawn = Counter(draw_index(pool.arrays, a, b) for a in grid for b in grid)
    assert drawn == {0: 1200, 1: 300, 2: 300, 3: 300, 4: 300, 5: 1200}


def test_draws_at_the_ends_are_in_range():
    pool = WorkflowPool([ONE, Generated("simple", range(2**62)), TWO])
    last = np.nextafter(1.0, 0.0)
    assert (draw_index(pool.arrays, 0.0, 0.0), draw_index(pool.arrays, last, last)) == (0, len(pool) - 1)
    assert draw_index(pool.arrays, 0.5, last) < len(pool) - 1


def test_a_tier_name_means_its_training_seeds():
    pool = WorkflowPool("medium")
    assert len(pool) == len(TRAIN_SEEDS)
    assert pool[123] == generate("medium", 123)


def test_generated_workflows_are_made_when_asked_for(monkeypatch):
    made = []
    monkeypatch.setattr(pool_module, "generate", lambda tier, seed: made.append((tier, seed)))
    pool = WorkflowPool([ONE, Generated("complex", TEST_SEEDS)])
    assert (len(pool), pool.max_subtasks, made) == (10_001, 34, [])
    pool[3]
    assert made == [("complex", TEST_SEEDS[2])]


@pytest.mark.parametrize("index", [-1, 2, 10**9])
def test_index_outside_the_pool(index):
    with pytest.raises(WorkflowError, match=rf"workflow index {index} is outside \[0, 2\)"):
        WorkflowPool([ONE, TWO])[index]


@pytest.mark.parametrize("name", ["tw", "simple-0", None, []], ids=repr)
def test_unknown_name(name):
    with pytest.raises(WorkflowError, match="is not among those of this environment"):
        WorkflowPool([ONE, TWO, "simple"]).index(name)
