"""The simulator on a GPU, as far as it can be tested without one: in numba's CUDA simulator, and as PTX."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from test_cpu import FORMATS

from c2c_env import EnvConfig, Team
from c2c_env.core.random_actions import legal_choice
from c2c_env.envs.device_batch import DeviceBatch, load_cuda
from c2c_env.errors import ConfigError, MissingExtraError

HERE = Path(__file__).parent
COMPILER = find_spec("numba_cuda") and find_spec("nvidia") and find_spec("nvidia.cu13")


def in_process(script, *arguments):
    """The last line that a script beside this file prints, read as JSON."""
    paths = os.pathsep.join(map(str, (HERE.parents[2], HERE.parents[1], HERE.parent)))
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- in the simulator ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FORMATS, "slow_mail", "unobserved", "generated", "domains"])
def test_whole_episodes_and_restarts_are_those_of_a_batch(name):
    facts = in_process("cuda_simulated.py", name)
    assert min(facts["terminated"], facts["truncated"], facts["invalid"]) > 0
    assert facts["workflows"] > (9 if name == "generated" else 3)


def test_numbas_own_simulator_will_do():
    facts = in_process("cuda_simulated.py", "index", "bundled")
    assert "numba_cuda" not in facts["simulator"]


def test_refusals():
    messages = in_process("cuda_simulated.py", "refusals")
    assert messages.pop("beyond 32 bits") == [[1] * 3] * 5
    expected = {
        "no reset": "ResetNeededError: the batch has no episodes yet",
        "no reset before": "ResetNeededError: the batch has no episodes yet",
        "reset": "ConfigError: seeds is [0], expected 5 integers",
        "host": "ActionError: actions are of type ndarray, expected an array on the device",
        "shape": "ActionError: actions have shape (5, 4), expected (5, 3)",
        "type": "ActionError: actions have type float64, expected integers",
        "strides": "ActionError: actions [B, N] are not contiguous in memory",
        "device": "ConfigError: device is 1, expected an integer in [0, 1)",
        "rows": "ConfigError: rows is [5], expected indices in [0, 5)",
    }
    for name, start in expected.items():
        assert messages[name].startswith(start), messages[name]


def test_the_measuring_command_runs():
    assert in_process("cuda_simulated.py", "measured") == 0


# --- as PTX --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="needs numba-cuda[cu13], the extra cuda")
def test_ptx_is_one_entry_that_allocates_nothing_and_contracts_nothing():
    kernels = in_process("cuda_ptx.py", "step_kernel", "start_kernel", "choose_kernel", "take_kernel", "logarithm")
    print(json.dumps(kernels, indent=1))
    logarithm = kernels.pop("logarithm")  # the library's is fused by hand; drawing a workflow takes one, and rounds
    for name, facts in kernels.items():
        assert facts["entries"] == 1
        assert facts["calls"] == 0  # all inlined: no malloc, no runtime of numba's
        assert facts["extern"] == []
        assert facts["local_bytes"] == 0  # nothing lies on a stack
        for kind in ("fused", "approximate"):  # all other arithmetic is as on the CPU
            assert facts[kind] == (logarithm[kind] if name == "start_kernel" else 0)
        assert not facts["linked_anew"]
        assert facts["param_bytes"] < 32_764  # CUDA 12.1 and compute capability 7.0 or later
        assert facts["assembled_bytes"] > 0


# --- what needs no GPU ---------------------------------------------------------------------------------------


def test_legal_choices_are_uniform_among_the_legal():
    mask = np.array([[[1, 1, 0, 1, 1, 0, 1]]], dtype=np.int8)
    chosen = [legal_choice(mask, 0, 0, 1, 5, draw) for draw in (0.0, 0.3, 0.34, 0.66, 0.67, 0.999)]
    assert chosen == [0, 0, 2, 2, 3, 3]


def test_bad_arguments_are_refused_as_by_a_batch():
    with pytest.raises(ConfigError, match="num_envs is 0"):
        DeviceBatch("csv-import-tool", Team.default(2), EnvConfig(), 0)
    with pytest.raises(ConfigError, match="max_agents is 2"):
        DeviceBatch("csv-import-tool", Team.default(3), EnvConfig(max_agents=2))


def test_without_the_extra_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba_cuda", None)
    monkeypatch.delitem(sys.modules, "c2c_env.core.compile.cuda", raising=False)
    monkeypatch.delattr("c2c_env.core.compile.cuda", raising=False)
    with pytest.raises(MissingExtraError, match=r"numba-cuda.*pip install -e '\.\[cuda\]'"):
        load_cuda(0)


@pytest.mark.skipif(not COMPILER, reason="needs numba-cuda[cu13], the extra cuda")
def test_without_a_device_the_message_is_one_line():
    command = [sys.executable, "-m", "training", "throughput", "--gpu"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[2], check=False)
    if done.returncode == 0:
        pytest.skip("there is a CUDA device")
    assert done.returncode == 2
    assert done.stderr == "error: there is no CUDA device, or no driver for it; c2c_env.Batch runs on the CPU\n"


def test_importing_the_package_loads_nothing_of_cuda():
    code = "import sys, c2c_env; print([m for m in sys.modules if 'cuda' in m and 'redirector' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
