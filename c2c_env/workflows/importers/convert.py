"""Makes a workflow of a task graph: hours of durations, domains of kinds, a tier of the size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from c2c_env.errors import WorkflowError, raise_faults
from c2c_env.workflows.draw_workflow import TIER_SHAPES
from c2c_env.workflows.importers.kinds import domains_of, kind_faults
from c2c_env.workflows.importers.task_graph import Task, TaskGraph, list_names
from c2c_env.workflows.schema import DOMAINS, TIERS, Subtask, Workflow, domain_faults, workflow_faults

MEDIAN_HOURS = 4.5  # of the subtasks of the built-in workflows
MAX_TASKS = 10_000
DEFAULT_COMPLEXITY = 1.0


@dataclass(frozen=True)
class ImportSettings:
    """How a task graph becomes a workflow.

    Attributes:
        name: of the workflow; None takes the name of the file.
        tier: None takes the tier whose generated workflows have as many subtasks, milestones not counted.
        kinds: the domain of a kind, by kind; those that are not named are spread, see `kinds.py`.
        domains: of the workflow.
        hours_per_unit: hours of a unit of duration; None takes the format's.
        complexity: of the tasks for which the file has none.
    """

    name: str | None = None
    tier: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = DOMAINS
    hours_per_unit: float | None = None
    complexity: float = DEFAULT_COMPLEXITY


@dataclass(frozen=True)
class Imported:
    """A workflow from a task graph.

    Attributes:
        workflow: as it can be written and played.
        losses: what of the file is not in it, a line each.
        hours_per_unit: by which durations were multiplied.
        kinds: the domain of every kind.
    """

    workflow: Workflow
    losses: tuple[str, ...]
    hours_per_unit: float
    kinds: Mapping[str, str]


def convert(graph: TaskGraph, settings: ImportSettings, name: str, where: str) -> Imported:
    """Make a workflow of a task graph.

    Args:
        graph: what a reader returned.
        settings: see `ImportSettings`.
        name: of the workflow, unless the settings have one.
        where: the graph is from, for the error.

    Raises:
        WorkflowError: lists everything that is wrong with the file and the settings.
    """
    if len(graph.tasks) > MAX_TASKS:
        raise WorkflowError(f"{where} has {len(graph.tasks)} tasks, expected at most {MAX_TASKS}")
    losses = [*graph.losses, *_unknown_durations(graph.tasks)]
    tasks = _with_durations(graph.tasks)
    scale = settings.hours_per_unit or graph.hours_per_unit or _median_scale(tasks)
    raise_faults(WorkflowError, f"cannot import {where}", domain_faults(settings.domains))
    kinds = domains_of(tasks, settings.kinds, settings.domains)
    subtasks = tuple(_subtask(task, scale, kinds, settings.complexity) for task in tasks)
    values = _values(graph, settings, name, subtasks)
    faults = graph.faults + kind_faults(tasks, settings.kinds, settings.domains) if tasks else graph.faults
    if tasks or not faults:  # a file without any readable task has its own fault, and not also the lack of tasks
        faults = faults + _placed(workflow_faults(values), tasks)
    raise_faults(WorkflowError, f"cannot import {where}", faults)
    return Imported(Workflow(**values), tuple(losses), scale, kinds)


def _unknown_durations(tasks: Sequence[Task]) -> list[str]:
    """A line for the report, if the file does not say how long some tasks take."""
    unknown = [task.id for task in tasks if task.duration is None]
    if not unknown:
        return []
    if len(unknown) == len(tasks):
        return ["no durations, which the file does not have; every task takes one unit"]
    return [f"no duration of {list_names(unknown)}, which the file does not have; they take the median of the others"]


def _with_durations(tasks: Sequence[Task]) -> list[Task]:
    known = [task.duration for task in tasks if task.duration]
    usual = median(known) if known else 1.0
    return [replace(task, duration=usual if task.duration is None else task.duration) for task in tasks]


def _median_scale(tasks: Sequence[Task]) -> float:
    """Hours per unit such that the median of what takes any time is `MEDIAN_HOURS`, to three digits."""
    positive = [task.duration for task in tasks if task.duration]
    return _rounded(MEDIAN_HOURS / median(positive), 3) if positive else 1.0


def _rounded(number: float, digits: int) -> float:
    return float(f"{number:.{digits}g}")


def _subtask(task: Task, scale: float, kinds: Mapping[str, str], complexity: float) -> Subtask:
    return Subtask(
        id=_encodable(task.id),
        domain=kinds[task.kind],
        effort=_rounded((task.duration or 0.0) * scale, 6),
        complexity=complexity if task.complexity is None else task.complexity,
        prerequisites=tuple(map(_encodable, task.needs)),
        title=_encodable(task.title),
    )


def _encodable(text: str) -> str:
    """Replace halves of characters, which JSON can spell and no file in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


def _values(graph: TaskGraph, settings: ImportSettings, name: str, subtasks: tuple[Subtask, ...]) -> dict[str, Any]:
    """The attributes of the workflow."""
    own = name if settings.name is None else settings.name
    tier = _tier(subtasks) if settings.tier is None else settings.tier
    texts = {"name": own, "tier": tier, "title": _encodable(graph.title), "brief": ""}
    return {**texts, "subtasks": subtasks, "domains": settings.domains}


def _tier(subtasks: Sequence[Subtask]) -> str:
    size = sum(subtask.effort > 0 for subtask in subtasks)
    fitting = (tier for tier, shape in zip(TIERS, TIER_SHAPES, strict=True) if size <= shape.max_subtasks)
    return next(fitting, TIERS[-1])


def _placed(faults: Sequence[str], tasks: Sequence[Task]) -> list[str]:
    """Put before each fault of a subtask where in the file it stands, twice for an id that stands twice."""
    places: dict[str, str] = {}
    for task in tasks:
        head = f"subtask {_encodable(task.id)!r}"
        places[head] = f"{places[head]} and {task.place}" if head in places else task.place
    return [_place_before(fault, places) for fault in faults]


def _place_before(fault: str, places: Mapping[str, str]) -> str:
    heads = (fault[: found.start()] for found in re.finditer(": ", fault))
    place = next((places[head] for head in heads if head in places), "")
    return f"{place}, {fault}" if place else fault
