"""The arrays that the public schedule is made from, made in and written into.

Sizes: E environments, A agents (padded), K subtasks (padded).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from c2c_env.core.arrays import Array, Spec


class Tasks(NamedTuple):
    """What the board says of the subtasks, and what it lets one expect."""

    num_agents: Annotated[Array, Spec("i8", "E", "how many agents there are")]
    status: Annotated[Array, Spec("i1", "E K", "blocked, ready or done; of padding: done")]
    prerequisites_left: Annotated[Array, Spec("i2", "E K", "direct prerequisites not done")]
    dependents_left: Annotated[Array, Spec("i2", "E K", "direct dependents not done")]
    least: Annotated[Array, Spec("f8", "E K", "hours of what is left, with the best skill and full alignment")]
    path: Annotated[Array, Spec("f8", "E K", "critical path from here on, as a share of an unknown number of hours")]
    hours: Annotated[Array, Spec("f8", "E A K", "expected hours in which an agent finishes a subtask")]
    inside: Annotated[Array, Spec("f8", "E A K", "the same if it has finished a prerequisite")]


class Schedule(NamedTuple):
    """Who is to do what when."""

    worker: Annotated[Array, Spec("i2", "E K", "who is to work on it, or -1")]
    start: Annotated[Array, Spec("f8", "E K", "hours from now")]
    worth: Annotated[Array, Spec("f8", "E K", "hours of completion time that an hour on it is worth")]


class Desk(NamedTuple):
    """Scratch arrays for one environment at a time."""

    path: Annotated[Array, Spec("f8", "K", "hours of the critical path from here on")]
    after: Annotated[Array, Spec("f8", "K", "the same, without the subtask itself")]
    leads: Annotated[Array, Spec("i1", "K K", "1 if row is known to be a prerequisite of column")]
    left: Annotated[Array, Spec("i2", "K", "known prerequisites that are not placed")]
    until: Annotated[Array, Spec("f8", "K", "hours from now until the placed ones are done")]
    opens: Annotated[Array, Spec("f8", "K", "hours from now until it is ready")]
    seen: Annotated[Array, Spec("i1", "K", "1 if it was looked at at the present moment of the schedule, or placed")]
    expected: Annotated[Array, Spec("i2", "K", "who was to work on it by the schedule before, or -1")]
    hours: Annotated[Array, Spec("f8", "A K", "expected hours")]
    finish: Annotated[Array, Spec("f8", "K", "hours from now")]
    order: Annotated[Array, Spec("i2", "K", "subtasks as they were placed")]
    follows: Annotated[Array, Spec("i2", "K", "what its worker does next, or -1")]
    latest: Annotated[Array, Spec("f8", "K", "latest start that delays nobody")]
    free: Annotated[Array, Spec("f8", "A", "hours from now until an agent has nothing to do")]
    last: Annotated[Array, Spec("i2", "A", "last subtask that an agent was given, or -1")]
