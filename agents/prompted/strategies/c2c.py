"""The paper's agents: an explicit intention first, cost weighed against the gain, then the action."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agents.prompted.strategies.base import Strategy, template
from c2c_env.text.answer import Choice, Form
from c2c_env.text.observation_text import Sight


class Intention(Form):
    """What an agent is about to do, and what its message is worth."""

    intention: Literal["work", "seek_help", "clarify", "coordinate", "report"] = Field(
        description="what you are about to do"
    )
    expected_gain: float = Field(ge=0.0, description="rise in AF that the message should bring its reader, 0-1")
    cost_hours: float = Field(ge=0.0, description="hours that it costs all sides together")


class Intended(Choice, Intention):
    """The intention, then the choice that follows from it."""


class C2C(Strategy):
    """Manager and workers have prompts of their own; requests are answered first."""

    name = "c2c"
    description = "intention first, cost weighed against the expected gain in AF (the paper's agents)"
    form = Intended

    def system(self, sight: Sight) -> str:
        role = "c2c_manager" if sight.manager else "c2c_worker"
        return template("c2c").substitute(rules=self.rules, name=sight.name, role=template(role).substitute())
