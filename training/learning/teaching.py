"""Writes the examples of a teacher into a file, one episode after another, so that no more than one is in memory."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from agents.language.tasks import list_tasks
from agents.language.teacher import taught_turns
from c2c_env.disk import temporary_name
from c2c_env.errors import WriteError
from training.progress import pulse


def write_examples(
    path: Path,
    teacher: str,
    split: str,
    episodes: int,
    *,
    seats: Sequence[str] | str,
    tiers: Sequence[str],
    team_sizes: Sequence[int],
    first: int,
    strategy: str,
    disturbed: float,
    errors: Console,
) -> int:
    """Write a line of JSON for each step and seat of tasks; return the number of lines.

    The file gets its name when it is whole; a run that is ended before leaves none.

    Args:
        path: of the file, which is compressed if it ends with .gz.
        teacher: see `agents.language.teacher.taught_turns`.
        split: of the tasks.
        episodes: how many tasks.
        seats: whose turns are kept.
        tiers: see `agents.language.tasks.list_tasks`.
        team_sizes: see there.
        first: see there.
        strategy: see `agents.language.teacher.taught_turns`.
        disturbed: see there.
        errors: shows how far the work is.

    Raises:
        ConfigError: there is no such policy, strategy, agent or task.
        WriteError: the disk is full, or the place cannot be written.
    """
    tasks = list_tasks(split, episodes, tiers=tiers, team_sizes=team_sizes, first=first)
    temporary, count = temporary_name(path), 0
    try:
        with open(temporary, "xb") as file, pulse(errors, "episodes", episodes) as bar:
            for done, task in enumerate(tasks, 1):
                turns = taught_turns(task, teacher, seats, strategy=strategy, disturbed=disturbed)
                lines = [json.dumps(turn, ensure_ascii=False) + "\n" for turn in turns]
                text = "".join(lines).encode()
                # a member of gzip for each episode: together they are one file to whatever reads it
                file.write(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
                count += len(lines)
                bar.show(done)
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # it is gone if all went well
            temporary.unlink()
    return count
