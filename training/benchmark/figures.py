"""The benchmark's figures, ready for a paper: completion time, its price in communication, and synchrony."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console

from agents.registry import BASELINE
from c2c_env.errors import MissingExtraError
from c2c_env.workflows import TIERS
from training.arguments import unique
from training.benchmark.cell import Cell
from training.benchmark.episode_figures import draw_alignment, draw_message_graph
from training.benchmark.statistics import Estimate, estimate_column, label_of, with_reduction
from training.plotting import STYLE, label_of_policy, looks, panels, policy_legend, write_figure

SLOW = 150.0  # percent of the baseline's time
SIZE_MARKERS = ("o", "s", "^", "D", "v")


def draw_all(results: pd.DataFrame, cells: Sequence[Cell], folder: Path) -> list[Path]:
    """Draw every figure that the results allow; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        return [_save(figure, folder / f"{name}.png") for name, figure in _figures(results, cells)]


def _figures(results: pd.DataFrame, cells: Sequence[Cell]) -> Iterator[tuple[str, Figure]]:
    paired = with_reduction(results, BASELINE)
    splits = unique(paired["split"].tolist())
    for split in splits:
        part = paired[paired["split"] == split]
        suffix = "" if split == splits[0] else f"_{split}"
        if part.loc[part["policy"] != BASELINE, "reduction"].notna().any():
            yield f"completion_time{suffix}", draw_completion_time(part)
        yield f"frontier{suffix}", draw_frontier(part)
        if part["synchronous_share"].notna().any():
            yield f"synchronous_share{suffix}", draw_synchronous_share(part)
    # these are played again, by whole teams, which costs nothing
    watched = [cell for cell in cells if not (cell.asks_model or cell.partners)]
    shown = [cell for cell in watched if cell.split == splits[0] and cell.policy in set(results["policy"])]
    if not shown:
        return
    yield "alignment", draw_alignment(shown)
    graph = draw_message_graph(shown)
    if graph is not None:
        yield "message_graph", graph


def _save(figure: Figure, path: Path) -> Path:
    write_figure(figure, path)
    return path


def tiers_of(results: pd.DataFrame) -> list[str]:
    """The tiers that occur, in order."""
    present = set(results["tier"])
    return [tier for tier in TIERS if tier in present]


def sizes_of(results: pd.DataFrame) -> list[int]:
    """The team sizes that occur, ascending."""
    return sorted(int(size) for size in set(results["team_size"]))


def episodes_of(results: pd.DataFrame, tier: str, size: int, policy: str) -> pd.DataFrame:
    """The episodes behind one point."""
    chosen = (results["tier"] == tier) & (results["team_size"] == size) & (results["policy"] == policy)
    return results[chosen]


def _estimate(results: pd.DataFrame, tier: str, size: int, policy: str, column: str) -> tuple[Estimate, bool]:
    """Estimate a point with its interval, and tell whether all its episodes finished."""
    episodes = episodes_of(results, tier, size, policy)
    known = estimate_column(episodes, column, label_of(episodes)) if len(episodes) else Estimate(*[np.nan] * 3)
    return known, bool((episodes["success"] == 1).all())


# --- completion time -------------------------------------------------------------------------------------------


def draw_completion_time(results: pd.DataFrame) -> Figure:
    """Draw times relative to no communication, with a panel per tier, a row per policy and a mark per team size."""
    tiers, sizes = tiers_of(results), sizes_of(results)
    order = results.groupby("policy")["reduction"].mean().sort_values(ascending=False)
    policies = [str(policy) for policy in order.index if policy != BASELINE]
    height = 1.1 + 0.10 * max(len(sizes) + 0.7, 2.2) * len(policies)
    figure, (row,) = panels(1, len(tiers), height, sharey=True, sharex=True)
    for axes, tier in zip(row, tiers, strict=True):
        _completion_panel(axes, results, tier, policies, sizes)
    row[0].set_xlim(0, 1.03 * max(axes.dataLim.x1 for axes in row))
    row[0].set_yticks(range(len(policies)), [label_of_policy(policy) for policy in policies])
    row[0].set_ylim(len(policies) - 0.45, -0.55)
    figure.supxlabel("Completion time relative to no communication (%), with 95 % interval", fontsize=8)
    _size_legend(figure, sizes)
    return figure


