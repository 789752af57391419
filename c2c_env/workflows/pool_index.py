"""Where an index of a pool of workflows leads: its source, and the seed of a generated workflow."""

from __future__ import annotations

from typing import Any, NamedTuple

from c2c_env.compiled import compiled
from c2c_env.workflows.random_stream import Array

SINGLE, RANGE = -1, -1  # a source without a tier, and one without a list of seeds


class Sources(NamedTuple):
    """A pool as int64 arrays for compiled code, with an entry for each source."""

    ends: Array  # the index in the pool that follows its last workflow
    tier: Array  # of generated workflows, or `SINGLE`
    first: Array  # the seeds of a range are first + step * n
    step: Array
    listed: Array  # where its seeds begin in `seeds`, or `RANGE`
    seeds: Array  # the seeds of all sources that do not have a range


@compiled
def draw_index(sources: Sources, source_draw: float, seed_draw: float) -> int:
    """Draw an index of the pool with two uniform numbers in [0, 1), for the source and for the seed within it."""
    number = int(source_draw * len(sources.ends))
    start = first_index(sources, number)
    return int(start + int(seed_draw * (sources.ends[number] - start)))


@compiled
def source_of(sources: Sources, index: int) -> int:
    """Return the number of the source that an index of the pool belongs to."""
    low, high = 0, len(sources.ends) - 1
    while low < high:
        middle = (low + high) // 2
        if index < sources.ends[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def seed_of(sources: Sources, number: int, index: int) -> Any:
    """Return the seed of an index of the pool that belongs to a source of generated workflows."""
    offset = index - first_index(sources, number)
    if sources.listed[number] == RANGE:
        return sources.first[number] + sources.step[number] * offset
    return sources.seeds[sources.listed[number] + offset]


@compiled
def first_index(sources: Sources, number: int) -> Any:
    """Return the index in the pool of the first workflow of a source."""
    return sources.ends[number - 1] if number > 0 else 0
