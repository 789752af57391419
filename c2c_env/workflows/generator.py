"""Generated workflows: the same seed and tier give the same workflow on every machine.

Sizes, efforts and complexities follow the tier (`TIER_SHAPES`); train, validation and test seeds are disjoint.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from c2c_env.errors import WorkflowError, raise_faults, unknown_name
from c2c_env.workflows.schema import DOMAINS, MAX_COMPLEXITY, MIN_COMPLEXITY, TIERS, Subtask, Workflow

TRAIN_SEEDS = range(1_000_000)
VALIDATION_SEEDS = range(1_000_000, 1_010_000)
TEST_SEEDS = range(2_000_000, 2_010_000)

LOOK_BACK = 6  # prerequisites are drawn among this many subtasks before
MAX_PREREQUISITES = 2
COMPLEXITY_SD = 0.25


@dataclass(frozen=True)
class TierShape:
    """Ranges of a tier, both ends included; efforts in half hours."""

    min_subtasks: int
    max_subtasks: int
    min_effort: float
    max_effort: float
    mean_complexity: float


TIER_SHAPES = {
    "simple": TierShape(5, 8, 2.0, 5.0, 1.0),
    "medium": TierShape(10, 16, 2.0, 7.0, 1.5),
    "complex": TierShape(20, 34, 2.0, 9.0, 2.0),
}


@dataclass(frozen=True)
class Generated:
    """A source of generated workflows: at every reset one of `seeds` is drawn.

    Attributes:
        tier: simple, medium or complex.
        seeds: integers in [0, 2**63); the default is the training range. Use `VALIDATION_SEEDS` to choose
            hyperparameters and `TEST_SEEDS` to report.
    """

    tier: str
    seeds: Sequence[int] = TRAIN_SEEDS

    def __post_init__(self) -> None:
        faults = _tier_faults(self.tier)
        try:
            seeds = self.seeds if isinstance(self.seeds, range) else tuple(self.seeds)
            object.__setattr__(self, "seeds", seeds)
            ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) and seeds else seeds
            if not seeds:
                faults.append("seeds is empty, expected at least one")
            elif not all(map(_is_seed, ends)):
                faults.append(f"seeds is {seeds!r}, expected integers in [0, 2**63)")
        except TypeError:
            faults.append(f"seeds is {self.seeds!r}, expected a sequence of integers")
        raise_faults(WorkflowError, "bad Generated", faults)


def _is_seed(seed: object) -> bool:
    return isinstance(seed, numbers.Integral) and not isinstance(seed, bool) and 0 <= int(seed) < 2**63


def _tier_faults(tier: object) -> list[str]:
    return [] if isinstance(tier, str) and tier in TIERS else [unknown_name("tier", tier, TIERS)]


class _Stream:
    """Uniform numbers from Philox's raw output, which numpy keeps stable across versions."""

    def __init__(self, tier: str, seed: int) -> None:
        self._bits = np.random.Philox(key=np.array([seed, TIERS.index(tier)], dtype=np.uint64))

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high], both included."""
        return low + int(self.uniform() * (high - low + 1))

    def normal(self, mean: float, sd: float) -> float:
        return NormalDist(mean, sd).inv_cdf(max(self.uniform(), 2.0**-53))

    def sample(self, population: Sequence[int], size: int) -> list[int]:
        """`size` distinct members, ascending."""
        left = list(population)
        return sorted(left.pop(self.integer(0, len(left) - 1)) for _ in range(size))


def generate(tier: str, seed: int) -> Workflow:
    """Generate the workflow of a tier and seed."""
    faults = _tier_faults(tier)
    if not _is_seed(seed):
        faults.append(f"seed is {seed!r}, expected an integer in [0, 2**63)")
    raise_faults(WorkflowError, "no workflow can be generated", faults)
    shape, stream = TIER_SHAPES[tier], _Stream(tier, seed)
    count = stream.integer(shape.min_subtasks, shape.max_subtasks)
    subtasks = tuple(_subtask(k, shape, stream) for k in range(count))
    title = f"Generated {tier} workflow {seed}"
    return Workflow(name=f"{tier}-{seed}", tier=tier, subtasks=subtasks, title=title)


def _subtask(k: int, shape: TierShape, stream: _Stream) -> Subtask:
    half_hours = stream.integer(round(2 * shape.min_effort), round(2 * shape.max_effort))
    # two decimals, so that the last bit of a machine's logarithm cannot matter
    complexity = round(stream.normal(shape.mean_complexity, COMPLEXITY_SD), 2)
    domain = DOMAINS[stream.integer(0, len(DOMAINS) - 1)]
    before = range(max(0, k - LOOK_BACK), k)
    wanted = min(stream.integer(0, MAX_PREREQUISITES), len(before))
    values: dict[str, Any] = {
        "id": f"s{k + 1}",
        "domain": domain,
        "effort": half_hours / 2,
        "complexity": min(max(complexity, MIN_COMPLEXITY), MAX_COMPLEXITY),
        "prerequisites": tuple(f"s{p + 1}" for p in stream.sample(before, wanted)),
        "title": f"Subtask {k + 1} ({domain})",
    }
    return Subtask(**values)
