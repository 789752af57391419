"""What the planner's rule can be tuned by, and the arrays that it thinks in."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from c2c_env.core.layout import Array, Spec


class Rule(NamedTuple):
    """The numbers of the rule; hours are hours, worth is in hours of completion time per hour.

    Attributes:
        price: what the team gives for an hour of communication, beside the working time that it takes.
        idle_price: worth of an hour of an agent who has nothing to work on.
        slack_scale: hours of slack at which an hour saved on a subtask is worth `least_worth`; 0 slack is worth 1.
        least_worth: worth of an hour saved on a subtask that nobody waits for.
        foresight: hours ahead at which a predicted worker counts for a half.
        hurry: power of the share of its hours that a message saves, where several compete: 0 sends first what saves
            most, 1 what loses most by waiting.
        patience: hours until a message is needed at which it competes with half its weight.
        trust: share of the gap to the team's best understanding that the worker of a blocked subtask is expected
            to have closed when it starts.
        trust_ready: the same for subtasks that are ready.
        stick: factor on the hours of whoever worked on a subtask in the last step; below 1 it tends to stay.
        rounding: hours of a step that are lost when a subtask is done within it.
        least_net: hours that a message must save beyond its cost.
        least_pace: effort per hour from which an idle agent helps out on a subtask that waits for its best worker.
        least_handover: alignment x worth that a subtask's next worker must gain by finishing the one before it.
    """

    price: float = 0.1
    idle_price: float = 0.02
    slack_scale: float = 4.0
    least_worth: float = 0.03
    foresight: float = 0.8
    hurry: float = 0.5
    patience: float = 4.0
    trust: float = 0.5
    trust_ready: float = 0.6
    stick: float = 0.9
    rounding: float = 0.2
    least_net: float = 0.006
    least_pace: float = 0.15
    least_handover: float = 0.02


class Plan(NamedTuple):
    """Scratch arrays for one environment at a time."""

    known: Annotated[Array, Spec("f8", "A K 4", "understanding once what is under way has been read")]
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
    way: Annotated[Array, Spec("i1", "K", "how: see `speech`")]
