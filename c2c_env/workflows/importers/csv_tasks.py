"""Tables of tasks as CSV: a line of names of columns, then a task a line.

The columns are ``id``, ``duration`` (in hours, unless another scale is given), ``needs`` (ids between semicolons),
``kind``, ``title`` and ``complexity``, in any order; only ``id`` must be there. A task that says no duration gets the
median of the others.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from c2c_env.errors import WorkflowError, nearest
from c2c_env.workflows.importers.task_graph import Task, TaskGraph, list_names, read_number, show

COLUMNS = ("id", "duration", "needs", "kind", "title", "complexity")
_Row = dict[str, str]


def read_csv(text: str) -> TaskGraph:
    """Read a table of tasks, with all that is wrong with it.

    Raises:
        WorkflowError: it is not CSV, or the column of ids is missing.
    """
    graph = TaskGraph(hours_per_unit=1.0)
    lines = _lines(text)
    _, header = next(lines, ("", []))
    names = [name.strip().lower() for name in header]
    _check_header(names, graph)
    graph.tasks = [_task(place, row, graph) for place, row in _rows(lines, names, graph)]
    return graph


def _lines(text: str) -> Iterator[tuple[str, list[str]]]:
    """Lines that are not empty, with their places.

    Raises:
        WorkflowError: a line is not CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"line {reader.line_num}", cells
    except csv.Error as error:
        raise WorkflowError(f"line {reader.line_num} is not valid CSV: {error}") from error


def _check_header(names: list[str], graph: TaskGraph) -> None:
    if "id" not in names:
        raise WorkflowError(f"the first line has no column 'id'{nearest('id', names)}; got {show(', '.join(names))}")
    graph.faults += [f"the column {name!r} stands {n} times" for name, n in Counter(names).items() if n > 1]
    lost = [f"{name!r}{nearest(name, COLUMNS)}" for name in names if name and name not in COLUMNS]
    if lost:
        graph.losses.append(f"columns: {list_names(lost)}")


def _rows(lines: Iterator[tuple[str, list[str]]], names: list[str], graph: TaskGraph) -> Iterator[tuple[str, _Row]]:
    for place, cells in lines:
        if len(cells) > len(names):
            graph.faults.append(f"{place}: {len(cells)} cells, expected {len(names)}, one for each column")
        yield place, {name: cell.strip() for name, cell in zip(names, cells, strict=False)}


def _task(place: str, row: _Row, graph: TaskGraph) -> Task:
    needs = tuple(part.strip() for part in row.get("needs", "").split(";") if part.strip())
    duration, complexity = (_number(place, row, column, graph) for column in ("duration", "complexity"))
    return Task(row.get("id", ""), duration, needs, row.get("kind", ""), row.get("title", ""), complexity, place)


def _number(place: str, row: _Row, column: str, graph: TaskGraph) -> float | None:
    if not row.get(column):
        return None
    return read_number(row[column], f"{place}, task {show(row.get('id', ''))}: {column}", graph.faults)
