"""The throughput's figures: agent-steps per second against the batch size, and how the cost of one grows with size."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from training.plotting import STYLE, legend_above, panels, write_figure
from training.throughput.tables import BATCH, FACE, OF_BATCHES, OF_SIZES, exponent_text, of_forms

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # one for each number of cores
PEER_COLOUR = "#555555"
GROWTH_LOOKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"))  # of the forms, in their order
SHIFT = 0.3  # octaves between peers of the same batch size
PEER_MARKERS = ("s", "D", "^", "v", "P", "X", "<", ">", "*", "h", "p", "d")


def save_figure(results: pd.DataFrame, path: Path) -> None:
    """Draw agent-steps per second, with a line for each number of cores, and save."""
    with mpl.rc_context(STYLE):
        figure, [[axes]] = panels(1, 1, 3.6)
        batches = results[(results["row"] == BATCH) & (results["note"] == "")]
        handles = _draw_batches(axes, batches)
        handles += _draw_single(axes, results[results["row"] == FACE])
        handles += _draw_peers(axes, results[(results["kind"] == "peer") & (results["note"] == "")])
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("Environments stepped together (marks of the others moved apart)")
        axes.set_ylabel("Agent-steps per second")
        axes.grid(color="#E4E4E4", linewidth=0.5)
        axes.set_axisbelow(True)
        figure.legend(handles=handles, loc="outside right center", handlelength=2.6)
        write_figure(figure, path)


def _draw_batches(axes: Axes, batches: pd.DataFrame) -> list[Line2D]:
    handles = []
    for place, (cores, of_cores) in enumerate(batches.groupby("cores")):
        colour = COLOURS[place % len(COLOURS)]
        for observed, line, face in ((True, "-", colour), (False, "--", "white")):
            rows = of_cores[of_cores["observations"] == observed].sort_values("envs")
            what = "with observations" if observed else "without"
            label = f"c2c-env, {_cores(cores)}, {what}"
            axes.fill_between(
                rows["envs"].astype(float), *(rows[end] * rows["agents"] for end in ("lowest", "highest")),
                color=colour, alpha=0.15, linewidth=0,
            )  # fmt: skip
            handles += axes.plot(
                rows["envs"], rows["agent_steps_per_second"], line, marker="o", markersize=4, color=colour,
                markerfacecolor=face, label=label,
            )  # fmt: skip
    return handles


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _draw_single(axes: Axes, rows: pd.DataFrame) -> list[Line2D]:
    """Draw the single environment behind PettingZoo's interface."""
    return axes.plot(
        rows["envs"], rows["agent_steps_per_second"], "*", color="black", markersize=8, label="c2c-env, PettingZoo"
    )


def _draw_peers(axes: Axes, peers: pd.DataFrame) -> list[Line2D]:
    """Draw a marker for each peer at its best number of cores; those of one batch size are moved apart."""
    best = peers.loc[peers.groupby(["row", "envs"], sort=False)["agent_steps_per_second"].idxmax()]
    beside = best.groupby("envs")
    shift = beside.cumcount() - (beside["row"].transform("size") - 1) / 2
    best = best.assign(place=best["envs"] * 2.0 ** (SHIFT * shift))
    handles: list[Line2D] = []
    for number, (name, rows) in enumerate(best.groupby("row", sort=False)):
        handles += axes.plot(
            rows["place"], rows["agent_steps_per_second"], PEER_MARKERS[number % len(PEER_MARKERS)], zorder=4,
            color=PEER_COLOUR, markersize=5, markerfacecolor="white" if number % 2 else PEER_COLOUR, label=name,
        )  # fmt: skip
    return handles


# --- growth --------------------------------------------------------------------------------------------------


def save_growth_figure(results: pd.DataFrame, path: Path) -> None:
    """Draw and save; panels of the team and of the workflow hold the other size at the middle one of those measured."""
    sizes, batches = results[results["grows"] == OF_SIZES], results[results["grows"] == OF_BATCHES]
    agents, subtasks = (_middle(sizes[name]) for name in ("agents", "subtasks"))
    with mpl.rc_context(STYLE):
        figure, [[left, centre, right]] = panels(1, 3, 2.6, sharey=True)
        _draw_growth(left, sizes[sizes["subtasks"] == subtasks], "agents", f"Agents ({subtasks} subtasks)")
        _draw_growth(centre, sizes[sizes["agents"] == agents], "subtasks", f"Subtasks ({agents} agents)")
        small = batches.iloc[0]
        handles = _draw_growth(
            right, batches, "envs", f"Environments ({small['agents']} agents, {small['subtasks']} subtasks)"
        )
        left.set_ylabel("Nanoseconds per agent-step")
        legend_above(figure, handles)
        write_figure(figure, path)


def _middle(sizes: pd.Series) -> int:
    known = sorted(sizes.unique())
    return int(known[len(known) // 2])


def _draw_growth(axes: Axes, results: pd.DataFrame, size: str, label: str) -> list[Line2D]:
    """Draw a line for each form within the range of its runs; above stand the exponents b of cost ~ size^b."""
    handles: list[Line2D] = []
    for (form, rows), (colour, marker) in zip(of_forms(results).items(), GROWTH_LOOKS, strict=True):
        rows = rows.dropna(subset="ns_per_agent_step").sort_values(size)
        x, costs = rows[size].astype(float), rows["ns_per_agent_step"]
        axes.fill_between(x, rows["lowest"], rows["highest"], color=colour, alpha=0.15, linewidth=0)
        handles += axes.plot(x, costs, marker=marker, markersize=4, color=colour, label=form)
        grows = f"b = {exponent_text(x.tolist(), costs.tolist())}".replace("-", "\N{MINUS SIGN}")
        axes.text(0.5 + (len(handles) - 2) / 3, 1.03, grows, transform=axes.transAxes, ha="center", color=colour)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.grid(color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)
    return handles
