"""Strategies: what a model is told and asked, each a small file with its prompt template beside it."""

from agents.prompted.strategies.base import Strategy
from agents.prompted.strategies.c2c import C2C
from agents.prompted.strategies.direct import Direct
from agents.prompted.strategies.fixed_steps import FixedSteps
from agents.prompted.strategies.no_communication import NoCommunication
from agents.prompted.strategies.react import React
from agents.prompted.strategies.spp import SoloPerformance
from agents.prompted.strategies.terse import Terse
from agents.prompted.strategies.tme import TaskMemory
from agents.prompted.strategies.unconstrained import Unconstrained

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy
    for strategy in (Direct, C2C, NoCommunication, FixedSteps, Unconstrained, React, TaskMemory, SoloPerformance, Terse)
}

__all__ = ["STRATEGIES", "Strategy"]
