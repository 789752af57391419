"""The comparison as tables for a terminal: how policies stand, and how they communicate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.registry import BASELINE
from c2c_env.text.names import one_line
from c2c_env.workflows import TIERS
from training.benchmark.statistics import Estimate
from training.benchmark.tables import NO_VALUE, POLICY_COLUMN, marked, policy_cell
from training.report.score_matrices import with_rival
from training.report.standings import Draws, Standing

# heading, and the column of results whose mean over episodes it shows, in percent
SHARES = (
    ("hub\n%", "highest_share"),
    ("manager\n%", "manager_share"),
    ("synchronous\n%", "synchronous_share"),
    ("answered\n%", "answered_share"),
)


# --- standings -------------------------------------------------------------------------------------------------


def standings_table(standings: Sequence[Standing], split: str, rival: str, unicode: bool) -> Table:
    """Make the table of one split, with a row for each policy."""
    table = _empty_table(f"{split} workflows: reduction of completion time against {BASELINE}", unicode)
    better = f"P(better than\n{one_line(rival, POLICY_COLUMN)})"
    for heading in ["IQM, %\n[95% interval]", "median\n%", better, "comm. h /\neffort h", "finished\n%"]:
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    for one in standings:
        table.add_row(
            policy_cell(one.policy),
            _with_interval(one.reduction, 1),
            f"{one.median:.1f}",
            _with_interval(one.improvement, 2),
            _written(one.communication, 2),
            f"{100 * one.success:.0f}",
        )
    return table


def _with_interval(found: Estimate, digits: int) -> str:
    ends = "" if np.isnan(found.low) else f" [{found.low:.{digits}f}, {found.high:.{digits}f}]"
    return _written(found.value, digits) + f"{ends:>14}"


def _written(value: float, digits: int) -> str:
    return NO_VALUE if np.isnan(value) else f"{value:.{digits}f}"


def _empty_table(title: str, unicode: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", safe_box=not unicode)
    table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, (0, 1)
    table.add_column("policy", vertical="bottom", max_width=POLICY_COLUMN, overflow="fold")
    return table


# --- patterns --------------------------------------------------------------------------------------------------


def patterns_table(episodes: pd.DataFrame, policies: Sequence[str], split: str, unicode: bool) -> Table:
    """Make the table of communication patterns of one split, with a section for each tier.

    Args:
        episodes: all of the split.
        policies: of the episodes, in the order of the rows.
        split: names the workflows in the title.
        unicode: whether the terminal has more than ASCII.
    """
    table = _empty_table(f"{split} workflows: patterns of communication", unicode)
    for heading in ["messages\nper hour", *(heading for heading, _ in SHARES)]:
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    for tier in TIERS:
        group = episodes[episodes["tier"] == tier]
        if len(group):
            table.add_section()
            table.add_row(Text(tier, style="bold"))
        for policy in policies:
            own = group[group["policy"] == policy]
            if len(own):
                table.add_row(policy_cell(policy), *pattern_cells(own))
    return table


def pattern_cells(episodes: pd.DataFrame) -> list[str]:
    """What stands in the row of a policy, given its episodes of one tier."""
    rate = float(episodes["messages"].sum() / episodes["completion_time"].sum())
    return [_written(rate, 2), *(_written(100 * float(episodes[name].mean()), 0) for _, name in SHARES)]


# --- what the numbers mean -------------------------------------------------------------------------------------


def describe_tasks(episodes: pd.DataFrame) -> str:
    """Say what is drawn again, and how many rows of how many episodes there are."""
    tasks = episodes.groupby("task")[["workflow", "seed"]].nunique()
    kind = "another draw of workflows" if (tasks["workflow"] > 1).any() else "other seeds of these workflows"
    counts = episodes.groupby(["policy", "task"]).size()
    few, most = counts.min(), counts.max()
    each = f"{few}" if few == most else f"{few} to {most}"
    return f"{len(tasks)} rows (tasks) of {each} episodes (runs); the intervals say what {kind} would give."


def describe_gaps(unpaired: pd.DataFrame, episodes: pd.DataFrame, rival: str) -> list[str]:
    """Say what is missing: partners among the baseline's episodes, and episodes that others have played.

    Args:
        unpaired: episodes without a partner of the baseline.
        episodes: the others, of one split.
        rival: policy that the others are to improve on.
    """
    lines = []
    alone = counted(unpaired.groupby("policy", sort=False).size())
    if alone:
        lines.append(f"Episodes without a partner of {BASELINE}, which count nowhere in the comparison: {alone}.")
    counts = episodes.groupby("policy", sort=False).size()
    fewer = counted(counts[counts < counts.max()])
    if fewer:
        lines.append(f"Not all policies have all {counts.max()} episodes ({fewer}): theirs are means over fewer.")
    theirs = episodes[episodes["policy"] == rival]
    pairs = pd.Series(
        {policy: len(with_rival(episodes[episodes["policy"] == policy], theirs)) for policy in counts.index}
    )
    short = counted(pairs[pairs < counts])
    if short:
        lines.append(f"P over the episodes that {one_line(rival)} has played as well: {short}.")
    return lines


def counted(numbers: pd.Series) -> str:
    """The numbers of policies as words, by name."""
    return ", ".join(f"{one_line(policy)} {number}" for policy, number in sorted(numbers.items()))


def describe_method(draws: Draws, policies: Sequence[str]) -> list[str]:
    """Say how the numbers come about."""
    lines = [
        f"Reduction of completion time against {BASELINE} in the same workflow, team size and seed. IQM: mean of the"
        " middle half of all episodes; median: of the means of rows; P: probability that an episode is better than one"
        " of the other team in the same row, ties counting half. 95% stratified bootstrap intervals of"
        f" {draws.resamples} resamples (seed {draws.seed}) (rliable, arXiv"
        " 2108.13264).",
        "Comm. h / effort h: person-hours of communication per hour of finished effort. Finished: episodes; others"
        " count with the horizon as time. Hub: share of the agent with the most message ends (sent and received) in all"
        " of them; manager: the manager's. Synchronous: share of meetings in the hours of communication. Answered:"
        " share of the questions. Patterns are means over episodes in which there was something to measure; messages"
        " and communication are sums over all. -: nothing.",
    ]
    if any(marked(policy) != policy for policy in policies):
        lines.append("+ sees the true state: shows what is possible, competes with nobody.")
    return lines


def padded(lines: Sequence[str]) -> Padding:
    """Lines below a table."""
    return Padding(Text("\n".join(lines)), (1, 0, 0, 0))
