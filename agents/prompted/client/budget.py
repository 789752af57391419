"""Tokens and dollars of a run, and the hard budget."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from agents.prompted.settings import ModelSettings
from c2c_env.errors import BudgetError


@dataclass
class Totals:
    """What a run has asked and paid so far; answers from the cache cost nothing.

    Attributes:
        steps: of episodes, all environments together.
        asked: attempts, of which `retries` were further ones for the same question.
        cached: questions that were not asked, since the cache or another episode had the answer.
        prompt_tokens_cached: those of `prompt_tokens` that servers had in caches of their own.
    """

    steps: int = 0
    asked: int = 0
    retries: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_cached: int = 0


class Budget:
    """Lets a question go only if what it could cost at most still fits into the budget.

    Not more is ever spent than the budget, as long as the server keeps to `max_tokens`: a token is at least a byte,
    so the bytes of a prompt bound its tokens.
    """

    def __init__(self, options: ModelSettings) -> None:
        self.options, self.totals = options, Totals()
        self._reserved = [0, 0]
        self._changed = asyncio.Condition()

    @property
    def dollars(self) -> float:
        """The dollars spent; NaN without prices."""
        totals = self.totals
        return self.options.cost(totals.prompt_tokens, totals.completion_tokens, totals.prompt_tokens_cached)

    async def reserve(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Wait until a question and an answer of at most so many tokens fit.

        Raises:
            BudgetError: it does not, even when nothing else is under way.
        """
        async with self._changed:
            while not self._fits(prompt_tokens, completion_tokens):
                if not any(self._reserved):
                    raise BudgetError(self._describe())
                await self._changed.wait()
            self._reserve(prompt_tokens, completion_tokens)

    async def settle(
        self, reserved: tuple[int, int], prompt_tokens: int, completion_tokens: int, prompt_tokens_cached: int = 0
    ) -> None:
        """The question that `reserved` (tokens of prompt and answer) was for has cost this much."""
        async with self._changed:
            self._reserve(-reserved[0], -reserved[1])
            self.totals.prompt_tokens += prompt_tokens
            self.totals.completion_tokens += completion_tokens
            self.totals.prompt_tokens_cached += prompt_tokens_cached
            self._changed.notify_all()

    def _reserve(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._reserved[0] += prompt_tokens
        self._reserved[1] += completion_tokens

    def _fits(self, prompt_tokens: int, completion_tokens: int) -> bool:
        most_in = self.totals.prompt_tokens + self._reserved[0] + prompt_tokens
        most_out = self.totals.completion_tokens + self._reserved[1] + completion_tokens
        options, cached = self.options, self.totals.prompt_tokens_cached
        if options.budget is not None and options.cost(most_in, most_out, cached) > options.budget:
            return False
        return options.budget_tokens is None or most_in + most_out <= options.budget_tokens

    def _describe(self) -> str:
        spent = f"{self.totals.prompt_tokens + self.totals.completion_tokens} tokens"
        if not math.isnan(self.dollars):
            spent += f", ${self.dollars:.4f}"
        limits = [f"${self.options.budget:g}"] if self.options.budget is not None else []
        limits += [f"{self.options.budget_tokens} tokens"] if self.options.budget_tokens is not None else []
        return (
            f"the next question could exceed the budget of {' or '.join(limits)}; spent in this run: {spent};"
            " what was answered is kept, the same command goes on from here with a budget of its own"
        )
