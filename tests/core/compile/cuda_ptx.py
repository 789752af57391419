"""Compiles the kernels to PTX where no GPU is; run as a script by test_cuda.py, prints facts as JSON."""

from __future__ import annotations

import json
import math
import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
from numba.cuda import codegen, dispatcher

from c2c_env import EnvConfig, Team
from c2c_env.core.compile import cuda
from c2c_env.envs.device_batch import DeviceBatch

CAPABILITY = (9, 0)
BYTES = {"8": 1, "16": 2, "32": 4, "64": 8}


def pretend_a_device():
    """Give the compiler the capability that it asks a device for, and load nothing onto one."""
    device = SimpleNamespace(compute_capability=CAPABILITY)
    dispatcher.get_current_device = lambda: device
    codegen.devices.get_context = lambda: SimpleNamespace(device=device)
    dispatcher._Kernel.bind = lambda kernel: None


def launched():
    """Every kernel's entry point and what a DeviceBatch launches it with, by name; the arrays stay on the host."""
    cuda.num_devices = lambda: 1
    cuda.on = lambda device: nullcontext()
    cuda.cuda.to_device = cuda.view = lambda array: array
    cuda.is_on_device = lambda array: True
    given = {}
    cuda.DeviceKernel.__call__ = lambda kernel, *arguments: given.update(
        {kernel._entry.__name__: (kernel._entry, arguments)}
    )
    cuda.launch = lambda entry, rows, *arguments: given.update({entry.__name__: (entry, arguments)})
    batch = DeviceBatch(["csv-import-tool", "simple", "medium"], Team.default(3), EnvConfig(), 2)
    batch._has_episodes = True
    batch.autoreset()
    batch.sample_actions()
    batch.step(batch.action_buffer.astype(np.int64))
    return given | {"logarithm": (logarithm, (np.ones(1),))}


def logarithm(x):
    x[0] = math.log(x[0])


def param_bytes(ptx):
    """Size of the entry's parameters, each aligned to itself."""
    (entry,) = re.findall(r"\.entry[^(]*\(([^)]*)\)", ptx)
    end = 0
    for size in (BYTES[bits] for bits in re.findall(r"\.param \.[a-z]+(\d+)", entry)):
        end = -(-end // size) * size + size
    return end


def facts(compiled):
    (kernel,) = compiled.overloads.values()
    library = kernel._codelibrary
    ptx = library.get_asm_str()
    return {
        "entries": len(re.findall(r"\.visible \.entry", ptx)),
        "lines": ptx.count("\n"),
        "param_bytes": param_bytes(ptx),
        "local_bytes": sum(map(int, re.findall(r"\.local[^;\[]*\[(\d+)\]", ptx))),
        "calls": len(re.findall(r"^\s*call", ptx, flags=re.MULTILINE)),
        "extern": re.findall(r"\.extern .*", ptx),
        "fused": len(re.findall(r"\bfma\.", ptx)),
        "approximate": len(re.findall(r"\.approx|\.ftz", ptx)),
        "linked_anew": library._lto,
        "assembled_bytes": len(library.get_cubin().code),
    }


def main():
    pretend_a_device()
    given = launched()
    compiled = {name: cuda.specialise(*given[name]) for name in sys.argv[1:]}
    print(json.dumps({name: facts(one) for name, one in compiled.items()}))


if __name__ == "__main__":
    main()
