"""What every importer returns: tasks as the file has them, what cannot be carried over, and what is wrong."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from c2c_env.checks import MOST_QUANTITY

SHOWN = 5  # names in a line of the report; the rest is counted
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


@dataclass(frozen=True)
class Task:
    """One task of a graph.

    Attributes:
        id: as the file has it.
        duration: in the file's unit, 0 for a milestone; None if the file does not say it.
        needs: ids of the tasks that must be done before.
        kind: what kind of work it is, in the file's own words; it chooses the domain.
        title: a line for people.
        complexity: as the file has it; None takes the default.
        place: where in the file the task stands, for errors.
    """

    id: str
    duration: float | None
    needs: tuple[str, ...] = ()
    kind: str = ""
    title: str = ""
    complexity: float | None = None
    place: str = ""


@dataclass
class TaskGraph:
    """Tasks of a file, in its order.

    Attributes:
        tasks: see `Task`.
        losses: what stands in the file and not in the tasks, a line each.
        faults: what is wrong with the file, a line each; the graph is only complete if there are none.
        hours_per_unit: hours of a unit of duration; None scales the median duration to that of built-in subtasks.
        title: a line for people.
    """

    tasks: list[Task] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    hours_per_unit: float | None = None
    title: str = ""


def show(value: object) -> str:
    """Quote something from a file for an error, however long or deep it is."""
    return _short.repr(value)


def list_names(names: Sequence[str]) -> str:
    """List a few names and count the others."""
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def read_number(value: object, what: str, faults: list[str]) -> float | None:
    """Read a number that is not negative; for anything else, add a line to `faults` and return None.

    Args:
        value: a number, or text that may be one.
        what: it is and where it stands, for the fault.
        faults: of the file, so far.
    """
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if 0 <= number <= MOST_QUANTITY * MOST_QUANTITY:
        return number
    faults.append(f"{what} is {show(value)}, expected a number of at least 0")
    return None
