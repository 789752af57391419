"""Solo Performance Prompting (arXiv 2307.05300): one model plays all personas of the team in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from agents.prompted.backends.base import Message
from agents.prompted.strategies.base import Strategy, template
from c2c_env.text.answer import Choice, Form, Work
from c2c_env.text.names import WorkflowWords, agent_name
from c2c_env.text.observation_text import Sight, render_fixed, render_own

_AGENT_TOKENS = 352  # of an agent: its choice, what it knows best, and a proposal of two sentences


class Persona(Form):
    """Who acts."""

    agent: str = Field(description="an agent's name")


class Part(Choice, Persona):
    """An agent, then what it does."""


class Performance(Form):
    """Personas, what they say to each other, and what they agree on."""

    personas: list[str] = Field(description="the agents, each with what it knows best, a few words each")
    brainstorm: list[str] = Field(description="what the personas propose, one sentence each")
    revision: str = Field(description="what they agree on after objections")
    actions: list[Part] = Field(description="one entry for every agent")


class SoloPerformance(Strategy):
    """The centralised baseline: it sees what all agents see, and its talk between personas costs nothing."""

    name = "spp"
    description = "one model plays all agents with everything that they see (centralised, talk is free)"
    joint = True
    form = Performance

    @property
    def answer_tokens(self) -> int:
        return super().answer_tokens + self.num_agents * _AGENT_TOKENS

    def messages(self, sights: Sequence[Sight], words: WorkflowWords, memory: Any) -> tuple[Message, ...]:
        names = ", ".join(agent_name(i) for i in range(self.num_agents))
        views = [f"=== View of {sight.name} ===\n{render_own(sight, words)}" for sight in sights]
        shown = "\n\n".join([render_fixed(sights[0], words), *views])
        return (("system", template(self.name).substitute(rules=self.rules, names=names)), ("user", shown))

    def choices(self, answer: Any, sights: Sequence[Sight]) -> list[Work | None]:
        """Find the choices by name; an agent that is named twice has none that could be told."""
        found: list[Work | None] = []
        for sight in sights:
            named = [part for part in answer.actions if part.agent == sight.name]
            found.append(named[0] if len(named) == 1 else None)
        return found
