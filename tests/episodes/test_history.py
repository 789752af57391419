"""A simulated episode: what every hour was used for, what happened, and what each message did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import recorded
from simulate import random_env

from c2c_env import EnvConfig, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.episodes.episode import EpisodeError
from c2c_env.episodes.history import Happening, Use, simulate

TWO = Workflow(
    "two", "simple", (Subtask("a", "backend", 1.0, 1.0), Subtask("b", "frontend", 1.0, 1.0, ("a",), title="B"))
)
CALM = {"rework_probability": 0.0, "volatility": 0.0}
NOTHING = [0, 0, 0, 0]


def played(steps, team=3, workflow=TWO, **fields):
    """The history of given steps, after which nothing is done."""
    env = parallel_env(workflow, team_size=team, **(CALM | fields))
    env.reset(seed=0)
    return simulate(recorded(env, steps=steps))


def test_a_chat_is_paid_by_both_and_closes_its_share_of_the_gaps():
    # the manager tells worker 1 about a, by chat: richness 0.45, complexity 1, so tau = 0.45
    history = played([[[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING]])
    (message,) = history.messages
    assert (message.step, message.sender, message.recipient, message.topic) == (1, 0, 1, 0)
    assert (message.channel, message.refused, message.hours) == (c.CHAT, False, 0.05)
    (reading,) = message.readings
    assert (reading.agent, reading.step, reading.hours, reading.answers) == (1, 2, 0.05, False)
    # intent 0.95 against 0.2; interface 0.1 against 0.1; constraints 0.4**2 against 1.0**2; context 0 against 0
    assert reading.before == pytest.approx((0.2, 0.1, 1.0, 0.0))
    assert reading.after == pytest.approx((0.2 + 0.45 * 0.75, 0.1, 1.0, 0.0))
    assert message.all_hours == pytest.approx(0.1)
    assert history.hours[0, 0].tolist() == pytest.approx([0, 0.05, 0, 0, 0, 0.45])
    assert history.hours[1, 1].tolist() == pytest.approx([0, 0, 0.05, 0, 0, 0.45])


def test_two_messages_that_are_read_at_once_work_one_after_the_other():
    # both tell worker 2 about a: first the manager's (intent 0.95), then worker 1's (constraints 1.0 against 0.16)
    history = played([[[0, c.CHAT_TELL, 2, 0], [0, c.CHAT_TELL, 2, 0], NOTHING]])
    first, second = (message.readings[0] for message in history.messages)
    assert first.before == pytest.approx((0.2, 0.1, 0.16, 0.0))
    assert first.after == pytest.approx((0.5375, 0.1, 0.16, 0.0)) == second.before
    assert second.after == pytest.approx((0.5375, 0.1, 0.16 + 0.45 * 0.84, 0.0))


def test_an_answer_counts_more_and_is_said_to_be_one():
    ask, answer = [NOTHING, [0, c.CHAT_ASK, 0, 0], NOTHING], [[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING]
    history = played([ask, [NOTHING] * 3, answer])
    question, told = history.messages
    assert [reading.answers for message in (question, told) for reading in message.readings] == [False, True]
    assert question.readings[0].before == question.readings[0].after
    assert told.readings[0].after[0] == pytest.approx(0.2 + 0.45**0.5 * 0.75)


def test_a_question_in_return_is_no_answer():
    ask, back = [NOTHING, [0, c.CHAT_ASK, 0, 0], NOTHING], [[0, c.CHAT_ASK, 1, 0], NOTHING, NOTHING]
    history = played([ask, [NOTHING] * 3, back])
    assert [(message.sender, message.readings[0].answers) for message in history.messages] == [(1, False), (0, False)]


def test_a_meeting_teaches_all_who_are_there_and_a_second_one_is_refused():
    meet = [[0, c.MEET, 3, 0], [0, c.MEET, 0, 0], NOTHING]  # in step 1 worker 1 goes first: it meets the manager
    history = played([meet])
    refused, held = history.messages
    assert (refused.sender, refused.refused, refused.hours, refused.readings) == (0, True, 0.0, ())
    assert (held.sender, held.refused, held.hours) == (1, False, 0.5)
    assert [(one.agent, one.step, one.hours) for one in held.readings] == [(0, 1, 0.5), (1, 1, 0.0)]
    manager, worker = held.readings  # richness 0.9 at complexity 1; the best of both by facet is (0.95, 0.1, 1.0, 0)
    assert manager.after == pytest.approx((0.95, 0.1, 0.16 + 0.9 * 0.84, 0.0))
    assert worker.after == pytest.approx((0.2 + 0.9 * 0.75, 0.1, 1.0, 0.0))
    assert history.hours[0, :, Use.MEETING].tolist() == [0.5, 0.5, 0.0]
    kinds = [(event.kind, event.agent, event.subtask) for event in history.events]
    assert kinds == [(Happening.REFUSED, 0, 0), (Happening.MEETING, 1, 0)]


def test_work_waste_and_the_end_of_a_subtask():
    work = [NOTHING, [1, 0, 0, 0], [1, 0, 0, 0]]  # worker 1 is the more skilled one for backend
    history = played([work] * 40)
    assert history.hours[0, :, Use.WORKING].tolist() == [0.0, 0.5, 0.0]
    assert history.hours[0, :, Use.WASTED].tolist() == [0.0, 0.0, 0.5]
    assert history.hours[0, :, Use.IDLE].tolist() == [0.5, 0.0, 0.0]
    (done,) = (event for event in history.events if event.kind == Happening.FINISHED)
    assert (done.subtask, done.agent) == (0, 1)
    assert history.moments.status[done.step - 1 : done.step + 1, 0].tolist() == [c.READY, c.DONE]
    assert history.moments.remaining[done.step, 0] == 0.0
    assert history.moments.owner[0].tolist() == [-1, -1]
    assert history.moments.owner[1].tolist() == [1, -1]


def test_a_short_subtask_that_comes_back_is_seen():
    # it has 0.06 h left when it comes back, which is less than before the step that seemed to finish it
    workflow = Workflow("short", "simple", (Subtask("a", "backend", 0.6, 1.0),))
    history = played(
        [[NOTHING, [1, 0, 0, 0]]] * 30, team=2, workflow=workflow, rework_probability=1.0, rework_share=0.1
    )
    back = [event for event in history.events if event.kind == Happening.REWORK]
    assert len(back) == history.metrics["reworks"] > 0
    assert any(
        history.moments.remaining[event.step, 0] <= history.moments.remaining[event.step - 1, 0] for event in back
    )


def test_work_in_a_wrong_variant_is_wasted():
    env = parallel_env(TWO, team_size=2, hidden_facts=2, **CALM)
    env.reset(seed=0)
    fact = int(env.batch.state.fact[0, 0])
    steps = [[[0, 0, 0, 0, 0], [1, 0, 0, 0, 1 - fact]], [[0, 0, 0, 0, 0], [1, 0, 0, 0, fact]]]
    history = simulate(recorded(env, steps=steps))
    assert history.hours[:2, 1, Use.WASTED].tolist() == [0.5, 0.0]
    assert history.hours[:2, 1, Use.WORKING].tolist() == [0.0, 0.5]


def test_debt_is_what_a_step_could_not_hold():
    # a meeting takes all of the step, and the chat that is read in it comes on top
    chat, meet = [[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING], [NOTHING, [0, c.MEET, 2, 0], NOTHING]
    history = played([chat, meet])
    assert history.hours[1, 1].tolist() == pytest.approx([0, 0, 0.05, 0.5, 0, 0])
    assert history.moments.debt[2].tolist() == pytest.approx([0, 0.05, 0])
    assert history.moments.debt[3].tolist() == [0, 0, 0]
    assert history.hours[2, 1, Use.IDLE] == pytest.approx(0.45)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 5), variants=st.sampled_from([0, 3]), fields=st.booleans())
def test_histories_agree_with_the_simulator(seed, size, variants, fields):
    rng = np.random.default_rng(seed)
    more = {"volatility": 0.1, "dt": 0.3, "rework_probability": 0.9} if fields else {}
    env = random_env(rng, agents=size, hidden_facts=variants, milestones=0.2, **more)
    history = simulate(recorded(env, rng))
    metrics, trace, moments = history.metrics, history.trace, history.moments
    # every hour is accounted for: those of the steps, and what is still owed
    hours = history.batch.params.dt * trace.length * size
    assert history.hours.sum() - moments.debt[-1].sum() == pytest.approx(hours)
    spoken = history.hours[..., [Use.SENDING, Use.READING, Use.MEETING]].sum(axis=2)
    np.testing.assert_allclose(spoken, trace.spoken_hours, atol=1e-12)
    assert history.hours[..., Use.WORKING].sum() == pytest.approx(metrics["work_hours"])
    assert history.hours[..., Use.WASTED].sum() == pytest.approx(metrics["wasted_hours"])
    assert moments.communication_hours[-1] == pytest.approx(metrics["communication_hours"])
    assert moments.progress[-1] == pytest.approx(metrics["progress"])
    # events and messages are those that the simulator counts
    counted = [sum(event.kind == kind for event in history.events) for kind in Happening]
    finished = (moments.status[-1] == c.DONE).sum() - (moments.status[0] == c.DONE).sum()
    held = metrics["messages_meeting"]
    wanted = [finished, metrics["reworks"], metrics["requirement_changes"], held, (trace.speech == c.MEET).sum() - held]
    assert counted == wanted
    assert sum(not message.refused for message in history.messages) == metrics["messages"]
    ends = sum(
        len(message.readings) - (message.speech == c.MEET and not message.refused) for message in history.messages
    )
    assert ends == history.batch.state.message_graph[0].sum()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_readings_lead_from_the_understanding_before_a_step_to_that_after_it(seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=4, volatility=0.0)
    episode = recorded(env, rng)
    history = simulate(episode)
    batch = episode.batch()
    known = [batch.state.understanding[0].copy()]
    for actions in episode.actions:
        batch.step(actions[None])
        known.append(batch.state.understanding[0].copy())
    chains = {}
    for message in sorted(history.messages, key=lambda one: one.speech == c.MEET):  # meetings come after reading
        for reading in message.readings:
            place = (reading.step, reading.agent, message.topic)
            before = chains.get(place, known[reading.step - 1][reading.agent, message.topic])
            if message.speech != c.MEET:
                chains.setdefault(place, before)
            assert np.all(np.asarray(reading.after) >= np.asarray(reading.before))
            assert np.all(np.asarray(reading.before) >= known[reading.step - 1][reading.agent, message.topic] - 1e-15)
            # nothing but work and the end of a subtask adds to it later in the step
            assert np.all(known[reading.step][reading.agent, message.topic] >= np.asarray(reading.after) - 1e-15)


def test_the_padding_of_an_environment_changes_nothing():
    env = parallel_env([TWO, "csv-import-tool"], team=Team.default(3), config=EnvConfig(max_agents=7))
    env.reset(seed=0, options={"workflow": "two"})
    history = simulate(recorded(env, steps=[[[0, c.CHAT_TELL, 7, 0], NOTHING, NOTHING]]))
    assert history.messages[0].recipient == c.NOBODY
    assert [reading.agent for reading in history.messages[0].readings] == [1, 2]
    assert history.moments.alignment.shape[1:] == (3, 2)


def test_a_judge_counts(tmp_path):
    plain = played([[[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING]]).episode
    factors = plain.factors.copy()
    factors[:, 0] = 0.5
    env = parallel_env(TWO, team_size=3, **CALM)
    env.reset(seed=0)
    env.batch.message_factors[0, 0] = 0.5
    judged = simulate(recorded(env, steps=[[[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING]]))
    assert judged.messages[0].readings[0].after[0] == pytest.approx(0.2 + 0.5 * 0.45 * 0.75)
    np.testing.assert_array_equal(judged.episode.factors, factors)
    assert judged.episode.checks != replace(plain, factors=factors).checks


def test_a_judge_counts_in_a_meeting_as_well():
    env = parallel_env(TWO, team_size=2, **CALM)
    env.reset(seed=0)
    env.batch.message_factors[0, 0] = 0.5
    history = simulate(recorded(env, steps=[[[0, c.MEET, 1, 0], NOTHING]]))
    worker = history.messages[0].readings[1]
    assert worker.after[0] == pytest.approx(0.2 + 0.5 * 0.9 * 0.75)


@pytest.mark.parametrize(("expiry", "answers"), [(3, False), (4, True)])
def test_a_meeting_answers_only_requests_that_have_not_expired(expiry, answers):
    # worker 1 asks in step 1, which is read in step 2; in step 6, 4 steps later, the manager calls a meeting about it
    ask, nothing = [NOTHING, [0, c.CHAT_ASK, 0, 0], NOTHING], [NOTHING] * 3
    meet = [[0, c.MEET, 1, 0], NOTHING, NOTHING]
    history = played([ask, nothing, nothing, nothing, nothing, meet], request_expiry=expiry)
    held = history.messages[1]
    assert [(reading.agent, reading.answers) for reading in held.readings] == [(0, False), (1, answers)]
    assert history.metrics["answered_share"] == float(answers)


def test_requirements_change_before_messages_are_read():
    # all requirements change in every step: 0.4 of the worker's intent is left each time, and the manager has 0.95
    history = played([[[0, c.CHAT_TELL, 1, 0], NOTHING, NOTHING]], volatility=1.0)
    reading = history.messages[0].readings[0]
    assert reading.before[0] == pytest.approx(0.2 * 0.4 * 0.4)
    assert reading.after[0] == pytest.approx(0.032 + 0.45 * (0.95 - 0.032))
    assert [event.subtask for event in history.events if event.kind == Happening.CHANGED][:2] == [0, 1]


def test_sizes_that_are_too_small_are_an_error_of_the_episode():
    episode = played([[NOTHING] * 3]).episode
    with pytest.raises(EpisodeError, match=r"(?s)the episode cannot be played: .*max_subtasks is 1"):
        simulate(replace(episode, config=replace(episode.config, max_subtasks=1)))
