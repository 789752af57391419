"""How well agents understand what they work on, over time."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agents.registry import BASELINE
from c2c_env.workflows import TIERS
from training.arguments import unique
from training.benchmark.cell import Cell
from training.benchmark.figures.watched_episodes import merge_cells, watch
from training.benchmark.statistics import LEVEL, RESAMPLES, resample
from training.plotting import Look, panels, policy_legend

Floats = npt.NDArray[np.float64]

SMOOTHING_HOURS = 4.0
PATIENCE = 1.3  # the time axis ends at so many times what the baseline took
MARKS_OF_LINE = 5  # on a line, from the first hour to that end


def draw_alignment(cells: Sequence[Cell], known: Mapping[str, Look]) -> Figure:
    """Draw the mean Alignment Factor while working over time, in a panel for each tier, for the middle team size."""
    tiers = [tier for tier in TIERS if any(cell.tier == tier for cell in cells)]
    sizes = sorted({cell.team_size for cell in cells})
    size = sizes[len(sizes) // 2]
    shown = {policy: known[policy] for policy in unique([cell.policy for cell in cells])}
    figure, (row,) = panels(1, len(tiers), 2.6, sharey=True)
    for axes, tier in zip(row, tiers, strict=True):
        _panel(axes, {policy: merge_cells(cells, policy, tier, size) for policy in shown}, shown)
        axes.set_title(f"{tier}, {size} agents")
    figure.supxlabel(
        "Time (h); mean over the running episodes with 95 % interval; a line ends where half of them have ended",
        fontsize=8,
    )
    row[0].set_ylabel("Alignment Factor while working")
    policy_legend(figure, shown, lines=True)
    return figure


def _panel(axes: Axes, cells: Mapping[str, Cell | None], known: Mapping[str, Look]) -> None:
    curves = {policy: _watched_curve(cell) for policy, cell in cells.items() if cell is not None}
    ends = {policy: float(curve[0][-1]) for policy, curve in curves.items()}
    end = PATIENCE * ends.get(BASELINE, max(ends.values()))
    for rank, (policy, (hours, middle, low, high)) in enumerate(curves.items()):
        look = known[policy]
        apart = max(1, round(min(end, ends[policy]) / (hours[0] * MARKS_OF_LINE)))
        start = rank * apart // len(curves)  # so that the marks of curves that run together lie beside each other
        axes.plot(
            hours,
            middle,
            color=look.colour,
            marker=look.marker,
            markersize=3.5,
            markevery=(start, apart),
            linewidth=1.1,
        )
        axes.fill_between(hours, low, high, color=look.colour, alpha=0.12, linewidth=0)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1)
    axes.grid(color="#E4E4E4", linewidth=0.5)


def _watched_curve(cell: Cell) -> tuple[Floats, Floats, Floats, Floats]:
    """Play a cell again; return hours, the mean, and the ends of its interval."""
    batch, traces = watch(cell)
    episodes = [np.asarray(trace.alignment, dtype=float) for trace in traces]
    workflows = [batch.workflow(row).name for row in range(batch.num_envs)]
    label = f"{cell.policy} {cell.tier} {cell.team_size} alignment"
    dt = cell.config.dt
    return *alignment_curve(episodes, dt), *alignment_interval(episodes, workflows, dt, label)


def alignment_curve(episodes: Sequence[Floats], dt: float) -> tuple[Floats, Floats]:
    """Return hours and the smoothed mean over the episodes, until half of them have ended (a mean of few is noise)."""
    total, count = _windows(episodes, dt)
    hours: Floats = dt * np.arange(1.0, total.shape[1] + 1.0)
    return hours, _mean(total.sum(axis=0), count.sum(axis=0))


def alignment_interval(
    episodes: Sequence[Floats], strata: Sequence[Hashable], dt: float, label: str
) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of the bootstrap interval of `alignment_curve`; NaN for a single episode.

    Args:
        episodes: Alignment Factors, one a step.
        strata: workflow of each episode.
        dt: hours of a step.
        label: names the random numbers.
    """
    total, count = _windows(episodes, dt)
    if len(episodes) == 1:
        return np.full(total.shape[1], np.nan), np.full(total.shape[1], np.nan)
    rng = np.random.Generator(np.random.Philox(zlib.crc32(label.encode())))
    drawn = resample(strata, RESAMPLES, rng)
    often = np.stack([np.bincount(row, minlength=len(episodes)) for row in drawn]).astype(float)
    low, high = np.nanpercentile(_mean(often @ total, often @ count), [50 - LEVEL / 2, 50 + LEVEL / 2], axis=0)
    return low, high


def _windows(episodes: Sequence[Floats], dt: float) -> tuple[Floats, Floats]:
    """Sum and number [episodes, steps] of the known values in the window around each step."""
    length = sorted(len(episode) for episode in episodes)[len(episodes) // 2]
    table = np.full((len(episodes), length), np.nan)
    for place, episode in enumerate(episodes):
        table[place, : len(episode)] = episode[:length]
    window = np.ones(min(length, max(1, round(SMOOTHING_HOURS / dt))))  # a longer one would lengthen the curve
    known = np.isfinite(table)
    total = [np.convolve(row, window, mode="same") for row in np.where(known, table, 0.0)]
    count = [np.convolve(row, window, mode="same") for row in known]
    return np.stack(total), np.stack(count)


def _mean(total: Floats, count: Floats) -> Floats:
    averaged: Floats = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0.5)
    return averaged
