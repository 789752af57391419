"""How much faster than without communication, and how sure one can be of it.

Every episode is paired with the one of the baseline that has the same workflow, team size and seed, so that hard
workflows do not weigh more than easy ones: the reduction is ``100 * (1 - time / time of the baseline)`` percent.

Intervals come from a bootstrap whose strata are the workflows. The built-in workflows are a fixed set that everybody
plays, so only their seeds are drawn again, within each workflow: the interval says what other seeds would have given
*on these workflows*. Where every workflow was played once (the generated ones), there is nothing to draw within, and
the workflows are themselves a random sample: then they are drawn again, and the interval speaks of *new workflows*.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]

RESAMPLES = 2_000
LEVEL = 95.0
PAIR = ["split", "workflow", "team_size", "seed"]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where nothing is known."""

    value: float
    low: float
    high: float


def with_reduction(results: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """The results with columns `reduction` (percent) and `baseline_time` (hours), NaN without a partner."""
    base = results.loc[results["policy"] == baseline, [*PAIR, "completion_time"]]
    base = base.rename(columns={"completion_time": "baseline_time"})
    paired = results.merge(base, on=PAIR, how="left", validate="many_to_one")
    paired["reduction"] = 100.0 * (1.0 - paired["completion_time"] / paired["baseline_time"])
    return paired


def mean(values: Floats) -> Floats:
    """The mean over the last axis."""
    averaged: Floats = values.mean(axis=-1)
    return averaged


def interquartile_mean(values: Floats) -> Floats:
    """Mean of the middle half over the last axis; the values at its borders count in part if 4 does not divide n."""
    n = values.shape[-1]
    ranks = np.arange(n)
    inside = np.minimum(ranks + 1, 0.75 * n) - np.maximum(ranks, 0.25 * n)
    averaged: Floats = np.sort(values, axis=-1) @ (np.maximum(inside, 0.0) / (0.5 * n))
    return averaged


def resample(strata: Sequence[Hashable], resamples: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw indices [resamples, n] that replace each episode by a random one of its stratum.

    Strata of one episode each leave nothing to draw within: then all episodes together are one stratum.
    """
    codes = pd.factorize(pd.Series(list(strata)))[0]
    if np.bincount(codes).max() == 1:
        codes = np.zeros_like(codes)
    drawn = np.empty((resamples, len(codes)), dtype=np.int64)
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        drawn[:, members] = members[rng.integers(0, len(members), (resamples, len(members)))]
    return drawn


def estimate(values: npt.ArrayLike, strata: Sequence[Hashable], label: str, statistic: Statistic = mean) -> Estimate:
    """Estimate a statistic with its bootstrap interval; NaN values are left out.

    Args:
        values: one an episode.
        strata: workflow of each episode.
        label: names the random numbers, so that a row's interval does not depend on the other rows.
        statistic: `mean` or `interquartile_mean`.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    given, names = given[known], [name for name, keep in zip(strata, known, strict=True) if keep]
    if not len(given):
        return Estimate(np.nan, np.nan, np.nan)
    value = float(statistic(given))
    if len(given) == 1:
        return Estimate(value, np.nan, np.nan)
    rng = np.random.Generator(np.random.Philox(zlib.crc32(label.encode())))
    replicas = statistic(given[resample(names, RESAMPLES, rng)])
    low, high = np.percentile(replicas, [50.0 - LEVEL / 2, 50.0 + LEVEL / 2])
    return Estimate(value, float(low), float(high))


def label_of(episodes: pd.DataFrame) -> str:
    """Name of a row of episodes of one policy, tier and team size, for its random numbers."""
    first = episodes.iloc[0]
    return f"{first['split']} {first['tier']} {first['team_size']} {first['policy']}"


def estimate_column(group: pd.DataFrame, column: str, label: str, statistic: Statistic = mean) -> Estimate:
    """`estimate` of a column of results, with the workflows as strata."""
    workflows: list[Any] = group["workflow"].tolist()
    return estimate(group[column].to_numpy(), workflows, f"{label} {column}", statistic)


def communication_per_effort(episodes: pd.DataFrame) -> float:
    """Hours of communication per hour of finished effort, over all episodes; NaN if nothing was finished."""
    spent = episodes[["work_hours", "communication_hours", "wasted_hours"]].sum(axis=1)
    finished = (episodes["efficiency"] * spent).sum()
    return float(episodes["communication_hours"].sum() / finished) if finished else np.nan
