"""The observation in some hundred words of a small vocabulary, so that very small models can play."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.prompted.backends.base import Message
from agents.prompted.strategies.base import Strategy, template
from c2c_env.core.constants import CHAT_TELL, EMAIL_TELL
from c2c_env.text.answer import Decision
from c2c_env.text.names import WorkflowWords
from c2c_env.text.observation_text import Sight
from c2c_env.text.terse_text import HOURS, LAST_TOLD, render_terse


class Terse(Strategy):
    """The memory is what the agent has told, as recipient and topic, since no observation says it."""

    name = "terse"
    description = "the observation in some hundred words, for very small models"

    def start(self) -> Any:
        return []

    def messages(self, sights: Sequence[Sight], words: WorkflowWords, memory: Any) -> tuple[Message, ...]:
        """The rules and what the words mean from the system, which small models need not read, and the words."""
        (sight,) = sights
        return (("system", self.system(sight)), ("user", render_terse(sight, memory)))

    def system(self, sight: Sight) -> str:
        hours = ", ".join(f"{bound:g}" for bound in HOURS)
        return template(self.name).substitute(rules=self.rules, hours=hours, told=LAST_TOLD)

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        (decision,) = decisions
        _, speech, recipient, topic = decision.action
        if speech in (CHAT_TELL, EMAIL_TELL):
            memory.append((recipient, topic))
