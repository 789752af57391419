"""What a team and a configuration make of every generated workflow, worked out once for a batch."""

from __future__ import annotations

import numpy as np

from c2c_env.config import TIER_VOLATILITY, EnvConfig, Team
from c2c_env.workflows.draw_workflow import TIER_SHAPES
from c2c_env.workflows.pack import gap_shares
from c2c_env.workflows.pack_generated import FIRST_HUNDREDTH, PackingRules, horizon_steps
from c2c_env.workflows.schema import MAX_COMPLEXITY, TIERS, normalised_weights


def make_packing_rules(team: Team, config: EnvConfig) -> PackingRules:
    skill = np.array(team.skills)
    tiers = [TIER_VOLATILITY[tier] if config.volatility is None else config.volatility for tier in TIERS]
    complexities = [n / 100 for n in range(FIRST_HUNDREDTH, round(100 * MAX_COMPLEXITY) + 1)]
    return PackingRules(
        num_agents=team.size,
        dt=float(config.dt),
        horizon=config.horizon or 0,
        horizon_factor=float(config.horizon_factor),
        volatility=np.array(tiers, dtype=np.float64),
        best_agent=skill.argmax(axis=0),
        best_skill=skill.max(axis=0),
        weights=np.array([normalised_weights(config.facet_weights, interface) for interface in (False, True)]),
        tau=np.array([gap_shares(complexity, config) for complexity in complexities]),
    )


def most_steps(rules: PackingRules, tier: str) -> int:
    """Steps that no generated workflow of a tier exceeds, as if all its subtasks, of the most effort, were a chain."""
    shape = TIER_SHAPES[TIERS.index(tier)]
    hours = shape.max_subtasks * shape.max_half_hours / 2 / float(rules.best_skill.min())
    return rules.horizon or horizon_steps(hours, shape.max_subtasks, rules.horizon_factor, rules.dt)
