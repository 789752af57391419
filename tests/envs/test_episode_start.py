"""Episodes of generated workflows: each environment has a packed row of its own, written anew at every start."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import assert_same
from simulate import assert_same_bits, random_team, random_workflow

from c2c_env import Batch, EnvConfig, Generated, Subtask, Team, Workflow, generate
from c2c_env.core.arrays import Params, array_specs
from c2c_env.errors import SnapshotError, WorkflowError
from c2c_env.workflows import TIERS
from c2c_env.workflows.pack import pack
from c2c_env.workflows.pack_generated import Table

PACKED = [name for name, spec in array_specs(Params).items() if spec.axes.startswith("W")]
LARGEST = 2**63 - 1
MIXED = ["password-reset-flow", Generated("complex", [LARGEST, 3, 3, 10**12]), Generated("simple", range(40, 10, -7)),
         "csv-import-tool", Generated("medium")]  # fmt: skip
BACKENDS = pytest.mark.parametrize("backend", ["numba", "interpreted"])


def make(sources=MIXED, num_envs=4, team=None, config=None, **kwargs):
    return Batch(sources, team or Team.default(3), config or EnvConfig(horizon=50), num_envs, **kwargs)


def packed_row(batch, row):
    return {name: getattr(batch.params, name)[batch.state.workflow[row]].copy() for name in PACKED}


def assert_packed(batch, row):
    """The row that an environment plays is its workflow, padded with zeros."""
    expected = pack(batch.workflow(row), batch.team, batch.config)
    for name, got in packed_row(batch, row).items():
        padded = np.zeros_like(got)
        padded[tuple(map(slice, expected[name].shape))] = expected[name]
        assert got.tobytes() == padded.tobytes(), name


def test_every_packed_array_is_filled():
    assert list(Table._fields) == PACKED


def step(batch, rng, times=1):
    for _ in range(times):
        batch.step(rng.integers(0, batch.action_sizes, size=batch.action_buffer.shape))


CONFIGS = st.fixed_dictionaries({}, optional={
    "volatility": st.floats(0, 1), "horizon": st.integers(1, 1000), "horizon_factor": st.floats(0.01, 1e6),
    "dt": st.floats(0.01, 100), "facet_weights": st.tuples(*[st.floats(0.1, 5)] * 4),
    "answer_exponent": st.floats(0, 3),
    "max_subtasks": st.integers(34, 60),
})  # fmt: skip


@BACKENDS
@settings(max_examples=60)
@given(tier=st.sampled_from(TIERS), seed=st.integers(0, LARGEST), size=st.integers(1, 9), fields=CONFIGS)
def test_a_packed_row_is_its_workflow(backend, tier, seed, size, fields):
    team = random_team(np.random.default_rng(seed), size)
    batch = make([Generated(tier, [seed])], 1, team, EnvConfig(**fields), backend=backend)
    batch.reset([0])
    assert batch.workflow() == generate(tier, seed)
    assert_packed(batch, 0)


@BACKENDS
def test_rows_are_written_anew_and_only_ones_own(backend):
    batch = make(num_envs=3, backend=backend)
    batch.reset([0, 1, 2], workflows=[1, 4, 9])
    others = [packed_row(batch, row) for row in (0, 2)]
    sizes = []
    for index in (2, 5, 0, 4, 8, 7, 9, 1):
        batch.reset(rows=[1], workflows=[index])
        assert batch.workflow(1) == batch.pool[index]
        assert_packed(batch, 1)
        sizes.append(int(batch.params.num_subtasks[batch.state.workflow[1]]))
    assert min(sizes) < 9 < 19 < max(sizes)  # a small one after a large one leaves nothing of it
    assert_same([packed_row(batch, row) for row in (0, 2)], others)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(range(40, 10, -7), [40, 33, 26, 19, 12]), ([LARGEST, 3, 3, 10**12], [LARGEST, 3, 3, 10**12]),
     (range(LARGEST - 4, LARGEST + 1, 2), [LARGEST - 4, LARGEST - 2, LARGEST]), (range(5, 6, 10**30), [5])],
    ids=["down", "listed", "largest", "one"],
)  # fmt: skip
def test_any_seeds_can_be_played(seeds, expected):
    batch = make(["csv-import-tool", Generated("simple", seeds)], len(expected))
    batch.reset(range(len(expected)), workflows=range(1, 1 + len(expected)))
    for row, seed in enumerate(expected):
        assert batch.workflow(row) == generate("simple", seed)
        assert_packed(batch, row)


def test_every_source_is_drawn_and_every_seed():
    batch = make(MIXED[:4], 500)
    batch.reset(range(500))
    counts = np.bincount(batch.workflow_index, minlength=11)
    assert len(counts) == 11
    groups = [counts[:1], counts[1:5], counts[5:10], counts[10:]]
    assert all(95 < group.sum() < 155 for group in groups)
    assert counts.min() > 10
    for row in range(0, 500, 20):
        assert_packed(batch, row)


def test_tables_do_not_grow():
    batch = make("simple", 5)
    before = {name: getattr(batch.params, name) for name in PACKED}
    met = set()
    for n in range(30):
        batch.reset(None if n else range(5))
        met |= set(batch.workflow_index.tolist())
    assert len(met) == 150
    assert all(getattr(batch.params, name) is array for name, array in before.items())
    assert batch.params.prerequisites.shape == batch.params.dependents.shape == (6, 16)


def test_lists_are_as_wide_as_the_pool_needs():
    workflow = random_workflow(np.random.default_rng(4))
    wanted, needed = workflow.prerequisite_indices(), workflow.dependent_indices()
    assert [[k for k, row in enumerate(wanted) if n in row] for n in range(len(wanted))] == needed
    params = make(workflow).params
    assert params.prerequisites.tolist() == [[p for row in wanted for p in row]]
    assert params.dependents.tolist() == [[d for row in needed for d in row]]
    assert params.milestones.shape == (1, 0)


def test_milestones_are_listed_after_those_that_they_need():
    chain = [Subtask("end", "data", 0.0, 1.0, ("middle", "work")), Subtask("middle", "data", 0.0, 1.0, ("start",))]
    chain += [Subtask("work", "data", 1.0, 1.0, ("start",)), Subtask("start", "data", 0.0, 1.0)]
    params = make(["csv-import-tool", Workflow("chain", "simple", tuple(chain))]).params
    assert params.num_milestones.tolist() == [0, 3]
    assert params.milestones.tolist() == [[0, 0, 0], [3, 1, 0]]


@pytest.mark.parametrize("num_threads", [2, 5])
def test_threads_do_not_matter(num_threads):
    one, other = make(num_envs=7), make(num_envs=7, num_threads=num_threads)
    for batch in (one, other):
        batch.reset(range(7))
        batch.reset(rows=[6, 0, 3])
    assert_same_bits(one, other)


def test_a_snapshot_brings_its_workflow_to_another_batch_and_row():
    batch, other = make(num_envs=3), make(num_envs=2)
    batch.reset([0, 1, 2], workflows=[4, 1, 8])
    rng = np.random.default_rng(0)
    step(batch, rng, 6)
    other.restore(batch.snapshot(1), row=0)
    batch.restore(batch.snapshot(1), row=2)
    assert_same(packed_row(other, 0), packed_row(batch, 1))
    for _ in range(20):
        actions = np.repeat(rng.integers(0, batch.action_sizes, size=(1, 3, 4)), 3, axis=0)
        batch.step(actions)
        other.step(actions[:1].repeat(2, axis=0), rows=[0])
        assert_same_bits(batch, other, slice(1, 2), slice(0, 1), restored=True)
        assert_same_bits(batch, batch, slice(1, 2), slice(2, 3), restored=True)


def test_a_refused_snapshot_leaves_the_packed_row():
    batch = make(num_envs=2)
    batch.reset([0, 1], workflows=[2, 7])
    before, row = batch.snapshot(1), packed_row(batch, 1)
    bad = batch.snapshot(0)
    bad["t"] = np.array(-1)
    with pytest.raises(SnapshotError):
        batch.restore(bad, row=1)
    assert_same(batch.snapshot(1), before)
    assert_same(packed_row(batch, 1), row)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))])
def test_a_copy_goes_on_alike_and_alone(copied):
    batch = make()
    batch.reset(range(4))
    step(batch, np.random.default_rng(0), 5)
    twin = copied(batch)
    kept = [packed_row(batch, row) for row in range(4)]
    twin.reset()
    twin.reset(range(4))
    assert_same([packed_row(batch, row) for row in range(4)], kept)
    step(twin, np.random.default_rng(0), 5)
    for made in (batch, twin):
        step(made, np.random.default_rng(1), 5)
    assert_same_bits(batch, twin)
    for made in (batch, twin):
        made.reset()
    assert_same_bits(batch, twin)
    assert_same([packed_row(batch, row) for row in range(4)], [packed_row(twin, row) for row in range(4)])


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_seeds_of_episodes_in_any_form(kind):
    one, other = make(num_envs=3), make(num_envs=3)
    one.reset(range(5, 8))
    other.reset(kind([5, 6, 7]))
    assert_same_bits(one, other)
    assert one.state.seed.tolist() == [5, 6, 7]


def test_more_workflows_than_an_index_can_count():
    with pytest.raises(WorkflowError, match=r"expected fewer than 2\*\*63"):
        make([Generated("simple", range(2**62)), Generated("simple", range(2**62))])
