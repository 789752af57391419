"""Hashes of files and sources, and claims by which runs that share a folder share out the work."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import agents
import c2c_env
from c2c_env.errors import WriteError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PACKAGES = tuple(Path(str(package.__file__)).parent for package in (c2c_env, agents))
_SUFFIXES = (".py", ".md", ".toml", ".safetensors")  # code, prompts, workflows and tuned numbers, shipped weights
_SHOWS_ONLY = ("render",)  # folders of c2c_env that draw what has happened and determine no result


class Claims:
    """What this process does in a folder, so that a run beside it, on whatever machine, does something else.

    One byte of a file stands for each piece of work. The system lets go of it when the process ends, however that ends.
    Where it has no such locks (Windows, some network file systems), everything can be claimed by everybody.

    Args:
        folder: which the runs share; it is there.

    Raises:
        WriteError: nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "claims.lock"
        try:
            self._file = open(path, "ab")  # noqa: SIM115
        except OSError as error:
            raise WriteError(f"cannot write {str(path)!r}: {error.strerror or error}") from error

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, name: str, *, wait: bool = False) -> bool:
        """Claim a piece of work, if need be when another process lets go of it; return whether it is claimed."""
        if fcntl is None:
            return True
        place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, place)
        except OSError as error:
            return error.errno not in (errno.EACCES, errno.EAGAIN)
        return True

    def release(self) -> None:
        """Let go of everything."""
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN)


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
    return [
        file
        for package in _PACKAGES
        for file in sorted(package.rglob("*"))
        if file.suffix in _SUFFIXES and file.relative_to(package).parts[0] not in _SHOWS_ONLY
    ]


@cache
def source_digest() -> str:
    """Hash all `source_files`."""
    return digest(_named_bytes(source_files(), _PACKAGES[0].parent))


def _named_bytes(files: Iterable[Path], root: Path) -> Iterable[bytes]:
    for file in files:
        yield file.relative_to(root).as_posix().encode()
        yield file.read_bytes()
