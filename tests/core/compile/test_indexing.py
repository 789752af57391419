"""The compiled code lets an index count from the start of an array only, so the kernels must not use a negative one."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba.core import types
from numba.core.typing import signature
from simulate import random_env, random_snapshot, sample_legal, sample_space, step

from agents.oracle.oracle_team import BUDGETS, OracleRule
from c2c_env import Batch, EnvConfig, Team
from c2c_env.core.compile import cpu
from c2c_env.core.compile.indexing import FromTheStart, with_unsigned_index
from training.throughput.own_loops import write_random_legal

FORMATS = {
    "onehot": {"hidden_facts": 2, "vocab_size": 2},
    "index": {"relations": "index", "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.4, 0.3)},
    "discrete": {"action_format": "discrete", "max_agents": 6, "max_subtasks": 9},
}


class Guarded(np.ndarray):
    """An array that takes no negative index."""

    def __getitem__(self, index: Any) -> Any:
        refuse_negative(index)
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        refuse_negative(index)
        super().__setitem__(index, value)


def refuse_negative(index):
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, int | np.integer) and part < 0:
            raise AssertionError(f"a kernel has used the index {index}")


def guard(value):
    if isinstance(value, np.ndarray):
        return value.view(Guarded)
    return type(value)(*map(guard, value)) if isinstance(value, tuple) else value


@pytest.fixture
def guarded(monkeypatch):
    """Entry points run interpreted, and their arrays take no negative index."""
    load = cpu.load

    def load_guarded(_, entry):
        run = load("interpreted", entry)
        return lambda *arguments: run(*map(guard, arguments))

    monkeypatch.setattr(cpu, "load", load_guarded)


def test_the_guard_notices_a_negative_index():
    with pytest.raises(AssertionError, match=r"has used the index \(0, -1\)"):
        guard(np.zeros((2, 2)))[0, -1]


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_a_step_has_no_negative_index(name, seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=1 + seed, volatility=0.1, rework_probability=1.0, horizon=20, **FORMATS[name])
    while env.agents:
        step(env, sample_space(env, rng) if rng.random() < 0.3 else sample_legal(env, rng))


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("name", FORMATS)
def test_showing_a_state_has_no_negative_index(name):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        env = random_env(rng, agents=4, **FORMATS[name])
        env.restore(random_snapshot(env, rng))
        if env.agents:
            step(env, sample_legal(env, rng))


@pytest.mark.usefixtures("guarded")
def test_a_board_written_once_has_no_negative_index():
    batch, rng = Batch("simple", Team.default(3), EnvConfig(), 2, shared_board=True), np.random.default_rng(0)
    batch.reset([0, 1])
    for _ in range(15):
        write_random_legal(batch, np.arange(2), rng)
        batch.step_written()


@pytest.mark.usefixtures("guarded")
@pytest.mark.parametrize("budget", BUDGETS)
def test_the_oracle_has_no_negative_index(budget):
    batch, rule = Batch("simple", Team.default(4), EnvConfig(volatility=0.1), 2), OracleRule(budget)
    batch.reset([0, 1])
    for _ in range(15):
        batch.step(rule.act_batch(batch, np.arange(2)))


@pytest.mark.usefixtures("guarded")
def test_drawing_a_workflow_has_no_negative_index():
    batch = Batch("complex", Team.default(3), EnvConfig(), 3)
    batch.reset(range(3))
    assert batch.state.subtasks_left.min() > 0


# --- what the compiler is told ---------------------------------------------------------------------------------


def test_integers_of_an_index_are_declared_unsigned():
    array = types.Array(types.float64, 2, "C")
    access = signature(types.float64, array, types.Tuple([types.int64, types.int16]))
    assert with_unsigned_index(access).args == (array, types.UniTuple(types.uintp, 2))


def test_other_accesses_stay_as_they_are():
    pair = types.UniTuple(types.int64, 2)
    access = signature(types.int64, pair, types.int64)
    assert with_unsigned_index(access) is access
    array = types.Array(types.float64, 2, "C")
    (_, index) = with_unsigned_index(signature(array, array, types.Tuple([types.slice2_type, types.int64]))).args
    assert index == types.Tuple([types.slice2_type, types.uintp])


def test_compiled_code_does_not_ask_whether_an_index_is_negative():
    def pick(values, places, out):
        for n in range(places.shape[0]):
            out[n] = values[places[n]]

    def questions(**options):
        compiled = numba.njit(_nrt=False, error_model="numpy", **options)(pick)
        out = np.zeros(2)
        compiled(np.array([1.0, 2.0, 3.0]), np.array([2, 1], dtype=np.int16), out)
        assert out.tolist() == [3.0, 2.0]
        return compiled.inspect_llvm(compiled.signatures[0]).count("select")

    assert questions() > 0
    assert questions(pipeline_class=FromTheStart) == 0
