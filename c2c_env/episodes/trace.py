"""An episode step by step, as plain arrays for timelines and for figures such as alignment over time."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Params, Spec, State, allocate
from c2c_env.envs.batch import Batch
from c2c_env.errors import ResetNeededError


class Trace:
    """Records one environment of a batch; make it right after `reset` and call `record` after every step.

    T is the number of steps recorded so far, N that of agents, K that of subtasks of the workflow. `team` as the index
    of a recipient means everybody.
    Calls after the end of the episode change nothing, so that one callback serves a whole batch.

    Args:
        batch: a batch that was just reset. If its episode has gone on, the trace starts there.
        row: which of its environments is recorded.
        most: the steps for which there is room, if there are fewer of them than up to the horizon.
    """

    t: Annotated[Array, Spec("i4", "T", "number of the step, from 1")]
    work: Annotated[Array, Spec("i4", "T N", "subtask that the agent chose to work on, or -1")]
    speech: Annotated[Array, Spec("i4", "T N", "what it said, see `constants.SPEECHES`")]
    recipient: Annotated[Array, Spec("i4", "T N", "to whom")]
    topic: Annotated[Array, Spec("i4", "T N", "about which subtask")]
    symbol: Annotated[Array, Spec("i4", "T N", "with which symbol")]
    variant: Annotated[Array, Spec("i4", "T N", "the variant that it chose to build in")]
    worked: Annotated[Array, Spec("i4", "T N", "subtask that it really worked on, or -1")]
    work_hours: Annotated[Array, Spec("f8", "T N", "hours it had for work")]
    spoken_hours: Annotated[Array, Spec("f8", "T N", "communication hours it paid")]
    in_meeting: Annotated[Array, Spec("?", "T N", "it was in a meeting")]
    meeting_host: Annotated[Array, Spec("i4", "T N", "who called that meeting, or -1")]
    worked_hours: Annotated[Array, Spec("f8", "T", "hours of the team that went into work")]
    wasted_hours: Annotated[Array, Spec("f8", "T", "hours on a subtask on which somebody else worked")]
    alignment: Annotated[Array, Spec("f8", "T", "mean Alignment Factor of the hours worked; NaN without any")]
    remaining: Annotated[Array, Spec("f8", "T K", "hours of effort left")]
    progress: Annotated[Array, Spec("f8", "T", "effort-weighted finished share")]
    finished: Annotated[Array, Spec("?", "T K", "subtasks finished in this step")]
    reworked: Annotated[Array, Spec("?", "T K", "subtasks that came back in this step")]
    reward_terms: Annotated[Array, Spec("f8", "T N TERMS", "see `constants.REWARD_TERMS`")]

    def __init__(self, batch: Batch, row: int = 0, most: int | None = None) -> None:
        self.batch, self.row, self.length = batch, row, 0
        self.team = batch.max_agents
        params, state = batch.params, batch.state
        self._workflow = int(state.workflow[row])
        self._num_subtasks = int(params.num_subtasks[self._workflow])
        steps = max(1, int(params.horizon[self._workflow]) - int(state.t[row]))
        steps = steps if most is None else min(steps, most)
        self._arrays = allocate(Trace, {"T": steps, "N": batch.num_agents, "K": self._num_subtasks})
        self._key = int(state.key[row])
        self._last_t = int(state.t[row])
        self._tally = state.tally[row].copy()
        self._show()

    def record(self) -> None:
        """Add the step that was just taken.

        Raises:
            ResetNeededError: steps were left out, or another episode has begun.
        """
        t = int(self.batch.state.t[self.row])
        same_episode = int(self.batch.state.key[self.row]) == self._key
        if same_episode and (t == self._last_t or self.length == len(self._arrays["t"])):
            return
        if not same_episode or t != self._last_t + 1:
            which = "the same" if same_episode else "another"
            raise ResetNeededError(
                f"the trace is at step {self._last_t}, the environment at step {t} of {which} episode; "
                "make a new Trace after reset() and record every step"
            )
        self._write_agents(self.length)
        self._write_team(self.length)
        self._last_t, self.length = t, self.length + 1
        self._show()

    def _write_agents(self, place: int) -> None:
        arrays, state, b, agents = self._arrays, self.batch.state, self.row, slice(self.batch.num_agents)
        action = state.action[b, agents]
        arrays["work"][place] = action[:, c.WORK] - 1
        arrays["speech"][place] = action[:, c.SPEECH]
        arrays["recipient"][place] = action[:, c.RECIPIENT]
        arrays["topic"][place] = action[:, c.TOPIC]
        arrays["symbol"][place] = action[:, c.SYMBOL]
        arrays["variant"][place] = action[:, c.VARIANT]
        arrays["worked"][place] = state.last_work[b, agents]
        arrays["work_hours"][place] = state.work_hours[b, agents]
        arrays["spoken_hours"][place] = state.spoken_hours[b, agents]
        arrays["in_meeting"][place] = state.in_meeting[b, agents]
        arrays["meeting_host"][place] = meeting_hosts(self.batch.params, state, b)
        arrays["reward_terms"][place] = self.batch.reward_terms[b]

    def _write_team(self, place: int) -> None:
        arrays, state, b = self._arrays, self.batch.state, self.row
        spent = state.tally[b] - self._tally
        self._tally = state.tally[b].copy()
        arrays["t"][place] = state.t[b]
        arrays["worked_hours"][place] = spent[c.WORK_HOURS]
        arrays["wasted_hours"][place] = spent[c.WASTED_HOURS]
        arrays["alignment"][place] = spent[c.ALIGNED_HOURS] / spent[c.WORK_HOURS] if spent[c.WORK_HOURS] else np.nan
        remaining = state.remaining[b, : self._num_subtasks].copy()
        arrays["remaining"][place] = remaining
        arrays["reworked"][place] = self._came_back(remaining) if spent[c.REWORKS] else False
        arrays["progress"][place] = 1.0 - remaining.sum() / self.batch.params.total_effort[self._workflow]
        arrays["finished"][place] = state.finished_step[b, : self._num_subtasks] == state.t[b]

    def _came_back(self, remaining: Array) -> Array:
        """Which subtasks [K] came back as rework: those worked on that have exactly the share left that comes back."""
        params, state, b = self.batch.params, self.batch.state, self.row
        back = params.rework_share * params.effort[self._workflow, : self._num_subtasks]
        workers = np.flatnonzero(state.last_work[b, : self.batch.num_agents] >= 0)
        if params.hidden_facts:
            topics = state.last_work[b, workers]
            workers = workers[state.action[b, workers, c.VARIANT] == state.fact[b, topics]]
        worked = np.zeros(self._num_subtasks, dtype=bool)
        worked[state.last_work[b, workers]] = True
        came_back: Array = worked & (remaining == back)
        return came_back

    def _show(self) -> None:
        """Set the attributes to views of what is recorded so far."""
        for name, array in self._arrays.items():
            setattr(self, name, array[: self.length])


def meeting_hosts(params: Params, state: State, row: int) -> Array:
    """Return for each agent [N] who called the meeting that it attended in the last step, or -1.

    An agent that attends a meeting notes it as read from the host, so the host is found in that note.
    """
    n = params.num_agents
    now = state.t[row]
    notes = (state.read_speech[row, :n, :n] == c.MEET) & (state.read_step[row, :n, :n] == now) & (now > 0)
    hosts = np.where(notes.any(axis=1), notes.argmax(axis=1), c.NOBODY)
    called = notes.any(axis=0)
    hosts[called] = np.flatnonzero(called)
    return hosts
