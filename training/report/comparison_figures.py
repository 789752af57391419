"""The comparison as figures: interquartile means, probabilities of improvement and performance profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agents.registry import BASELINE
from training.benchmark.statistics import Estimate
from training.plotting import STYLE, Look, label_of_policy, looks, panels, policy_legend, write_figure
from training.report.standings import Standing

AGAINST_SILENCE = f"reduction of completion time against {label_of_policy(BASELINE)} (%)"


def draw_comparison(
    standings: Sequence[Standing], split: str, rival: str, folder: Path, formats: Sequence[str], suffix: str = ""
) -> list[Path]:
    """Draw the figures of one split into a folder; return the files.

    Args:
        standings: of all policies; the baseline is in no figure, the rival not in that of improvement.
        split: names the workflows in the titles.
        rival: policy that the others are to improve on.
        folder: for the files, which is there.
        formats: such as "png"; each figure is written in all of them.
        suffix: of their names.
    """
    shown = [one for one in standings if one.policy != BASELINE]
    if not (shown and formats):
        return []
    known = looks([one.policy for one in standings])
    with mpl.rc_context(STYLE):
        figures = {"aggregates": _draw_aggregates(shown, known), "profiles": _draw_profiles(shown, known)}
        if any(np.isfinite(one.improvement.value) for one in shown):
            figures["improvement"] = _draw_improvement(shown, known, rival)
        for figure in figures.values():
            figure.axes[0].set_title(f"{split} workflows")
        return [
            _write(figure, folder / f"{name}{suffix}.{ending}")
            for name, figure in figures.items()
            for ending in formats
        ]


def _write(figure: Figure, path: Path) -> Path:
    write_figure(figure, path)
    return path


# --- intervals -------------------------------------------------------------------------------------------------


def _draw_aggregates(standings: Sequence[Standing], known: Mapping[str, Look]) -> Figure:
    figure, axes = _draw_rows({one.policy: one.reduction for one in standings}, known)
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    axes.set_xlabel(f"Interquartile mean of the {AGAINST_SILENCE}, with 95 % interval")
    return figure


def _draw_improvement(standings: Sequence[Standing], known: Mapping[str, Look], rival: str) -> Figure:
    found = {one.policy: one.improvement for one in standings if np.isfinite(one.improvement.value)}
    figure, axes = _draw_rows(found, known)
    axes.axvline(0.5, color="#555555", linewidth=0.8, linestyle="--", zorder=1)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"Probability of improvement over {label_of_policy(rival)}, with 95 % interval")
    return figure


def _draw_rows(found: Mapping[str, Estimate], known: Mapping[str, Look]) -> tuple[Figure, Axes]:
    """Draw a row for each policy, the first on top, with a mark and its interval."""
    figure, ((axes,),) = panels(1, 1, 1.0 + 0.24 * len(found))
    for place, (policy, one) in enumerate(found.items()):
        colour, marker = known[policy]
        axes.plot([one.low, one.high], [place, place], color=colour, linewidth=3.5, alpha=0.45, solid_capstyle="butt")
        axes.plot([one.value], [place], marker, color=colour, markersize=5)
    axes.set_yticks(range(len(found)), [label_of_policy(policy) for policy in found])
    axes.set_ylim(len(found) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


# --- profiles --------------------------------------------------------------------------------------------------


def _draw_profiles(standings: Sequence[Standing], known: Mapping[str, Look]) -> Figure:
    figure, ((axes,),) = panels(1, 1, 3.0)
    for place, one in enumerate(standings):
        profile, (colour, marker) = one.profile, known[one.policy]
        start = 5 * place % 12  # so that the marks of curves that run together lie beside each other
        axes.plot(
            profile.levels, profile.shares, color=colour, marker=marker, markersize=4, markevery=(start, 12),
        )  # fmt: skip
        axes.fill_between(profile.levels, profile.low, profile.high, color=colour, alpha=0.15, linewidth=0)
    axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
    axes.set_xlim(float(standings[0].profile.levels[0]), float(standings[0].profile.levels[-1]))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(AGAINST_SILENCE[0].upper() + AGAINST_SILENCE[1:])
    axes.set_ylabel("Share of episodes with a larger\nreduction, with 95 % interval")
    axes.grid(color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)
    policy_legend(figure, {one.policy: known[one.policy] for one in standings}, lines=True)
    return figure
