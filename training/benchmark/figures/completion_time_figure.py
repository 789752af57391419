"""Completion time relative to the team that says nothing, with its interval and what no policy can beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agents.registry import BASELINE
from training.benchmark.figures.result_points import estimate_point, face_of, sizes_of, tiers_of
from training.plotting import Look, label_of_policy, legend_above, panels

SIZE_MARKERS = ("o", "s", "^", "D", "v")
SPACING = 0.26  # between the marks of team sizes, where a policy has a row of 1
GREY = "#555555"
BOUND_COLOUR = "#222222"


def draw_completion_time(results: pd.DataFrame, known: Mapping[str, Look]) -> Figure:
    """Draw times relative to no communication, with a panel per tier, a row per policy and a mark per team size."""
    tiers, sizes = tiers_of(results), sizes_of(results)
    order = results.groupby("policy")["reduction"].mean().sort_values(ascending=False)
    policies = [str(policy) for policy in order.index if policy != BASELINE]
    height = 1.1 + 0.10 * max(len(sizes) + 0.7, 2.2) * len(policies)
    figure, (row,) = panels(1, len(tiers), height, sharey=True, sharex=True)
    for axes, tier in zip(row, tiers, strict=True):
        _panel(axes, results[results["tier"] == tier], {policy: known[policy] for policy in policies}, sizes)
        axes.set_title(f"{tier} workflows")
    row[0].set_xlim(0, 1.03 * max(axes.dataLim.x1 for axes in row))
    row[0].set_yticks(range(len(policies)), [label_of_policy(policy) for policy in policies])
    row[0].set_ylim(len(policies) - 0.45, -0.55)
    figure.supxlabel("Completion time relative to no communication (%), with 95 % interval", fontsize=8)
    legend_above(figure, _handles(sizes))
    return figure


def _panel(axes: Axes, results: pd.DataFrame, known: Mapping[str, Look], sizes: Sequence[int]) -> None:
    axes.axvline(100, color=GREY, linewidth=0.8)
    for place, (policy, look) in enumerate(known.items()):
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="#000000", alpha=0.03, linewidth=0)
        for rank, size in enumerate(sizes):
            episodes = results[(results["team_size"] == size) & (results["policy"] == policy)]
            episodes = episodes[episodes["reduction"].notna()]
            if len(episodes):
                height = place + SPACING * (rank - (len(sizes) - 1) / 2)
                _mark(axes, episodes, height, look.colour, SIZE_MARKERS[rank % len(SIZE_MARKERS)])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)


def _mark(axes: Axes, episodes: pd.DataFrame, height: float, colour: str, marker: str) -> None:
    """Draw a mark with its interval, as time left of the baseline's, and the lower bound of the same episodes."""
    found = estimate_point(episodes, "reduction")
    axes.plot([100 - found.high, 100 - found.low], [height, height], color=colour, linewidth=1.1)
    face = face_of(episodes, colour)
    axes.plot([100 - found.value], [height], marker, color=colour, markerfacecolor=face, markersize=4)
    bound = relative_bound(episodes)
    axes.vlines(bound, height - 0.42 * SPACING, height + 0.42 * SPACING, color=BOUND_COLOUR, linewidth=0.9)


def relative_bound(episodes: pd.DataFrame) -> float:
    """The lower bound in percent of the baseline's time, as the mean over episodes."""
    return float((100 * episodes["lower_bound"] / episodes["baseline_time"]).mean())


def _handles(sizes: Sequence[int]) -> list[Line2D]:
    """What the legend explains: team sizes, hollow marks and the ticks."""
    handles = [
        Line2D([], [], color=GREY, marker=SIZE_MARKERS[rank % len(SIZE_MARKERS)], markersize=4, linewidth=1.1,
               label=f"{size} agents")
        for rank, size in enumerate(sizes)
    ]  # fmt: skip
    hollow: Any = {"color": GREY, "marker": "o", "markerfacecolor": "white", "markersize": 4, "linestyle": ""}
    handles.append(Line2D([], [], **hollow, label="some episodes unfinished"))
    handles.append(Line2D([], [], color=BOUND_COLOUR, marker="|", markersize=6, linestyle="", label="lower bound"))
    return handles
