"""Bounds on the completion time that no policy can beat, and the critical path."""

from __future__ import annotations

import math
from graphlib import TopologicalSorter

import numpy as np
import numpy.typing as npt

from c2c_env.config import Team
from c2c_env.workflows.schema import Workflow

Floats = npt.NDArray[np.float64]


def best_hours(workflow: Workflow, team: Team) -> Floats:
    """Hours [K] of each subtask for the team's most skilled agent at Alignment Factor 1.

    Raises:
        ConfigError: the team has other domains than the workflow.
    """
    skill = np.array(team.for_domains(workflow.domains, f"workflow {workflow.name!r}").skills)
    effort = np.array([subtask.effort for subtask in workflow.subtasks], dtype=np.float64)
    hours: Floats = effort / skill[:, workflow.domain_indices()].max(axis=0)
    return hours


def path_after(workflow: Workflow, hours: Floats) -> Floats:
    """Hours [K] of the longest chain of dependents behind each subtask, without the subtask itself."""
    dependents = workflow.dependent_indices()
    after = np.zeros(len(hours))
    for k in TopologicalSorter(dict(enumerate(dependents))).static_order():  # dependents come first
        after[k] = max((hours[d] + after[d] for d in dependents[k]), default=0.0)
    return after


def lower_bound(workflow: Workflow, team: Team) -> float:
    """Hours that no policy can beat: those of the critical path, or all hours shared equally by all agents.

    Both are at Alignment Factor 1; the larger one counts.
    """
    hours = best_hours(workflow, team)
    critical = float((hours + path_after(workflow, hours)).max())
    total = 0.0
    for h in hours.tolist():  # summed one after the other, as `workflows.pack_generated` does
        total += h
    return max(critical, total / team.size)


def least_steps(workflow: Workflow, team: Team) -> int:
    """Return steps that no policy can beat, however long they are, since a subtask with effort takes at least one.

    They are those of the longest chain, or of all subtasks shared equally by all agents, whichever are more.
    """
    counted = np.array([float(subtask.effort > 0) for subtask in workflow.subtasks])
    longest = int((counted + path_after(workflow, counted)).max())
    return max(longest, math.ceil(float(counted.sum()) / team.size))
