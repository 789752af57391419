"""Where a benchmark's files go, and which benchmarks were run.

Every question has a folder of its own below `RESULTS`, so that no run replaces the answer to another question; what was
played lies beside these folders, for all of them. A folder that a user names holds everything itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from c2c_env.disk import parse_json, read_bounded
from c2c_env.errors import C2CError, ConfigError
from c2c_env.text.names import one_line
from training.arguments import unique
from training.benchmark.cell import Cell
from training.files import digest

RESULTS = Path("results")
MOST_NAMED = 3  # policies or workflows that a folder's name spells out
LONGEST_PART = 48  # characters


@dataclass(frozen=True)
class Places:
    """Where the files of a benchmark go.

    Attributes:
        out: results.csv, run.json, report.txt and figures/.
        store: cells/ and transcripts/, which every run uses that plays the same.
    """

    out: Path
    store: Path

    @classmethod
    def of(cls, given: str | None, cells: Sequence[Cell]) -> Places:
        """The folder that was given, for everything; without one that of the question."""
        return cls(RESULTS / name_question(cells), RESULTS) if given is None else cls(Path(given), Path(given))


def store_of(given: str | None) -> Path:
    """Return the store, which is known before the cells are."""
    return RESULTS if given is None else Path(given)


def name_question(cells: Sequence[Cell]) -> str:
    """Name what is asked: policies, workflows and team sizes in words, and all that matters in a hash."""
    sizes = "-".join(str(size) for size in sorted({cell.team_size for cell in cells}))
    who = _shorten(unique([cell.player for cell in cells]), "policies")
    protocols = unique([cell.protocol for cell in cells if cell.protocol])
    what = protocols[0] if protocols else _shorten(unique([cell.label for cell in cells]), "workflows")
    text = json.dumps([_question(cell) for cell in cells], sort_keys=True, default=str)
    return f"{who}--{what}--n{sizes[:LONGEST_PART]}--{digest([text.encode()])[:8]}"


def _shorten(names: Sequence[str], kind: str) -> str:
    """Join a few names, and count many, or ones that are too long."""
    joined = re.sub(r"[^A-Za-z0-9._+-]+", "_", "+".join(names)).strip("._")
    return joined if len(names) <= MOST_NAMED and len(joined) <= LONGEST_PART else f"{len(names)}-{kind}"


def _question(cell: Cell) -> list[Any]:
    """All that a question says of a cell; the code that answers it is no part of the question."""
    options = cell.settings.identity if cell.asks_model else None
    played = [cell.player, cell.partners, cell.role, cell.protocol, cell.split, options]
    rules = [asdict(cell.config), asdict(cell.team) if cell.team else None, cell.team_size, cell.seeds]
    return [*played, *rules, [asdict(workflow) for workflow in cell.workflows]]


@dataclass(frozen=True)
class FinishedRun:
    """A benchmark that was run.

    Attributes:
        folder: of its results.
        ended: when its results were written.
        described: what its ``run.json`` says.
        episodes: lines of its results.
    """

    folder: Path
    ended: datetime
    described: dict[str, Any]
    episodes: int


def finished_runs(root: Path) -> list[FinishedRun]:
    """The benchmarks below a folder, the latest first."""
    return sorted(_runs_below(root), key=lambda run: run.ended, reverse=True)


def _runs_below(root: Path) -> Iterator[FinishedRun]:
    for path in root.rglob("run.json"):
        results = path.with_name("results.csv")
        described = _read_description(path)
        if results.is_file() and "policies" in described:  # other commands write a run.json as well
            with results.open("rb") as lines:
                episodes = sum(1 for _ in lines) - 1
            yield FinishedRun(path.parent, datetime.fromtimestamp(results.stat().st_mtime), described, episodes)


def _read_description(path: Path) -> dict[str, Any]:
    try:
        described = parse_json(read_bounded(path, "run", ConfigError), str(path), ConfigError)
    except C2CError:  # one that is damaged says nothing, and hides no other
        return {}
    return described if isinstance(described, dict) else {}


def latest_run(root: Path = RESULTS) -> Path:
    """Return the folder of the benchmark that was run last.

    Raises:
        ConfigError: there is none.
    """
    runs = finished_runs(root)
    if not runs:
        raise ConfigError(
            f"there are no results of a benchmark in {str(root)!r}; run benchmark first, or name a folder"
        )
    return runs[0].folder


def describe_run(found: FinishedRun) -> str:
    """Say where results are and what was asked."""
    policies = ", ".join(one_line(str(name)) for name in found.described["policies"])
    command = one_line(str(found.described.get("command", "")))
    return f"{found.folder}\n  {found.ended:%Y-%m-%d %H:%M}, {found.episodes} episodes of {policies}\n  {command}"
