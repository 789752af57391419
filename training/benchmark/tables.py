"""The results as tables for a terminal: one per tier, with a section per team size and a row per policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.registry import BASELINE, SEES_STATE
from agents.seats import is_team_name, seated_policies
from c2c_env.text.names import one_line
from c2c_env.workflows import TIERS
from training.benchmark.model_table import describe_invalid, model_table
from training.benchmark.results import describe_failed, split_failed
from training.benchmark.statistics import estimate_column, interquartile_mean, label_of, with_reduction
from training.printing import in_lines, show_and_save

REPORT_WIDTH = 100
POLICY_COLUMN = 22
NO_VALUE = "-"
STATE_MARK = " +"
Format = Callable[[float], str]
Mean = tuple[str, str, Format]  # metric, heading, how its mean is written


def _decimals(digits: int) -> Format:
    return lambda value: f"{value:.{digits}f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}"


MEANS: tuple[Mean, ...] = (
    ("score", "score", _decimals(2)),
    ("efficiency", "effi-\ncien.", _decimals(2)),
    ("communication_hours", "comm.\n(h)", _decimals(1)),
    ("synchronous_share", "sync.\n%", _percent),
    ("manager_share", "mgr.\n%", _percent),
    ("mean_alignment", "mean\nAF", _decimals(2)),
    ("answered_share", "answ.\n%", _percent),
    ("success", "succ.\n%", _percent),
)
INVALID: Mean = ("invalid_share", "inva-\nlid %", _decimals(1))  # a column more where anything was invalid


def show_report(results: pd.DataFrame, console: Console, path: Path, more: Sequence[RenderableType] = ()) -> None:
    """Print the tables and what else there is, and write them to a file as plain text."""
    show_and_save(Group(*make_tables(results, console.encoding == "utf-8"), *more), console, path, REPORT_WIDTH)


def make_tables(results: pd.DataFrame, unicode: bool = True) -> list[Table | Padding]:
    """Make a table for each split and tier, then say what the columns mean."""
    counted, failed = split_failed(results)
    paired = with_reduction(counted, BASELINE)
    paired["invalid_share"] = 100 * paired["invalid_actions"] / (paired["steps"] * paired["team_size"])
    parts: list[Table | Padding] = []
    means = (*MEANS, INVALID) if (paired["invalid_share"] > 0).any() else MEANS
    for split in dict.fromkeys(paired["split"]):
        for tier in TIERS:
            group = paired[(paired["split"] == split) & (paired["tier"] == tier)]
            if len(group):
                parts.append(_table(group, f"{tier} workflows ({split})", means, unicode))
    asking = model_table(results, unicode)
    parts += [Padding(asking, (1, 0, 0, 0))] if asking is not None else []
    return [
        *parts,
        Padding(Text("\n".join([_legend(paired), *describe_invalid(results), *describe_failed(failed)])), (1, 0, 0, 0)),
    ]


def _table(group: pd.DataFrame, title: str, means: Sequence[Mean], unicode: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", safe_box=not unicode)
    table.caption = _episodes(group)
    table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, 0  # the narrowest that still breathes
    table.add_column("policy", vertical="bottom", max_width=POLICY_COLUMN, overflow="fold")
    for heading in ["time\n(h)", "less time, %\n[95% interval]", "IQM\n%", *(heading for _, heading, _ in means)]:
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    for size in sorted(set(group["team_size"])):
        table.add_section()
        table.add_row(Text(f"{size} agents", style="bold"))
        of_size = group[group["team_size"] == size]
        for policy in dict.fromkeys(of_size["policy"]):
            table.add_row(*row_cells(of_size[of_size["policy"] == policy], means))
    return table


def row_cells(episodes: pd.DataFrame, shown: Sequence[Mean]) -> list[str]:
    """Return what stands in the row of a policy, given its episodes of one tier and team size."""
    policy, label = str(episodes["policy"].iloc[0]), label_of(episodes)
    mark = "*" if (episodes["success"] < 1).any() else " "
    reduction = estimate_column(episodes, "reduction", label)
    middle = estimate_column(episodes, "reduction", label, interquartile_mean)
    compared = ["", ""]
    if policy != BASELINE and pd.notna(reduction.value):
        interval = f"[{reduction.low:z.0f}, {reduction.high:z.0f}]" if pd.notna(reduction.low) else ""
        compared = [f"{reduction.value:z.0f} {interval:>10}", f"{middle.value:z.0f}"]
    means = [_mean(episodes[name], form) for name, _, form in shown]
    return [policy_cell(policy), f"{episodes['completion_time'].mean():.1f}{mark}", *compared, *means]


def policy_cell(policy: str) -> str:
    """What stands for a policy in the first column of a table."""
    return escape(in_lines(one_line(marked(policy)), POLICY_COLUMN))


def marked(policy: str) -> str:
    """A policy's name, with a mark where it, or a member of a mixed team, sees more than an agent may."""
    members = seated_policies(policy) if is_team_name(policy) else [policy]
    return policy + STATE_MARK if any(name.partition(":")[0] in SEES_STATE for name in members) else policy


def _mean(values: pd.Series, form: Format) -> str:
    """Mean of the episodes in which there was something to measure."""
    return NO_VALUE if values.isna().all() else form(float(values.mean()))


def _episodes(group: pd.DataFrame) -> str:
    """How many episodes a row stands for."""
    per_row = group.groupby(["policy", "team_size"]).size()
    count = f"{per_row.min()}" if per_row.min() == per_row.max() else f"{per_row.min()} to {per_row.max()}"
    workflows = group["workflow"].nunique()
    return f"{_plural(count, 'episode')} per row, of {_plural(str(workflows), 'workflow')}"


def _plural(count: str, what: str) -> str:
    return f"{count} {what}" if count == "1" else f"{count} {what}s"


def _legend(paired: pd.DataFrame) -> str:
    lines = [
        f"{_plural(str(len(paired)), 'episode')} in all. Less time: mean of the reductions of completion time against"
        f" {BASELINE} in the same workflow, team size and seed, with a 95% bootstrap interval (other seeds of these"
        " workflows; other workflows where each was played once); IQM: mean of the middle half.",
        "Score: lower bound / time. Efficien.: finished effort / all person-hours. Comm.: person-hours of"
        " communication, sync. the share of meetings in them. Mgr.: the manager's share of message ends."
        " AF: Alignment Factor while working. Answ.: requests answered. Succ.: episodes finished. -: nothing.",
    ]
    if (paired["invalid_share"] > 0).any():
        lines.append("Invalid: share of the decisions that the mask forbade and that were taken as no work or silence.")
    if paired["reduction"].isna().all():
        lines.append(f"No reductions: {BASELINE} is not among the policies.")
    if any(marked(policy) != policy for policy in paired["policy"].unique()):
        lines.append(
            "+ sees the true state (what everybody understands): shows what is possible, competes with nobody."
        )
    unfinished = paired[paired["success"] < 1]
    if len(unfinished):
        names = ", ".join(f"{policy} {n}" for policy, n in unfinished.groupby("policy", sort=False).size().items())
        lines.append(
            f"* {_plural(str(len(unfinished)), 'episode')} reached the horizon unfinished ({names}); counted with the"
            " horizon as time and a score of 0, so the true time is longer."
        )
    return "\n".join(lines)
