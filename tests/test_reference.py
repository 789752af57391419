"""The plain reference against values worked out by hand from the specification.

The cast of every test: the manager (agent 0, skill 0.4 everywhere), worker 1 (expert of domain 0)
and, where there is one, worker 2 (skill 0.7 in domain 0). Every subtask is in domain 0.
Weights without prerequisites: (.35, 0, .25, .15) / .75 = (7/15, 0, 1/3, 1/5).
"""

from __future__ import annotations

import math

import pytest
from reference import ReferenceEnv, ReferenceSubtask

ROOT = (7 / 15, 0.0, 1 / 3, 1 / 5)
LATER = (0.35, 0.25, 0.25, 0.15)
MANAGER, EXPERT, SECOND = [0.4] * 5, [1.0, 0.4, 0.7, 0.4, 0.4], [0.7, 1.0, 0.4, 0.4, 0.4]
WAIT = (0, 0, 0, 0)
CONTEXT_OF_A_STEP = 1 - math.exp(-0.075)  # 0.15 * 0.5 h: 0.0722565


def near(value):
    return pytest.approx(value, rel=0, abs=1e-9)


def root(effort=4.0, complexity=1.0):
    return ReferenceSubtask(effort, 0, complexity, (), ROOT)


def chain(first=4.0, second=4.0):
    return [root(first), ReferenceSubtask(second, 0, 1.0, (0,), LATER)]


def test_alignment_factor_at_reset():
    env = ReferenceEnv([root()], [MANAGER, EXPERT])
    # manager: 7/15 * .95 + 1/3 * .4**2 = .443333 + .053333 = .496667; .01 + .99 * that = .5017
    assert env.alignment_factor(0, 0) == near(0.5017)
    # expert: 7/15 * .2 + 1/3 * 1 = .093333 + .333333 = .426667; .01 + .99 * that = .4324
    assert env.alignment_factor(1, 0) == near(0.4324)
    # lower bound: 4 h on the critical path (more than 4 / 2); horizon 5 * 4 / .5 = 40
    assert (env.lower_bound, env.horizon) == (4.0, 40)


def test_one_step_of_work_and_its_rewards():
    env = ReferenceEnv([root()], [MANAGER, EXPERT])
    assert env.step([WAIT, (1, 0, 0, 0)]) == (False, False)
    # .5 h * skill 1 * .4324 = .2162
    assert env.remaining[0] == near(4 - 0.2162)
    assert env.understanding[1][0] == near([0.2, 0.1, 1.0, CONTEXT_OF_A_STEP])
    assert (env.owner, env.last_work) == ([1], [-1, 0])
    # progress .2162 / 4 = .05405; the expert's AF counted before (most skilled) and counts after
    # (owner): it rose by .99 * 1/5 * context, half of which is paid; time .5 * .5 / 4 = .0625
    alignment = 0.5 * 0.99 * 0.2 * CONTEXT_OF_A_STEP
    assert env.team_terms == near((0.05405, alignment, 0.0, -0.0625, 0.0, 0.0))
    # learning by doing is no message: that alignment is shared; the progress is the expert's
    assert env.individual_terms[0] == near((0.0, alignment, 0.0, -0.0625, 0.0, 0.0))
    assert env.individual_terms[1] == near((0.1081, alignment, 0.0, -0.0625, 0.0, 0.0))


