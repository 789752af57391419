"""How the figures look: each policy has one colour and one marker, whatever else is in the picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from c2c_env.disk import write_whole

FIGURE_WIDTH = 7.2  # inches: two columns of a paper
FIGURE_DPI = 300

STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#444444",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}

# Okabe and Ito's palette, which people with any colour vision can tell apart; the marker says it a second time
_LOOKS = {
    "no_communication": ("#555555", "o"),
    "fixed_steps": ("#E69F00", "v"),
    "unconstrained": ("#D55E00", "^"),
    "broadcast": ("#56B4E9", "D"),
    "cost_aware": ("#0072B2", "s"),
    "proactive": ("#009E73", "P"),
    "solo": ("#CC79A7", "<"),
    "random": ("#AAAAAA", "X"),
}
_OTHERS = (("#000000", "*"), ("#882255", "h"), ("#999933", "p"), ("#332288", "d"), ("#44AA99", ">"))

Look = tuple[str, str]


def looks(policies: Sequence[str]) -> dict[str, Look]:
    """Return the colour and marker of each policy; those without their own take others in order of their names."""
    strangers = sorted(policy for policy in policies if policy not in _LOOKS)
    taken = {policy: _OTHERS[place % len(_OTHERS)] for place, policy in enumerate(strangers)}
    return {policy: _LOOKS.get(policy) or taken[policy] for policy in policies}


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of full width with a grid of axes."""
    figure = Figure(figsize=(FIGURE_WIDTH, height), dpi=FIGURE_DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in axes]


def policy_legend(
    figure: Figure, policies: Sequence[str], *, lines: bool = False, others: Sequence[Line2D] = ()
) -> None:
    """Explain the policies, and whatever else needs it, above the panels in at most two rows."""
    line: Any = "-" if lines else ""
    handles = [
        Line2D([], [], color=colour, marker="" if lines else marker, linestyle=line, label=label_of_policy(policy))
        for policy, (colour, marker) in looks(policies).items()
    ]
    handles += others
    columns = len(handles) if len(handles) <= 5 else (len(handles) + 1) // 2
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, handletextpad=0.4, columnspacing=1.2)


def label_of_policy(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, in the format that the name of the file ends with."""
    content = io.BytesIO()
    figure.savefig(content, dpi=FIGURE_DPI, format=path.suffix.removeprefix("."))
    write_whole(path, content.getvalue())
