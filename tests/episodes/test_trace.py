"""A trace adds up to the metrics of its episode."""

from __future__ import annotations

import numpy as np
import pytest

from agents.play import play
from c2c_env import Batch, EnvConfig, Team
from c2c_env.core import constants as c
from c2c_env.episodes.trace import Trace
from c2c_env.errors import ResetNeededError


class Dice:
    """Plays anything, legal or not; works more often than it talks, so that episodes come to an end."""

    def __init__(self, batch):
        self.sizes, self.rng = batch.action_sizes, np.random.default_rng(0)

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        actions = self.rng.integers(0, self.sizes, size=(len(rows), len(self.sizes)))
        actions[:, c.SPEECH] *= self.rng.random(len(rows)) < 0.3
        return actions


@pytest.fixture(scope="module")
def played():
    batch = Batch("simple", Team.default(4), EnvConfig(), num_envs=3)
    batch.reset([0, 1, 2])
    traces = [Trace(batch, row) for row in range(3)]
    metrics = play(batch, Dice(batch), on_step=lambda: [trace.record() for trace in traces])
    return batch, traces, metrics


def test_sums_are_the_metrics(played):
    _, traces, metrics = played
    assert len({trace.length for trace in traces}) > 1  # they end at different steps, and stay as they were
    for trace, expected in zip(traces, metrics, strict=True):
        worked = trace.worked >= 0
        wasted = ~worked & (trace.work >= 0)
        hours = trace.worked_hours
        sums = {
            "steps": trace.t[-1],
            "work_hours": trace.work_hours[worked].sum(),
            "wasted_hours": trace.work_hours[wasted].sum(),
            "communication_hours": trace.spoken_hours.sum(),
            "progress": trace.progress[-1],
            "mean_alignment": np.nansum(trace.alignment * hours) / hours.sum(),
            "reworks": trace.reworked.sum(),
            "messages_meeting": sum(len(set(hosts[hosts >= 0].tolist())) for hosts in trace.meeting_host),
        }
        assert sums == pytest.approx({name: expected[name] for name in sums})
        assert hours.sum() == pytest.approx(expected["work_hours"])
        assert trace.wasted_hours.sum() == pytest.approx(expected["wasted_hours"])


def test_finished_subtasks_and_shapes(played):
    batch, traces, _ = played
    for trace in traces:
        subtasks = len(batch.workflow(trace.row).subtasks)
        assert trace.remaining.shape == (trace.length, subtasks)
        assert trace.reward_terms.shape == (trace.length, 4, 6)
        steps, which = np.nonzero(trace.finished)
        assert batch.state.finished_step[trace.row, which].tolist() == trace.t[steps].tolist()
        assert len(which) == (batch.state.status[trace.row, :subtasks] == c.DONE).sum()


def test_meetings_have_one_host_who_attends(played):
    _, traces, _ = played
    for trace in traces:
        assert np.array_equal(trace.meeting_host >= 0, trace.in_meeting)
        for n, i in np.argwhere(trace.in_meeting):
            host = trace.meeting_host[n, i]
            assert trace.speech[n, host] == c.MEET
            assert trace.meeting_host[n, host] == host


def test_steps_left_out_are_an_error():
    batch = Batch("simple", Team.default(2), EnvConfig())
    batch.reset([0])
    trace = Trace(batch)
    idle = np.zeros((1, 2, 4), dtype=np.int32)
    batch.step(idle)
    trace.record()
    trace.record()  # the same step once more: nothing to add
    assert trace.length == 1
    batch.step(idle)
    batch.step(idle)
    with pytest.raises(ResetNeededError, match="at step 1, the environment at step 3 of the same"):
        trace.record()
    batch.reset([1])
    with pytest.raises(ResetNeededError, match="another episode"):
        trace.record()
