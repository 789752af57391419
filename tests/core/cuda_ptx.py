"""Compiles the kernels to PTX where no GPU is; run as a script by test_cuda.py, prints facts as JSON."""

from __future__ import annotations

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
from numba.cuda import codegen, dispatcher

from c2c_env import Batch, EnvConfig, Team
from c2c_env.core import cuda

CAPABILITY = (9, 0)
BYTES = {"8": 1, "16": 2, "32": 4, "64": 8}


def pretend_a_device():
    """Give the compiler the capability that it asks a device for, and load nothing onto one."""
    device = SimpleNamespace(compute_capability=CAPABILITY)
    dispatcher.get_current_device = lambda: device
    codegen.devices.get_context = lambda: SimpleNamespace(device=device)
    dispatcher._Kernel.bind = lambda kernel: None


def arguments(batch):
    """What a DeviceBatch launches each kernel with: the state in Fortran order, the rest in C order."""
    state = batch.state._replace(**{name: np.asfortranarray(a) for name, a in batch.state._asdict().items()})
    all_rows = (batch.params, state, batch.out, batch.action_buffer)
    return {
        "step": all_rows,
        "start": (*all_rows, np.zeros(1, dtype=np.int64), 1),
        "choose": (state, batch.out, batch.action_buffer, batch.action_sizes),
        "take": (batch.action_buffer.astype(np.int64), batch.action_buffer),
    }


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
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig(), backend="interpreted")
    given = arguments(batch)
    compiled = {name: cuda.specialise(name, given[name]) for name in sys.argv[1:]}
    print(json.dumps({name: facts(one) for name, one in compiled.items()}))


if __name__ == "__main__":
    main()
