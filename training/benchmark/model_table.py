"""The table of prompted teams: labels, tokens, cost, failed episodes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from c2c_env.text.names import one_line
from c2c_env.workflows import TIERS
from training.benchmark.results import split_failed
from training.printing import in_lines

POLICY_WIDTH_OF_MODELS = 42


def model_table(results: pd.DataFrame, unicode: bool = True) -> Table | None:
    """A row for every prompted team, tier and team size; None without any."""
    if "answers" not in results or results["answers"].isna().all():
        return None
    table = Table(title="prompted teams", title_justify="left", title_style="bold", safe_box=not unicode)
    table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, 0
    table.add_column("policy", vertical="bottom", overflow="fold", max_width=POLICY_WIDTH_OF_MODELS)
    for heading in ("tier", "agents", "epi-\nsodes", "fai-\nled", *(heading for heading, _ in _MEASURES)):
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    prompted = results[results["answers"].notna()]
    prompted = prompted.assign(rank=prompted["tier"].map(TIERS.index)).sort_values(["rank", "team_size"], kind="stable")
    for (rank, size, policy), episodes in prompted.groupby(["rank", "team_size", "policy"], sort=False):
        played, failed = split_failed(episodes)
        measures = [measure(played) for _, measure in _MEASURES]
        name = in_lines(one_line(str(policy)), POLICY_WIDTH_OF_MODELS)
        table.add_row(Text(name), TIERS[rank], str(size), str(len(played)), str(len(failed)), *measures)
    return table


def describe_invalid(results: pd.DataFrame) -> list[str]:
    """Say for every prompted team why its invalid answers were invalid."""
    if "invalid_reasons" not in results:
        return []
    from agents.prompted.client.first_answers import describe_reasons

    lines = []
    for policy, texts in results.groupby("policy", sort=False)["invalid_reasons"]:
        counts: Counter[str] = Counter()
        for text in texts.dropna():
            counts.update(json.loads(text))
        if counts:
            lines.append(f"Invalid answers of {policy}: {describe_reasons(counts)}.")
    return lines


def _share(label: str) -> Callable[[pd.DataFrame], str]:
    def measure(episodes: pd.DataFrame) -> str:
        answers = episodes["answers"].sum()
        return f"{100 * episodes[f'answers_{label}'].sum() / answers:.1f}" if answers else "-"

    return measure


def _tokens_per_finished(episodes: pd.DataFrame) -> str:
    finished = episodes["success"].sum()
    tokens = episodes["prompt_tokens"].sum() + episodes["completion_tokens"].sum()
    return f"{tokens / finished / 1000:,.1f}" if finished else "-"


def _cost_per_finished(episodes: pd.DataFrame) -> str:
    finished, cost = episodes["success"].sum(), episodes["cost"].sum(min_count=1)
    return f"{cost / finished:.4f}" if finished and pd.notna(cost) else "-"


_MEASURES: tuple[tuple[str, Callable[[pd.DataFrame], str]], ...] = (
    ("valid\n%", _share("valid")),
    ("repai-\nred %", _share("repaired")),
    ("inva-\nlid %", _share("invalid")),
    ("1000 tokens\na finished", _tokens_per_finished),
    ("$ a\nfinished", _cost_per_finished),
)
