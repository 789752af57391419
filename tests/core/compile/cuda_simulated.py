"""A DeviceBatch beside a Batch in numba's CUDA simulator; run as a script by test_cuda.py, prints facts as JSON.

Arguments: a name of CASES, then "bundled" for the simulator that numba itself brings, even if numba-cuda is there.
"""

from __future__ import annotations

import json
import os
import sys
import warnings

os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # read when numba is imported
if "bundled" in sys.argv:
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "NumbaCudaFinder"]
warnings.filterwarnings("ignore", "overflow", RuntimeWarning)  # random numbers count modulo 2**64

import numpy as np  # noqa: E402
from numba import cuda  # noqa: E402
from playing import assert_same  # noqa: E402
from simulate import random_team, random_workflow  # noqa: E402
from test_cpu import FORMATS, ROUGH  # noqa: E402

from c2c_env import Batch, Channel, EnvConfig, Generated, Subtask, Workflow  # noqa: E402
from c2c_env.core.random_actions import choose_row  # noqa: E402
from c2c_env.envs.device_batch import DeviceBatch  # noqa: E402
from c2c_env.errors import C2CError  # noqa: E402
from c2c_env.workflows import DOMAINS  # noqa: E402

LISTED = Generated("medium", [2**63 - 1, 3, 3])
SLOW_MAIL = {"email": Channel(send_hours=0.1, read_hours=0.05, latency=3, richness=0.6), "request_expiry": 3}
CASES = FORMATS | {"slow_mail": SLOW_MAIL, "unobserved": {}, "generated": {}, "domains": {}}
TINY = Workflow("tiny", "simple", (Subtask("only", "data", 0.3, 1.0),))  # done before the horizon, now and then
NUM_ENVS, NUM_AGENTS, STEPS, HORIZON = 5, 3, 30, 12


def both(name):
    rng = np.random.default_rng(len(name))
    pool = [TINY, Generated("simple", seeds=range(3)), TINY, random_workflow(rng, most=5)]
    if name == "generated":
        pool = [TINY, "medium", LISTED, Generated("simple", range(40, 10, -7)), TINY, "simple", TINY]
    domains = ("x", "y") if name == "domains" else DOMAINS
    if name == "domains":
        quick = Workflow("quick", "simple", (Subtask("only", "y", 0.3, 1.0),), domains=domains)
        pool = [quick, *(random_workflow(rng, most=5, domains=domains) for _ in range(3)), quick]
    config = EnvConfig(**{"horizon": HORIZON, **ROUGH, **CASES[name]})
    arguments = (pool, random_team(rng, NUM_AGENTS, len(domains)), config, NUM_ENVS)
    fields = {"write_observations": name != "unobserved"}
    return DeviceBatch(*arguments, **fields), Batch(*arguments, **fields)


def assert_alike(device, host):
    for copied, kept in zip(device.to_host(), (host.params, host.state, host.out), strict=True):
        for name, array in copied._asdict().items():
            np.testing.assert_array_equal(array, getattr(kept, name), err_msg=name)
    np.testing.assert_array_equal(device.invalid.copy_to_host(), host.invalid)
    np.testing.assert_array_equal(device.workflow_index.copy_to_host(), host.workflow_index)


def legal(host):
    """The actions that the device draws, drawn by the same function on the host."""
    actions = np.zeros_like(host.action_buffer)
    for row in range(host.num_envs):
        choose_row(host.state, host.out, actions, host.action_sizes, row)
    return actions


def step_both(device, host, rng):
    if rng.random() < 0.3:
        actions = rng.integers(-1, host.action_sizes + 1, host.action_buffer.shape)
        shape = actions.shape[:2] if host.config.action_format == "discrete" else actions.shape
        device.step(cuda.to_device(actions.reshape(shape)))
    else:
        actions = legal(host)
        device.sample_actions()
        np.testing.assert_array_equal(device.action_buffer.copy_to_host(), actions)
        device.step_written()
    host.step(actions)


class Shared:
    """Another library's hold on an array: its address, type and shape, taken once."""

    def __init__(self, array):
        assert array.is_c_contiguous()
        self.__array_interface__ = array.__array_interface__


def play(name):
    """Whole episodes and their restarts; how many ended in each way."""
    device, host = both(name)
    shared = np.asarray(Shared(device.observations))
    facts = {"terminated": 0, "truncated": 0, "invalid": 0, "simulator": cuda.__file__}
    met = set()
    rng = np.random.default_rng(0)
    for seeds in (range(7, 7 + NUM_ENVS), None):
        device.reset(seeds)
        host.reset(seeds)
        assert_alike(device, host)
        for _ in range(STEPS // 2):
            step_both(device, host, rng)
            assert_alike(device, host)
            np.testing.assert_array_equal(shared, host.observations)
            for fact in ("terminated", "truncated", "invalid"):
                facts[fact] += int(getattr(host, fact).sum())
            assert_same(device.metrics(), [host.metrics(row) for row in range(NUM_ENVS)])
            device.autoreset()
            host.autoreset()
            assert_alike(device, host)
            met |= set(host.workflow_index.tolist())
    return facts | {"workflows": len(met)}


def refusals():
    """The message of each thing refused."""
    device, _ = both("discrete")
    big = cuda.to_device(np.full((NUM_ENVS, NUM_AGENTS, 1), 2**40))
    calls = {
        "no reset": lambda: device.step(big),
        "no reset before": device.autoreset,
        "reset": lambda: device.reset([0]),
        "host": lambda: (device.reset(range(NUM_ENVS)), device.step(np.zeros((NUM_ENVS, NUM_AGENTS), dtype=int))),
        "shape": lambda: device.step(cuda.to_device(np.zeros((NUM_ENVS, 4), dtype=int))),
        "type": lambda: device.step(cuda.to_device(np.zeros((NUM_ENVS, NUM_AGENTS)))),
        "strides": lambda: device.step(cuda.to_device(np.zeros((NUM_AGENTS, NUM_ENVS), dtype=int)).T),
        "device": lambda: DeviceBatch("csv-import-tool", device.team, device.config, device=1),
        "rows": lambda: device.metrics([NUM_ENVS]),
    }
    messages = {name: message_of(call) for name, call in calls.items()}
    device.step(big)
    messages["beyond 32 bits"] = device.invalid.copy_to_host().tolist()
    return messages


def message_of(call):
    try:
        call()
    except C2CError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was refused"


def measured():
    """The measuring command runs, on little."""
    from training.__main__ import main

    return main(["throughput", "--gpu", "--num-envs", "2", "--steps", "1", "--team-size", "2"])


if __name__ == "__main__":
    wanted = sys.argv[1]
    others = {"refusals": refusals, "measured": measured}
    print(json.dumps(others[wanted]() if wanted in others else play(wanted)))
