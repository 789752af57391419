"""What prompted cells could cost before a run, and what they did cost after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env.text.names import one_line
from training.benchmark.cell import Cell
from training.benchmark.play_cell import cell_batch, policy_seed

if TYPE_CHECKING:
    from agents.prompted.client.budget import Budget
    from agents.prompted.settings import ModelSettings

CHARACTERS_A_TOKEN = 4
STAND_IN = "cost_aware"  # the scripted team whose episodes are taken to be as long as those of a prompted one
USUAL_ANSWER_TOKENS = 80  # that an answer takes for each agent: its fields and a sentence or two
FAULT_TOKENS = 60  # that it takes at most to say what is wrong with an agent's part of an answer
STEPS_A_MEASURE = 8  # prompts change slowly, so that measuring some steps does


@dataclass
class Demand:
    """Questions, tokens of their prompts and of their answers, and dollars (NaN without prices)."""

    questions: float = 0.0
    prompt_tokens: float = 0.0
    answer_tokens: float = 0.0
    dollars: float = 0.0

    def add(self, settings: ModelSettings, questions: float, prompt_tokens: float, answer_tokens: float) -> None:
        """Add what a cell asks."""
        self.questions += questions
        self.prompt_tokens += prompt_tokens
        self.answer_tokens += answer_tokens
        self.dollars += settings.cost(round(prompt_tokens), round(answer_tokens))

    def __str__(self) -> str:
        unknown = np.isnan(self.dollars)
        cost = "cost unknown without price_in and price_out" if unknown else in_dollars(self.dollars)
        tokens = f"{self.prompt_tokens:,.0f} tokens of prompts and {self.answer_tokens:,.0f} of answers"
        return f"{self.questions:,.0f} questions, {tokens}, {cost}"


def in_dollars(amount: float) -> str:
    """Write dollars in cents, or in hundredths of them where cents would say too little."""
    return f"${amount:,.2f}" if amount >= 10 or amount == 0 else f"${amount:,.4f}"


def describe_estimate(cells: Sequence[Cell]) -> str:
    """What prompted cells could ask and cost at most, and what is to be expected; nobody is asked for it."""
    expected, most = Demand(), Demand()
    for cell in cells:
        _estimate(cell, expected, most)
    twice = ", every question of a team put twice as reask=1 may" if any(cell.settings.reask for cell in cells) else ""
    return (
        f"prompted teams, without what strategies remember and without what the cache has, which costs nothing:\n"
        f"  expected (episodes as long as those of {STAND_IN}): about {expected}\n"
        f"  at most (every episode to its horizon, every answer as long as may be{twice}): about {most}"
    )


def _estimate(cell: Cell, expected: Demand, most: Demand) -> None:
    """Play the cell with a scripted team, and measure on the way what the prompted one would ask."""
    from agents.prompted.prompted_team import SHOWN_AGAIN

    batch = cell_batch(cell)
    context = PolicyContext.of(batch, policy_seed(cell), cell.options)
    team: Any = make_policy(cell.policy, context, connect=False)
    team.reset(np.arange(batch.num_envs * batch.num_agents))
    flat = (batch.num_envs * batch.num_agents, -1)
    sizes: list[list[float]] = [[] for _ in range(batch.num_envs)]  # of prompts, in characters
    counts = np.zeros(batch.num_envs)  # questions a step
    over = np.zeros(batch.num_envs, dtype=bool)
    steps = np.zeros(batch.num_envs)
    taken = 0

    def measure() -> None:
        nonlocal taken
        if taken % STEPS_A_MEASURE == 0 and not over.all():
            rows = np.flatnonzero(np.repeat(~over, batch.num_agents))
            observations, masks = batch.observations.reshape(flat), batch.action_masks.reshape(flat)
            counts[~over] = 0
            for env, size in team.measure(observations[rows], masks[rows], rows):
                sizes[env].append(size)
                counts[env] += 1
        steps[~over] += 1
        taken += 1

    def note() -> None:
        over[:] = batch.terminated | batch.truncated
        measure()

    measure()
    play(batch, make_policy(STAND_IN, context), on_step=note)
    settings = cell.settings
    horizons = batch.params.horizon[batch.state.workflow]
    judged = 1 if settings.judge else 0
    prompts = np.array([np.mean(of_env) for of_env in sizes]) / CHARACTERS_A_TOKEN
    share = team.num_asked / counts.mean()  # agents that a question is about
    answer = min(team.max_tokens, USUAL_ANSWER_TOKENS * share)
    added = min(team.max_tokens, SHOWN_AGAIN / CHARACTERS_A_TOKEN) + share * FAULT_TOKENS
    ways = ((expected, steps, answer, 0), (most, horizons, team.max_tokens, settings.reask))
    for estimate, length, tokens, again in ways:
        questions, asked = counts * length, 1 + again + judged
        in_prompts = (questions * (prompts + again * (prompts + added))).sum()
        estimate.add(settings, asked * questions.sum(), in_prompts, asked * questions.sum() * tokens)


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
    parts += [] if np.isnan(dollars) else [in_dollars(dollars)]
    return ", ".join([*parts, f"{counted.retries:,} retries"])


def meters_of(cells: Sequence[Cell]) -> dict[ModelSettings, Budget]:
    """Return what counts the questions and tokens of this process, for each set of settings."""
    from agents.prompted.client.client import client_of

    return {settings: client_of(settings).meter for settings in dict.fromkeys(cell.settings for cell in cells)}


def describe_totals(meters: Mapping[ModelSettings, Budget]) -> str:
    """What was asked and paid."""
    lines = []
    for settings, meter in meters.items():
        totals, paid = meter.totals, "" if np.isnan(meter.dollars) else f", {in_dollars(meter.dollars)}"
        again = f" ({totals.retries:,} of them again)" if totals.retries else ""
        tokens = f"{totals.prompt_tokens:,} + {totals.completion_tokens:,} tokens"
        lines.append(
            f"{settings.base_url}: {totals.asked:,} asked{again}, {totals.cached:,} from the cache, {tokens}{paid}"
        )
    return "\n".join(one_line(line) for line in lines)
