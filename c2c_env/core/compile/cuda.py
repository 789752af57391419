"""Kernels for a GPU from the same plain functions, one thread per environment; only this module knows `numba.cuda`.

Only `device_batch` and `device_kernels` of `c2c_env.envs` import it. `NUMBA_ENABLE_CUDASIM=1`, set before numba is
imported, runs it in numba's simulator instead. The state stays 64-bit: cards for data centres compute that at half
their 32-bit speed, others at a small fraction of it.

All arithmetic is the CPU's, bit for bit, but for the logarithm by which workflows are drawn: the device's may differ
in the last bit, and what it gives is rounded to hundredths (`workflows.draw`).

The environments' axis of the state and of packed workflows is the fastest one in memory (Fortran order), so that
neighbouring threads read neighbouring addresses; what a learner reads (`Outputs`) is in C order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from c2c_env.core.compile.cpu import rewire

SIMULATED = bool(import_module("numba.core.config").ENABLE_CUDASIM)
if not SIMULATED:
    import_module("numba_cuda")  # which takes the place of what numba bundles
cuda: Any = import_module("numba.cuda")

BLOCK = 64  # threads per block; few, as a thread holds more than a hundred registers


class DeviceKernel:
    """An entry point over `rows` environments, compiled at its first call for the types of its arguments there."""

    def __init__(self, entry: Callable[..., None], rows: int) -> None:
        self._entry = entry
        self._blocks = blocks(rows)
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> None:
        if self._compiled is None:
            self._compiled = specialise(self._entry, arguments)
        self._compiled[self._blocks, BLOCK](*arguments)


def launch(entry: Callable[..., None], rows: int, *arguments: Any) -> None:
    """Run an entry point whose arguments differ in type from call to call."""
    dispatcher(entry)[blocks(rows), BLOCK](*arguments)


def blocks(rows: int) -> int:
    """The number of blocks that have a thread for every row."""
    return -(-rows // BLOCK)


def specialise(entry: Callable[..., None], arguments: tuple[Any, ...]) -> Any:
    """Compile an entry point for the types of these arguments, once per process for the same types."""
    if not SIMULATED:
        _announce()
    with uncontracted():
        return dispatcher(entry).specialize(*arguments)


@cache
def _announce() -> None:
    print("c2c_env: compiling the simulator for the GPU (about a minute) ...", file=sys.stderr, flush=True)


@cache
def dispatcher(entry: Callable[..., None]) -> Any:
    """Join an entry point with everything that it calls; calling the result compiles it for the types at hand."""
    function = rewire(entry, cuda.jit(device=True), _inner())
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
    """Compile a * b + c as two roundings, as the CPU does.

    `cuda.jit` has no option for what NVVM calls ``-fma=0``, so the function that hands code to NVVM is replaced for
    the time of a compilation. Without this the last bits of understanding may differ from those on the CPU, and
    sooner or later so do flags and actions.
    """
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
    """The number of CUDA devices at hand; 0 without a driver."""
    return len(cuda.gpus) if cuda.is_available() else 0


def on(device: int) -> AbstractContextManager[Any]:
    """Make a device the current one within a block."""
    context: AbstractContextManager[Any] = cuda.gpus[device]
    return context


def synchronize() -> None:
    """Wait for everything that was launched on the current device."""
    cuda.synchronize()


def copy_to_device(given: Any) -> Any:
    """Copy an array, or every array in a named tuple, however deep, to the device, in the same memory order.

    Whatever is not an array on the host stays what it is, so that arrays on the device stay shared.
    """
    if isinstance(given, tuple):
        return type(given)(*map(copy_to_device, given))
    return cuda.to_device(given) if isinstance(given, np.ndarray) else given


def copy_to_host(given: Any) -> Any:
    """Copy an array, or every array in a named tuple, from the device to the host."""
    if isinstance(given, tuple):
        return type(given)(*map(copy_to_host, given))
    return given.copy_to_host() if is_on_device(given) else given


def zeros(shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros on the device with the last axis fastest."""
    return copy_to_device(np.zeros(shape, dtype=dtype))


def zeros_rows_fastest(shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros on the device with the first axis fastest."""
    return copy_to_device(np.zeros(shape, dtype=dtype, order="F"))


def is_on_device(given: Any) -> bool:
    """Whether something is an array in the memory of a device."""
    return hasattr(given, "__cuda_array_interface__") or (SIMULATED and hasattr(given, "copy_to_host"))


def view(given: Any) -> Any:
    """View the memory of anything with `__cuda_array_interface__` as a device array, without a copy."""
    return given if SIMULATED else cuda.as_cuda_array(given)
