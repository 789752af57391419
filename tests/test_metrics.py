"""Metrics of scripted episodes, worked out by hand.

Three agents of skill 1 who understand everything (Alignment Factor 1) and two subtasks of 1 h and 2 h. Actions
are (work, speech, recipient, topic); work 1 is subtask 0, recipient 3 is the team.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from playing import play, random_actions

from c2c_env import METRICS, Subtask, Team, Workflow, parallel_env
from c2c_env.metrics import degree_centralisation

WAIT = (0, 0, 0, 0)
TWO = Workflow("w", "simple", (Subtask("a", "backend", 1, 1), Subtask("b", "data", 2, 1)))
PERFECT = {
    "manager_intent": 1.0, "initial_intent": 1.0, "initial_interface": 1.0, "initial_context": 1.0,
}  # fmt: skip


def started(**fields):
    env = parallel_env(TWO, team=Team(((1.0,) * 5,) * 3), **{**PERFECT, **fields})
    env.reset(seed=0)
    return env


def after(*steps, **fields):
    """Metrics after steps of three actions each."""
    env = started(**fields)
    for actions in steps:
        env.step(dict(zip(env.agents, actions, strict=True)))
    return env.episode_metrics()


def is_about(metrics, **expected):
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-9, nan_ok=True)


EPISODE = (
    # worker 1 asks the manager by chat (.05 h, so .45 h of work: .55 h of a are left); worker 2 works .5 h on b
    (WAIT, (1, 2, 0, 0), (2, 0, 0, 0)),
    # the manager reads (.05 h); worker 1 works .5 h on a, worker 2 too, in vain
    (WAIT, (1, 0, 0, 0), (1, 0, 0, 0)),
    # the manager answers (.05 h); worker 1 may not assign; worker 2 works .5 h on b
    ((0, 1, 1, 0), (0, 6, 0, 0), (2, 0, 0, 0)),
    # worker 1 reads (.05 h), 2 steps after the question was, and finishes a in .45 h; worker 2 meets the manager
    (WAIT, (1, 0, 0, 0), (2, 5, 0, 1)),
    # worker 2 asks the manager by email (.10 h) and works .4 h on b, of which .6 h are left
    (WAIT, WAIT, (2, 4, 0, 1)),
    (WAIT, WAIT, (2, 0, 0, 0)),
    # the manager reads the email (.05 h), worker 2 finishes
    (WAIT, WAIT, (2, 0, 0, 0)),
)


def test_an_episode_by_hand():
    metrics = after(*EPISODE)
    assert list(metrics) == list(METRICS)
    is_about(metrics, success=1, steps=7, completion_time=3.5, score=2 / 3.5, progress=1)
    is_about(metrics, work_hours=3.8, communication_hours=1.35, wasted_hours=0.5, efficiency=3 / 5.65, mean_alignment=1)
    is_about(metrics, messages=4, messages_chat=2, messages_email=1, messages_meeting=1)
    is_about(metrics, speech_chat_tell=1, speech_chat_ask=1, speech_email_tell=0, speech_email_ask=1, speech_meet=1)
    is_about(metrics, synchronous_share=1 / 1.35, requests=2, answered_share=0.5, answer_delay=1.0)
    # every message has the manager at one end: a star
    is_about(metrics, manager_share=0.5, highest_share=0.5, degree_centralisation=1)
    is_about(metrics, reworks=0, requirement_changes=0, invalid_actions=1)


def test_half_an_episode_by_hand():
    metrics = after(*EPISODE[:2])
    is_about(metrics, success=0, steps=2, completion_time=1.0, score=0, progress=(0.95 + 0.5) / 3, requests=1)
    is_about(metrics, work_hours=1.45, wasted_hours=0.5, answered_share=0, answer_delay=math.nan)


def test_nothing_happened():
    metrics = started().episode_metrics()
    unknown = ["efficiency", "mean_alignment", "manager_share", "highest_share", "degree_centralisation"]
    unknown += ["synchronous_share", "answered_share", "answer_delay"]
    assert {name for name, value in metrics.items() if math.isnan(value)} == set(unknown)
    assert all(metrics[name] == 0 for name in METRICS if name not in unknown)


def test_the_share_of_a_hub_that_is_not_the_manager():
    to_all = (0, 1, 3, 0)
    metrics = after((WAIT, to_all, WAIT), (WAIT, WAIT, WAIT))
    is_about(metrics, messages=1, manager_share=0.25, highest_share=0.5, degree_centralisation=1)


def test_a_ring_is_not_central():
    ring = ((0, 1, 1, 0), (0, 1, 2, 0), (0, 1, 0, 0))
    metrics = after(ring, (WAIT,) * 3)
    is_about(metrics, messages=3, manager_share=1 / 3, highest_share=1 / 3, degree_centralisation=0)


def test_a_team_meeting_is_one_message_and_all_pay():
    metrics = after(((0, 5, 3, 0), WAIT, WAIT))
    is_about(metrics, messages=1, messages_meeting=1, communication_hours=1.5, synchronous_share=1, manager_share=0.5)


def test_a_meeting_answers_requests():
    asks, meets = (WAIT, (0, 2, 0, 0), WAIT), (WAIT, (0, 5, 0, 0), WAIT)
    metrics = after(asks, (WAIT,) * 3, (WAIT,) * 3, meets)
    is_about(metrics, requests=1, answered_share=1, answer_delay=1.0)


def test_an_expired_request_is_unanswered():
    asks, tells = (WAIT, (0, 2, 0, 0), WAIT), ((0, 1, 1, 0), WAIT, WAIT)
    steps = [asks, *[(WAIT,) * 3] * 4, tells, (WAIT,) * 3]
    is_about(after(*steps), answered_share=1, answer_delay=2.5)
    is_about(after(*steps, request_expiry=3), answered_share=0, answer_delay=math.nan)


def test_requirement_changes_of_unfinished_subtasks():
    works = (WAIT, (1, 0, 0, 0), WAIT)
    metrics = after(*[works] * 5, volatility=1.0, intent_retention=1.0)
    is_about(metrics, progress=1 / 3, requirement_changes=2 + 2 + 1 + 1 + 1)  # a is done after two steps


def test_alignment_is_weighed_by_hours():
    # worker 1 knows all but the context of a, which weighs a fifth: 1 - .99 / 5 = .802; then it has learned some
    context = 1 - math.exp(-0.15 * 0.5)
    works = (WAIT, (1, 0, 0, 0), WAIT)
    metrics = after(works, works, initial_context=0.0)
    is_about(metrics, work_hours=1.0, mean_alignment=(0.802 + 0.802 + 0.198 * context) / 2)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.5, 0.125, 0.125, 0.125, 0.125], 1.0),
        ([0.25] * 4, 0.0),
        ([0.1, 0.4, 0.25, 0.25], (0.6 + 0.3 + 0.3) / 2),
        ([0.5, 0.5], math.nan),
        ([1.0], math.nan),
    ],
    ids=["star", "uniform", "between", "two", "one"],
)
def test_degree_centralisation(shares, expected):
    assert degree_centralisation(np.array(shares)) == pytest.approx(expected, nan_ok=True)


def test_a_lone_agent_has_metrics_too():
    env = parallel_env(TWO, 1)
    env.reset(seed=0)
    play(env, np.random.default_rng(0))
    assert env.episode_metrics()["messages"] == 0


@pytest.mark.parametrize("seed", range(10))
def test_counts_agree_with_what_is_seen(seed):
    quick = Workflow("w", "medium", tuple(Subtask(id_, "data", 0.6, 2.0) for id_ in "abcd"))
    env = parallel_env(quick, 4, horizon=80, rework_probability=1.0, rework_share=1.0, initial_intent=0.0)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    invalid = reworks = 0
    remaining = env.snapshot()["remaining"]
    communication = 0.0
    while env.agents:
        infos = env.step(random_actions(env, rng))[4]
        invalid += sum(info["invalid_action"] for info in infos.values())
        communication -= infos["manager_0"]["reward_terms"]["communication"]
        now = env.snapshot()["remaining"]
        reworks += int((now > remaining).sum())
        remaining = now
    metrics = env.episode_metrics()
    effort = env.batch.workflow().total_effort
    is_about(metrics, invalid_actions=invalid, reworks=reworks, steps=int(env.snapshot()["t"]))
    assert metrics["communication_hours"] == pytest.approx(communication * effort / 0.5, rel=1e-4)
    assert metrics["messages"] == sum(value for name, value in metrics.items() if name.startswith("speech_"))
    assert metrics["work_hours"] + metrics["wasted_hours"] <= 4 * metrics["completion_time"] + 1e-9
    assert 0 <= metrics["degree_centralisation"] <= 1
    assert 0.01 <= metrics["mean_alignment"] <= 1
