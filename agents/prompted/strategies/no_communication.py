"""The paper's baseline without communication."""

from __future__ import annotations

from agents.prompted.strategies.base import Strategy
from c2c_env.text.answer import Work


class NoCommunication(Strategy):
    """Neither the prompt nor the form has a place for a message."""

    name = "no_communication"
    description = "works and cannot speak (the paper's baseline)"
    speaks = False
    form = Work
