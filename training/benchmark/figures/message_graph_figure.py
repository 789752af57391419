"""Who talks to whom, in the teams that were played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from c2c_env.workflows import TIERS
from training.benchmark.cell import Cell
from training.benchmark.figures.watched_episodes import merge_cells, watch
from training.plotting import label_of_policy, panels

Floats = npt.NDArray[np.float64]

MANAGER_COLOUR, WORKER_COLOUR, EDGE_COLOUR = "#D55E00", "#0072B2", "#333333"


def draw_message_graph(cells: Sequence[Cell], policies: Sequence[str]) -> Figure | None:
    """Draw the messages between agents of the smallest team of several: columns are tiers, rows policies.

    It is None if nobody sends any.
    """
    tiers = [tier for tier in TIERS if any(cell.tier == tier for cell in cells)]
    size = min((cell.team_size for cell in cells if cell.team_size > 1), default=1)
    graphs = {policy: [_graph(merge_cells(cells, policy, tier, size)) for tier in tiers] for policy in policies}
    graphs = {policy: row for policy, row in graphs.items() if any(graph.any() for graph in row)}
    if not graphs:
        return None
    figure, grid = panels(len(graphs), len(tiers), 0.35 + 2.5 * len(graphs))
    for row, (policy, found) in zip(grid, graphs.items(), strict=True):
        for axes, tier, graph in zip(row, tiers, found, strict=True):
            _graph_panel(axes, graph)
            axes.set_title(f"{label_of_policy(policy)}, {tier}")
    figure.suptitle(f"Messages per episode, {size} agents (M: the manager)", fontsize=9)
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