def _completion_panel(axes: Axes, results: pd.DataFrame, tier: str, policies: list[str], sizes: list[int]) -> None:
    colours = looks(policies)
    axes.axvline(100, color="#555555", linewidth=0.8)
    bound = 100 * results.loc[(results["tier"] == tier) & (results["baseline_score"] > 0), "baseline_score"].mean()
    axes.axvspan(0, bound, color="#E4E4E4", linewidth=0, zorder=0.6)
    for place, policy in enumerate(policies):
        if place % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="#000000", alpha=0.03, linewidth=0)
        for rank, size in enumerate(sizes):
            found, finished = _estimate(results, tier, size, policy, "reduction")
            height = place + 0.26 * (rank - (len(sizes) - 1) / 2)
            _whisker(axes, found, height, colours[policy][0], SIZE_MARKERS[rank % len(SIZE_MARKERS)], finished)
    axes.set_title(f"{tier} workflows")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)


def _whisker(axes: Axes, found: Estimate, height: float, colour: str, marker: str, finished: bool) -> None:
    """Draw a mark with its interval, as time left of the baseline's; hollow if some episode never finished."""
    axes.plot([100 - found.high, 100 - found.low], [height, height], color=colour, linewidth=1.1)
    face = colour if finished else "white"
    axes.plot([100 - found.value], [height], marker, color=colour, markerfacecolor=face, markersize=4)


def _size_legend(figure: Figure, sizes: Sequence[int]) -> None:
    grey = "#555555"
    handles = [
        Line2D([], [], color=grey, marker=SIZE_MARKERS[rank % len(SIZE_MARKERS)], markersize=4, linewidth=1.1,
               label=f"{size} agents")
        for rank, size in enumerate(sizes)
    ]  # fmt: skip
    handles.append(_mark(grey, "o", "white", "some episodes unfinished"))
    handles.append(Line2D([], [], color="#E4E4E4", linewidth=6, label="below the lower bound"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.2)


def _mark(colour: str, marker: str, face: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, linestyle="", markerfacecolor=face, markersize=4, label=label)


# --- frontier --------------------------------------------------------------------------------------------------


def draw_frontier(results: pd.DataFrame) -> Figure:
    """Draw completion time against communication hours, with the frontier: columns are tiers, rows team sizes."""
    left_out = unique(results["policy"].tolist())
    results = without_slow(results)
    tiers, sizes = tiers_of(results), sizes_of(results)
    policies = unique(results["policy"].tolist())
    figure, grid = panels(len(sizes), len(tiers), 0.9 + 1.75 * len(sizes), sharey="col")
    for row, size in zip(grid, sizes, strict=True):
        for axes, tier in zip(row, tiers, strict=True):
            _frontier_panel(axes, results[(results["tier"] == tier) & (results["team_size"] == size)])
            axes.set_title(f"{tier}, {size} agents")
    left_out = [label_of_policy(policy) for policy in left_out if policy not in policies]
    note = f"; not shown, too slow: {', '.join(left_out)}" if left_out else ""
    figure.supxlabel(f"Communication (person-hours per episode, square-root scale){note}", fontsize=8)
    figure.supylabel("Completion time (h)", fontsize=8)
    lines = [
        Line2D([], [], color="#888888", linewidth=1.0, label="frontier"),
        Line2D([], [], color="#555555", linewidth=0.8, linestyle="--", label="lower bound"),
    ]
    policy_legend(figure, policies, others=lines)
    return figure


def without_slow(results: pd.DataFrame) -> pd.DataFrame:
    """Leave out policies far slower than the baseline, which would squeeze the others into a corner."""
    relative = 100 - results.groupby("policy")["reduction"].transform("mean")
    return results[~(relative > SLOW)]


def _frontier_panel(axes: Axes, group: pd.DataFrame) -> None:
    means = group.groupby("policy", sort=False)[["communication_hours", "completion_time", "success"]].mean()
    points = means.to_numpy()
    best = points[frontier(points[:, 0], points[:, 1])]
    axes.plot(best[:, 0], best[:, 1], color="#888888", linewidth=1.0, zorder=1)
    for policy, (hours, time, success) in zip(means.index, points, strict=True):
        colour, marker = looks([str(policy)])[str(policy)]
        face = colour if success == 1 else "white"
        axes.plot([hours], [time], marker, color=colour, markerfacecolor=face, markersize=5, clip_on=False)
    axes.set_xscale("function", functions=(_signed_root, np.square))
    axes.axhline(_lower_bound(group), color="#555555", linewidth=0.8, linestyle="--", zorder=1)
    high = max(1.0, 1.3 * float(points[:, 0].max()))
    axes.set_xlim(0, high)
    axes.set_xticks(_square_ticks(high))
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.1 * float(points[:, 1].max())))
    axes.grid(color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)


