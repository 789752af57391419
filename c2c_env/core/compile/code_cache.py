"""Compiled code on disk: numba's own files, each with a checksum, in the first folders that have or take them.

numba unpickles what it finds and hands it to LLVM; of a file that was cut off or has a wrong bit, it raises at every
start, aborts, or computes something else. Here every file begins with the hash of the rest, and one whose hash does not
match counts as missing, so that the code is compiled and written again. The hash guards against damage, not malice.

Only `cpu` imports this module, when the first environment is made, since it imports numba.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

from c2c_env.disk import read_bounded, write_whole
from c2c_env.errors import C2CError, WriteError

_LARGEST = 256 * 2**20  # bytes; the largest file of this project has about 1 % of that
_HASH_BYTES = hashlib.sha256().digest_size
# numba's settings that change the code, beside the processor's name and features, which are in numba's own key
_SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DEBUG_NRT",
    "EXTEND_VARIABLE_LIFETIMES",
    "FULL_TRACEBACKS",
    "JIT_COVERAGE",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "NRT_STATS",
    "OPT",
    "SLP_VECTORIZE",
    "USING_SVML",
)


class CodeCache(FunctionCache):
    """The cache of an entry point, for numba's dispatcher.

    Args:
        function: the entry point.
        folders: where compiled code may lie, as `cpu.cache_folders` lists them. It is read from any of them, also if
            they are not writable, and written to the first that takes it.
        on_missing: called before the entry point is compiled, with whether the result can be kept.
    """

    def __init__(self, function: Any, folders: Sequence[Path], on_missing: Callable[[bool], None]) -> None:
        self._py_func, self._folders, self._on_missing = function, folders, on_missing
        self._impl = _Overloads(function)
        self._files = [_CheckedFiles(str(folder), self._impl.filename_base, None) for folder in folders]
        self.enable()

    @property
    def cache_path(self) -> str | None:
        """The most wanted folder, or None."""
        return str(self._folders[0]) if self._folders else None

    def flush(self) -> None:
        """Forget the code in all folders."""
        for files in self._files:
            files.flush()

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        settings = ((name, repr(vars(config).get(name))) for name in _SETTINGS)
        return (*super()._index_key(sig, codegen), *settings)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for these types on this processor, or None; then numba compiles it."""
        target_context.refresh()
        key = self._index_key(sig, target_context.codegen())
        for files in self._files:
            if (data := files.load(key)) is not None:
                return self._impl.rebuild(target_context, data)
        self._on_missing(any(os.access(folder, os.W_OK) for folder in self._folders))
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled in the first folder that takes it; say so if there are folders and none does."""
        key, content = self._index_key(sig, data.codegen), self._impl.reduce(data)
        faults = []
        for files in self._files:
            try:
                files.save(key, content)
            except WriteError as error:
                faults.append(error)
            else:
                return
        if faults:
            print(f"c2c_env: the compiled code is not kept: {faults[0]}", file=sys.stderr, flush=True)


class _Overloads(CompileResultCacheImpl):
    """How numba turns compiled code into bytes and back; our folders are named after the sources, so no locator."""

    def __init__(self, function: Any) -> None:
        versions = f"{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}"
        versions += f"-numba-{numba.__version__}-llvmlite-{llvmlite.__version__}"
        self._filename_base = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-{versions}"


class _CheckedFiles(IndexDataCacheFile):
    """numba's index and data files in a folder, each with the hash of its content in front."""

    def load(self, key: Any) -> Any:
        name = self._load_index().get(key)
        return None if name is None else self._unpickle(self._data_path(name))

    def _load_index(self) -> dict[Any, str]:
        return self._unpickle(self._index_path) or {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        with self._open_for_write(self._index_path) as file:
            file.write(self._dump(overloads))

    def _unpickle(self, path: str) -> Any:
        """Return the content of a file; one that is missing, damaged or not from here is None and is removed."""
        with suppress(C2CError):
            content = read_bounded(path, "compiled code", C2CError, _LARGEST)
            if content[:_HASH_BYTES] == hashlib.sha256(content[_HASH_BYTES:]).digest():
                return pickle.loads(content[_HASH_BYTES:])
            with suppress(OSError):  # a folder that cannot be written; what is compiled goes elsewhere
                os.unlink(path)
        return None

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        buffer = io.BytesIO()
        yield buffer
        write_whole(filepath, hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
