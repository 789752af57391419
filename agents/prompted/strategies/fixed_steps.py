"""The paper's baseline that communicates at fixed steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from agents.prompted.strategies.base import Strategy, template
from c2c_env.config import EnvConfig
from c2c_env.core.constants import SILENT
from c2c_env.errors import ConfigError
from c2c_env.text.answer import Choice, Decision, Work
from c2c_env.text.names import WorkflowWords
from c2c_env.text.observation_text import Sight, render

EVERY = 4  # steps


class MustSpeak(Choice):
    """A choice of one who may not be silent now."""

    speech: Literal["chat_tell", "chat_ask", "email_tell", "email_ask", "meet", "assign"] = Field(
        description="what kind of message to send"
    )
    recipient: str = Field(description="an agent's name or team")
    topic: str = Field(description="the subtask that the message is about")


class FixedSteps(Strategy):
    """Everybody must speak at every m-th step and cannot between; questions may be answered at these steps only."""

    name = "fixed_steps"
    description = f"speaks at every m = {EVERY}th step only (fixed_steps:m, the paper's baseline)"
    argument = "m"
    clocked = True

    def __init__(self, config: EnvConfig, num_agents: int, argument: str = "") -> None:
        super().__init__(config, num_agents, argument)
        if argument and (not argument.isdecimal() or int(argument) < 1):
            raise ConfigError(f"fixed_steps takes an integer >= 1 behind the colon, got {argument!r}")
        self.every = int(argument or EVERY)

    def start(self) -> Any:
        return {"step": 0}

    def system(self, sight: Sight) -> str:
        return template(self.name).substitute(rules=self.rules, every=self.every)

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        due = self._due(sight, memory)
        turn = "In this step you must send one message." if due else "In this step you cannot speak."
        return f"{render(sight, words)}\n\n{turn}"

    def form_of(self, sights: Sequence[Sight], memory: Any) -> type[BaseModel]:
        return MustSpeak if self._due(sights[0], memory) else Work

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        memory["step"] += 1

    def _due(self, sight: Sight, memory: Any) -> bool:
        """Whether one must speak now; who is alone, for example, never can."""
        return memory["step"] % self.every == 0 and any(speech != SILENT for speech in sight.legal.speeches)