def test_chat_answer_moves_with_half_the_exponent_and_earns_both():
    env = ReferenceEnv([root(complexity=2.0)], [MANAGER, EXPERT])
    env.step([WAIT, (0, 2, 0, 0)])  # the expert asks by chat: .05 h of 2 * 4
    assert env.team_terms == near((0.0, 0.0, -0.5 * 0.05 / 4, -0.0625, 0.0, 0.0))
    assert env.request_topic == [[-1, -1], [-1, -1]]
    env.step([(1, 1, 1, 0), WAIT])  # read; and answered at once
    assert env.request_topic == [[-1, -1], [0, -1]]
    assert env.request_age[1][0] == 0
    # .05 h reading and .05 h sending leave .4 h: 4 - .4 * .4 * .5017 = 3.919728
    assert env.remaining[0] == near(3.919728)
    assert env.owner == [0]
    env.step([(0, 6, 1, 0), WAIT])  # ownership moves to the expert at once
    assert env.owner == [1]
    # The answer: tau = .45 ** (2/2) = .45; intent .2 + .45 * (.95 - .2) = .5375; the manager's
    # constraints (.16) teach nothing; it was written before the manager's first context.
    assert env.understanding[1][0] == near([0.5375, 0.1, 1.0, 0.0])
    assert env.request_topic[1][0] == -1
    env.step([WAIT, WAIT])
    # The assignment is an unasked chat: tau = .45 ** 2 = .2025;
    # intent .5375 + .2025 * .4125 = .62103125; the manager has context 1 - exp(-.15 * .4) now
    context = 0.2025 * (1 - math.exp(-0.06))
    assert env.understanding[1][0] == near([0.62103125, 0.1, 1.0, context])
    # AF of the owner rose by .99 * (7/15 * .08353125 + 1/5 * context); the weight is 1/2; of the
    # individual credit each of the two gets N * 1/2 of it, which is all of it
    rise = 0.5 * 0.99 * (7 / 15 * 0.08353125 + context / 5)
    assert env.team_terms == near((0.0, rise, -0.5 * 0.05 / 4, -0.0625, 0.0, 0.0))
    assert env.individual_terms[0] == near((0.0, rise, 0.0, -0.0625, 0.0, 0.0))
    assert env.individual_terms[1] == near((0.0, rise, -0.5 * 2 * 0.05 / 4, -0.0625, 0.0, 0.0))


def test_email_takes_two_steps_and_requests_expire():
    env = ReferenceEnv([root()], [MANAGER, EXPERT])
    env.step([(0, 3, 2, 0), (1, 0, 0, 0)])  # to the whole team
    env.step([WAIT, (1, 0, 0, 0)])
    assert env.understanding[1][0][0] == 0.2
    before = env.remaining[0]
    env.step([WAIT, (1, 0, 0, 0)])
    # intent .2 + .6 * .75 = .65; two steps of work taught context 1 - exp(-.15) before this one,
    # in which reading (.05 h) leaves .45 h of work
    context = 1 - math.exp(-0.15)
    af = 0.01 + 0.99 * (7 / 15 * 0.65 + 1 / 3 + context / 5)
    assert env.remaining[0] == near(before - 0.45 * af)
    assert env.understanding[1][0][0] == near(0.65)
    assert env.team_terms[2] == near(-0.5 * 0.05 / 4)
    env.reset()
    env.step([WAIT, (0, 2, 0, 0)])
    env.step([WAIT, WAIT])  # delivered at t = 2, age 0
    for _ in range(8):
        env.step([WAIT, WAIT])
    assert (env.t, env.request_age[1][0]) == (10, 8)
    env.step([WAIT, WAIT])
    assert env.request_topic[1][0] == -1


def test_meetings_rotate_and_cost_everybody_who_takes_part():
    env = ReferenceEnv([root()], [MANAGER, EXPERT, SECOND])
    # t = 1: visited in the order 1, 2, 0. Worker 1 meets 2; 2 is in a meeting, so its proposal to
    # the manager fails, and so does the manager's to 1.
    env.step([(1, 5, 1, 0), (1, 5, 2, 0), (1, 5, 0, 0)])
    # tau = .9; the second's constraints .49 + .9 * .51 = .949; both know the same intent
    assert env.understanding[2][0] == near([0.2, 0.1, 0.949, 0.0])
    assert env.understanding[1][0] == near([0.2, 0.1, 1.0, 0.0])
    # the meeting took the step of both; the manager, in none, worked: .5 * .4 * .5017 = .10034
    assert env.remaining[0] == near(4 - 0.10034)
    assert env.team_terms[2] == near(-0.5 * 1.0 / 4)
    # t = 2: order 2, 0, 1. The team meets: intent .2 + .9 * .75 = .875; the manager's constraints
    # .16 + .9 * .84 = .916, the second's .949 + .9 * .051 = .9949. In it worker 1 also chats.
    env.step([WAIT, (1, 1, 2, 0), (0, 5, 3, 0)])
    assert [env.understanding[i][0][0] for i in range(3)] == near([0.95, 0.875, 0.875])
    assert [env.understanding[i][0][2] for i in range(3)] == near([0.916, 1.0, 0.9949])
    assert env.debt == near([0.0, 0.05, 0.0])
    # t = 3: the debt of .05 h leaves worker 1 with .45 h; it takes over from the absent owner
    before, af = env.remaining[0], env.alignment_factor(1, 0)
    assert env.owner == [0]
    env.step([WAIT, (1, 0, 0, 0), WAIT])
    assert env.remaining[0] == near(before - 0.45 * af)
    assert env.owner == [1]


