"""The throughput's figure: agent-steps per second against the batch size, with a line for each number of cores."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from training.plotting import STYLE, panels, write_figure
from training.throughput.tables import BATCH, FACE

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # one for each number of cores
PEER_COLOUR = "#555555"
SHIFT = 0.3  # octaves between peers of the same batch size
PEER_MARKERS = ("s", "D", "^", "v", "P", "X", "<", ">", "*", "h", "p", "d")


def save_figure(results: pd.DataFrame, path: Path) -> None:
    """Draw and save."""
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
