"""The arrays that the oracle thinks in."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from c2c_env.core.arrays import Array, Spec


class Scratch(NamedTuple):
    """Scratch arrays for one environment at a time."""

    known: Annotated[Array, Spec("f8", "A K FACETS", "understanding once what is under way has been read")]
    request: Annotated[Array, Spec("i2", "A A", "what row will have asked column by then, or -1")]
    hours: Annotated[Array, Spec("f8", "A K", "expected hours in which an agent finishes a subtask")]
    inside: Annotated[Array, Spec("f8", "A K", "the same if it has finished a prerequisite, so knows the interface")]
    least: Annotated[Array, Spec("f8", "K", "the least of them")]
    rank: Annotated[Array, Spec("f8", "K", "hours from the start of a subtask to the end of all")]
    left: Annotated[Array, Spec("i2", "K", "prerequisites that the schedule has not placed")]
    opens: Annotated[Array, Spec("f8", "K", "hours from now until it is ready")]
    seen: Annotated[Array, Spec("i1", "K", "1 if it was looked at at the present moment of the schedule, or placed")]
    start: Annotated[Array, Spec("f8", "K", "hours from now")]
    finish: Annotated[Array, Spec("f8", "K", "hours from now")]
    worker: Annotated[Array, Spec("i2", "K", "who is to work on it, or -1")]
    order: Annotated[Array, Spec("i2", "K", "subtasks as they were placed")]
    follows: Annotated[Array, Spec("i2", "K", "what its worker does next, or -1")]
    latest: Annotated[Array, Spec("f8", "K", "latest start that delays nobody")]
    worth: Annotated[Array, Spec("f8", "K", "hours of completion time that an hour on it is worth")]
    free: Annotated[Array, Spec("f8", "A", "hours from now until an agent has nothing to do")]
    last: Annotated[Array, Spec("i2", "A", "last subtask that an agent was given, or -1")]
    work: Annotated[Array, Spec("i2", "A", "what it works on now, or -1")]
    price: Annotated[Array, Spec("f8", "A", "worth of an hour of its time now")]
    spare: Annotated[Array, Spec("f8", "A", "hours of this step that it has nothing to do in")]
    speaks: Annotated[Array, Spec("i1", "A", "1 if it says something in this step")]
    meets: Annotated[Array, Spec("i1", "A", "1 if it is in a meeting in this step")]
    stale: Annotated[Array, Spec("i1", "K", "1 if the best message about it has to be found again")]
    net: Annotated[Array, Spec("f8", "K", "how much the best message about it is to be preferred; 0 for none")]
    sender: Annotated[Array, Spec("i2", "K", "who should send it")]
    way: Annotated[Array, Spec("i1", "K", "how: see `message_choice`")]
