"""Lessons: what an agent sees and what the teacher does, as tokens, out of the files that ``dataset`` writes."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.core.arrays import Array
from c2c_env.core.constants import SILENT, SPEECHES
from c2c_env.errors import ConfigError
from training.language_model.vocabulary import END, NUMBER, UNKNOWN_WORD, encode


@dataclass(frozen=True)
class Lessons:
    """Views with their answers.

    Attributes:
        tokens: [L] arrays of the words of a view, of an answer and of its end.
        views: [L] how many of them belong to the view.
        routine: [L] whether the agent goes on in silence with what it did in the step before.
        tasks: [L] number of the episode, in the order of the files.
    """

    tokens: Sequence[Array]
    views: Array
    routine: Array
    tasks: Array

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def digest(self) -> str:
        """Tell lessons apart: SHA-256 of all their words."""
        return hashlib.sha256(np.concatenate(self.tokens).tobytes()).hexdigest()


def read_lessons(paths: Iterable[Path]) -> Lessons:
    """Read files of examples that were written with the strategy "terse".

    Raises:
        ConfigError: a file cannot be read, or a line is no such example.
    """
    tokens, views, routine, tasks = [], [], [], []
    before: dict[tuple[str, str], str] = {}
    episodes: dict[str, int] = {}
    for place, example in _examples(paths):
        view, answer, task, agent = _parts(example, place)
        seen = encode(view)
        words = np.concatenate([seen, encode(answer), [NUMBER[END]]])
        if (words == NUMBER[UNKNOWN_WORD]).any():
            raise ConfigError(f"{place} has words that the vocabulary lacks, expected prompts of the strategy 'terse'")
        tokens.append(words)
        views.append(len(seen))
        routine.append(before.get((task, agent)) == answer and f'"{SPEECHES[SILENT]}"' in answer)
        tasks.append(episodes.setdefault(task, len(episodes)))
        before[task, agent] = answer
    if not tokens:
        raise ConfigError("there are no lessons in these files")
    return Lessons(tokens, np.array(views), np.array(routine), np.array(tasks))


def _examples(paths: Iterable[Path]) -> Iterator[tuple[str, Any]]:
    for path in paths:
        read = gzip.open if path.suffix == ".gz" else open
        try:
            with read(path, "rt", encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    yield f"{path}, line {number}", json.loads(line)
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise ConfigError(f"cannot read examples from {str(path)!r}: {error}") from error


def _parts(example: Any, place: str) -> tuple[str, str, str, str]:
    """Return view, answer, task and agent of an example."""
    try:
        said = {message["role"]: message["content"] for message in example["messages"]}
        parts = (said["user"], said["assistant"], example["task"], example["agent"])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{place} is no example, expected what the command dataset writes") from error
    if not all(isinstance(part, str) for part in parts):
        raise ConfigError(f"{place} is no example, expected what the command dataset writes")
    return parts
