"""Which formats there are, which one a file has, and the import of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from c2c_env.checks import choice_fault
from c2c_env.disk import AnyPath, read_text
from c2c_env.errors import WorkflowError
from c2c_env.workflows.importers.convert import Imported, ImportSettings, convert
from c2c_env.workflows.importers.csv_tasks import read_csv
from c2c_env.workflows.importers.github_actions import read_github_actions
from c2c_env.workflows.importers.psplib import read_psplib
from c2c_env.workflows.importers.task_graph import TaskGraph
from c2c_env.workflows.importers.wfcommons import read_wfcommons

FORMATS: dict[str, Callable[[str], TaskGraph]] = {
    "psplib": read_psplib,
    "wfcommons": read_wfcommons,
    "github": read_github_actions,
    "csv": read_csv,
}
SUFFIXES = {
    ".sm": "psplib",
    ".mm": "psplib",
    ".json": "wfcommons",
    ".yml": "github",
    ".yaml": "github",
    ".csv": "csv",
}


def import_graph(path: AnyPath, settings: ImportSettings | None = None, form: str | None = None) -> Imported:
    """Make a workflow of a file with a task graph. Nothing in the file is executed.

    Args:
        path: of the file, of at most 64 MiB.
        settings: how; None takes the defaults of `ImportSettings`.
        form: one of `FORMATS`; None goes by the end of the file's name.

    Raises:
        WorkflowError: lists everything that is wrong with the file, each with the line or key.
        MissingExtraError: the format needs a library that is not installed.
    """
    read = FORMATS[_format_of(Path(path), form)]
    text = read_text(path, "task graph", WorkflowError)
    where = str(path)
    if not text.strip():
        raise WorkflowError(f"cannot import {where}: it is empty, expected a graph of tasks")
    try:
        graph = read(text)
    except WorkflowError as error:
        raise WorkflowError(f"cannot import {where}: {error}") from error
    return convert(graph, settings or ImportSettings(), Path(path).stem, where)


def _format_of(path: Path, form: str | None) -> str:
    if form is not None:
        if wrong := choice_fault("format", form, tuple(FORMATS)):
            raise WorkflowError(wrong)
        return form
    if path.suffix.lower() not in SUFFIXES:
        raise WorkflowError(
            f"{str(path)!r} ends in {path.suffix!r}, expected {', '.join(SUFFIXES)};"
            f" --format says what a file is ({', '.join(FORMATS)}), whatever its name"
        )
    return SUFFIXES[path.suffix.lower()]
