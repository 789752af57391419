"""Which domain a kind of task belongs to: as the user says, by its name, or spread evenly.

A kind that has the name of a domain belongs there. The others are spread: the most frequent one is of the first
domain, the next of the second and so on, over and over; among equally frequent ones the alphabet decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle

from c2c_env.errors import unknown_name
from c2c_env.workflows.importers.task_graph import Task


def domains_of(tasks: Sequence[Task], given: Mapping[str, str], domains: Sequence[str]) -> dict[str, str]:
    """The one of the domains of every kind of the tasks, of those in `given` the one that stands there."""
    counts = Counter(task.kind for task in tasks)
    names = {domain.lower(): domain for domain in domains}
    own = {kind: names[kind.lower()] for kind in counts if kind.lower() in names}
    fixed = own | {kind: domain for kind, domain in given.items() if kind in counts}
    free = sorted(counts.keys() - fixed, key=lambda kind: (-counts[kind], kind))
    return fixed | dict(zip(free, cycle(domains), strict=False))


def kind_faults(tasks: Sequence[Task], given: Mapping[str, str], domains: Sequence[str]) -> list[str]:
    """What is wrong with a mapping of kinds to domains: unknown names on either side."""
    kinds = {task.kind for task in tasks}
    faults = [f"--map: {unknown_name('kind', kind, kinds)}" for kind in given if kind not in kinds]
    return faults + [f"--map: {unknown_name('domain', d, domains)}" for d in given.values() if d not in domains]
