"""How much of the communication is meetings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.benchmark.figures.result_points import episodes_of, estimate_point, sizes_of, tiers_of
from training.benchmark.statistics import Estimate
from training.plotting import Look, panels, policy_legend

LARGEST_SHIFT, USUAL_SHIFT = 0.25, 0.06  # between policies beside each other, where tiers are 1 apart


def draw_synchronous_share(results: pd.DataFrame, known: Mapping[str, Look]) -> Figure:
    """Draw the share of meetings in the communication hours by tier, with a panel for each team size."""
    tiers, sizes = tiers_of(results), sizes_of(results)
    shown = {policy: known[policy] for policy in _meeting_policies(results)}
    figure, (row,) = panels(1, len(sizes), 2.5, sharey=True)
    step = min(USUAL_SHIFT, 2 * LARGEST_SHIFT / len(shown))
    for axes, size in zip(row, sizes, strict=True):
        for rank, (policy, look) in enumerate(shown.items()):
            found = [_share(episodes_of(results, tier, size, policy)) for tier in tiers]
            _line(axes, found, step * (rank - (len(shown) - 1) / 2), look)
        axes.set_title(f"{size} agents")
        axes.set_xticks(range(len(tiers)), tiers)
        axes.set_xlim(-0.3, len(tiers) - 0.7)
        axes.set_ylim(0, 100)
        axes.grid(axis="y", color="#E4E4E4", linewidth=0.5)
    row[0].set_ylabel("Meetings' share of the\ncommunication hours (%),\nwith 95 % interval")
    policy_legend(figure, shown)
    return figure


def _meeting_policies(results: pd.DataFrame) -> list[str]:
    """Return those who meet, or if nobody does all who talk."""
    talking = results.groupby("policy", sort=False)["synchronous_share"].max()
    meeting = [str(policy) for policy, most in talking.items() if most > 0]
    return meeting or [str(policy) for policy, most in talking.items() if most == 0]


def _share(episodes: pd.DataFrame) -> Estimate:
    return estimate_point(episodes, "synchronous_share") if len(episodes) else Estimate(np.nan, np.nan, np.nan)


def _line(axes: Axes, found: Sequence[Estimate], shift: float, look: Look) -> None:
    value, low, high = (100 * np.array([getattr(one, name) for one in found]) for name in ("value", "low", "high"))
    places = np.arange(len(found)) + shift
    axes.plot(places, value, marker=look.marker, color=look.colour, markersize=4.5, linewidth=1.1, clip_on=False)
    axes.vlines(places, low, high, color=look.colour, linewidth=1.0)
