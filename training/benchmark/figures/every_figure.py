"""Draws every figure that the results of a benchmark allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from agents.registry import BASELINE
from training.arguments import FIGURE_FORMATS, unique
from training.benchmark.cell import Cell
from training.benchmark.choose_cells import BUILT_IN, FROM_FILE, GENERATED, REAL
from training.benchmark.figures.alignment_figure import draw_alignment
from training.benchmark.figures.completion_time_figure import draw_completion_time
from training.benchmark.figures.frontier_figure import draw_frontier
from training.benchmark.figures.message_graph_figure import draw_message_graph
from training.benchmark.figures.synchronous_share_figure import draw_synchronous_share
from training.benchmark.protocol import PROTOCOLS
from training.benchmark.statistics import with_reduction
from training.plotting import STYLE, looks, write_figure

FIGURE_NAMES = ("completion_time", "frontier", "synchronous_share", "alignment", "message_graph")  # how names begin
MOST_GRAPHS = 3  # policies whose messages are drawn


def draw_figures(
    results: pd.DataFrame, cells: Sequence[Cell], out: Path, formats: Sequence[str], console: Console
) -> None:
    """Draw all figures into a folder `figures`, each in every format, say which there are, and remove older ones."""
    folder, names = out / "figures", list[str]()
    if formats:
        folder.mkdir(parents=True, exist_ok=True)
        with console.status("drawing figures"), mpl.rc_context(STYLE):
            for name, figure in every_figure(results, cells):
                for suffix in formats:
                    names.append(f"{name}.{suffix}")
                    write_figure(figure, folder / names[-1])
        console.print(f"Figures: {', '.join(names)} in {folder}", highlight=False)
    remove_stale(folder, names)


def remove_stale(folder: Path, names: Sequence[str]) -> None:
    """Remove the figures that an earlier run left in a folder, but for some names, and nothing else."""
    for path in folder.iterdir() if folder.exists() else ():
        is_figure = _is_of_a_run(path.stem) and path.suffix.removeprefix(".") in FIGURE_FORMATS
        if is_figure and path.name not in names:
            path.unlink()


def _is_of_a_run(stem: str) -> bool:
    """Whether a run draws figures of this name, with or without a split behind it; all others are the user's."""
    tracks = [track.name for protocol in PROTOCOLS.values() for track in protocol.tracks]
    ends = ["", *(f"_{split}" for split in (BUILT_IN, REAL, GENERATED, FROM_FILE, *tracks))]
    return stem in {name + end for name in FIGURE_NAMES for end in ends}


def every_figure(results: pd.DataFrame, cells: Sequence[Cell]) -> Iterator[tuple[str, Figure]]:
    """Yield the figures with their names; a policy looks the same in all of them."""
    paired, known = with_reduction(results, BASELINE), looks(unique(results["policy"].tolist()))
    splits = unique(paired["split"].tolist())
    for split in splits:
        part = paired[paired["split"] == split]
        suffix = "" if split == splits[0] else f"_{split}"
        if part.loc[part["policy"] != BASELINE, "reduction"].notna().any():
            yield f"completion_time{suffix}", draw_completion_time(part, known)
        yield f"frontier{suffix}", draw_frontier(part, known)
        if part["synchronous_share"].notna().any():
            yield f"synchronous_share{suffix}", draw_synchronous_share(part, known)
    # these are played again, by whole teams, which costs nothing
    watched = [cell for cell in cells if not (cell.asks_model or cell.partners)]
    shown = [cell for cell in watched if cell.split == splits[0] and cell.policy in known]
    if not shown:
        return
    yield "alignment", draw_alignment(shown, known)
    graph = draw_message_graph(shown, fastest_talkers(paired, [cell.policy for cell in shown]))
    if graph is not None:
        yield "message_graph", graph


def fastest_talkers(results: pd.DataFrame, policies: Sequence[str]) -> list[str]:
    """Return up to `MOST_GRAPHS` of the policies, of those who send messages the ones that take the least time."""
    talking = results[results["policy"].isin(policies)].groupby("policy")[["messages", "completion_time"]].mean()
    times = talking.loc[talking["messages"] > 0, "completion_time"]
    return [str(policy) for policy in times.nsmallest(MOST_GRAPHS).index]
