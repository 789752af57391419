"""Values of messages: worked out by hand, equal to a plain slow replay, and refused where nobody can be asked."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from attributed import hours_without, record, record_actions

from c2c_env import Subtask, Workflow
from c2c_env.core import constants as c
from c2c_env.episodes.history import simulate
from c2c_env.errors import ConfigError
from training.attribution.cast import AttributionError, find_cast
from training.attribution.message_values import message_values, silenced_action, values_under

MANAGER_AND_WORKER = ("", "")
WAIT, WORK = (0, 0, 0, 0), (1, 0, 0, 0)
CONTINUED = {"continued_by": "no_communication"}  # in which the expert works on the one subtask, and nobody speaks


def one_subtask(effort):
    return Workflow("one", "simple", (Subtask("endpoint", "backend", effort, 1.0),))


def steps_of_work(effort, hours, intents):
    """Steps that worker 1 (skill 1) takes, with so many hours and such an understanding of the intent in each step.

    The weights are 7/15, 1/3 and 1/5, the constraints are known, and working teaches the context.
    """
    context, steps = 0.0, 0
    while effort > 1e-6:
        h, intent = hours(steps), intents(steps)
        effort -= h * (0.01 + 0.99 * (7 / 15 * intent + 1 / 3 + context / 5))
        context += (1.0 - math.exp(-0.15 * h)) * (1.0 - context)
        steps += 1
    return steps


def test_a_message_is_worth_the_hours_that_its_news_save():
    # the manager tells by chat in step 1; it is read in step 2 for 0.05 h and closes 0.45 of the gap from 0.2 to 0.95
    told = [[(0, c.CHAT_TELL, 1, 0), WORK], [WAIT, WORK]]
    episode = record_actions(one_subtask(8.0), MANAGER_AND_WORKER, told, rework_probability=0.0)
    silent = steps_of_work(8.0, lambda _: 0.5, lambda _: 0.2)
    heard = steps_of_work(8.0, lambda t: 0.45 if t == 1 else 0.5, lambda t: 0.2 if t == 0 else 0.2 + 0.45 * 0.75)
    assert (silent, heard) == (30, 24)  # 15 h, as on the page "What a message costs and buys", and 12 h
    assert message_values(episode, **CONTINUED) == [3.0]


@pytest.mark.parametrize(("effort", "value"), [(0.66, -0.5), (0.60, 0.0)])
def test_a_message_that_nobody_reads_is_worth_the_hours_of_sending_it(effort, value):
    # three half hours at .4324, .4470 and .4606 finish .6700; if the email of the third costs .1 of its hours, only
    # .2162 + .2235 + .4 x .4606 = .6239 are finished, so .66 takes a fourth step and .60 does not
    asked = [[WAIT, WORK], [WAIT, WORK], [WAIT, (1, c.EMAIL_ASK, 0, 0)], [WAIT, WORK]]
    episode = record_actions(one_subtask(effort), MANAGER_AND_WORKER, asked, rework_probability=0.0)
    history = simulate(episode)
    assert [message.readings for message in history.messages] == [()]
    assert message_values(episode, history, **CONTINUED) == [value]


@pytest.mark.parametrize(
    "policy", ["proactive", "cost_aware", "oracle", pytest.param("learned", marks=pytest.mark.slow)]
)
def test_values_are_those_of_a_plain_slow_replay(policy):
    check_by_slow_replay(record((policy,) * 4, "medium", 1), 6)


@pytest.mark.parametrize(
    "names",
    [
        ("proactive", "cost_aware", "cost_aware", "proactive", "no_communication"),
        pytest.param(("learned", "proactive", "learned", "learned"), marks=pytest.mark.slow),
        ("oracle", "proactive", "oracle", "proactive"),
    ],
)
def test_values_in_mixed_teams_are_those_of_a_plain_slow_replay(names):
    check_by_slow_replay(record(names, "simple", 2), 6)


def test_values_of_a_later_episode_of_a_seed_are_those_of_a_plain_slow_replay():
    episode = record(("proactive",) * 4, "medium", 1, number=2)
    assert episode.number == 2
    check_by_slow_replay(episode, 3)


def check_by_slow_replay(episode, count):
    history = simulate(episode)
    values = message_values(episode, history)
    assert len(values) == len(history.messages) > count
    drawn = np.random.default_rng(0).choice(len(values), count, replace=False).tolist()
    kinds = {values[n] for n in drawn} | set(values)
    assert len(kinds) > 1  # not all of them 0
    most = int(np.argmax(np.abs(values)))
    for n in {*drawn, most}:
        assert values[n] == hours_without(episode, history.messages[n]) - episode.length * 0.5


def test_another_policy_plays_on_with_the_message_as_well_as_without_it():
    episode = replace(record(("proactive",) * 4, "medium", 1), policies=("proactive", "human", "human", "proactive"))
    names = ("proactive", "no_communication", "no_communication", "proactive")
    history = simulate(episode)
    values = message_values(episode, history, continued_by="no_communication")
    ends = {hours_without(episode, message, names, silent=False) for message in history.messages[::8]}
    assert len(ends) > 1  # when it ends depends on since when the other policy decides
    assert any(values[n] for n, message in enumerate(history.messages) if message.sender in (1, 2))
    for message, value in list(zip(history.messages, values, strict=True))[::4]:
        said, silent = (hours_without(episode, message, names, silent) for silent in (False, True))
        assert value == silent - said


def test_words_that_a_judge_did_not_count_are_worth_what_they_cost():
    # nothing is taught, and .05 h are lost by reading; without the message it takes 30 steps, see above
    told = [[(0, c.CHAT_TELL, 1, 0), WORK], [WAIT, WORK]]
    episode = record_actions(one_subtask(8.0), MANAGER_AND_WORKER, told, (0.0, 1.0), rework_probability=0.0)
    lost = steps_of_work(8.0, lambda t: 0.45 if t == 1 else 0.5, lambda _: 0.2) - 30
    assert message_values(episode, **CONTINUED) == [-0.5 * lost]


@pytest.mark.slow
@pytest.mark.parametrize("names", [("proactive",) * 5, ("human", *("proactive",) * 4)])
def test_values_do_not_depend_on_how_many_variants_are_played_side_by_side(names):
    episode = replace(record(("proactive",) * 5, "simple", 0), policies=names)
    history, cast = simulate(episode), find_cast(episode, "cost_aware")
    values = values_under(cast, history)
    assert len(values) > 20
    assert values_under(cast, history, rows=7) == values
    assert values_under(cast, history, rows=1) == values


def test_progress_is_told_up_to_the_end():
    episode, told = record(("proactive",) * 5), []
    values = message_values(episode, on_progress=lambda done, every: told.append((done, every)))
    assert told[-1] == (len(values), len(values))
    assert told == sorted(told)


# --- refused meetings, assignments, discrete actions ---------------------------------------------------------------


def test_a_refused_meeting_and_an_assignment_are_only_silent_in_the_variant():
    # both call a meeting in step 1, which only one of them can host; then the manager assigns the work that goes on
    meet = [[(0, c.MEET, 1, 0), (1, c.MEET, 0, 0)], [(0, c.ASSIGN, 1, 0), WORK], [WAIT, WORK]]
    episode = record_actions(one_subtask(2.0), MANAGER_AND_WORKER, meet, rework_probability=0.0)
    history = simulate(episode)
    [refused] = [n for n, message in enumerate(history.messages) if message.refused]
    values = message_values(episode, history, **CONTINUED)
    assert len(values) == 3
    assert values[refused] == 0.0  # it cost nobody anything
    action = silenced_action(history, 2, 0)
    assert action == WAIT
    assert silenced_action(history, 1, 1) == WORK  # the work goes on


def test_silence_keeps_the_variant_and_drops_the_symbol():
    words = [[(0, c.CHAT_TELL, 1, 0, 3, 0), (1, c.EMAIL_ASK, 0, 0, 2, 1)], [(0,) * 6, (1, 0, 0, 0, 0, 1)]]
    episode = record_actions(one_subtask(2.0), MANAGER_AND_WORKER, words, vocab_size=4, hidden_facts=2, horizon=4)
    assert silenced_action(simulate(episode), 1, 1) == (1, 0, 0, 0, 0, 1)


def test_silence_of_a_discrete_action_is_the_work_that_it_went_on_with():
    history = simulate(record(("random",) * 3, action_format="discrete", horizon=40))
    message = next(one for one in history.messages if history.trace.work[one.step - 1, one.sender] >= 0)
    work = history.trace.work[message.step - 1, message.sender]
    assert silenced_action(history, message.step, message.sender) == (work + 1,)


# --- episodes without an end ---------------------------------------------------------------------------------------


def test_an_unfinished_episode_counts_with_its_horizon():
    # 24 steps finish it with the message, 30 without (see the first test): a horizon of 26 cuts the silent one
    told = [[(0, c.CHAT_TELL, 1, 0), WORK], [WAIT, WORK]]
    episode = record_actions(one_subtask(8.0), MANAGER_AND_WORKER, told, rework_probability=0.0, horizon=26)
    assert message_values(episode, **CONTINUED) == [1.0]


def test_nothing_is_said_of_a_message_without_which_the_end_is_not_reached_either():
    told = [[(0, c.CHAT_TELL, 1, 0), WORK], [WAIT, WORK]]
    episode = record_actions(one_subtask(8.0), MANAGER_AND_WORKER, told, rework_probability=0.0, horizon=20)
    assert message_values(episode, **CONTINUED) == [None]


# --- who can be asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("human", r"policy 'human' of worker_1 is not known by its name, expected one of .*proactive.*--with NAME"),
        ("proactiv", r"policy 'proactiv' of worker_1 is not known by its name; did you mean 'proactive'\?"),
        ("", r"does not say who decided for worker_1, expected the name of a policy.*--with NAME"),
        ("prompted:c2c@m", r"policy 'prompted:c2c@m' of worker_1 is a language model, .*--with NAME"),
        ("proactive:3", r"policy 'proactive:3' of worker_1 cannot be made: .*takes no argument.*--with NAME"),
        (
            "no_communication",
            r"policy 'no_communication' of worker_1 cannot be asked again: in step \d+ \[\d+, [1-6], \d+, \d+\] was "
            r"recorded, and now it decides \[\d+, 0, 0, 0\]\. With --with NAME",
        ),
    ],
)
def test_who_cannot_be_asked_again_is_named(name, error):
    episode = record(("proactive",) * 5)
    episode = replace(episode, policies=(episode.policies[0], name, *episode.policies[2:]))
    with pytest.raises(AttributionError, match=error):
        message_values(episode)
    assert len(message_values(episode, continued_by="proactive")) > 20


def test_a_policy_whose_luck_depends_on_the_row_cannot_be_asked_again():
    episode = record(("random",) * 3, horizon=20)
    with pytest.raises(AttributionError, match=r"policy 'random' of \w+ cannot be asked again: in step 1 \[.*\] was"):
        message_values(episode)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("random", AttributionError, r"--with is 'random', which draws other random numbers in every copy"),
        ("prompted:c2c@m", AttributionError, r"--with is 'prompted:c2c@m', which would ask a language model"),
        ("proactiv", ConfigError, r"unknown policy 'proactiv'; did you mean 'proactive'\?"),
    ],
)
def test_who_cannot_play_on_is_refused(name, error, words):
    with pytest.raises(error, match=words):
        message_values(record(("proactive",) * 3), continued_by=name)


def test_a_module_that_a_file_names_is_not_loaded(tmp_path, monkeypatch):
    (tmp_path / "named_by_a_file.py").write_text("def make(context, argument): ...")
    monkeypatch.syspath_prepend(tmp_path)
    episode = replace(record(("proactive",) * 3), policies=("named_by_a_file:make",) * 3)
    with pytest.raises(AttributionError, match=r"'named_by_a_file:make' of manager_0 is not known by its name"):
        message_values(episode)
    assert "named_by_a_file" not in sys.modules


def test_who_can_be_asked_again_is_not_replaced():
    names = ("human", *("proactive",) * 4)
    cast = find_cast(replace(record(("proactive",) * 5), policies=names), "cost_aware")
    assert cast.parts == (("cost_aware", (0,)), ("proactive", (1, 2, 3, 4)))
    assert cast.asked_again.tolist() == [False, True, True, True, True]


def test_the_policy_that_plays_on_decides_from_the_step_after_the_message():
    # its own policy playing on is the same as being asked again
    episode = record(("proactive",) * 5, "medium", 3)
    values = message_values(episode)
    assert any(values)
    assert message_values(replace(episode, policies=("human",) * 5), continued_by="proactive") == values
