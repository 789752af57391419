"""An episode with everything that happened in it, simulated again from what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.alignment import team_alignment
from c2c_env.core.arrays import Array, Spec, allocate
from c2c_env.envs.batch import Batch
from c2c_env.episodes.episode import Episode, EpisodeError, StepChecks, take_step
from c2c_env.episodes.message_log import MessageLog, MessageRecord
from c2c_env.episodes.trace import Trace
from c2c_env.errors import C2CError
from c2c_env.metrics import longest_chain
from c2c_env.version import __version__

MOST_ALIGNMENTS = 2**25  # Alignment Factors of agents in all moments of an episode: 256 MiB


class Use(IntEnum):
    """What an hour of an agent was used for."""

    WORKING = 0
    SENDING = 1
    READING = 2
    MEETING = 3
    WASTED = 4
    IDLE = 5


class Happening(StrEnum):
    """What can happen in a step."""

    FINISHED = "finished"
    REWORK = "rework"
    CHANGED = "changed"
    MEETING = "meeting"
    REFUSED = "refused"


@dataclass(frozen=True)
class Event:
    """Something that happened in a step: a subtask finished, came back or changed, a meeting was held or refused.

    `agent` is the worker or the host, or -1.
    """

    step: int
    kind: Happening
    subtask: int
    agent: int


class Moments:
    """What is true at the start (index 0) and after each of T steps, for N agents and K subtasks."""

    remaining: Annotated[Array, Spec("f8", "T K", "hours of effort left")]
    status: Annotated[Array, Spec("i1", "T K", "blocked, ready or done")]
    owner: Annotated[Array, Spec("i4", "T K", "agent or -1")]
    alignment: Annotated[Array, Spec("f8", "T N K", "Alignment Factors")]
    critical: Annotated[Array, Spec("?", "T K", "it is on the longest chain that is left")]
    debt: Annotated[Array, Spec("f8", "T N", "communication hours not yet paid from working time")]
    progress: Annotated[Array, Spec("f8", "T", "finished share of the effort")]
    mean_alignment: Annotated[Array, Spec("f8", "T", "effort-weighted alignment of the team, as the reward counts it")]
    communication_hours: Annotated[Array, Spec("f8", "T", "person-hours so far")]

    def __init__(self, batch: Batch, length: int) -> None:
        self._batch, self._place = batch, 0
        self._count = int(batch.params.num_subtasks[batch.state.workflow[0]])
        sizes = {"T": length + 1, "N": batch.num_agents, "K": self._count}
        for name, array in allocate(Moments, sizes).items():
            setattr(self, name, array)
        self.look()

    def look(self) -> None:
        """Add the present moment."""
        state, params, n, k = self._batch.state, self._batch.params, self._batch.num_agents, self._count
        place = self._place
        self.remaining[place] = state.remaining[0, :k]
        self.status[place] = state.status[0, :k]
        self.owner[place] = state.owner[0, :k]
        self.alignment[place] = state.alignment[0, :n, :k]
        self.critical[place, list(longest_chain(params, state, 0))] = True
        self.debt[place] = state.debt[0, :n]
        self.progress[place] = 1.0 - state.remaining[0, :k].sum() / params.total_effort[state.workflow[0]]
        self.mean_alignment[place] = team_alignment(params, state, 0)
        self.communication_hours[place] = state.tally[0, c.COMMUNICATION_HOURS]
        self._place += 1


@dataclass(frozen=True)
class History:
    """An episode, simulated.

    Attributes:
        episode: what was played.
        trace: what everybody did in each step.
        moments: what was true before and after.
        hours: float64 [T, N, uses], what each agent's time was used for. Communication that exceeds a step goes into
            debt and is paid from later steps, so a row may add up to more or less than a step.
        messages: all that was said, in the order sent.
        events: in order.
        metrics: of the episode.
    """

    episode: Episode
    trace: Trace
    moments: Moments
    hours: Array
    messages: tuple[MessageRecord, ...]
    events: tuple[Event, ...]
    metrics: dict[str, float]

    @property
    def batch(self) -> Batch:
        """The environment at the end of the episode."""
        return self.trace.batch


def simulate(episode: Episode) -> History:
    """Simulate an episode and check every step of it.

    Raises:
        EpisodeError: it comes out otherwise than it was recorded, goes on after its end, has no end, or is so long
            that what happened in it would fill the memory.
    """
    _check_size(episode)
    batch = _batch_of(episode)
    trace, checks, log = Trace(batch, most=episode.length), StepChecks(), MessageLog(batch)
    moments = Moments(batch, episode.length)
    for step, (actions, factors) in enumerate(zip(episode.actions, episode.factors, strict=True), 1):
        if batch.terminated[0] or batch.truncated[0]:
            raise EpisodeError(f"the episode ended at step {step - 1}, but {episode.length} steps were recorded")
        log.before_step(actions, factors)
        take_step(batch, actions, factors)
        if checks.next(batch) != episode.checks[step - 1]:
            raise EpisodeError(_other_way(episode, step))
        trace.record()
        moments.look()
    if not (batch.terminated[0] or batch.truncated[0]):
        raise EpisodeError(f"the episode does not end with step {episode.length}, the last one that was recorded")
    messages = tuple(log.messages)
    return History(
        episode=episode,
        trace=trace,
        moments=moments,
        hours=_hours(trace, messages),
        messages=messages,
        events=tuple(_events(trace, log)),
        metrics=batch.metrics(0),
    )


def _check_size(episode: Episode) -> None:
    agents, subtasks = episode.team.size, len(episode.workflow.subtasks)
    if (episode.length + 1) * agents * subtasks > MOST_ALIGNMENTS:
        what = f"{episode.length} steps of {agents} agents and {subtasks} subtasks"
        raise EpisodeError(f"the episode has {what}, which take too much memory to be simulated")


def _batch_of(episode: Episode) -> Batch:
    """The start of the episode, of which a file may say what does not fit together."""
    try:
        return episode.batch()
    except C2CError as error:
        raise EpisodeError(f"the episode cannot be played: {error}") from error


def _other_way(episode: Episode, step: int) -> str:
    recorded = episode.version or "of an unknown version"
    return (
        f"step {step} does not come out as it was recorded, with c2c_env {recorded} (this is {__version__}): "
        "the file was edited, or the simulator is another one"
    )


def _hours(trace: Trace, messages: tuple[MessageRecord, ...]) -> Array:
    """What became of every agent's hours [T, N, uses], see `Use`."""
    hours = np.zeros((*trace.work.shape, len(Use)))
    for message in messages:
        use = Use.MEETING if message.speech == c.MEET else Use.SENDING
        hours[message.step - 1, message.sender, use] += message.hours
        for reading in message.readings:
            use = Use.MEETING if message.speech == c.MEET else Use.READING
            hours[reading.step - 1, reading.agent, use] += reading.hours
    working = trace.worked >= 0
    if trace.batch.config.hidden_facts:
        working &= trace.variant == trace.batch.state.fact[trace.row][trace.worked]
    hours[..., Use.WORKING] = np.where(working, trace.work_hours, 0.0)
    hours[..., Use.WASTED] = np.where((trace.work >= 0) & ~working, trace.work_hours, 0.0)
    hours[..., Use.IDLE] = np.where(trace.work < 0, trace.work_hours, 0.0)
    return hours


def _events(trace: Trace, log: MessageLog) -> list[Event]:
    found = []
    for n, changed in enumerate(log.changed):
        step = int(trace.t[n])
        found += [Event(step, Happening.CHANGED, k, c.NOBODY) for k in changed]
        for message in (one for one in log.messages if one.step == step and one.speech == c.MEET):
            found.append(
                Event(step, Happening.REFUSED if message.refused else Happening.MEETING, message.topic, message.sender)
            )
        for what, flags in ((Happening.FINISHED, trace.finished), (Happening.REWORK, trace.reworked)):
            for k in np.flatnonzero(flags[n]).tolist():
                workers = np.flatnonzero(trace.worked[n] == k)
                found.append(Event(step, what, k, int(workers[0]) if len(workers) else c.NOBODY))
    return found
