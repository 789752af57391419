"""The paper's baseline of unconstrained interaction."""

from __future__ import annotations

from agents.prompted.strategies.base import Strategy


class Unconstrained(Strategy):
    """Talks as much as it likes; nothing is said about cost."""

    name = "unconstrained"
    description = "encouraged to talk, whatever it costs (the paper's baseline)"
