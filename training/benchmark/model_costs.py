"""What prompted cells could cost before a run, and what they did cost after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.policy import PolicyContext
from agents.registry import make_policy
from training.benchmark.cell import Cell
from training.benchmark.play_cell import cell_batch, policy_seed

CHARACTERS_A_TOKEN = 4


def describe_estimate(cells: Sequence[Cell]) -> str:
    """What prompted cells could ask and cost, from the prompts of their first steps."""
    questions = prompt_tokens = completion_tokens = 0
    cost = 0.0
    for cell in cells:
        count, tokens = _estimate(cell)
        options = cell.settings
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
    return asked * steps, characters // CHARACTERS_A_TOKEN


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
