"""The prompt shows the observation and asks for an action, and nothing else."""

from __future__ import annotations

from agents.prompted.strategies.base import Strategy


class Direct(Strategy):
    """The plainest prompt."""

    name = "direct"
    description = "observation -> action"
