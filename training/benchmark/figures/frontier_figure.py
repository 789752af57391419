"""Completion time against what it costs in communication, and the frontier that nobody beats in both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.arguments import unique
from training.benchmark.figures.result_points import estimate_point, face_of, sizes_of, tiers_of
from training.plotting import Look, label_of_policy, panels, policy_legend

SLOW = 150.0  # percent of the baseline's time


def draw_frontier(results: pd.DataFrame, known: Mapping[str, Look]) -> Figure:
    """Draw completion time against communication hours, with the frontier: columns are tiers, rows team sizes."""
    everybody = unique(results["policy"].tolist())
    results = without_slow(results)
    tiers, sizes = tiers_of(results), sizes_of(results)
    shown = {policy: known[policy] for policy in unique(results["policy"].tolist())}
    figure, grid = panels(len(sizes), len(tiers), 0.9 + 1.75 * len(sizes), sharey="col")
    for row, size in zip(grid, sizes, strict=True):
        for axes, tier in zip(row, tiers, strict=True):
            _panel(axes, results[(results["tier"] == tier) & (results["team_size"] == size)], shown)
            axes.set_title(f"{tier}, {size} agents")
    left_out = [label_of_policy(policy) for policy in everybody if policy not in shown]
    note = f"; not shown, too slow: {', '.join(left_out)}" if left_out else ""
    figure.supxlabel(
        f"Communication (person-hours per episode, square-root scale), with 95 % intervals{note}", fontsize=8
    )
    figure.supylabel("Completion time (h)", fontsize=8)
    lines = [
        Line2D([], [], color="#888888", linewidth=1.0, label="frontier"),
        Line2D([], [], color="#555555", linewidth=0.8, linestyle="--", label="lower bound"),
    ]
    policy_legend(figure, shown, others=lines)
    return figure


def without_slow(results: pd.DataFrame) -> pd.DataFrame:
    """Leave out policies far slower than the baseline, which would squeeze the others into a corner."""
    relative = 100 - results.groupby("policy")["reduction"].transform("mean")
    return results[~(relative > SLOW)]


def _panel(axes: Axes, group: pd.DataFrame, known: Mapping[str, Look]) -> None:
    played = {policy: look for policy, look in known.items() if policy in set(group["policy"])}
    points = np.array([_mark(axes, group[group["policy"] == policy], look) for policy, look in played.items()])
    best = points[frontier(points[:, 0], points[:, 1])]
    axes.plot(best[:, 0], best[:, 1], color="#888888", linewidth=1.0, zorder=1)
    axes.set_xscale("function", functions=(_signed_root, np.square))
    bound = group.groupby("workflow")["lower_bound"].first().mean()
    axes.axhline(bound, color="#555555", linewidth=0.8, linestyle="--", zorder=1)
    high = max(1.0, 1.2 * float(points[:, 2].max()))
    axes.set_xlim(0, high)
    axes.set_xticks(_square_ticks(high))
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.12 * float(points[:, 3].max())))  # the column shares it
    axes.grid(color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)


def _mark(axes: Axes, episodes: pd.DataFrame, look: Look) -> tuple[float, float, float, float]:
    """Draw a policy with its intervals; return its hours of communication and time, and the upper ends of both."""
    hours, time = (estimate_point(episodes, name) for name in ("communication_hours", "completion_time"))
    axes.hlines(time.value, hours.low, hours.high, color=look.colour, linewidth=0.8, alpha=0.7)
    axes.vlines(hours.value, time.low, time.high, color=look.colour, linewidth=0.8, alpha=0.7)
    face = face_of(episodes, look.colour)
    axes.plot(
        [hours.value], [time.value], look.marker, color=look.colour, markerfacecolor=face, markersize=5, clip_on=False
    )
    return hours.value, time.value, np.nanmax([hours.value, hours.high]), np.nanmax([time.value, time.high])


def frontier(costs: np.ndarray, times: np.ndarray) -> list[int]:
    """Indices of the points that no other beats in both, by rising cost."""
    kept: list[int] = []
    for place in np.lexsort((times, costs)):
        if not kept or times[place] < times[kept[-1]]:
            kept.append(int(place))
    return kept


def _signed_root(values: np.ndarray) -> np.ndarray:
    rooted: np.ndarray = np.sign(values) * np.sqrt(np.abs(values))
    return rooted


def _square_ticks(high: float) -> list[float]:
    """Ticks evenly spread on a square-root scale, on round numbers."""
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if 16 * s >= high)
    return [step * factor for factor in (0, 1, 4, 9, 16) if step * factor <= high]
