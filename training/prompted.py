"""What the benchmark says about prompted teams besides everybody's metrics: labels, tokens, cost, failed episodes."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from agents.base import PolicyContext
from agents.prompted.options import Options
from agents.registry import make_policy
from c2c_env.errors import ConfigError
from c2c_env.workflows import TIERS
from training.cells import Cell, make_batch, policy_seed
from training.workers import Threads

COLUMNS = {
    "failed": "1 if a question got no answer: the episode stays out of all means",
    "failure": "why",
    "answers": "answers of the model, one an agent and step",
    "answers_valid": "... that were taken as they are",
    "answers_repaired": "... that were taken after a repair of their form",
    "answers_invalid": "... that could not be used: silent no-work",
    "prompt_tokens": "tokens of all prompts, the judge's too",
    "completion_tokens": "tokens of all answers",
    "cost": "dollars for these tokens; empty without prices",
    "judged": "messages that the judge looked at",
    "judged_invalid": "... whose score could not be read, so that they had no effect",
}
CELLS_AT_ONCE = 8
CHARACTERS_A_TOKEN = 4
POLICY_WIDTH = 42


def add_llm_arguments(parser: argparse.ArgumentParser) -> None:
    """How prompted policies ask their model; see `agents.prompted.options`."""
    parser.add_argument(
        "--llm",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="options of prompted policies, for example base_url=http://127.0.0.1:8000/v1 key_variable=none",
    )
    parser.add_argument("--llm-file", metavar="FILE", help="TOML file with such options; --llm goes before it")


def read_options(assignments: Sequence[str], file: str | None) -> dict[str, Any]:
    """Options from a TOML file and from ``key=value`` words, which go before.

    Raises:
        ConfigError: a name or value that is wrong.
    """
    given: dict[str, Any] = {}
    if file is not None:
        try:
            given = tomllib.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read options from {file!r} (--llm-file): {error}") from error
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError("--llm takes key=value, such as temperature=0.7; got something else")  # maybe a key
        given[key.strip()] = _value(value.strip())
    Options.of(given)
    return given


def _value(text: str) -> Any:
    """A TOML value, or a word."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def open_threads(cells: Sequence[Cell]) -> Threads:
    """Prompted cells run side by side in this process, so that one limit, budget and cache serve all."""
    from agents.prompted.client import close_clients  # an optional library

    return Threads(min(CELLS_AT_ONCE, len(cells)), close_clients)


# --- before and after a run -----------------------------------------------------------------------------------


def describe_estimate(cells: Sequence[Cell]) -> str:
    """What prompted cells could ask and cost, from the prompts of their first steps."""
    questions = prompt_tokens = completion_tokens = 0
    cost = 0.0
    for cell in cells:
        count, tokens = _estimate(cell)
        options = Options.of(cell.options)
        questions, prompt_tokens = questions + count, prompt_tokens + tokens
        completion_tokens += count * options.max_tokens
        cost += options.cost(tokens, count * options.max_tokens)
    dollars = "cost unknown without price_in and price_out" if np.isnan(cost) else f"at most about ${cost:,.2f}"
    return (
        f"prompted teams: at most {questions:,} questions if every episode goes to its horizon, about"
        f" {prompt_tokens:,} tokens of prompts (without what strategies remember), at most {completion_tokens:,} of"
        f" answers, {dollars}; what the cache has costs nothing"
    )


def _estimate(cell: Cell) -> tuple[int, int]:
    """Questions and prompt tokens, were every episode to go to its horizon and every prompt like the first."""
    batch = make_batch(cell)
    policy: Any = make_policy(cell.policy, PolicyContext.of(batch, policy_seed(cell), cell.options))
    rows = np.arange(batch.num_envs * batch.num_agents)
    policy.reset(rows)
    flat = (len(rows), -1)
    sizes = policy.measure(batch.observations.reshape(flat), batch.action_masks.reshape(flat), rows)
    horizons = batch.params.horizon[batch.state.workflow]
    steps = sum(int(horizons[env]) for env, _ in sizes)
    characters = sum(int(horizons[env]) * size for env, size in sizes)
    asked = 2 if Options.of(cell.options).judge else 1
    return asked * steps, characters // CHARACTERS_A_TOKEN


def describe_totals(cells: Sequence[Cell]) -> str:
    """What the clients of this process asked and paid."""
    from agents.prompted.client import client_of

    lines = []
    for options in dict.fromkeys(Options.of(cell.options) for cell in cells):
        meter = client_of(options).meter
        totals, paid = meter.totals, "" if np.isnan(meter.dollars) else f", ${meter.dollars:,.4f}"
        tokens = f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens"
        lines.append(f"{options.base_url}: {totals.asked} asked, {totals.cached} from the cache, {tokens}{paid}")
    return "\n".join(lines)


# --- results --------------------------------------------------------------------------------------------------


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The further columns, if there are prompted teams."""
    return list(COLUMNS) if any("failed" in row for row in rows) else []


def split_failed(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Episodes that count, and those that failed."""
    if "failed" not in results:
        return results, results.iloc[:0]
    failed = results["failed"] == 1
    return results[~failed], results[failed]


def prompted_table(results: pd.DataFrame, unicode: bool = True) -> Table | None:
    """A row for every prompted team, tier and team size; None without any."""
    if "answers" not in results or results["answers"].isna().all():
        return None
    table = Table(title="prompted teams", title_justify="left", title_style="bold", safe_box=not unicode)
    table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, 0
    table.add_column("policy", vertical="bottom", overflow="fold", max_width=POLICY_WIDTH)
    for heading in ("tier", "agents", "epi-\nsodes", "fai-\nled", *(heading for heading, _ in _MEASURES)):
        table.add_column(heading, justify="right", no_wrap=True, vertical="bottom")
    prompted = results[results["answers"].notna()]
    prompted = prompted.assign(rank=prompted["tier"].map(TIERS.index)).sort_values(["rank", "team_size"], kind="stable")
    for (rank, size, policy), episodes in prompted.groupby(["rank", "team_size", "policy"], sort=False):
        played, failed = split_failed(episodes)
        measures = [measure(played) for _, measure in _MEASURES]
        table.add_row(Text(str(policy)), TIERS[rank], str(size), str(len(played)), str(len(failed)), *measures)
    return table


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


def describe_failed(failed: pd.DataFrame) -> list[str]:
    """For the legend: how many episodes failed, of whom, and why the first did."""
    if not len(failed):
        return []
    names = ", ".join(f"{policy} {n}" for policy, n in failed.groupby("policy", sort=False).size().items())
    first = failed["failure"].iloc[0]
    return [f"{len(failed)} failed for want of an answer and are left out of all means ({names}); the first: {first}."]
