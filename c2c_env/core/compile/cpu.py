"""The only module, with `cuda`, that knows numba: turns plain functions over arrays into callable kernels.

`load("numba", entry)` compiles an entry point with everything it calls; `load("interpreted", entry)` runs the very
same functions as Python. Threads come from the caller (the kernel releases the GIL), not from OpenMP, whose pool
neither survives a fork nor shares cores well.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.compiled import is_compiled, is_merged

BACKENDS = ("numba", "interpreted")
_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.*))$", re.MULTILINE)

Kernel = Callable[..., None]


@cache
def load(backend: str, entry: Kernel) -> Kernel:
    """Return an entry point on a backend; that of numba is compiled at its first call and cached on disk.

    With `NUMBA_DISABLE_JIT=1`, which debuggers and coverage need, that of numba is interpreted, too.
    """
    return _interpreted(entry) if backend == "interpreted" or _jit_disabled() else _Compiled(entry)


def _jit_disabled() -> bool:
    from numba.core import config

    return bool(vars(config)["DISABLE_JIT"])


def _interpreted(entry: Kernel) -> Kernel:
    def run(*arguments: Any) -> None:
        with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
            entry(*arguments)

    return run


class _Compiled:
    """A compiled entry point.

    Finding out the types of some 90 arrays takes numba 10 microseconds at every call, as long as a small batch steps.
    Here the types never change (`core.arrays` fixes them), so it is compiled at the first call, and the compiled code
    is called directly through `entry_point`. Without that, a batch of one makes 82,000 steps per second instead of
    360,000.
    """

    def __init__(self, entry: Kernel) -> None:
        self._dispatcher = _make_dispatcher(entry)
        self._compiled: Kernel | None = None

    def __call__(self, *arguments: Any) -> None:
        if self._compiled is None:
            self._compiled = self._compile(arguments)
        self._compiled(*arguments)

    def _compile(self, arguments: tuple[Any, ...]) -> Kernel:
        from c2c_env.core.compile.row_arrays import types_of

        self._dispatcher.compile(types_of(arguments))
        (only,) = self._dispatcher.overloads.values()
        compiled: Kernel = only.entry_point
        return compiled


@cache
def _announce(kept: bool) -> None:
    """Say on stderr, once in a process, what takes so long."""
    often = "once" if kept else "in every process, as no cache folder is writable"
    print(f"c2c_env: compiling the simulator ({often}; a minute or two) ...", file=sys.stderr, flush=True)


def _make_dispatcher(function: Any) -> Any:
    """Return what compiles an entry point, which releases the GIL, and keeps it on disk."""
    from c2c_env.core.compile.code_cache import CodeCache

    dispatcher = _njit(nogil=True)(rewire(function, _compile_inner, {}))
    dispatcher._cache = CodeCache(function, cache_folders(function), _announce)  # as numba's `cache=True` sets its own
    return dispatcher


def _compile_inner(function: types.FunctionType) -> Any:
    """Compile a function that others call: inlined into them, so that no bundle of arrays is passed at run time."""
    when = "always" if is_merged(function) else "never"
    return _njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, inline=when)(function)


def _njit(**options: Any) -> Any:
    """Return numba's decorator; numba is imported here, when the first environment is made.

    Without numba's runtime nothing can be allocated (compilation would fail) and no reference is counted.
    """
    import numba

    from c2c_env.core.compile.indexing import FromTheStart

    decorator: Any = numba.njit
    return decorator(_nrt=False, error_model="numpy", pipeline_class=FromTheStart, **options)


def rewire(
    function: Any, compile_inner: Callable[[types.FunctionType], Any], done: dict[types.FunctionType, Any]
) -> types.FunctionType:
    """Copy a function, with the marked functions among its globals replaced by compiled ones (kept in `done`).

    numba's usual way is a decorator on every function. It would make `import c2c_env` import numba (0.4 s), would leave
    no Python function to run interpreted, and would compile for the CPU only. So the functions stay Python, and here
    each gets a copy with globals of its own, in which the names of what it calls stand for compiled functions.
    """
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = names.get(name)
        if is_compiled(value):
            if value not in done:
                done[value] = compile_inner(rewire(value, compile_inner, done))
            names[name] = done[value]
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    copy.__qualname__, copy.__module__ = function.__qualname__, function.__module__
    copy.__dict__.update(function.__dict__)  # with the mark that says how it is compiled
    return copy


def compiled_sources(entry: types.FunctionType) -> list[Path]:
    """List the files whose functions or constants may be compiled into an entry point: its own and all that it imports.

    Only modules of the packages to which the entry point and this module belong are followed, however deep.
    """
    packages = {__name__.partition(".")[0], entry.__module__.partition(".")[0]}
    waiting, found = [entry.__module__], dict[str, Path]()
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if name in found or module is None or name.partition(".")[0] not in packages:
            continue
        found[name] = Path(str(module.__file__))
        for home, several, one in _IMPORT.findall(found[name].read_text(encoding="utf-8")):
            waiting += [home, *(f"{home}.{word}" for word in re.findall(r"\w+", several or one))]
    return sorted(found.values())


def cache_folders(entry: Any) -> list[Path]:
    """List the folders where the compiled code of an entry point may lie: those only read, then one that is writable.

    numba does not notice a change in a callee's file, so they are named after a hash of all that may be compiled, and
    of what says how.
    """
    digest = hashlib.sha256()
    how = [Path(__file__), *(Path(__file__).with_name(name) for name in ("indexing.py", "row_arrays.py"))]
    for source in [*compiled_sources(entry), *how]:
        digest.update(source.read_bytes())
    roots = [Path(given) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME") if (given := os.environ.get(name))]
    with suppress(RuntimeError):  # no home directory is known
        roots.append(Path.home() / ".cache")
    found = []
    for root in roots:
        folder = root / "c2c_env" / digest.hexdigest()[:16]
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            found.append(folder)
            if os.access(folder, os.W_OK):
                break
    return found
