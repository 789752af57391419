"""How the cost of a step grows with the team, the workflow and the batch: a loop for each size, and the exponents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.workflows import DOMAINS, TIERS
from c2c_env.workflows.draw_workflow import LOOK_BACK, MAX_PREREQUISITES, TIER_SHAPES
from training.throughput.clock import Loop
from training.throughput.own_loops import batch_loop

AGENTS = (5, 8, 17, 64, 256)
SUBTASKS = (8, 34, 128)
FORMS = (("onehot", True), ("index", True), ("index", False))  # relations (of observations alone), observations
SMALL_TEAM, SMALL_WORKFLOW = 5, 8  # agents and subtasks where the size of the batch grows
SPREAD = 100  # steps of their episodes over which the environments are spread
MAX_CALLS = 20  # of a run, so that all cells see the same part of an episode
MOST_ENVS = 1024
MEMORY = 300e6  # bytes of observations, masks and state


def growth_loop(
    agents: int, subtasks: int, relations: str, write_observations: bool, num_envs: int | None = None
) -> Loop:
    """A batch, all with one workflow of exactly so many subtasks; without `num_envs` it has as many as fit well."""
    config = EnvConfig(relations=relations)
    num_envs = num_envs or envs_that_fit(agents, subtasks, config)
    batch = Batch(
        make_workflow(subtasks), Team.default(agents), config, num_envs, write_observations=write_observations
    )
    batch.reset(range(num_envs))
    return batch_loop(batch, SPREAD, write_observations)


def envs_that_fit(agents: int, subtasks: int, config: EnvConfig) -> int:
    """The number of environments whose arrays stay within `MEMORY`."""
    sizes = (config.vocab_size, config.relations, config.hidden_facts)
    observation = 4 * ObservationLayout.build(agents, subtasks, len(DOMAINS), *sizes).size
    mask = 2 * (agents + subtasks)
    understanding = 8 * 4 * subtasks
    messages = 64 * agents
    return max(1, min(MOST_ENVS, int(MEMORY / (agents * (observation + mask + understanding + messages)))))


def make_workflow(subtasks: int) -> Workflow:
    """A workflow of exactly so many subtasks, its graph and efforts drawn as those of complex ones."""
    shape, generator = TIER_SHAPES[TIERS.index("complex")], np.random.default_rng(subtasks)
    drawn = []
    for k in range(subtasks):
        before = range(max(0, k - LOOK_BACK), k)
        count = min(int(generator.integers(0, MAX_PREREQUISITES + 1)), len(before))
        prerequisites = sorted(generator.choice(before, count, replace=False).tolist()) if count else []
        drawn.append(
            Subtask(
                id=f"s{k}",
                domain=DOMAINS[int(generator.integers(len(DOMAINS)))],
                effort=int(generator.integers(shape.min_half_hours, shape.max_half_hours + 1)) / 2,
                complexity=shape.mean_complexity,
                prerequisites=tuple(f"s{p}" for p in prerequisites),
            )
        )
    return Workflow(name=f"growth-{subtasks}", tier="complex", subtasks=tuple(drawn))


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the b of cost = a size^b, by least squares of the logarithms; NaN with fewer than two costs."""
    known = np.isfinite(costs)
    if known.sum() < 2:
        return float("nan")
    slope, _ = np.polyfit(np.log(np.array(sizes)[known]), np.log(np.array(costs)[known]), 1)
    return float(slope)
