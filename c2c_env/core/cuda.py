"""The same functions on a GPU, one thread an environment; the only module that knows `numba.cuda`.

Only `c2c_env.envs.device_batch` imports it. `NUMBA_ENABLE_CUDASIM=1`, set before numba is imported, runs it in numba's
simulator instead. The state stays 64-bit: cards for data centres compute that at half their 32-bit speed, others at
a small fraction of it.

The environments' axis of the state is the fastest one in memory (Fortran order), so that neighbouring threads read
neighbouring addresses; what a learner reads (`Outputs`) is in C order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from c2c_env.core.backends import rewire
from c2c_env.core.choices import choose_row
from c2c_env.core.constants import STEP
from c2c_env.core.episodes import start_row
from c2c_env.core.layout import Array, Outputs, Params, State
from c2c_env.core.transition import run_row

SIMULATED = bool(import_module("numba.core.config").ENABLE_CUDASIM)
if not SIMULATED:
    import_module("numba_cuda")  # which takes the place of what numba bundles
cuda: Any = import_module("numba.cuda")

BLOCK = 64  # threads a block; few, as a thread holds more than a hundred registers
LOWEST, HIGHEST = -(2**31), 2**31 - 1  # of 32 bits


# --- kernels: a thread is a row ------------------------------------------------------------------------------


def step(p: Params, s: State, out: Outputs, actions: Array) -> None:
    """One step with actions [B, N, parts]."""
    b = cuda.grid(1)
    if b < s.t.shape[0]:
        run_row(p, s, out, actions, b, STEP)


def start(p: Params, s: State, out: Outputs, actions: Array, ends: Array, everywhere: int) -> None:
    """The next episode where one has ended, or everywhere."""
    b = cuda.grid(1)
    if b < s.t.shape[0] and (everywhere or out.terminated[b] or out.truncated[b]):
        start_row(p, s, out, actions, ends, b)


def choose(s: State, out: Outputs, actions: Array, sizes: Array) -> None:
    """Random legal actions."""
    b = cuda.grid(1)
    if b < s.t.shape[0]:
        choose_row(s, out, actions, sizes, b)


def take(given: Array, actions: Array) -> None:
    """Copy integers [B, N, parts] of any type; what 32 bits cannot hold is clipped, and stays illegal."""
    b = cuda.grid(1)
    if b < actions.shape[0]:
        for i in range(actions.shape[1]):
            for part in range(actions.shape[2]):
                actions[b, i, part] = max(LOWEST, min(HIGHEST, given[b, i, part]))


KERNELS: dict[str, Callable[..., None]] = {one.__name__: one for one in (step, start, choose, take)}


class Kernel:
    """A kernel over `rows` environments, compiled at its first call for the types of its arguments there."""

    def __init__(self, name: str, rows: int) -> None:
        self._name = name
        self._blocks = blocks(rows)
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> None:
        if self._compiled is None:
            self._compiled = specialise(self._name, arguments)
        self._compiled[self._blocks, BLOCK](*arguments)


def blocks(rows: int) -> int:
    """Blocks that have a thread for every row."""
    return -(-rows // BLOCK)


def specialise(name: str, arguments: tuple[Any, ...]) -> Any:
    """A kernel compiled for the types of these arguments; once in a process for the same types."""
    if name == "step" and not SIMULATED:
        print("c2c_env: compiling the simulator for the GPU (about a minute) ...", file=sys.stderr, flush=True)
    with uncontracted():
        return dispatcher(name).specialize(*arguments)


@cache
def dispatcher(name: str) -> Any:
    """A kernel with everything it calls, not yet compiled."""
    function = rewire(KERNELS[name], cuda.jit(device=True), _inner())
    if SIMULATED:
        return cuda.jit(function)
    # without link-time optimisation the PTX is final: linking optimises anew, with its own choice of contraction
    # (the option is given with the function, as numba-cuda forgets it in ``jit(lto=False)(function)``)
    return cuda.jit(function, lto=False)


@cache
def _inner() -> dict[Any, Any]:
    """The device functions, shared by all kernels."""
    return {}


@contextmanager
def uncontracted() -> Iterator[None]:
    """Compile a * b + c as two roundings, as the CPU does; `cuda.jit` has no option for what NVVM calls ``-fma=0``."""
    if SIMULATED:
        yield
        return
    nvvm: Any = import_module("numba.cuda.cudadrv.nvvm")
    compile_ir = nvvm.compile_ir

    def without_fma(llvmir: Any, **options: Any) -> Any:
        return compile_ir(llvmir, **{**options, "fma": False})

    nvvm.compile_ir = without_fma
    try:
        yield
    finally:
        nvvm.compile_ir = compile_ir


# --- devices and memory --------------------------------------------------------------------------------------


def num_devices() -> int:
    """CUDA devices at hand; 0 without a driver."""
    return len(cuda.gpus) if cuda.is_available() else 0


def on(device: int) -> AbstractContextManager[Any]:
    """Make a device the current one within a block."""
    context: AbstractContextManager[Any] = cuda.gpus[device]
    return context


def synchronize() -> None:
    """Wait for everything that was launched on the current device."""
    cuda.synchronize()


def put(array: Array) -> Any:
    """A copy on the device, in the same memory order."""
    return cuda.to_device(array)


def zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros on the device with the last axis fastest."""
    return put(np.zeros(shape, dtype=dtype))


def zeros_rows_fastest(shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros on the device with the first axis fastest."""
    return put(np.zeros(shape, dtype=dtype, order="F"))


def is_on_device(given: Any) -> bool:
    """An array in a device's memory."""
    return hasattr(given, "__cuda_array_interface__") or (SIMULATED and hasattr(given, "copy_to_host"))


def view(given: Any) -> Any:
    """A device array over the memory of anything with `__cuda_array_interface__`; no copy."""
    return given if SIMULATED else cuda.as_cuda_array(given)


def copy_actions(given: Any, actions: Any) -> None:
    """Launch `take` for device arrays [B, N, parts] of whatever type and strides."""
    dispatcher("take")[blocks(actions.shape[0]), BLOCK](given, actions)
