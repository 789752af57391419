"""An episode with one decision changed, played to its end by those who played it, under the same random numbers.

Policies remember and cannot be copied, so every variant is played from the start: the policies are asked in every step,
and what was recorded takes the place of their answers until the changed step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from agents.mixed_team import SeatedTeam
from c2c_env import Batch
from c2c_env.episodes.episode import Episode, take_step
from training.attribution.cast import AttributionError, Cast, difference

ROWS = 64  # variants that are played side by side, which bounds the memory
OnProgress = Callable[[int, int], None]  # gets the number of variants that are played, and that of all


class Change(NamedTuple):
    """One decision changed, and those before and beside it as recorded."""

    step: int  # from 1
    agent: int
    action: tuple[int, ...]  # [A], instead of the one that was recorded


class EpisodeEnd(NamedTuple):
    """How an episode ends."""

    hours: float  # until then; the horizon, if it is not finished
    finished: bool


class Comparison(NamedTuple):
    """How an episode ends with what was recorded, and with a change."""

    recorded: EpisodeEnd
    changed: EpisodeEnd

    @property
    def later(self) -> float | None:
        """Hours by which the change makes it later; None if neither of the two is finished."""
        if not (self.recorded.finished or self.changed.finished):
            return None
        return self.changed.hours - self.recorded.hours


def compare_changes(
    episode: Episode,
    cast: Cast,
    changes: Sequence[Change],
    on_progress: OnProgress | None = None,
    rows: int = ROWS,
) -> list[Comparison]:
    """Play an episode with each of some changes to its end.

    Where another policy than the recorded one continues, it continues the unchanged episode too, from the same step on.

    Args:
        episode: as it was played.
        cast: who decides from then on.
        changes: each is a variant of its own.
        on_progress: see `OnProgress`.
        rows: how many are played side by side; the results do not depend on it.
    """
    steps = sorted({change.step for change in changes}) if cast.continued else []
    plans: list[tuple[int, Change | None]] = [(step, None) for step in steps]
    plans += [(change.step, change) for change in dict.fromkeys(changes)]
    plans.sort(key=lambda plan: plan[0])  # those that are forced for as long stand together
    found = dict(zip(plans, _play(episode, cast, plans, on_progress, rows), strict=True))
    whole = None if cast.continued else _recorded_ending(episode)
    return [Comparison(whole or found[change.step, None], found[change.step, change]) for change in changes]


def _recorded_ending(episode: Episode) -> EpisodeEnd:
    batch = episode.batch()
    for actions, factors in zip(episode.actions, episode.factors, strict=True):
        take_step(batch, actions, factors)
    return _ending(batch, 0)


def _ending(batch: Batch, row: int) -> EpisodeEnd:
    return EpisodeEnd(float(batch.state.t[row] * batch.params.dt), bool(batch.terminated[row]))


def _play(
    episode: Episode,
    cast: Cast,
    plans: Sequence[tuple[int, Change | None]],
    on_progress: OnProgress | None,
    rows: int,
) -> Iterator[EpisodeEnd]:
    """Play variants in chunks; yield how each ends."""
    if not plans:
        return
    batch = episode.batch(min(rows, len(plans)))
    team = cast.team(batch)
    for first in range(0, len(plans), rows):
        chunk = plans[first : first + rows]
        episode.restart(batch)
        team.reset(np.arange(batch.num_envs * batch.num_agents))
        for ended in _play_chunk(episode, cast, chunk, batch, team):
            if on_progress is not None:
                on_progress(first + ended, len(plans))
        yield from (_ending(batch, row) for row in range(len(chunk)))


def _play_chunk(
    episode: Episode, cast: Cast, chunk: Sequence[tuple[int, Change | None]], batch: Batch, team: SeatedTeam
) -> Iterator[int]:
    """Play variants, one in each row of a batch, to their ends; yield after each step how many have ended."""
    until = np.array([step for step, _ in chunk])
    active, again = np.arange(len(chunk)), np.flatnonzero(cast.asked_again)
    for step in range(1, int(batch.params.horizon[0]) + 1):
        actions = team.act_batch(batch, active)
        factors = np.ones(actions.shape[:2])
        forced = until[active] >= step
        if forced.any():
            recorded = episode.actions[step - 1]
            if wrong := difference(step, recorded[again], actions[forced][:, again], again, episode.player):
                raise AttributionError(wrong)
            actions[forced], factors[forced] = recorded, episode.factors[step - 1]
        for place, row in enumerate(active.tolist()):
            _, change = chunk[row]
            if change is not None and change.step == step:
                actions[place, change.agent] = change.action
        take_step(batch, actions, factors, active)
        active = active[~(batch.terminated[active] | batch.truncated[active]).astype(bool)]
        yield len(chunk) - len(active)
        if not len(active):
            return
