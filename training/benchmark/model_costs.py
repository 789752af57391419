"""What prompted cells could cost before a run, and what they did cost after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.policy import PolicyContext
from agents.registry import make_policy
from training.benchmark.cell import Cell
from training.benchmark.play_cell import cell_batch, policy_seed

if TYPE_CHECKING:
    from agents.prompted.client.budget import Budget
    from agents.prompted.settings import ModelSettings

CHARACTERS_A_TOKEN = 4


def describe_estimate(cells: Sequence[Cell]) -> str:
    """What prompted cells could ask and cost, from the prompts of their first steps."""
    questions = prompt_tokens = completion_tokens = 0
    cost = 0.0
    for cell in cells:
        count, tokens, longest = _estimate(cell)
        options = cell.settings
        questions, prompt_tokens = questions + count, prompt_tokens + tokens
        completion_tokens += count * longest
        cost += options.cost(tokens, count * longest)
    dollars = "cost unknown without price_in and price_out" if np.isnan(cost) else f"at most about ${cost:,.2f}"
    return (
        f"prompted teams: at most {questions:,} questions if every episode goes to its horizon, about"
        f" {prompt_tokens:,} tokens of prompts (without what strategies remember), at most {completion_tokens:,} of"
        f" answers, {dollars}; what the cache has costs nothing"
    )


def _estimate(cell: Cell) -> tuple[int, int, int]:
    """Questions, tokens of prompts, and most tokens of an answer.

    As if every episode went to its horizon, and every prompt were like the first.
    """
    batch = cell_batch(cell)
    policy: Any = make_policy(cell.policy, PolicyContext.of(batch, policy_seed(cell), cell.options))
    rows = np.arange(batch.num_envs * batch.num_agents)
    policy.reset(rows)
    flat = (len(rows), -1)
    sizes = policy.measure(batch.observations.reshape(flat), batch.action_masks.reshape(flat), rows)
    horizons = batch.params.horizon[batch.state.workflow]
    steps = sum(int(horizons[env]) for env, _ in sizes)
    characters = sum(int(horizons[env]) * size for env, size in sizes)
    asked = 2 if cell.settings.judge else 1
    return asked * steps, characters // CHARACTERS_A_TOKEN, policy.max_tokens


def meters_of(cells: Sequence[Cell]) -> dict[ModelSettings, Budget]:
    """Return what counts the questions and tokens of this process, for each set of settings."""
    from agents.prompted.client.client import client_of

    return {settings: client_of(settings).meter for settings in dict.fromkeys(cell.settings for cell in cells)}


def describe_running(meters: Iterable[Budget]) -> str:
    """What was played, asked and paid up to now, all clients together, for a line of progress."""
    from agents.prompted.client.budget import Totals

    counted, dollars = Totals(), 0.0
    for meter in meters:
        dollars += meter.dollars
        for one in fields(Totals):
            setattr(counted, one.name, getattr(counted, one.name) + getattr(meter.totals, one.name))
    tokens = counted.prompt_tokens + counted.completion_tokens
    parts = [f"{counted.steps:,} steps", f"{counted.asked - counted.retries + counted.cached:,} questions"]
    parts.append(f"{tokens:,} tokens")
    parts += [] if np.isnan(dollars) else [f"${dollars:,.2f}"]
    return ", ".join([*parts, f"{counted.retries:,} retries"])


def describe_totals(cells: Sequence[Cell]) -> str:
    """What the clients of this process asked and paid."""
    from agents.prompted.client.client import client_of

    lines = []
    for options in dict.fromkeys(cell.settings for cell in cells):
        meter = client_of(options).meter
        totals, paid = meter.totals, "" if np.isnan(meter.dollars) else f", ${meter.dollars:,.4f}"
        tokens = f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens"
        lines.append(f"{options.base_url}: {totals.asked} asked, {totals.cached} from the cache, {tokens}{paid}")
    return "\n".join(lines)
