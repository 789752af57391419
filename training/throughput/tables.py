"""The throughput's tables, for a terminal and as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.throughput.scaling import exponent

THROUGHPUT_WIDTH = 124
FACE, BATCH = "PettingZoo, simple", "batch, simple"  # rows that the figure is about
SHARED = "board once"  # `shared_board=True`
OF_SIZES, OF_BATCHES = "sizes", "batch"  # what grows in a row of the growth
SKIPPED, FAILED = "skipped: ", "failed: "
LEGEND = (
    "Each row has a process of its own in every round, pinned to its cores. Random legal actions are drawn outside the"
    " clock, new episodes are started inside it."
    " MB: 10^6 bytes; memory: the process's peak, interpreter and libraries included."
)


def rows_table(results: pd.DataFrame) -> Group:
    """Make a row per environment, batch size and number of cores; below stands what was not measured, and why."""
    heads = ("row", "envs", "agents", "cores", "obs.", "steps/s\n(median)", "lowest", "highest", "agent-\nsteps/s",
             "obs.\nMB/s", "memory\nMB")  # fmt: skip
    table = _table("Steps per second", heads, left=("row", "obs."))
    for _, group in results.groupby("kind", sort=False):
        table.add_section()
        for row in group.to_dict("records"):
            if not row["note"]:
                table.add_row(*map(Text, _row_cells(row)))
    notes = dict.fromkeys(f"{row} {note}" for row, note in zip(results["row"], results["note"], strict=True) if note)
    return Group(table, Text(LEGEND), *map(Text, notes))


def _row_cells(row: dict[Any, Any]) -> list[str]:
    rates = [short(row[name]) for name in ("steps_per_second", "lowest", "highest", "agent_steps_per_second")]
    counts = [f"{row[name]:.0f}" for name in ("envs", "agents", "cores")]
    seen = "yes" if row["observations"] else "no"
    return [row["row"], *counts, seen, *rates, _count(row["observation_mb_per_second"]), _count(row["memory_mb"])]


def short(value: float) -> str:
    """Write a number with three digits and a unit, such as 15.3 k or 1.34 M; the exact number is in the file."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * size:
            return f"{value / size:#.3g}".rstrip(".") + unit
    return f"{value:.0f}"


def _count(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:,.0f}"


def growth_tables(results: pd.DataFrame) -> Group:
    """Make tables of nanoseconds per agent-step, with exponents: one for each form of observation, one of batches."""
    parts: list[RenderableType] = []
    for form, cells in of_forms(results[results["grows"] == OF_SIZES]).items():
        costs = cells.pivot(index="agents", columns="subtasks", values="ns_per_agent_step")
        parts += [_growth_table(f"Nanoseconds per agent-step, one core: {form}", costs), Text()]
    parts += [_batch_growth_table(results[results["grows"] == OF_BATCHES]), Text()]
    parts.append(Text("Exponent b: cost of an agent-step ~ size^b, least squares of the logarithms."))
    notes = [_growth_note(row) for row in results.to_dict("records") if row["note"]]
    return Group(*parts, *map(Text, notes))


def _growth_note(row: dict[Any, Any]) -> str:
    envs = f", {row['envs']:.0f} envs" if row["grows"] == OF_BATCHES else ""
    return f"{row['agents']} agents, {row['subtasks']} subtasks{envs}, {row['relations']} {row['note']}"


def of_forms(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each form of observation, by its name."""
    groups = results.groupby(["relations", "observations"], sort=False)
    return {f"relations={name}" if seen else "no observations": rows for (name, seen), rows in groups}


def _batch_growth_table(results: pd.DataFrame) -> Table:
    sizes = sorted(results["envs"].dropna().unique().astype(int))
    agents, subtasks = results["agents"].iloc[0], results["subtasks"].iloc[0]
    heads = [f"{agents} agents, {subtasks} subtasks", *(f"{size} envs" for size in sizes), "exponent in envs"]
    table = _table("Nanoseconds per agent-step, one core: batches", heads, left=heads[:1])
    for form, rows in of_forms(results).items():
        costs = rows.set_index("envs")["ns_per_agent_step"].reindex(sizes).tolist()
        table.add_row(form, *map(_count, costs), exponent_text(sizes, costs))
    return table


def _growth_table(title: str, costs: pd.DataFrame) -> Table:
    heads = ["agents", *(f"{subtasks} subtasks" for subtasks in costs.columns), "exponent in subtasks"]
    table = _table(title, heads, left=())
    for agents, row in costs.iterrows():
        values = row.tolist()
        table.add_row(str(agents), *map(_count, values), exponent_text(costs.columns, values))
    table.add_section()
    table.add_row("exponent in agents", *(exponent_text(costs.index, costs[name].tolist()) for name in costs), "")
    return table


def exponent_text(sizes: Any, costs: list[float]) -> str:
    """Write the exponent with two digits; "-" where there are not two costs."""
    found = exponent(list(sizes), costs)
    return "-" if pd.isna(found) else f"{found:.2f}"


def startup_table(results: pd.DataFrame) -> Table:
    """Make the table of seconds until the first step is done."""
    table = _table("Seconds in a fresh interpreter", ("what", "median", "lowest", "highest", "runs"), left=("what",))
    for row in results.to_dict("records"):
        table.add_row(row["what"], *(f"{row[name]:.2f}" for name in ("seconds", "lowest", "highest")), str(row["runs"]))
    return table


def _table(title: str, heads: Any, left: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for head in heads:
        table.add_column(head, justify="left" if head in left else "right", no_wrap=True, vertical="bottom")
    return table