def test_contested_work():
    env = ReferenceEnv([root()], [MANAGER, EXPERT, SECOND])
    env.step([(1, 0, 0, 0), WAIT, (1, 0, 0, 0)])  # no owner: the more skilled works
    # worker 2: AF = .01 + .99 * (7/15 * .2 + 1/3 * .49) = .2641; .5 * .7 * .2641 = .092435
    assert env.remaining[0] == near(4 - 0.092435)
    assert (env.owner, env.last_work) == ([2], [-1, -1, 0])
    env.step([(1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)])  # the owner, though not the best
    assert (env.owner, env.last_work) == ([2], [-1, -1, 0])
    assert env.understanding[1][0][3] == 0.0  # wasted hours teach nothing
    env.step([(1, 0, 0, 0), (1, 0, 0, 0), WAIT])
    assert (env.owner, env.last_work) == ([1], [-1, 0, -1])


def test_completion_teaches_the_interface_of_what_follows():
    env = ReferenceEnv(chain(first=0.2), [MANAGER, EXPERT])
    assert env.mask(1) == ([1, 1, 0], [1, 1, 1, 1, 1, 1, 0], [1, 0, 1], [1, 1])
    env.step([WAIT, (2, 0, 0, 0)])
    assert env.invalid == [False, True]
    env.step([WAIT, (1, 0, 0, 0)])  # .2162 h of progress are more than .2
    assert (env.done, env.remaining) == ([True, False], [0.0, 4.0])
    assert env.understanding[1] == [[1.0, 1.0, 1.0, 1.0], [0.2, 1.0, 1.0, 0.0]]
    assert env.understanding[0][1] == near([0.95, 0.1, 0.16, 0.0])
    assert env.mask(1)[0] == [1, 0, 1]
    # a_0 stays at the AF of the finish: it rose by .99 * 1/5 * context (weight .2 / 4.2);
    # a_1 (the expert is the most skilled) by .99 * .25 * .9 (weight 4 / 4.2)
    rise = (0.2 * 0.99 * 0.2 * CONTEXT_OF_A_STEP + 4 * 0.99 * 0.25 * 0.9) / 4.2
    assert env.team_terms == near((0.2 / 4.2, 0.5 * rise, 0.0, -0.5 * 0.5 / 4.2, 0.0, 0.0))


def test_rework_and_requirement_change():
    numbers = {"volatility": 0.5, "rework": 0.28}
    env = ReferenceEnv([root(effort=0.2)], [MANAGER, EXPERT], uniform=lambda stream, t, k: numbers[stream], horizon=2)
    # rework with probability .5 * (1 - .4324) = .2838 > .28: .3 * .2 = .06 h come back
    assert env.step([WAIT, (1, 0, 0, 0)]) == (False, False)
    assert env.remaining[0] == near(0.06)
    assert env.team_terms[0] == near(0.7)  # .14 of .2
    assert env.individual_terms[1][0] == near(1.4)
    # horizon 2: done in the last step is terminated, not truncated. The mean AF is
    # that of both steps: (.4324 + .4324 + .198 * .0722565) / 2 = .43955, p = .2802 > .2801
    numbers["rework"] = 0.2801
    assert env.step([WAIT, (1, 0, 0, 0)]) == (False, True)
    env.reset()
    numbers["rework"] = 0.29
    env.volatility = 0.6
    env.step([WAIT, WAIT])
    assert [env.understanding[i][0][0] for i in range(2)] == near([0.95, 0.08])
    # constraints only and .08 of intent: AF = .01 + .99 * (7/15 * .032 + 1/3) = .354784 now,
    # so .177392 of .2 are finished
    assert env.step([WAIT, (1, 0, 0, 0)]) == (False, True)
    assert env.remaining[0] == near(0.2 - 0.177392)
    numbers["rework"] = 0.5
    assert env.step([WAIT, (1, 0, 0, 0)]) == (True, False)


