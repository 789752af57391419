"""How the figures look: each policy has one colour and one marker, whatever else is in the picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agents.registry import LANGUAGE_MODELS
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
    "pdf.fonttype": 42,  # fonts that publishers take
}


class Look(NamedTuple):
    """The colour and the marker of a policy."""

    colour: str
    marker: str


# Okabe and Ito's palette and Tol's, which people with any colour vision can tell apart; the marker says it again
_LOOKS = {
    "no_communication": Look("#555555", "o"),
    "fixed_steps": Look("#E69F00", "v"),
    "unconstrained": Look("#D55E00", "^"),
    "broadcast": Look("#56B4E9", "D"),
    "cost_aware": Look("#0072B2", "s"),
    "proactive": Look("#009E73", "P"),
    "solo": Look("#CC79A7", "<"),
    "random": Look("#AAAAAA", "X"),
    "learned": Look("#000000", "*"),
    "oracle": Look("#882255", "h"),
    "planner": Look("#332288", "d"),
    LANGUAGE_MODELS: Look("#999933", "p"),
}
_STRANGERS = ("#661100", "#44AA99", "#AA4499", "#117733", "#DDCC77")
_MARKERS = ("o", "v", "^", "D", "s", "P", "<", "X", "*", "h", "d", "p", ">")  # 13, which has no factor of the shades'
_WHITE_SHARES = (0.0, 0.35, 0.55)  # of the shades of a family
LETTERS = 32  # of a policy's name, at most
LETTER_WIDTH, HANDLE_WIDTH, ROW_HEIGHT = 0.058, 0.42, 0.17  # inches, in a legend


def looks(policies: Sequence[str]) -> dict[str, Look]:
    """Return what each of at most 39 policies looks like, no two alike; give all policies of the figures at once.

    A family, the name before a colon, has a colour. Of several members, such as fixed_steps:4 and fixed_steps:8, the
    first in the order of names has the family's look, and the others have other shades and markers. Names of no known
    family take colours and markers in the order of names.
    """
    found: dict[str, Look] = {}
    for family, members in groupby(sorted(policies, key=lambda name: (family_of(name), name)), family_of):
        if family in _LOOKS:
            found |= {name: _member_look(_LOOKS[family], rank) for rank, name in enumerate(members)}
    strangers = sorted(set(policies) - set(found))
    for rank, name in enumerate(strangers):
        found[name] = Look(_STRANGERS[rank % len(_STRANGERS)], _MARKERS[rank % len(_MARKERS)])
    return {policy: found[policy] for policy in policies}


def family_of(policy: str) -> str:
    """A policy's name without its argument, and without what is done to its messages."""
    return policy.partition(" / ")[0].partition(":")[0]


def _member_look(first: Look, rank: int) -> Look:
    """The look of a family's member; those of a family differ in shade from one to the next, and all in the marker."""
    white = _WHITE_SHARES[rank % len(_WHITE_SHARES)]
    red, green, blue = (1 - white) * np.array(to_rgb(first.colour)) + white
    marker = _MARKERS[(_MARKERS.index(first.marker) + rank) % len(_MARKERS)]
    return Look(to_hex((red, green, blue)).upper(), marker)


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure of full width with a grid of axes."""
    figure = Figure(figsize=(FIGURE_WIDTH, height), dpi=FIGURE_DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [list(row) for row in axes]


def policy_legend(
    figure: Figure, shown: Mapping[str, Look], *, lines: bool = False, others: Sequence[Line2D] = ()
) -> None:
    """Explain the policies, and whatever else needs it, above the panels.

    Args:
        figure: gets the legend.
        shown: what each policy looks like in it.
        lines: whether lines go through their markers.
        others: further lines to explain.
    """
    style: Any = "-" if lines else ""
    handles = [
        Line2D(
            [], [], color=look.colour, marker=look.marker, linestyle=style, markersize=5, label=label_of_policy(name)
        )
        for name, look in shown.items()
    ]
    legend_above(figure, [*handles, *others])


def legend_above(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Put a legend above the panels, in as many rows as it needs; the figure grows for more than two."""
    widths = [HANDLE_WIDTH + LETTER_WIDTH * len(str(handle.get_label())) for handle in handles]
    most = len(handles) if sum(widths) < FIGURE_WIDTH else max(1, int(FIGURE_WIDTH / max(widths)))
    rows = -(-len(handles) // most)
    figure.set_figheight(figure.get_figheight() + ROW_HEIGHT * max(0, rows - 2))
    columns = -(-len(handles) // rows)
    figure.legend(
        handles=list(handles), loc="outside upper center", ncols=columns, handletextpad=0.4, columnspacing=1.2
    )


def label_of_policy(name: str) -> str:
    """A name as people write it; of a long one, such as a path, the beginning and the end."""
    if len(name) > LETTERS:
        kind, colon, _ = name.partition(":")
        start = f"{kind}{colon}" if len(kind) < LETTERS // 2 else ""
        name = f"{start}…{name[len(start) + 1 - LETTERS :]}"
    return name.replace("_", " ")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all, in the format that the name of the file ends with."""
    content = io.BytesIO()
    figure.savefig(content, dpi=FIGURE_DPI, format=path.suffix.removeprefix("."))
    write_whole(path, content.getvalue())
