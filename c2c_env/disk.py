"""How files are read and written, everywhere: bounded and regular when read, whole or not at all when written.

What is read may come from anybody: a path may lead to a device, a FIFO or a huge file, and a document may be nested
until Python gives up. Each of these is one clear error here, of the kind that the caller asks for.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from c2c_env.errors import C2CError, WriteError

DOCUMENT_BYTES = 64 * 2**20  # of a text that people or this project write
_TEMPORARY = re.compile(r".+\.[0-9a-f]{16}\.tmp")  # no name that a person would give
_DEEPEST = 64  # tables and lists within each other
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a FIFO without a writer would wait

AnyPath = str | os.PathLike[str]


def read_bounded(path: AnyPath, what: str, error: type[C2CError], limit: int = DOCUMENT_BYTES) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Args:
        path: of the file.
        what: it is, for the error, such as "workflow file".
        error: the kind of error that is raised.
        limit: bytes; no more than that is ever held in memory.

    Raises:
        C2CError: of the kind `error`, if there is no such file, or it is no regular file, too large or unreadable.
    """
    title = f"cannot read {what} {os.fspath(path)!r}"
    try:
        handle = os.open(path, _FLAGS)
        try:
            status = os.fstat(handle)
            if wrong := _status_fault(status, limit):
                raise error(f"{title}: {wrong}")
            with open(handle, "rb", closefd=False) as file:
                content = file.read(limit + 1)
        finally:
            os.close(handle)
    except error:
        raise
    except (OSError, ValueError) as fault:  # a `ValueError` if no system has such a path
        raise error(f"{title}: {getattr(fault, 'strerror', None) or fault}") from fault
    if len(content) > limit:  # it grows, or the system does not know its size
        raise error(f"{title}: {_too_large(limit)}")
    return content


def _status_fault(status: os.stat_result, limit: int) -> str:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "something else")
        return f"it is {kind}, expected a regular file"
    return _too_large(limit) if status.st_size > limit else ""


def _too_large(limit: int) -> str:
    return f"it has more than {limit:,} bytes, expected at most that many"


def read_text(path: AnyPath, what: str, error: type[C2CError], limit: int = DOCUMENT_BYTES) -> str:
    """Read a text in UTF-8, with or without the byte order mark that editors on Windows write; see `read_bounded`."""
    content = read_bounded(path, what, error, limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise error(f"{what} {os.fspath(path)!r} is not UTF-8 text: {fault}") from fault


def parse_toml(text: str, where: str, error: type[C2CError]) -> dict[str, Any]:
    """Read a TOML document; `where` names its source in the error, which is of the kind `error`."""
    table: dict[str, Any] = _parse(tomllib.loads, text, "TOML", where, error)
    return table


def parse_json(text: str | bytes, where: str, error: type[C2CError]) -> Any:
    """Read a JSON document; `where` names its source in the error, which is of the kind `error`."""
    return _parse(json.loads, text, "JSON", where, error)


def _parse(parser: Callable[[Any], Any], text: str | bytes, form: str, where: str, error: type[C2CError]) -> Any:
    try:
        document = parser(text)
    except RecursionError as fault:
        raise error(f"{where} is not valid {form}: {_too_deep()}") from fault
    except ValueError as fault:  # of the parser, of UTF-8, or an integer of too many digits
        raise error(f"{where} is not valid {form}: {fault}") from fault
    if wrong := _document_fault(document):
        raise error(f"{where} is not valid {form}: {wrong}")
    return document


def _too_deep() -> str:
    return f"it is nested deeper than {_DEEPEST} levels"


def _document_fault(document: Any) -> str:
    """What would break those who print or compute with a document: too deep, or integers beyond 64 bits."""
    level = [document]
    for _ in range(_DEEPEST):
        if any(isinstance(value, int) and value.bit_length() > 64 for value in level):
            return "it has an integer of more than 64 bits"
        tables = [list(value.values()) for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)]
        level = [value for group in (*tables, *lists) for value in group]
        if not level:
            return ""
    return _too_deep()


def write_whole(path: AnyPath, content: str | bytes, *, durable: bool = False) -> None:
    """Replace a file in one go: after a kill or an error at any moment, the old one is there or the new one.

    Args:
        path: of the file.
        content: bytes, or text, which is written in UTF-8 with its line ends as they are.
        durable: wait until the disk has it, for what must outlive a power failure.

    Raises:
        WriteError: the disk is full, or the place cannot be written; nothing is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with open_whole(path, durable=durable) as file:
            file.write(data)
    except ValueError as error:  # no system has such a path
        raise _write_error(path, error) from error


@contextmanager
def open_whole(path: AnyPath, *, durable: bool = False) -> Iterator[BinaryIO]:
    """Open a file that is written piece by piece and takes its name when it is whole; see `write_whole`.

    Raises:
        WriteError: the disk is full, or the place cannot be written; nothing is left behind, whatever error there was.
    """
    path = Path(path)
    try:
        with _renamed(temporary_name(path), path, durable) as file:
            yield file
    except C2CError:  # of whoever writes; some of these errors are an `OSError` too
        raise
    except OSError as error:
        raise _write_error(path, error) from error


def _write_error(path: AnyPath, error: Exception) -> WriteError:
    return WriteError(f"cannot write {os.fspath(path)!r}: {getattr(error, 'strerror', None) or error}")


def temporary_name(path: Path) -> Path:
    """Return a name beside a file for what is not whole yet; see `remove_leftovers`."""
    # the random part keeps apart all who write here, processes of other machines that share the folder included
    return path.with_name(f"{path.name[:128]}.{os.urandom(8).hex()}.tmp")


def remove_leftovers(folder: Path, older_than: float = 0.0) -> None:
    """Remove what killed processes left half written in a folder, if it is there; see `temporary_name`.

    Args:
        folder: which is searched, without the folders in it.
        older_than: seconds since a file was written last; younger ones may belong to somebody who is at work.
    """
    for path in folder.glob("*.tmp"):
        with suppress(OSError):  # a folder, or another process removes it as well
            if _TEMPORARY.fullmatch(path.name) and time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


@contextmanager
def _renamed(temporary: Path, path: Path, durable: bool) -> Iterator[BinaryIO]:
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # an interrupt as well
        with suppress(OSError, ValueError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder, where the system can do that."""
    with suppress(OSError):  # Windows, some network file systems
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
