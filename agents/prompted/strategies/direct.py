"""Observation -> action, nothing else."""

from __future__ import annotations

from agents.prompted.strategies.base import Strategy


class Direct(Strategy):
    """The plainest prompt."""

    name = "direct"
    description = "observation -> action"
