"""The paper's agents: an explicit intention first, cost weighed against the gain, then the action."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from agents.prompted.strategies.base import EXAMPLE_COMPLEXITY, Strategy, template
from agents.scripted.message_value import alignment_of, exchange_cost, hours_saved
from c2c_env.config import EnvConfig
from c2c_env.core.alignment import gap_closed
from c2c_env.core.constants import CHAT, INTENT
from c2c_env.text.answer import Choice, Form
from c2c_env.text.observation_text import Sight, plain_number
from c2c_env.workflows.pack import gap_share
from c2c_env.workflows.schema import normalised_weights

MUCH_LEFT, LITTLE_LEFT = 4.0, 0.2  # hours of effort of the worked example


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
        role = template("c2c_manager" if sight.manager else "c2c_worker").substitute()
        return template("c2c").substitute(weighed_message(self.config), rules=self.rules, role=role)


def weighed_message(config: EnvConfig) -> dict[str, str]:
    """What an expert's chat with the manager about the intent saves and costs, for the prompt's worked example."""
    weights = np.array(normalised_weights(config.facet_weights, interface=True))
    before = np.array([config.initial_intent, config.initial_interface, 1.0, config.initial_context])  # skill 1
    told = np.zeros_like(before)
    told[INTENT] = config.manager_intent
    tau = np.array(gap_share(config.chat.richness, EXAMPLE_COMPLEXITY, config.answer_exponent))
    after = before + gap_closed(tau, told, before)
    cost = float(exchange_cost(config)[CHAT])
    values = {"weighed_complexity": EXAMPLE_COMPLEXITY, "weighed_tau": float(tau), "weighed_cost": cost}
    values |= {"chat_richness": config.chat.richness, "answer_exponent": config.answer_exponent}
    values |= {"weighed_intent": float(before[INTENT]), "weighed_learnt": float(after[INTENT])}
    shown = {name: plain_number(value) for name, value in values.items()}
    for name, understanding in (("before", before), ("after", after)):
        shown[f"weighed_{name}"] = f"{alignment_of(understanding, weights, config):.4g}"
    for name, left in (("much", MUCH_LEFT), ("little", LITTLE_LEFT)):
        saved = float(hours_saved(before, told, tau, weights, np.array(left), config))
        shown |= {f"{name}_left": plain_number(left), f"{name}_saved": plain_number(saved)}
        shown[f"{name}_verdict"] = "it pays, so ask" if saved > cost else "it does not pay, so work in silence"
    return shown
