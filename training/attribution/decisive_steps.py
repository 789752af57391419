"""Decisive steps: where the planner would have acted otherwise, and what the team would have saved if it had.

The planner sees the true state, so its choice is what somebody who knew everything would have done at that moment.
Whether it is better is not taken from the planner: the episode is played on from there by those who played it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.play import decide_actions, play
from agents.policy import Array, PolicyContext
from agents.registry import make_policy
from c2c_env.core import constants as c
from c2c_env.episodes.episode import Episode, take_step
from c2c_env.episodes.history import History
from training.attribution.cast import AttributionError, Cast
from training.attribution.variants import ROWS, Change, OnProgress, compare_changes

ADVISER = "planner"
MUCH_SLOWER = 1.2  # times the planner's completion time


class DecisiveStep(NamedTuple):
    """A decision that the planner would have taken otherwise.

    Attributes:
        step: from 1.
        agent: index.
        action: the best of the planner's work, the planner's message and both, with the rest as recorded.
        saved: hours that the team saves by it; negative if it loses them; None if the episode is finished with neither.
    """

    step: int
    agent: int
    action: tuple[int, ...]
    saved: float | None


def planner_hours(episode: Episode) -> float:
    """When the planner comes to the end of the same episode, in hours.

    Raises:
        AttributionError: the planner does not play this environment.
    """
    batch = episode.batch()
    play(batch, make_policy(ADVISER, _context(episode)))
    return float(batch.state.t[0] * batch.params.dt)


def is_much_slower(history: History, planner: float) -> bool:
    """Whether an episode failed, or took longer than the planner by more than a fifth."""
    batch = history.batch
    return not batch.terminated[0] or float(batch.state.t[0] * batch.params.dt) > MUCH_SLOWER * planner


def decisive_steps(
    cast: Cast, history: History, changes: Sequence[Change], on_progress: OnProgress | None = None, rows: int = ROWS
) -> list[DecisiveStep]:
    """All decisions that the planner would have taken otherwise, the largest saving first, then the earliest.

    Args:
        cast: who plays on.
        history: of the episode.
        changes: what the planner would have done, see `planned_changes`.
        on_progress: see `OnProgress`.
        rows: see `compare_changes`.
    """
    found = compare_changes(history.episode, cast, changes, on_progress, rows)
    best: dict[tuple[int, int], DecisiveStep] = {}
    for change, comparison in zip(changes, found, strict=True):
        saved = None if comparison.later is None else 0.0 - comparison.later
        one = DecisiveStep(*change, saved)
        before = best.setdefault((change.step, change.agent), one)
        if _rank(one) > _rank(before):
            best[change.step, change.agent] = one
    return sorted(best.values(), key=lambda one: (-_rank(one), one.step, one.agent))


def _rank(one: DecisiveStep) -> float:
    return -np.inf if one.saved is None else one.saved


def _context(episode: Episode) -> PolicyContext:
    if episode.config.action_format != "multi_discrete":
        raise AttributionError(
            f"decisive steps need the {ADVISER}, which plays action_format='multi_discrete'; "
            f"the episode has {episode.config.action_format!r}"
        )
    return PolicyContext.of(episode.batch(), episode.policy_seed)


def planned_changes(history: History, on_progress: OnProgress | None = None) -> list[Change]:
    """Ask the planner in every step of an episode; return what it would do otherwise, agent by agent.

    Args:
        history: of the episode.
        on_progress: gets the number of steps in which it was asked, and that of all.

    Raises:
        AttributionError: the planner does not play this environment.
    """
    episode, found = history.episode, list[Change]()
    planner, batch, row = make_policy(ADVISER, _context(episode)), episode.batch(), np.array([0])
    for place, (actions, factors) in enumerate(zip(episode.actions, episode.factors, strict=True)):
        planned = decide_actions(batch, planner, row)[0]
        for agent in range(batch.num_agents):
            taken = taken_action(history, place + 1, agent)
            others = _alternatives(actions[agent], taken, planned[agent], episode.config.hidden_facts > 0)
            found += [Change(place + 1, agent, action) for action in others]
        take_step(batch, actions, factors, row)
        if on_progress is not None:
            on_progress(place + 1, episode.length)
    return found


def taken_action(history: History, step: int, agent: int) -> Array:
    """Work, speech, recipient and topic [4] of an agent in a step, as the simulator took them: legal ones."""
    trace, place = history.trace, (step - 1, agent)
    return np.array([trace.work[place] + 1, trace.speech[place], trace.recipient[place], trace.topic[place]])


def _alternatives(recorded: Array, taken: Array, planned: Array, has_variants: bool) -> list[tuple[int, ...]]:
    """Actions that take over the planner's work, its message, or both.

    Args:
        recorded: [A], as it was chosen.
        taken: work, speech, recipient and topic, as the simulator took them.
        planned: [A], by the planner.
        has_variants: whether the last part of an action is the variant in which the work is done.
    """
    work = [c.WORK, *([len(recorded) - 1] if has_variants else [])]
    talk = [part for part in range(len(recorded)) if part not in work]
    works = bool(taken[c.WORK] != planned[c.WORK])
    if has_variants and planned[c.WORK] > 0:
        works |= bool(recorded[-1] != planned[-1])
    silent = taken[c.SPEECH] == planned[c.SPEECH] == c.SILENT
    talks = not silent and bool((taken[c.SPEECH :] != planned[c.SPEECH : c.TOPIC + 1]).any())
    parts = [*([work] if works else []), *([talk] if talks else []), *([work + talk] if works and talks else [])]
    found = []
    for taken_over in parts:
        action = recorded.copy()
        action[taken_over] = planned[taken_over]
        found.append(tuple(action.tolist()))
    return found