def test_discrete_catalogue():
    env = ReferenceEnv(chain(), [MANAGER, EXPERT])
    entries = env.catalogue(0)
    assert len(entries) == 1 + 2 + 5 * 3 + 2 * 2
    assert entries[:3] == [WAIT, (1, 0, 0, 0), None]
    # no own subtask: tell the expert about the first subtask it is the best for, nothing else
    assert entries[3:6] == [None, (0, 1, 1, 0), None]
    assert entries[6:9] == [None, None, None]
    assert entries[15:18] == [None, None, None]
    assert entries[18:] == [None, (0, 6, 1, 0), None, (0, 6, 1, 1)]
    env.step([(1, 0, 0, 0), (0, 2, 0, 1)])  # the expert asks about the blocked subtask 1
    env.step([WAIT, WAIT])
    entries = env.catalogue(0)  # the manager owns subtask 0, the open request decides the tell
    assert entries[3:6] == [None, (1, 1, 1, 1), (1, 1, 2, 0)]
    assert entries[6:9] == [None, (1, 2, 1, 0), (1, 2, 2, 0)]
    assert entries[15:18] == [None, (1, 5, 1, 0), (1, 5, 2, 0)]
    # the expert has no subtask: it can only tell and meet the manager, about the manager's
    entries = env.catalogue(1)
    said = {index: entry for index, entry in enumerate(entries[3:], 3) if entry is not None}
    assert said == {3: (0, 1, 0, 0), 9: (0, 3, 0, 0), 15: (0, 5, 0, 0)}


def test_speech_instead_of_work():
    env = ReferenceEnv([root()], [MANAGER, EXPERT], exclusive_actions=True)
    env.step([(1, 6, 1, 0), (1, 6, 0, 0)])  # the worker may not assign: silent, so it works
    assert env.invalid == [False, True]
    assert env.remaining[0] == near(4 - 0.2162)
    assert env.last_work == [-1, 0]


def test_work_in_a_wrong_variant_makes_no_progress():
    drawn = {"fact": 0.7, "rework": 1.0, "volatility": 1.0}
    env = ReferenceEnv(
        [root(effort=0.4)], [MANAGER, EXPERT], uniform=lambda stream, t, k: drawn[stream], hidden_facts=3, horizon=9
    )
    assert env.fact == [2]  # .7 * 3 = 2.1
    known = [list(u) for u in (env.understanding[0][0], env.understanding[1][0])]
    assert env.step([WAIT, (1, 0, 0, 0)], [2, 1]) == (False, False)  # only the worker's choice counts
    assert (env.remaining, env.owner, env.last_work) == ([0.4], [1], [-1, 0])
    assert [env.understanding[0][0], env.understanding[1][0]] == known
    assert (env.hours_worked, env.af_hours) == ([0.0], [0.0])
    assert (env.team_terms[0], env.team_terms[3]) == (0, near(-0.5 * 0.5 / 0.4))  # the time goes by
    env.step([WAIT, (1, 0, 0, 0)], [0, 2])
    assert env.remaining == near([0.4 - 0.2162])
    assert env.step([WAIT, (1, 0, 0, 0)], [0, 0]) == (False, False)  # it would be done
    assert env.remaining == near([0.4 - 0.2162])
    assert env.step([WAIT, (1, 0, 0, 0)], [0, 2]) == (True, False)
    assert env.remaining == [0.0]
