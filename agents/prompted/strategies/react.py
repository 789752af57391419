"""Reason and act, with a linear history of thoughts, actions and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from agents.prompted.strategies.base import Strategy, in_words
from c2c_env.core.constants import DONE
from c2c_env.text.answer import Choice, Decision, Form
from c2c_env.text.names import WorkflowWords, one_line, subtask_name
from c2c_env.text.observation_text import Sight, render

REMEMBERED = 20  # steps
_THOUGHT = 300  # characters of a thought that are remembered


class Thought(Form):
    """What an agent thinks before it acts."""

    thought: str = Field(description="one to three sentences: what matters now, and why you choose so")


class Reasoned(Choice, Thought):
    """The thought, then the choice that follows from it."""


class React(Strategy):
    """The history of the last steps stands before what is now.

    Attributes:
        remembered: steps of it at most.
    """

    name = "react"
    description = "reasons before it acts, with a linear history"
    form = Reasoned
    remembered: int = REMEMBERED

    @property
    def answer_tokens(self) -> int:
        return super().answer_tokens + _THOUGHT // 3

    def start(self) -> Any:
        return []

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        if not memory or not self.remembered:
            return render(sight, words)
        past = "\n".join(memory[-self.remembered :])
        earlier = f"earlier steps (the last {self.remembered})" if len(memory) > self.remembered else "earlier steps"
        return render(sight, words, f"What you saw, thought and did in {earlier}:\n{past}\n\nNow:")

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        (sight,), (decision,) = sights, decisions
        thought = one_line(answer.thought, _THOUGHT) if isinstance(answer, Reasoned) else "-"
        memory.append(f"- saw: {_summary(sight)}; thought: {thought}; did: {in_words(decision, sight.legal.team)}")


def _summary(sight: Sight) -> str:
    """The few numbers that show what an action led to."""
    own = [
        f"{subtask_name(k)} {sight.remaining[k]:.2f} h left at AF {sight.alignment[k]:.2f}"
        for k in range(len(sight.status))
        if sight.owner[k] == sight.me and sight.status[k] != DONE
    ]
    done = int((sight.status == DONE).sum())
    return ", ".join([f"{100 * sight.time_used:.0f} % of the time used", f"{done} done", *own])
