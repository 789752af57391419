"""Where an index of a pool of workflows leads: its source, and the seed of a generated workflow."""

from __future__ import annotations

from typing import Any, NamedTuple

from c2c_env.compiled import compiled
from c2c_env.workflows.random_stream import Array

SINGLE, RANGE = -1, -1  # no tier; no list of seeds


class Sources(NamedTuple):
    """A pool as arrays for compiled code, an entry a source (int64)."""

    ends: Array  # index in the pool behind its last workflow
    tier: Array  # of generated workflows, or `SINGLE`
    first: Array  # a range's seeds are first + step * n
    step: Array
    listed: Array  # where its seeds begin in `seeds`, or `RANGE`
    seeds: Array  # those that are no range, of all sources


@compiled
def draw_index(sources: Sources, source_draw: float, seed_draw: float) -> int:
    """Index in the pool for two uniform numbers in [0, 1): one for the source, one for the seed within it."""
    number = int(source_draw * len(sources.ends))
    start = first_index(sources, number)
    return int(start + int(seed_draw * (sources.ends[number] - start)))


@compiled
def source_of(sources: Sources, index: int) -> int:
    """Number of the source that an index of the pool belongs to."""
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
    """Seed of an index of the pool that belongs to a source of generated workflows."""
    offset = index - first_index(sources, number)
    if sources.listed[number] == RANGE:
        return sources.first[number] + sources.step[number] * offset
    return sources.seeds[sources.listed[number] + offset]


@compiled
def first_index(sources: Sources, number: int) -> Any:
    """Index in the pool of a source's first workflow."""
    return sources.ends[number - 1] if number > 0 else 0
