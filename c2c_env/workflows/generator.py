"""Generated workflows: the same seed and tier give the same workflow on every machine.

Sizes, efforts and complexities follow the tier (`draw_workflow.TIER_SHAPES`).
The seeds for training, validation and test are disjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from c2c_env.checks import Check, choice_fault, fault, is_integer, only_faults
from c2c_env.errors import WorkflowError, raise_faults
from c2c_env.workflows import draw_workflow, random_stream
from c2c_env.workflows.random_stream import Array
from c2c_env.workflows.schema import DOMAINS, TIERS, Subtask, Workflow

TRAIN_SEEDS = range(1_000_000)
VALIDATION_SEEDS = range(1_000_000, 1_010_000)
TEST_SEEDS = range(2_000_000, 2_010_000)
_SEED: Check = (lambda x: is_integer(x) and 0 <= x < 2**63, "an integer in [0, 2**63)")


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
        faults = only_faults([choice_fault("tier", self.tier, TIERS)])
        try:
            seeds = self.seeds if isinstance(self.seeds, range) else tuple(self.seeds)
            object.__setattr__(self, "seeds", seeds)
            ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) and seeds else seeds
            if not seeds:
                faults.append("seeds is empty, expected at least one")
            elif not all(map(_SEED[0], ends)):
                faults.append(f"seeds is {seeds!r}, expected integers in [0, 2**63)")
        except TypeError:
            faults.append(f"seeds is {self.seeds!r}, expected a sequence of integers")
        raise_faults(WorkflowError, "bad Generated", faults)


class _Drawn(NamedTuple):
    """Arrays of one workflow, see `draw_workflow.Drawn`."""

    num_subtasks: Array
    effort: Array
    complexity: Array
    domain: Array
    num_prerequisites: Array
    first_prerequisite: Array
    prerequisites: Array


def generate(tier: str, seed: int) -> Workflow:
    """Generate the workflow of a tier and seed."""
    faults = [choice_fault("tier", tier, TIERS), fault("seed", seed, _SEED)]
    raise_faults(WorkflowError, "no workflow can be generated", only_faults(faults))
    drawn = _draw(TIERS.index(tier), int(seed))
    subtasks = tuple(_subtask(drawn, k) for k in range(int(drawn.num_subtasks[0])))
    title = f"Generated {tier} workflow {seed}"
    return Workflow(name=f"{tier}-{seed}", tier=tier, subtasks=subtasks, title=title)


def _draw(tier: int, seed: int) -> _Drawn:
    shape = (1, draw_workflow.TIER_SHAPES[tier].max_subtasks)
    drawn = _Drawn(
        num_subtasks=np.zeros(1, dtype=np.int64),
        effort=np.zeros(shape),
        complexity=np.zeros(shape),
        domain=np.zeros(shape, dtype=np.int64),
        num_prerequisites=np.zeros(shape, dtype=np.int64),
        first_prerequisite=np.zeros(shape, dtype=np.int64),
        prerequisites=np.zeros((1, shape[1] * draw_workflow.MAX_PREREQUISITES), dtype=np.int64),
    )
    with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
        draw_workflow.draw_workflow(drawn, 0, np.zeros(random_stream.STREAM_LENGTH, dtype=np.uint64), tier, seed)
    return drawn


def _subtask(drawn: _Drawn, place: int) -> Subtask:
    domain = DOMAINS[drawn.domain[0, place]]
    first, count = drawn.first_prerequisite[0, place], drawn.num_prerequisites[0, place]
    wanted = drawn.prerequisites[0, first : first + count]
    values: dict[str, Any] = {
        "id": f"s{place + 1}",
        "domain": domain,
        "effort": float(drawn.effort[0, place]),
        "complexity": float(drawn.complexity[0, place]),
        "prerequisites": tuple(f"s{p + 1}" for p in wanted),
        "title": f"Subtask {place + 1} ({domain})",
    }
    return Subtask(**values)
