"""The tasks of the fixed splits, as OpenEnv's task API lists them."""

from __future__ import annotations

from typing import Any

from agents.language.tasks import TASK_SEEDS, TextTask
from c2c_env.checks import choice_fault
from c2c_env.errors import ConfigError

MOST_LISTED = 1000  # tasks in one answer; the train split has a million
TIER, TEAM_SIZE = "simple", 5  # what `reset` takes unless it is told otherwise


class NoSuchTaskError(ConfigError, IndexError):
    """There is no such task; OpenEnv answers an `IndexError` with the status 400."""


def split_size(split: str) -> int:
    """Count the workflows of a split.

    Raises:
        NoSuchTaskError: there is no such split.
    """
    if wrong := choice_fault("split", split, list(TASK_SEEDS)):
        raise NoSuchTaskError(wrong)
    return len(TASK_SEEDS[split])


def task_spec(split: str, index: int) -> dict[str, Any]:
    """Describe a task: the arguments of `reset` that play it, and its name.

    Raises:
        NoSuchTaskError: there is no such task.
    """
    if not 0 <= index < split_size(split):
        raise NoSuchTaskError(f"index is {index}, expected 0 to {split_size(split) - 1} in the split {split!r}")
    task = TextTask(split, TIER, TEAM_SIZE, index)
    return {"id": task.name, "split": split, "index": index, "tier": TIER, "team_size": TEAM_SIZE}


def task_specs(split: str, start: int | None, stop: int | None) -> list[dict[str, Any]]:
    """Describe the tasks of a range, as a slice takes them.

    Raises:
        NoSuchTaskError: there is no such split, or the range has more than `MOST_LISTED` tasks.
    """
    chosen = range(split_size(split))[slice(start, stop)]
    if len(chosen) > MOST_LISTED:
        raise NoSuchTaskError(f"the range has {len(chosen)} tasks, expected at most {MOST_LISTED}")
    return [task_spec(split, index) for index in chosen]
