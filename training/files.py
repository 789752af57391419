"""Hashes of files and sources, and claims by which runs that share a folder share out the work."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import agents
import c2c_env
from c2c_env.disk import remove_leftovers
from c2c_env.errors import WriteError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PACKAGES = tuple(Path(str(package.__file__)).parent for package in (c2c_env, agents))
_SUFFIXES = (
    ".py",
    ".md",
    ".toml",
    ".safetensors",
    ".onnx",
)  # code, prompts, workflows, numbers, weights
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0)  # a FIFO would wait for a reader
_EXPLANATION = (
    b"Runs that share this folder lock parts of this file, so that each does other work. It may be removed.\n"
)
_STALE_SECONDS = 86400.0  # after which nobody is at work on a file any more, where the system has no locks
# folders of c2c_env that determine no result: they draw, start the laboratory, or keep what was played
_LEFT_OUT = ("render", "laboratory", "episodes")


class Claims:
    """What this process does in a folder, so that a run beside it, on whatever machine, does something else.

    One byte of the file ``claims.lock`` stands for each piece of work, and the first for whoever is at work at all. The
    system lets go of them when the process ends, however that ends. Where it has no such locks (Windows, some network
    file systems), everything can be claimed by everybody.

    Args:
        folder: which the runs share; it is there.

    Raises:
        WriteError: nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "claims.lock"
        try:
            self._file = os.open(path, _LOCK_FLAGS, 0o666)
        except OSError as error:
            raise WriteError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
        self._works = fcntl is not None
        self._hold(0, shared=True)
        with contextlib.suppress(OSError):  # on a full disk the locks work without it
            if os.fstat(self._file).st_size == 0:
                os.write(self._file, _EXPLANATION)

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def take(self, name: str, *, wait: bool = False) -> bool:
        """Claim a piece of work, if need be when another process lets go of it; return whether it is claimed."""
        place = 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        return self._hold(place, wait=wait)

    def release(self) -> None:
        """Let go of everything that was taken."""
        if self._works:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 0, 1)

    def sweep(self, *folders: Path) -> None:
        """Remove what killed runs left half written in these folders, unless another run is at work here."""
        if self._hold(0):
            for folder in folders:
                remove_leftovers(folder, 0.0 if self._works else _STALE_SECONDS)
            self._hold(0, shared=True)

    def _hold(self, place: int, *, shared: bool = False, wait: bool = False) -> bool:
        """Lock a byte, in place of a lock that this process has on it; return False if another process prevents it."""
        if self._works:
            how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait or shared else fcntl.LOCK_NB)
            try:
                fcntl.lockf(self._file, how, 1, place)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return False
                self._works = False
        return True


def digest(parts: Iterable[bytes]) -> str:
    """Hash a sequence of byte strings into 16 hexadecimal digits; the borders between the strings count."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def file_digest(place: Path | None) -> str:
    """Hash a file or all files in a folder; "" where there is none."""
    if place is None or not place.exists():
        return ""
    files = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    return digest(_named_bytes(files, place.parent))


def source_files() -> list[Path]:
    """List every file that determines results: the simulator and the policies, at whatever depth."""
    return [file for package in _PACKAGES for file in _files_of(package)]


def _files_of(package: Path) -> list[Path]:
    files = (file for file in sorted(package.rglob("*")) if file.suffix in _SUFFIXES)
    return [file for file in files if file.relative_to(package).parts[0] not in _LEFT_OUT]


@cache
def source_digest() -> str:
    """Hash all `source_files`."""
    return digest(part for package in _PACKAGES for part in _named_bytes(_files_of(package), package.parent))


def _named_bytes(files: Iterable[Path], root: Path) -> Iterable[bytes]:
    for file in files:
        yield file.relative_to(root).as_posix().encode()
        yield file.read_bytes()
