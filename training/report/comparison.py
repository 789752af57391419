"""Puts a comparison together: what is computed, shown and drawn of each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.padding import Padding

from training.arguments import unique
from training.benchmark.tables import REPORT_WIDTH
from training.printing import show_and_save
from training.report import comparison_tables as tables
from training.report.comparison_figures import draw_comparison
from training.report.standings import Draws, Standing, compare


@dataclass(frozen=True)
class SplitComparison:
    """What is known of one split.

    Attributes:
        split: its name.
        played: all its episodes.
        episodes: those with a partner of the baseline.
        standings: of their policies.
    """

    split: str
    played: pd.DataFrame
    episodes: pd.DataFrame
    standings: Sequence[Standing]


def compare_splits(played: pd.DataFrame, rival: str, draws: Draws) -> list[SplitComparison]:
    """Compare policies on each split by itself, since fixed workflows and generated ones answer other questions.

    Args:
        played: as `with_tasks` gives them.
        rival: policy that the others are to improve on.
        draws: of the bootstrap.
    """
    found = []
    for split in unique(played["split"].tolist()):
        own = played[played["split"] == split]
        episodes = own[own["reduction"].notna()]
        found.append(SplitComparison(split, own, episodes, compare(episodes, rival, draws)))
    return found


def show_splits(
    parts: Sequence[SplitComparison], rival: str, draws: Draws, notes: Sequence[str], console: Console, path: Path
) -> None:
    """Print the tables and what they mean, and write them to a file as plain text."""
    shown: list[RenderableType] = []
    for part in parts:
        shown += _tables_of(part, rival, console.encoding == "utf-8")
    policies = unique([one.policy for part in parts for one in part.standings])
    shown.append(tables.padded([*tables.describe_method(draws, policies), *notes]))
    show_and_save(Group(*shown), console, path, REPORT_WIDTH)


def _tables_of(part: SplitComparison, rival: str, unicode: bool) -> list[RenderableType]:
    unpaired = part.played[part.played["reduction"].isna()]
    notes = [tables.describe_tasks(part.episodes), *tables.describe_gaps(unpaired, part.episodes, rival)]
    policies = unique([*(one.policy for one in part.standings), *part.played["policy"]])
    return [
        tables.standings_table(part.standings, part.split, rival, unicode),
        tables.padded(notes),
        Padding(tables.patterns_table(part.played, policies, part.split, unicode), (1, 0)),
    ]


def draw_splits(parts: Sequence[SplitComparison], rival: str, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Draw the figures of all splits, each in every format; those of the first have plain names. Return the files."""
    paths: list[Path] = []
    for place, part in enumerate(parts):
        suffix = f"_{part.split}" if place else ""
        paths += draw_comparison(part.standings, part.split, rival, folder, formats, suffix)
    return paths
