"""The interpreted and the compiled simulator agree in every bit."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import assert_same_bits, random_env, random_snapshot, sample_legal, sample_space, step

import agents
import c2c_env
import c2c_env.render
from agents.oracle.decide import decide_rows
from c2c_env import C2CParallelEnv, parallel_env
from c2c_env.compiled import is_compiled
from c2c_env.core import constants as c
from c2c_env.core import transition
from c2c_env.core.compile import cpu
from c2c_env.envs import episode_start

ROUGH = {"volatility": 0.05, "rework_probability": 1.0}
FORMATS = {
    "onehot": {},
    "index": {"relations": "index", "mask_format": "flat"},
    "discrete": {"action_format": "discrete", "reward_sharing": 0.3, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.4, 0.3)},
    "symbols": {"vocab_size": 3, "reward_sharing": "individual", "reward_weights": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)},
    "padded": {"max_agents": 6, "max_subtasks": 9, "vocab_size": 3, "mask_in_observation": True},
    "padded_index_discrete": {
        "max_agents": 6,
        "max_subtasks": 9,
        "relations": "index",
        "action_format": "discrete",
        "exclusive_actions": True,
    },
}


def both_backends(rng, **fields) -> tuple[C2CParallelEnv, C2CParallelEnv]:
    seed = int(rng.integers(0, 2**63))
    compiled = random_env(rng, agents=int(rng.integers(1, 6)), seed=seed, **ROUGH, **fields)
    workflow = compiled.batch.workflow()
    interpreted = parallel_env(workflow, team=compiled.team, config=compiled.config, backend="interpreted")
    interpreted.reset(seed=seed)
    return compiled, interpreted


def assert_alike(compiled, interpreted):
    assert_same_bits(compiled.batch, interpreted.batch)


def assert_steps_alike(compiled, interpreted, rng):
    actions = sample_space(compiled, rng) if rng.random() < 0.3 else sample_legal(compiled, rng)
    step(compiled, actions)
    step(interpreted, actions)
    assert_alike(compiled, interpreted)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", FORMATS)
def test_backends_agree_over_an_episode(name, seed):
    rng = np.random.default_rng([seed, len(name)])
    compiled, interpreted = both_backends(rng, horizon=30, **FORMATS[name])
    assert_alike(compiled, interpreted)
    while compiled.agents:
        assert_steps_alike(compiled, interpreted, rng)
    assert not interpreted.agents


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_backends_agree_from_any_legal_state(name, seed):
    rng = np.random.default_rng(seed)
    compiled, interpreted = both_backends(rng, **FORMATS[name])
    snapshot = random_snapshot(compiled, rng)
    for env in (compiled, interpreted):
        env.restore(snapshot)
    assert_alike(compiled, interpreted)
    for _ in range(3):
        if compiled.agents:
            assert_steps_alike(compiled, interpreted, rng)


def test_injected_states_leave_the_start_behind():
    rng = np.random.default_rng(3)
    states = [random_snapshot(random_env(rng), rng) for _ in range(20)]
    assert any(state["done"].any() for state in states)
    assert any((state["request_topic"] >= 0).any() for state in states)
    assert all((state["mailbox"]["speech"] > 0).any() for state in states)


def test_a_copy_of_the_sources_elsewhere_shares_the_compiled_code(tmp_path):
    parallel_env("csv-import-tool").reset(seed=0)
    folder = cpu.cache_folders(transition.run_rows)[0]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}
    assert before
    shutil.copytree(Path(c2c_env.__file__).parent, tmp_path / "c2c_env")
    code = "import c2c_env; c2c_env.parallel_env('csv-import-tool').reset(seed=0); print(c2c_env.__file__)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert Path(ran.stdout.strip()).parent == tmp_path / "c2c_env"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")} == before


# --- marks and the key of the cache ----------------------------------------------------------------------------

ENTRIES = [transition.run_rows, episode_start.start_rows, decide_rows]
HOMES = [Path(c2c_env.__file__).parent, Path(agents.__file__).parent]


def reachable(function, found=None):
    """Every marked function that an entry point calls, however deep, itself included."""
    found = {function} if found is None else found
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if is_compiled(value) and value not in found:
            found.add(value)
            reachable(value, found)
    return found


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_file_that_is_compiled_is_in_the_key_of_the_cache(entry):
    files = set(cpu.compiled_sources(entry))
    assert {Path(function.__code__.co_filename) for function in reachable(entry)} <= files
    assert Path(c.__file__) in files  # its numbers are compiled in
    assert Path(c2c_env.render.__file__) not in files


def test_a_changed_constant_or_callee_changes_the_key(tmp_path):
    shutil.copytree(HOMES[0], tmp_path / "c2c_env", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from c2c_env.core.compile import cpu; from c2c_env.core import transition;"
        "print(cpu.cache_folders(transition.run_rows)[0].name)"
    )

    def key():
        ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
        return ran.stdout

    keys = [key()]
    how = ("core/compile/cpu.py", "core/compile/indexing.py", "core/compile/row_arrays.py")
    for name in ("core/constants.py", "core/alignment.py", "compiled.py", "core/work.py", *how):
        path = tmp_path / "c2c_env" / name
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        keys.append(key())
    assert len(set(keys)) == len(keys)
    with open(tmp_path / "c2c_env" / "metrics.py", "a", encoding="utf-8") as file:
        file.write("\n")
    assert keys[-1] == key()


def test_marked_functions_stand_in_files_of_their_own():
    marked = set()
    for home in HOMES:
        for path in home.rglob("*.py"):
            functions = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
            marks = [{ast.unparse(mark) for mark in node.decorator_list} & {"compiled", "merged"} for node in functions]
            assert all(marks) or not any(marks), f"{path} has functions with and without a mark"
            if any(marks):
                marked.add(path)
    assert {Path(function.__code__.co_filename) for entry in ENTRIES for function in reachable(entry)} <= marked
    assert len(marked) > 20