def _lower_bound(group: pd.DataFrame) -> float:
    """Hours that no policy can beat, mean over the workflows; NaN if no episode of any was finished."""
    finished = group[group["success"] == 1]
    return float((finished["score"] * finished["completion_time"]).groupby(finished["workflow"]).first().mean())


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


# --- synchronous share -----------------------------------------------------------------------------------------


def draw_synchronous_share(results: pd.DataFrame) -> Figure:
    """Draw the share of meetings in the communication hours by tier, with a panel for each team size."""
    tiers, sizes = tiers_of(results), sizes_of(results)
    talking = results.groupby("policy", sort=False)["synchronous_share"].max()
    policies = [str(policy) for policy, most in talking.items() if most > 0]
    if not policies:  # all only write
        policies = [str(policy) for policy, most in talking.items() if most == 0]
    figure, (row,) = panels(1, len(sizes), 2.5, sharey=True)
    for axes, size in zip(row, sizes, strict=True):
        for rank, policy in enumerate(policies):
            _synchronous_line(axes, results, tiers, size, policy, 0.06 * (rank - (len(policies) - 1) / 2))
        axes.set_title(f"{size} agents")
        axes.set_xticks(range(len(tiers)), tiers)
        axes.set_xlim(-0.3, len(tiers) - 0.7)
        axes.set_ylim(0, 100)
        axes.grid(axis="y", color="#E4E4E4", linewidth=0.5)
    row[0].set_ylabel("Meetings' share of the\ncommunication hours (%)")
    policy_legend(figure, policies)
    return figure


def _synchronous_line(
    axes: Axes, results: pd.DataFrame, tiers: list[str], size: int, policy: str, shift: float
) -> None:
    colour, marker = looks([policy])[policy]
    found = [_estimate(results, tier, size, policy, "synchronous_share")[0] for tier in tiers]
    value, low, high = (100 * np.array([getattr(one, name) for one in found]) for name in ("value", "low", "high"))
    places = np.arange(len(tiers)) + shift
    axes.plot(places, value, marker=marker, color=colour, markersize=4.5, linewidth=1.1)
    axes.vlines(places, low, high, color=colour, linewidth=1.0)


def draw_figures(results: pd.DataFrame, cells: Sequence[Cell], out: Path, console: Console) -> None:
    """Draw the pictures; matplotlib is loaded only here."""
    try:
        from training.benchmark import figures
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"figures need {error.name}, which is not installed; install the extra: pip install -e '.[bench]',"
            " or give --no-figures"
        ) from error
    with console.status("drawing figures"):
        paths = figures.draw_all(results, cells, out / "figures")
    console.print(f"Figures: {', '.join(path.name for path in paths)} in {out / 'figures'}", highlight=False)
