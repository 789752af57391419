"""How policies compare: aggregates, probability of improvement and performance profiles, all by rliable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agents.registry import BASELINE
from agents.scripted.teams import TEAMS
from c2c_env.errors import ConfigError, unknown_name
from training.arguments import unique
from training.benchmark.statistics import LEVEL, Estimate, Floats, communication_per_effort
from training.report.rliable_import import library, metrics
from training.report.score_matrices import RIVAL, blocks_of, with_rival

USUAL_RIVAL = "proactive"
LOWEST_LEVEL = -50.0  # percent; a profile of much slower teams would squeeze the others together
NUM_LEVELS = 101
UNKNOWN = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Draws:
    """How often the bootstrap draws, and the seed of its random numbers."""

    resamples: int
    seed: int


@dataclass(frozen=True)
class Profile:
    """A performance profile.

    Attributes:
        levels: reductions [X] in percent.
        shares: share [X] of the episodes with a reduction above each.
        low: lower ends [X] of its interval.
        high: upper ends [X].
    """

    levels: Floats
    shares: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Standing:
    """What is said of a policy in one split.

    Attributes:
        policy: its name.
        reduction: interquartile mean of the reductions in percent.
        median: over tasks, of the mean reductions in percent.
        improvement: probability of improvement over the rival; NaN for the rival itself.
        communication: hours of communication per hour of finished effort.
        success: share of the workflows that were finished.
        profile: over reductions.
    """

    policy: str
    reduction: Estimate
    median: float
    improvement: Estimate
    communication: float
    success: float
    profile: Profile


# --- whom to compare with --------------------------------------------------------------------------------------


def choose_rival(episodes: pd.DataFrame, wanted: str | None) -> str:
    """The policy that others are to improve on: the wanted one, else proactive, else the best scripted one.

    It is the baseline where no scripted policy has played, or only one policy beside the baseline.

    Raises:
        ConfigError: the wanted one has not played.
    """
    policies = unique(episodes["policy"].tolist())
    if wanted is not None and wanted not in policies:
        raise ConfigError(unknown_name("policy in --against", wanted, policies))
    if wanted is not None:
        return wanted
    if len(policies) == 2:
        return BASELINE
    if USUAL_RIVAL in policies:
        return USUAL_RIVAL
    names = {team.name for team in TEAMS} - {BASELINE}
    scripted = [policy for policy in policies if policy.partition(":")[0] in names]
    return max(scripted, key=lambda policy: _middle_of(episodes, policy), default=BASELINE)


def _middle_of(episodes: pd.DataFrame, policy: str) -> float:
    known = episodes.loc[episodes["policy"] == policy, "reduction"].dropna()
    return float(metrics.aggregate_iqm(known.to_numpy()))


# --- what is computed ------------------------------------------------------------------------------------------


def compare(episodes: pd.DataFrame, rival: str, draws: Draws) -> list[Standing]:
    """Compare the policies of one split, the largest reduction first.

    Args:
        episodes: as `with_tasks` gives them, all with a reduction.
        rival: policy that the others are to improve on.
        draws: of the bootstrap.

    Raises:
        ConfigError: there are no such episodes.
    """
    if not len(episodes):
        raise ConfigError(f"no episode of a split has a partner of {BASELINE}, expected one in each split")
    lowest, highest = max(LOWEST_LEVEL, episodes["reduction"].min()), episodes["reduction"].max()
    levels = np.linspace(np.floor(lowest) - 1.0, np.ceil(highest), NUM_LEVELS)
    by_policy = dict(iter(episodes.groupby("policy")))
    theirs = by_policy.get(rival, episodes.iloc[:0])
    standings = [
        _stand(group, theirs if policy != rival else None, levels, draws) for policy, group in by_policy.items()
    ]
    return sorted(standings, key=lambda one: -one.reduction.value)


def _stand(episodes: pd.DataFrame, theirs: pd.DataFrame | None, levels: Floats, draws: Draws) -> Standing:
    blocks = blocks_of(episodes, episodes["reduction"])
    return Standing(
        policy=str(episodes["policy"].iloc[0]),
        reduction=_one(*intervals(middle, blocks, draws)),
        median=median(blocks),
        improvement=UNKNOWN if theirs is None else improve(with_rival(episodes, theirs), draws),
        communication=communication_per_effort(episodes),
        success=float(episodes["success"].mean()),
        profile=Profile(levels, *intervals(lambda *given: above(levels, given), blocks, draws)),
    )


def _one(value: Floats, low: Floats, high: Floats) -> Estimate:
    return Estimate(float(value[0]), float(low[0]), float(high[0]))


def middle(*blocks: Floats) -> Floats:
    """Interquartile mean [1] of all episodes."""
    return np.array([metrics.aggregate_iqm(pooled(blocks))])


def median(blocks: Sequence[Floats]) -> float:
    """Median over tasks of the means of their runs."""
    means = np.concatenate([block.mean(axis=0) for block in blocks])
    return float(metrics.aggregate_median(means[np.newaxis]))


def improve(shared: pd.DataFrame, draws: Draws) -> Estimate:
    """Estimate the probability of improvement over a rival, given the episodes that both have played.

    As in the library, the bootstrap draws the runs of the two by themselves: every run is compared with every one of
    the rival's, and drawing them in pairs would meet the own partner too often.
    """
    if not len(shared):
        return UNKNOWN
    mine, theirs = (blocks_of(shared, shared[name]) for name in ("reduction", RIVAL))
    pairs = [block for both in zip(mine, theirs, strict=True) for block in both]
    return _one(*intervals(improvement, pairs, draws))


def improvement(*blocks: Floats) -> Floats:
    """Probability [1] that an episode is better than one of the rival in the same task, ties counting half.

    It is the mean over tasks (Agarwal et al. 2021). After each block stands the one of the rival.
    """
    mine, theirs = blocks[::2], blocks[1::2]
    found = [metrics.probability_of_improvement(*both) for both in zip(mine, theirs, strict=True)]
    return np.array([np.average(found, weights=[block.shape[1] for block in mine])])


def above(levels: Floats, blocks: Sequence[Floats]) -> Floats:
    """Share [X] of all episodes above each level [X]."""
    shares: Floats = library.score_distributions(pooled(blocks), levels)
    return shares


def pooled(blocks: Sequence[Floats]) -> Floats:
    """All values of some blocks."""
    return np.concatenate([block.ravel() for block in blocks])


def intervals(
    statistic: Callable[..., Floats], blocks: Sequence[Floats], draws: Draws
) -> tuple[Floats, Floats, Floats]:
    """A statistic [X] of blocks, with the ends [X] of its stratified bootstrap interval at `LEVEL` percent.

    With one run a task there is nothing to draw, and both ends are NaN.
    """
    if max(len(block) for block in blocks) == 1:
        value = statistic(*blocks)
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    with seeded(draws.seed):
        values, ends = library.get_interval_estimates(
            {"": list(blocks)}, statistic, reps=draws.resamples, confidence_interval_size=LEVEL / 100
        )
    low, high = ends[""]
    return values[""], low, high


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global random numbers for a while: rliable draws from them, whatever generator it is given."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
