"""The only module, with `cuda`, that knows numba: turns the plain functions of `core` into one callable kernel.

`load("numba")` compiles the entry point with everything it calls; `load("interpreted")` runs the very same
functions as Python. Threads come from the caller (the kernel releases the GIL), not from OpenMP, whose pool
neither survives a fork nor shares cores well.
"""

from __future__ import annotations

import hashlib
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.core import transition

BACKENDS = ("numba", "interpreted")
_PACKAGE = __name__.rpartition(".")[0]


Kernel = Callable[..., None]


@cache
def load(backend: str) -> Kernel:
    """`transition.run_rows` on a backend; numba's is compiled at its first call and cached on disk."""
    if backend == "interpreted":
        return _interpreted
    return _Announced()


def _interpreted(*arguments: Any) -> None:
    with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
        transition.run_rows(*arguments)


class _Announced:
    """The compiled entry point; says on stderr when it is compiled for the first time."""

    def __init__(self) -> None:
        self._folder = _cache_folder()
        self._cold = self._folder is None or not any(self._folder.rglob("*.nbi"))
        self._compiled = _compile_entry(transition.run_rows, self._folder)

    def __call__(self, *arguments: Any) -> None:
        if self._cold:
            self._cold = False
            often = "once" if self._folder else "in every process, as no cache folder is writable"
            print(f"c2c_env: compiling the simulator ({often}; some 20 seconds) ...", file=sys.stderr, flush=True)
        self._compiled(*arguments)


def _compile_entry(function: Any, folder: Path | None) -> Any:
    """An entry point, cached on disk, that releases the GIL."""
    with _numba_cache(folder):
        return _njit(nogil=True, cache=folder is not None)(rewire(function, _compile_inner, {}))


def _compile_inner(function: types.FunctionType) -> Any:
    """A function called by others: inlined into them, so that no bundle of arrays is passed at run time."""
    return _njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def _njit(**options: Any) -> Any:
    """Numba's decorator; numba is imported here, when the first environment is made.

    Without numba's runtime nothing can be allocated (compilation would fail) and no reference is counted.
    """
    import numba

    decorator: Any = numba.njit
    return decorator(_nrt=False, error_model="numpy", **options)


def rewire(
    function: Any, compile_inner: Callable[[types.FunctionType], Any], done: dict[types.FunctionType, Any]
) -> types.FunctionType:
    """The same code with the package's functions among its globals replaced by compiled ones (kept in `done`)."""
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = names.get(name)
        if isinstance(value, types.FunctionType) and value.__module__.startswith(_PACKAGE):
            if value not in done:
                done[value] = compile_inner(rewire(value, compile_inner, done))
            names[name] = done[value]
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    return copy


def _cache_folder() -> Path | None:
    """Folder for compiled code, or None where nothing is writable.

    numba does not notice a change in a callee's file, so the folder is named after a hash of all of `core`.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    given = os.environ.get("NUMBA_CACHE_DIR")
    user = os.environ.get("XDG_CACHE_HOME")
    roots = [Path(given)] if given else []
    roots += [Path(user)] if user else []
    with suppress(RuntimeError):  # no home directory is known
        roots.append(Path.home() / ".cache")
    for root in roots:
        folder = root / "c2c_env" / digest.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


@contextmanager
def _numba_cache(folder: Path | None) -> Iterator[None]:
    """Point numba at our folder while a function is decorated, and leave its setting as it was."""
    from numba.core import config as numba_config

    config: Any = numba_config
    before = config.CACHE_DIR
    config.CACHE_DIR = "" if folder is None else str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before
