"""What prompted cells could cost before a run, and what they did cost after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.prefixes import PromptPrefixes
from agents.registry import make_policy
from c2c_env import Batch
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
STEPS_A_MEASURE = 8  # prompts change slowly, so that measuring two of these steps does


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
    shared = sum(_estimate(cell, expected, most) for cell in cells)
    twice = ", every question of a team put twice as reask=1 may" if any(cell.settings.reask for cell in cells) else ""
    return (
        f"prompted teams, without what strategies remember and without what the cache has, which costs nothing:\n"
        f"  expected (episodes as long as those of {STAND_IN}): about {expected}\n"
        f"    of the tokens of prompts, about {shared:,.0f} are a prefix that an earlier question of the episode has,"
        " which servers with a prefix cache charge less for or compute once\n"
        f"  at most (every episode to its horizon, every answer as long as may be{twice}): about {most}"
    )


class PromptMeter:
    """Measures, while a scripted team plays, what the prompted one would ask.

    Two steps on end are measured, then none for a while. A question of the second one shares its prefix with one of the
    step before, or with one of its own step.

    Attributes:
        steps: [B] that each environment has played.
        counts: [B] questions in a step.
        sizes: characters of the prompts measured, by environment.
        first, later: characters of their shared prefixes, in the first step of the episode and in later ones.
    """

    def __init__(self, batch: Batch, team: Any) -> None:
        self.batch, self.team, self.earlier = batch, team, PromptPrefixes()
        self.steps, self.counts = np.zeros(batch.num_envs), np.zeros(batch.num_envs)
        self.sizes, self.first, self.later = ([list[float]() for _ in range(batch.num_envs)] for _ in range(3))
        self._taken, self._over = 0, np.zeros(batch.num_envs, dtype=bool)

    def note(self) -> None:
        """Take in the state before a step of those that are not over."""
        self._over[:] = self.batch.terminated | self.batch.truncated
        if self._taken % STEPS_A_MEASURE < 2 and not self._over.all():
            self._measure()
        self.steps[~self._over] += 1
        self._taken += 1

    def _measure(self) -> None:
        batch, since = self.batch, self._taken % STEPS_A_MEASURE
        rows = np.flatnonzero(np.repeat(~self._over, batch.num_agents))
        observations, masks = (
            array.reshape(batch.num_envs * batch.num_agents, -1)[rows]
            for array in (batch.observations, batch.action_masks)
        )
        self.counts[~self._over] = 0
        if since == 0:
            self.earlier.forget()
        for env, size, shared in self.team.measure(observations, masks, rows, self.earlier):
            self.counts[env] += 1
            self.sizes[env].append(size)
            if since == 1:
                self.later[env].append(shared)
            elif self._taken == 0:
                self.first[env].append(shared)

    def shared(self, env: int) -> float:
        """Characters of all shared prefixes of an episode."""
        questions = self.counts[env] * (self.steps[env] - 1)
        return sum(self.first[env]) + (float(questions * np.mean(self.later[env])) if self.later[env] else 0.0)


def _estimate(cell: Cell, expected: Demand, most: Demand) -> float:
    """Play the cell with a scripted team, and add what the prompted one would ask.

    Returns:
        Tokens of the expected prompts that are shared prefixes.
    """
    from agents.prompted.prompted_team import SHOWN_AGAIN

    batch = cell_batch(cell)
    context = PolicyContext.of(batch, policy_seed(cell), cell.options)
    team: Any = make_policy(cell.policy, context, connect=False)
    team.reset(np.arange(batch.num_envs * batch.num_agents))
    meter = PromptMeter(batch, team)
    meter.note()
    play(batch, make_policy(STAND_IN, context), on_step=meter.note)
    settings = cell.settings
    horizons = batch.params.horizon[batch.state.workflow]
    judged = 1 if settings.judge else 0
    prompts = np.array([np.mean(of_env) for of_env in meter.sizes]) / CHARACTERS_A_TOKEN
    share = team.num_asked / meter.counts.mean()  # agents that a question is about
    answer = min(team.max_tokens, USUAL_ANSWER_TOKENS * share)
    added = min(team.max_tokens, SHOWN_AGAIN / CHARACTERS_A_TOKEN) + share * FAULT_TOKENS
    ways = ((expected, meter.steps, answer, 0), (most, horizons, team.max_tokens, settings.reask))
    for estimate, length, tokens, again in ways:
        questions, asked = meter.counts * length, 1 + again + judged
        in_prompts = (questions * (prompts + again * (prompts + added))).sum()
        estimate.add(settings, asked * questions.sum(), in_prompts, asked * questions.sum() * tokens)
    return sum(map(meter.shared, range(batch.num_envs))) / CHARACTERS_A_TOKEN


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
