"""Finished cells on disk: one small file each, written whole, checked when read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from rich.console import Console

from c2c_env import METRICS
from c2c_env.disk import parse_json, read_bounded, write_whole
from c2c_env.errors import C2CError
from training.benchmark.cell import Cell, Row
from training.benchmark.play_cell import EPISODE_COLUMNS, RECORDED
from training.files import digest


def is_finished(cell: Cell, folder: Path, errors: Console) -> bool:
    """Whether a good file of the cell is there; a bad one is moved aside."""
    path = folder / f"{cell.name}.json"
    if not path.exists() or not all(file.exists() for file in cell.episode_paths):
        return False
    try:
        return not any(row.get("failed") for row in read_cell(path, cell))  # what failed is tried again
    except CorruptCellError as error:
        aside = _name_aside(path)
        with suppress(FileNotFoundError):  # a run beside this one was faster
            os.replace(path, aside)
        errors.print(f"warning: {path} is damaged: {error}; moved to {aside.name}, the cell is run again", markup=False)
        return False


def _name_aside(path: Path) -> Path:
    """Return a name that is free."""
    places = (path.with_name(f"{path.name}.corrupt{number or ''}") for number in count())
    return next(place for place in places if not os.path.lexists(place))


class CorruptCellError(C2CError, ValueError):
    """The file of a cell is not what `write_cell` wrote."""


def keep_episodes(cell: Cell, rows: Sequence[Row]) -> list[Row]:
    """Write the episodes that were recorded with a cell, and return its rows without them."""
    for path, row in zip(cell.episode_paths, rows, strict=bool(cell.record)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, row[RECORDED])
    return [{key: value for key, value in row.items() if key != RECORDED} for row in rows]


def write_cell(path: Path, rows: Sequence[Row]) -> None:
    """Write a finished cell whole or not at all, whenever the process is killed."""
    plain = [{key: _without_nan(value) for key, value in row.items()} for row in rows]
    content = {"checksum": _checksum(path.stem, plain), "rows": plain}
    write_whole(path, json.dumps(content, indent=1) + "\n")


def read_cell(path: Path, cell: Cell) -> list[Row]:
    """The rows of a finished cell.

    Raises:
        CorruptCellError: truncated, edited, or the file of another cell.
    """
    try:
        content = parse_json(read_bounded(path, "cell", CorruptCellError), "the cell", CorruptCellError)
        rows, checksum = content["rows"], content["checksum"]
    except (CorruptCellError, KeyError, TypeError) as error:
        raise CorruptCellError(f"it is no complete cell file ({type(error).__name__}: {error})") from error
    if checksum != _checksum(path.stem, rows):
        raise CorruptCellError("its checksum does not fit its content")
    if len(rows) != len(cell.seeds) or any({*METRICS, *EPISODE_COLUMNS} - set(row) for row in rows):
        raise CorruptCellError(f"it does not hold all metrics of {len(cell.seeds)} episodes")
    return [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]


def _without_nan(value: Any) -> Any:
    """Write NaN as null, since JSON has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _checksum(name: str, rows: Any) -> str:
    return digest([json.dumps([name, rows], sort_keys=True).encode()])
