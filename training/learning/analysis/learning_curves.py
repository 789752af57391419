"""Learning curves: what runs have logged, averaged over seeds, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from agents.policy import Array
from c2c_env.errors import ConfigError, nearest
from training.learning.log import SCALARS, read_table
from training.learning.run import METRICS_FILE
from training.plotting import STYLE, panels, write_figure

# Okabe and Ito's palette, with a line for each so that colour is not needed
LOOKS = (
    ("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#E69F00", "-"), ("#56B4E9", "--"),
)  # fmt: skip
RESAMPLES = 2_000
LEVEL = 95.0


@dataclass(frozen=True)
class Run:
    """What a run has logged.

    Attributes:
        label: runs of one label are averaged.
        rows: as `read_table` gives them.
    """

    label: str
    rows: tuple[Mapping[str, Any], ...]


def find_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs in folders, however deep; those whose folders differ in the last name only, the seed, have one label.

    Raises:
        ConfigError: a folder has none.
    """
    runs = []
    for folder in folders:
        paths = sorted(folder.rglob(METRICS_FILE))
        if not paths:
            raise ConfigError(f"{folder} has no {METRICS_FILE}, expected the folder of a run or of several")
        runs += [Run(path.parent.parent.name, tuple(read_table(path))) for path in paths]
    return runs


def curve(runs: Sequence[Run], stage: str, across: str, name: str) -> tuple[Array, Array]:
    """Points [X] after updates that all runs have logged, and the values [runs, X] of a scalar there.

    Where seeds differ in `across` after the same update, as in stages that play episodes to their ends, a point is
    their mean.

    Args:
        runs: of one label.
        stage: whose rows count.
        across: the scalar on the horizontal axis, such as "env_steps", or "update".
        name: of the scalar, such as "simple-5/reduction".

    Raises:
        ConfigError: no run has logged it, or not `across`.
    """
    tables = [
        {
            row["update"]: (row[across], row[name])
            for row in run.rows
            if row["stage"] == stage and {name, across} <= set(row)
        }
        for run in runs
    ]
    shared = sorted(set.intersection(*map(set, tables)))
    if not shared:
        names = {key for run in runs for row in run.rows if row["stage"] == stage for key in row}
        missing = across if name in names else name
        raise ConfigError(f"{runs[0].label} has logged no {missing!r} in {stage}{nearest(missing, names)}")
    found = np.array([[table[update] for update in shared] for table in tables])  # [runs, X, 2]
    return found[..., 0].mean(axis=0), found[..., 1]


def last_stage(runs: Sequence[Run]) -> str:
    """The stage that the first run has come to."""
    return str(runs[0].rows[-1]["stage"]) if runs[0].rows else "ppo"


def interval(values: Array, seed: int = 0) -> tuple[Array, Array]:
    """Bootstrap interval [X], [X] of the mean over runs of values [runs, X], at `LEVEL` percent.

    With a single run there is nothing to draw, and both ends are its values.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [50 - LEVEL / 2, 50 + LEVEL / 2], axis=0)
    return low, high


def save_curves(runs: Sequence[Run], names: Sequence[str], stage: str, across: str, path: Path) -> None:
    """Draw a panel for every scalar: means over seeds, with their bootstrap intervals, and save the figure."""
    labels = list(dict.fromkeys(run.label for run in runs))
    with mpl.rc_context(STYLE):
        columns = min(len(names), 3)
        rows = -(-len(names) // columns)
        figure, axes = panels(rows, columns, 0.5 + 2.1 * rows)
        places = [one for row in axes for one in row]
        for place, name in zip(places, names, strict=False):
            for number, label in enumerate(labels):
                chosen = [run for run in runs if run.label == label]
                _draw(place, *curve(chosen, stage, across, name), label, number)
            place.set_title(name)
            place.xaxis.set_major_formatter(EngFormatter(sep=""))
            place.grid(color="#E4E4E4", linewidth=0.5)
            place.set_axisbelow(True)
        for place in places[len(names) :]:
            place.set_visible(False)
        figure.supxlabel(SCALARS.get(across, across), fontsize=8)
        handles, shown = places[0].get_legend_handles_labels()
        figure.legend(handles, shown, loc="outside upper center", ncols=min(4, len(labels)))
        write_figure(figure, path)


def _draw(axes: Axes, points: Array, values: Array, label: str, number: int) -> None:
    colour, line = LOOKS[number % len(LOOKS)]
    many = "1 seed" if len(values) == 1 else f"{len(values)} seeds"
    axes.plot(points, values.mean(axis=0), line, color=colour, label=f"{label} ({many})")
    axes.fill_between(points, *interval(values), color=colour, alpha=0.2, linewidth=0)
