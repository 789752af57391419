"""Where an environment gets its workflows from: one, several, or a whole range of generated ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.errors import WorkflowError, nearest
from c2c_env.workflows.draw_workflow import MAX_PREREQUISITES, TIER_SHAPES
from c2c_env.workflows.generator import Generated, generate
from c2c_env.workflows.loader import builtin_names, load_builtin, load_real, load_workflow, real_names
from c2c_env.workflows.pool_index import RANGE, SINGLE, Sources, first_index, seed_of, source_of
from c2c_env.workflows.schema import DOMAINS, TIERS, Workflow

WorkflowLike = str | os.PathLike[str] | Workflow | Generated


class WorkflowPool:
    """An indexed collection of workflows; generated ones are made when they are asked for.

    Each source (a workflow or a `Generated`) is equally likely to be drawn, whatever its number of seeds.

    Attributes:
        sources: workflows and `Generated`, as given.
        arrays: the same as arrays for compiled code.
        domains: those of every workflow.
        domains_of: the name of a workflow that has them, for errors.
        max_subtasks, max_edges, max_milestones: the most that any workflow of the pool can have; an edge is a
            prerequisite of a subtask, a milestone is a subtask of no effort.
    """

    def __init__(self, workflow: WorkflowLike | Sequence[WorkflowLike]) -> None:
        several = isinstance(workflow, Sequence) and not isinstance(workflow, str | bytes)
        given = list(workflow) if isinstance(workflow, Sequence) and several else [workflow]
        if not given:
            raise WorkflowError("workflow is an empty list, expected at least one")
        self.sources = tuple(_resolve(one) for one in given)
        self.domains = _common_domains(self.sources)
        self.domains_of = _described(self.sources[0])
        self.arrays = _sources(self.sources)
        sizes = zip(*map(_sizes, self.sources), strict=True)
        self.max_subtasks, self.max_edges, self.max_milestones = map(max, sizes)

    def __len__(self) -> int:
        return int(self.arrays.ends[-1])

    def __getitem__(self, index: int) -> Workflow:
        if not 0 <= index < len(self):
            raise WorkflowError(f"workflow index {index} is outside [0, {len(self)})")
        number = source_of(self.arrays, index)
        source = self.sources[number]
        if isinstance(source, Workflow):
            return source
        return generate(source.tier, int(seed_of(self.arrays, number, index)))

    def index(self, name: str) -> int:
        """Return the index of the workflow of a name; generated workflows cannot be named here."""
        names = {source.name: n for n, source in enumerate(self.sources) if isinstance(source, Workflow)}
        if not isinstance(name, str) or name not in names:
            raise WorkflowError(f"workflow {name!r} is not among those of this environment{nearest(name, names)}")
        return int(first_index(self.arrays, names[name]))

    @property
    def generates(self) -> bool:
        """Whether some of its workflows are generated."""
        return any(isinstance(source, Generated) for source in self.sources)


def _domains(source: Workflow | Generated) -> tuple[str, ...]:
    return source.domains if isinstance(source, Workflow) else DOMAINS


def _described(source: Workflow | Generated) -> str:
    return f"workflow {source.name!r}" if isinstance(source, Workflow) else f"generated {source.tier} workflows"


def _common_domains(sources: Sequence[Workflow | Generated]) -> tuple[str, ...]:
    """Return the domains that all sources have, or raise an error about the first two that differ."""
    first = sources[0]
    for other in sources:
        if _domains(other) != _domains(first):
            each = [f"{_described(one)} has {', '.join(_domains(one))}" for one in (first, other)]
            raise WorkflowError(
                f"the workflows of one environment need the same domains in the same order: {'; '.join(each)}"
            )
    return _domains(first)


def _sizes(source: Workflow | Generated) -> tuple[int, int, int]:
    """Return how many subtasks, edges and milestones a workflow of a source has at most."""
    if isinstance(source, Generated):
        largest = TIER_SHAPES[TIERS.index(source.tier)].max_subtasks
        return largest, largest * MAX_PREREQUISITES, 0
    subtasks = source.subtasks
    return len(subtasks), sum(len(s.prerequisites) for s in subtasks), sum(s.effort == 0 for s in subtasks)


def _sources(given: Sequence[Workflow | Generated]) -> Sources:
    sizes = [len(source.seeds) if isinstance(source, Generated) else 1 for source in given]
    if sum(sizes) >= 2**63:
        raise WorkflowError(f"the workflows of all sources together are {sum(sizes)}, expected fewer than 2**63")
    rows: list[tuple[int, int, int, int]] = []
    seeds: list[int] = []
    for source in given:
        if isinstance(source, Workflow):
            rows.append((SINGLE, 0, 0, RANGE))
        elif isinstance(source.seeds, range):
            step = source.seeds[1] - source.seeds[0] if len(source.seeds) > 1 else 0
            rows.append((TIERS.index(source.tier), source.seeds[0], step, RANGE))
        else:
            rows.append((TIERS.index(source.tier), 0, 0, len(seeds)))
            seeds += source.seeds
    tier, first, step, listed = np.array(rows, dtype=np.int64).T.copy()
    ends = np.array(list(accumulate(sizes)), dtype=np.int64)
    return Sources(ends, tier, first, step, listed, np.array(seeds, dtype=np.int64))


def _resolve(workflow: Any) -> Workflow | Generated:
    if isinstance(workflow, Workflow | Generated):
        return workflow
    if isinstance(workflow, str) and workflow in TIERS:
        return Generated(workflow)
    if isinstance(workflow, str) and not _is_path(workflow):
        if workflow in real_names():
            return load_real(workflow)
        if workflow not in builtin_names():
            valid = [*builtin_names(), *TIERS, *real_names()]
            raise WorkflowError(
                f"unknown workflow {workflow!r}{nearest(workflow, valid)}; expected a built-in"
                f" ({', '.join(builtin_names())}), a tier ({', '.join(TIERS)}: generated), a real graph"
                f" ({', '.join(real_names())}) or a path ending in .toml"
            )
        return load_builtin(workflow)
    if isinstance(workflow, str | os.PathLike):
        return load_workflow(Path(workflow))
    raise WorkflowError(
        f"workflow is {workflow!r}, expected a built-in's name, a path to a TOML file, a Workflow,"
        " a Generated, or a list of these"
    )


def _is_path(text: str) -> bool:
    return text.endswith(".toml") or os.sep in text
