"""Decisive steps: an error put into an episode is found, and what the planner would do is taken over in parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from attributed import record, record_actions

from c2c_env import Subtask, Workflow
from c2c_env.core import constants as c
from c2c_env.episodes.history import simulate
from training.attribution.attribution_report import ROWS_SHOWN
from training.attribution.cast import AttributionError, find_cast
from training.attribution.decisive_steps import (
    decisive_steps,
    is_much_slower,
    planned_changes,
    planner_hours,
)
from training.attribution.variants import Change, Comparison, EpisodeEnd, compare_changes

CANDIDATES = 40  # places of an episode where an error of a kind is tried
CLEAR = 1.0  # hours; since an episode ends with a whole step of half an hour, single steps may be rounding
LUCKLESS = {"rework_probability": 0.0}  # so that what an error costs is not drowned in the luck of rework


def ready_and_critical(history, step):
    moments = history.moments
    return np.flatnonzero(moments.critical[step] & (moments.status[step] == c.READY)).tolist()


def wrong_assignments(history):
    """The silent manager assigns a critical ready subtask to the worker with the least skill for it."""
    episode = history.episode
    for step in range(episode.length):
        for k in ready_and_critical(history, step):
            domain = episode.workflow.domains.index(episode.workflow.subtasks[k].domain)
            worst = 1 + int(np.argmin([skills[domain] for skills in episode.team.skills[1:]]))
            if history.trace.speech[step, 0] == c.SILENT and history.moments.owner[step, k] != worst:
                yield Change(step + 1, 0, (int(episode.actions[step, 0, c.WORK]), c.ASSIGN, worst, k))


def idle_workers(history):
    """A worker on the critical path does nothing for a step."""
    for step in range(history.episode.length):
        critical = ready_and_critical(history, step)
        for agent in range(1, history.episode.team.size):
            if history.trace.worked[step, agent] in critical:
                yield Change(step + 1, agent, (0, 0, 0, 0))


def needless_meetings(history):
    """A silent worker calls a meeting of all about what is being worked on; each worker in turn."""
    episode = history.episode
    for step in range(episode.length):
        agent = 1 + step % (episode.team.size - 1)
        if history.trace.speech[step, agent] == c.SILENT:
            for k in ready_and_critical(history, step)[:1]:
                yield Change(
                    step + 1, agent, (int(episode.actions[step, agent, c.WORK]), c.MEET, history.trace.team, k)
                )


KINDS = {"wrong assignment": wrong_assignments, "idle worker": idle_workers, "needless meeting": needless_meetings}


def errors_that_count(policy, tier, size, seed, kinds):
    """For each kind the most costly error of an episode, if it costs clearly more than the planner would save anywhere.

    That is decided in the episode without the error, so before anybody looks at ranks. Yields the kind, the change and
    its cost.
    """
    history = simulate(record((policy,) * size, tier, seed, **LUCKLESS))
    cast, worst = find_cast(history.episode), {}
    for kind in kinds:
        found = list(KINDS[kind](history))
        found = found[:: 1 + len(found) // CANDIDATES]
        costs = [comparison.later or 0.0 for comparison in compare_changes(history.episode, cast, found)]
        if costs and max(costs) >= CLEAR:
            worst[kind] = found[int(np.argmax(costs))], max(costs)
    if worst:
        others = decisive_steps(cast, history, planned_changes(history))
        most = max((one.saved or 0.0 for one in others), default=0.0)
        yield from ((kind, change, cost) for kind, (change, cost) in worst.items() if cost >= most + CLEAR)


def rank_of(policy, tier, size, seed, change):
    """The place of an error among the decisive steps of the episode that has it, from 0; None if it is not there."""
    episode = record((policy,) * size, tier, seed, change=change, **LUCKLESS)
    cast, history = find_cast(episode, policy), simulate(episode)
    assert not cast.asked_again.any()  # nobody decides so by itself
    places = [(one.step, one.agent) for one in decisive_steps(cast, history, planned_changes(history))]
    return places.index(change[:2]) if change[:2] in places else None


# policy, tier, team size, seeds, kinds; of the first 34, 7 and 24 seeds, those in which there is an error that counts
NEARLY_PERFECT = [  # who leaves the planner little else to gain
    ("oracle", "simple", 5, (0, 1, 3, 11, 12, 20, 24, 30, 31, 33), ("idle worker", "needless meeting")),
    ("planner", "simple", 4, (0, 1, 4, 6), ("idle worker", "needless meeting")),
]
PROACTIVE = [
    ("proactive", "simple", 5, (1, 15, 19, 21, 23), tuple(KINDS)),
    ("proactive", "medium", 6, (0, 4, 13), ("wrong assignment",)),
]


def ranks_of_errors(played):
    """The ranks of errors that were put into episodes, by kind; they are printed."""
    ranks = {}
    for policy, tier, size, seeds, kinds in played:
        for seed in seeds:
            for kind, change, cost in errors_that_count(policy, tier, size, seed, kinds):
                rank = rank_of(policy, tier, size, seed, change)
                ranks.setdefault((policy, kind), []).append(rank)
                print(f"{policy} {tier} {size} seed {seed}: {kind} in step {change.step} costs {cost} h, rank {rank}")
    print({key: (found.count(0), len(found)) for key, found in ranks.items()}, flush=True)
    return [rank for found in ranks.values() for rank in found]


@pytest.mark.slow
def test_an_error_of_a_nearly_perfect_team_is_the_first_of_the_decisive_steps():
    ranks = ranks_of_errors(NEARLY_PERFECT)
    assert len(ranks) >= 20
    assert ranks.count(0) >= 0.95 * len(ranks)


@pytest.mark.slow
def test_an_error_among_others_is_one_of_the_decisive_steps_that_are_shown():
    # where others can repair it and gain something besides, they stand before it
    ranks = ranks_of_errors(PROACTIVE)
    assert len(ranks) >= 5
    shown = [rank for rank in ranks if rank is not None and rank < ROWS_SHOWN]
    assert len(shown) >= 0.95 * len(ranks)


@pytest.mark.slow
def test_the_planner_finds_an_error_in_its_own_episodes_and_nothing_else():
    planned = record(("planner",) * 3, "simple", 1, **LUCKLESS)
    history = simulate(planned)
    change = next(idle_workers(history))
    cost = compare_changes(planned, find_cast(planned), [change])[0].later
    spoilt = record(("planner",) * 3, "simple", 1, change=change, **LUCKLESS)
    [found] = decisive_steps(find_cast(spoilt, "planner"), simulate(spoilt), planned_changes(simulate(spoilt)))
    assert (found.step, found.agent, found.saved) == (*change[:2], cost)


# --- by hand -------------------------------------------------------------------------------------------------------

WAIT, WORK = (0, 0, 0, 0), (1, 0, 0, 0)
ALONE = Workflow("one", "simple", (Subtask("endpoint", "backend", 0.66, 1.0),))  # three steps of work, see there
TWO = ("", "")


def test_a_step_of_idleness_costs_that_step():
    # the expert finishes .66 h in three steps, see test_message_values.py, but begins with the second
    episode = record_actions(ALONE, TWO, [[WAIT, WAIT], [WAIT, WORK]], **LUCKLESS)
    assert episode.length == 4
    found = decisive_steps(
        find_cast(episode, "no_communication"), simulate(episode), planned_changes(simulate(episode))
    )
    assert found[0] == (1, 1, WORK, 0.5)
    assert {one.saved for one in found[1:]} <= {0.0}  # the manager has nothing to work on, so its words cost no time


@pytest.mark.parametrize(("step", "saved"), [(2, 0.5), (1, -0.5)])
def test_the_largest_saving_stands_first_and_then_the_earliest(step, saved):
    # the expert is idle in steps 2 and 3; whoever plays on after step 2 works in step 3 anyway
    episode = record_actions(ALONE, TWO, [[WAIT, WORK], [WAIT, WAIT], [WAIT, WAIT], [WAIT, WORK]], **LUCKLESS)
    changes = [Change(3, 1, WORK), Change(1, 1, WAIT), Change(2, 1, WORK)]
    found = decisive_steps(find_cast(episode, "no_communication"), simulate(episode), changes)
    assert [one.step for one in found] == [2, 3, 1]
    assert (step, 1, saved) in [(one.step, one.agent, one.saved) for one in found]


def test_work_and_message_are_taken_over_singly_and_together():
    words = (0, c.CHAT_ASK, 0, 0)
    episode = record_actions(ALONE, TWO, [[WAIT, words], [WAIT, WORK]], **LUCKLESS)
    history = simulate(episode)
    changes = [change for change in planned_changes(history) if change[:2] == (1, 1)]
    assert changes == [(1, 1, (1, c.CHAT_ASK, 0, 0)), (1, 1, WAIT), (1, 1, WORK)]
    # asking costs .05 h of the first step and .05 h of the manager, who answers nothing: the three steps come to
    # .45 x .4324 + .5 x .446 + .5 x .460 = .6475 and do not suffice; silent work of all three does, as said above
    found = decisive_steps(find_cast(episode, "no_communication"), history, changes)
    assert found == [(1, 1, WORK, 0.5)]


def test_an_illegal_choice_counts_as_the_nothing_that_it_does():
    # the manager chooses a subtask that is blocked, so it does no work, as the planner would have it; it may speak
    chain = Workflow("two", "simple", (*ALONE.subtasks, Subtask("page", "backend", 0.3, 1.0, ("endpoint",))))
    episode = record_actions(chain, TWO, [[(2, 0, 0, 0), WORK], [(2, 0, 0, 0), WORK], [WAIT, (2, 0, 0, 0)]], **LUCKLESS)
    changes = [change for change in planned_changes(simulate(episode)) if change[:2] == (1, 0)]
    assert {change.action[c.WORK] for change in changes} == {2}


@pytest.mark.parametrize("chosen", [0, 1])
def test_variants_of_work_are_taken_over_with_the_work(chosen):
    actions = [[(0,) * 5, (1, 0, 0, 0, chosen)]]
    history = simulate(record_actions(ALONE, TWO, actions, hidden_facts=2, horizon=3))
    wanted = int(history.batch.state.fact[0, 0])
    changes = [change.action for change in planned_changes(history) if change[:2] == (1, 1)]
    assert ((1, 0, 0, 0, wanted) in changes) == (chosen != wanted)


def test_a_difference_counts_with_the_horizon_of_what_is_not_finished():
    assert Comparison(EpisodeEnd(5.0, True), EpisodeEnd(7.0, False)).later == 2.0
    assert Comparison(EpisodeEnd(7.0, False), EpisodeEnd(5.0, True)).later == -2.0
    assert Comparison(EpisodeEnd(7.0, False), EpisodeEnd(7.0, False)).later is None


@pytest.mark.parametrize(("planner", "slower"), [(1.7, False), (1.66, True)])
def test_much_slower_is_more_than_a_fifth(planner, slower):
    history = simulate(record_actions(ALONE, TWO, [[WAIT, WAIT], [WAIT, WORK]], **LUCKLESS))
    assert is_much_slower(history, planner) is slower  # 2 h; 2 / 1.2 = 1.667


def test_an_unfinished_episode_is_much_slower():
    assert is_much_slower(simulate(record_actions(ALONE, TWO, [[WAIT, WAIT]], horizon=2)), 1.0)


def test_the_planner_is_played_on_the_same_episode():
    assert planner_hours(record_actions(ALONE, TWO, [[WAIT, WAIT]], **LUCKLESS)) == 1.5


def test_decisive_steps_need_actions_that_the_planner_plays():
    episode = record(("random",) * 3, action_format="discrete", horizon=10)
    with pytest.raises(
        AttributionError, match=r"which plays action_format='multi_discrete'; the episode has 'discrete'"
    ):
        planned_changes(simulate(replace(episode, policies=("human",) * 3)))
