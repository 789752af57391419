"""Hashes of files and sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import agents
import c2c_env

_PACKAGES = tuple(Path(str(package.__file__)).parent for package in (c2c_env, agents))
_SUFFIXES = (".py", ".md", ".toml", ".safetensors")  # code, prompts, workflows and tuned numbers, shipped weights
_SHOWS_ONLY = ("render",)  # folders of c2c_env that draw what has happened and determine no result


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
