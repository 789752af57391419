"""Where an environment gets its workflows from: one, several, or a whole range of generated ones."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from c2c_env.errors import WorkflowError, nearest
from c2c_env.workflows.generator import TIER_SHAPES, Generated, generate
from c2c_env.workflows.loader import builtin_names, load_builtin, load_workflow
from c2c_env.workflows.schema import TIERS, Workflow

WorkflowLike = str | os.PathLike[str] | Workflow | Generated


class WorkflowPool:
    """An indexed collection of workflows; generated ones are made when they are asked for.

    Each source (a workflow or a `Generated`) is equally likely to be drawn, whatever its number of seeds.
    """

    def __init__(self, workflow: WorkflowLike | Sequence[WorkflowLike]) -> None:
        several = isinstance(workflow, Sequence) and not isinstance(workflow, str | bytes)
        given = list(workflow) if isinstance(workflow, Sequence) and several else [workflow]
        if not given:
            raise WorkflowError("workflow is an empty list, expected at least one")
        self.sources = tuple(_resolve(one) for one in given)
        sizes = [len(source.seeds) if isinstance(source, Generated) else 1 for source in self.sources]
        self._ends = list(accumulate(sizes))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Workflow:
        source, offset = self._locate(index)
        return generate(source.tier, source.seeds[offset]) if isinstance(source, Generated) else source

    @property
    def ends(self) -> tuple[int, ...]:
        """For each source, the index after its last workflow."""
        return tuple(self._ends)

    def draw(self, source_draw: float, seed_draw: float) -> int:
        """Index for two uniform numbers in [0, 1): one for the source, one for the seed within it."""
        number = int(source_draw * len(self.sources))
        start = self._ends[number - 1] if number else 0
        return start + int(seed_draw * (self._ends[number] - start))

    def index(self, name: str) -> int:
        """Index of the workflow of a name; only single workflows, not generated ones, have one here."""
        names = {source.name: n for n, source in enumerate(self.sources) if isinstance(source, Workflow)}
        if not isinstance(name, str) or name not in names:
            raise WorkflowError(f"workflow {name!r} is not among those of this environment{nearest(name, names)}")
        number = names[name]
        return self._ends[number] - 1

    @property
    def max_subtasks(self) -> int:
        """Subtasks of the largest workflow that can be drawn."""
        return max(
            TIER_SHAPES[source.tier].max_subtasks if isinstance(source, Generated) else len(source.subtasks)
            for source in self.sources
        )

    def _locate(self, index: int) -> tuple[Workflow | Generated, int]:
        if not 0 <= index < len(self):
            raise WorkflowError(f"workflow index {index} is outside [0, {len(self)})")
        number = bisect_right(self._ends, index)
        return self.sources[number], index - (self._ends[number - 1] if number else 0)


def _resolve(workflow: Any) -> Workflow | Generated:
    if isinstance(workflow, Workflow | Generated):
        return workflow
    if isinstance(workflow, str) and workflow in TIERS:
        return Generated(workflow)
    if isinstance(workflow, str) and not _is_path(workflow):
        if workflow not in builtin_names():
            valid = [*builtin_names(), *TIERS]
            raise WorkflowError(
                f"unknown workflow {workflow!r}{nearest(workflow, valid)}; expected a built-in"
                f" ({', '.join(builtin_names())}), a tier ({', '.join(TIERS)}: generated) or a path ending in .toml"
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
