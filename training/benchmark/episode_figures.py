"""Figures that need more than an episode's sums: a few episodes are played again and watched.

The same seed gives the same episode, so these are episodes of the benchmark, not others like them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import BASELINE, make_policy
from c2c_env import Batch
from c2c_env.trace import Trace
from c2c_env.workflows import TIERS
from training.arguments import unique
from training.benchmark.cell import Cell
from training.benchmark.play_cell import cell_batch, policy_seed
from training.plotting import label_of_policy, looks, panels, policy_legend

Floats = npt.NDArray[np.float64]

GRAPH_POLICY = "cost_aware"
EPISODES = 40  # at most, of a tier
SMOOTHING_HOURS = 4.0
PATIENCE = 1.3  # the time axis ends at so many times what the baseline took
MANAGER_COLOUR, WORKER_COLOUR, EDGE_COLOUR = "#D55E00", "#0072B2", "#333333"


def merge_cells(cells: Sequence[Cell], policy: str, tier: str, size: int) -> Cell | None:
    """Make one cell of the episodes of all workflows of a tier, the first seed of each before all second ones."""
    chosen = [c for c in cells if (c.policy, c.tier, c.team_size) == (policy, tier, size)]
    if not chosen:
        return None
    episodes = [
        (place, cell.workflows[place if len(cell.workflows) > 1 else 0], seed)
        for cell in chosen
        for place, seed in enumerate(cell.seeds)
    ]
    episodes = sorted(episodes, key=lambda episode: episode[0])[:EPISODES]
    return replace(chosen[0], workflows=tuple(w for _, w, _ in episodes), seeds=tuple(s for *_, s in episodes))


def watch(cell: Cell) -> tuple[Batch, list[Trace]]:
    """Play a cell and keep what happened, in a trace for each environment."""
    batch = cell_batch(cell)
    traces = [Trace(batch, row=row) for row in range(batch.num_envs)]

    def record() -> None:
        for trace in traces:
            trace.record()

    play(batch, make_policy(cell.policy, PolicyContext.of(batch, seed=policy_seed(cell))), on_step=record)
    return batch, traces


# --- alignment over time ---------------------------------------------------------------------------------------


def draw_alignment(cells: Sequence[Cell]) -> Figure:
    """Draw the mean Alignment Factor while working over time, in a panel for each tier, for the middle team size."""
    tiers = [tier for tier in TIERS if any(cell.tier == tier for cell in cells)]
    sizes = sorted({cell.team_size for cell in cells})
    size = sizes[len(sizes) // 2]
    policies = unique([cell.policy for cell in cells])
    figure, (row,) = panels(1, len(tiers), 2.6, sharey=True)
    for axes, tier in zip(row, tiers, strict=True):
        ends = {policy: _alignment_line(axes, merge_cells(cells, policy, tier, size), policy) for policy in policies}
        axes.set_title(f"{tier}, {size} agents")
        axes.set_xlim(0, PATIENCE * ends.get(BASELINE, max(ends.values())))
        axes.set_ylim(0, 1)
        axes.grid(color="#E4E4E4", linewidth=0.5)
    figure.supxlabel("Time (h); mean over the running episodes, a dot: half of them have ended", fontsize=8)
    row[0].set_ylabel("Alignment Factor while working")
    policy_legend(figure, policies, lines=True)
    return figure


def _alignment_line(axes: Axes, cell: Cell | None, policy: str) -> float:
    """Draw the line of a policy; return the hour at which it ends."""
    if cell is None:
        return 0.0
    episodes = [np.asarray(trace.alignment, dtype=float) for trace in watch(cell)[1]]
    hours, values = alignment_curve(episodes, cell.config.dt)
    colour = looks([policy])[policy][0]
    axes.plot(hours, values, color=colour)
    axes.plot(hours[-1:], values[-1:], "o", color=colour, markersize=4)
    return float(hours[-1])


def alignment_curve(episodes: Sequence[Floats], dt: float) -> tuple[Floats, Floats]:
    """Return hours and the smoothed mean over the episodes, until half of them have ended (a mean of few is noise)."""
    length = sorted(len(episode) for episode in episodes)[len(episodes) // 2]
    table = np.full((len(episodes), length), np.nan)
    for place, episode in enumerate(episodes):
        table[place, : len(episode)] = episode[:length]
    window = np.ones(min(length, max(1, round(SMOOTHING_HOURS / dt))))  # a longer one would lengthen the curve
    known = np.isfinite(table)
    total = np.convolve(np.where(known, table, 0.0).sum(axis=0), window, mode="same")
    count = np.convolve(known.sum(axis=0), window, mode="same")
    smooth = np.divide(total, count, out=np.full(length, np.nan), where=count > 0.5)
    hours: Floats = dt * np.arange(1.0, length + 1.0)
    return hours, smooth


# --- who talks to whom -----------------------------------------------------------------------------------------


def draw_message_graph(cells: Sequence[Cell]) -> Figure | None:
    """Draw the messages between agents: columns are tiers, rows the two smallest teams of several; None without any."""
    policies = unique([cell.policy for cell in cells])
    policy = GRAPH_POLICY if GRAPH_POLICY in policies else policies[-1]
    tiers = [tier for tier in TIERS if any(cell.tier == tier for cell in cells)]
    sizes = [size for size in sorted({cell.team_size for cell in cells}) if size > 1][:2]
    graphs = {(tier, size): _graph(merge_cells(cells, policy, tier, size)) for tier in tiers for size in sizes}
    if not any(graph.any() for graph in graphs.values()):
        return None
    figure, grid = panels(len(sizes), len(tiers), 0.35 + 2.5 * len(sizes))
    for row, size in zip(grid, sizes, strict=True):
        for axes, tier in zip(row, tiers, strict=True):
            _graph_panel(axes, graphs[tier, size])
            axes.set_title(f"{tier}, {size} agents")
    figure.suptitle(f"Messages per episode, {label_of_policy(policy)} (M: the manager)", fontsize=9)
    return figure


def _graph(cell: Cell | None) -> Floats:
    """Count the messages [N, N] from row to column, as a mean over the episodes."""
    if cell is None:
        return np.zeros((1, 1))
    batch = watch(cell)[0]
    graph: Floats = batch.state.message_graph[:, : batch.num_agents, : batch.num_agents].mean(axis=0)
    return graph


def _graph_panel(axes: Axes, graph: Floats) -> None:
    """Draw agents on a circle, the manager on top; widths are shares of the strongest edge of the panel."""
    n = len(graph)
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    places = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    most = max(float(graph.max()), 1e-9)
    for sender, reader in np.argwhere(graph > 0.02 * most):
        _arrow(axes, places[sender], places[reader], float(graph[sender, reader]) / most, n)
    for agent, place in enumerate(places):
        colour = WORKER_COLOUR if agent else MANAGER_COLOUR
        axes.plot(*place, "o", color=colour, markersize=15 if n < 7 else 12, zorder=3)
        text: Any = {"color": "white", "ha": "center", "va": "center", "fontsize": 7, "weight": "bold", "zorder": 4}
        axes.text(place[0], place[1], str(agent) if agent else "M", **text)
    share = (graph[0].sum() + graph[:, 0].sum()) / (2 * max(float(graph.sum()), 1e-9))
    caption = f"widest arrow {most:.1f}; manager {100 * share:.0f} % of all ends"
    axes.text(0, -1.36, caption, ha="center", fontsize=6.5, color="#555555")
    axes.set(xlim=(-1.35, 1.35), ylim=(-1.4, 1.2), aspect="equal")
    axes.axis("off")


def _arrow(axes: Axes, start: Floats, end: Floats, weight: float, size: int) -> None:
    shrink = 8 if size < 7 else 6.5
    patch = FancyArrowPatch(
        (float(start[0]), float(start[1])), (float(end[0]), float(end[1])),
        connectionstyle="arc3,rad=0.12", arrowstyle="-|>", mutation_scale=4 + 4 * weight,
        shrinkA=shrink, shrinkB=shrink, linewidth=0.3 + 2.7 * weight, alpha=0.25 + 0.65 * weight,
        color=EDGE_COLOUR, zorder=1 + weight,
    )  # fmt: skip
    axes.add_patch(patch)
