"""Answers that were paid for, on disk, safe against being killed at any moment.

SQLite with plain JSON text: unlike caches that can fall back to pickle, reading it never executes anything.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from c2c_env.disk import parse_json
from c2c_env.errors import ConfigError, WriteError

CACHE_FILE = "answers.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"


def question_key(content: Any) -> str:
    """A key for anything that can be written as JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _is_full(error: Exception) -> bool:
    """Whether a disk has no room; SQLite has one word for files that it maps to memory, and another for the rest."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


class AnswerCache:
    """Keeps answers by key, for any number of threads and processes.

    Args:
        folder: where they are kept; it is made if need be.

    Raises:
        ConfigError: it cannot be a folder of answers.
        WriteError: the disk is full.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / CACHE_FILE
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60.0, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")  # an answer was paid for, so the disk is waited for
            with self._connection as transaction:
                transaction.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            kind = WriteError if _is_full(error) else ConfigError
            raise kind(f"cannot keep answers in {str(self.path)!r} (cache): {error}") from error

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer, or None; one that is damaged counts as none."""
        try:
            with self._lock:
                row = self._connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            answer = parse_json(row[0], "the answer", ConfigError) if row else None
        except (ConfigError, TypeError, sqlite3.Error):
            return None
        return answer if isinstance(answer, dict) else None

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer; from when this returns it outlives the process and the machine, however they end.

        Raises:
            WriteError: the disk is full, or the file is damaged.
        """
        text = json.dumps(answer)
        try:
            with self._lock, self._connection as transaction:
                transaction.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, text))
        except sqlite3.Error as error:
            raise WriteError(f"cannot keep an answer in {str(self.path)!r}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
