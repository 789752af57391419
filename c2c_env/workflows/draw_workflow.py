"""How a generated workflow is drawn from a tier, a seed and the random numbers that follow from them.

Plain functions over arrays, in the subset of Python that runs interpreted (`generator.generate`) and compiled
(when an environment starts an episode), with the same bits: they use uint64 arithmetic modulo 2**64, and floats whose
last bit cannot matter. They allocate nothing.

A stream is a uint64 array [STREAM_LENGTH] with the last block of random words, how many were drawn, seed and tier.

Short names: w is the row of a packed workflow, k is a subtask and x is a number.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from c2c_env.compiled import compiled
from c2c_env.workflows.normal import normal_quantile
from c2c_env.workflows.random_stream import TWO_53, UNIT, Array, draw_integer, draw_uniform, start_stream
from c2c_env.workflows.schema import DOMAINS, MAX_COMPLEXITY, MIN_COMPLEXITY

LOOK_BACK = 6  # prerequisites are drawn among this many subtasks before the one that needs them
MAX_PREREQUISITES = 2
COMPLEXITY_SD = 0.25
NUM_DOMAINS = len(DOMAINS)


class TierShape(NamedTuple):
    """The ranges of a tier, which include both ends."""

    min_subtasks: int
    max_subtasks: int
    min_half_hours: int
    max_half_hours: int
    mean_complexity: float


# in the order of `schema.TIERS`
TIER_SHAPES = (TierShape(5, 8, 4, 10, 1.0), TierShape(10, 16, 4, 14, 1.5), TierShape(20, 34, 4, 18, 2.0))


class Drawn(Protocol):
    """What is drawn of workflows: arrays as in `core.arrays.Params`, with one row for each workflow."""

    @property
    def num_subtasks(self) -> Array: ...
    @property
    def effort(self) -> Array: ...
    @property
    def complexity(self) -> Array: ...
    @property
    def domain(self) -> Array: ...
    @property
    def num_prerequisites(self) -> Array: ...
    @property
    def first_prerequisite(self) -> Array: ...
    @property
    def prerequisites(self) -> Array: ...


@compiled
def draw_workflow(table: Drawn, w: int, stream: Array, tier: int, seed: Any) -> None:
    """Draw the workflow of a tier and seed into row w; entries beyond its subtasks stay as they are."""
    start_stream(stream, tier, seed)
    shape = TIER_SHAPES[tier]
    table.num_subtasks[w] = draw_integer(stream, shape.min_subtasks, shape.max_subtasks)
    for k in range(table.num_subtasks[w]):
        table.effort[w, k] = draw_integer(stream, shape.min_half_hours, shape.max_half_hours) / 2
        table.complexity[w, k] = draw_complexity(stream, shape.mean_complexity)
        table.domain[w, k] = draw_integer(stream, 0, NUM_DOMAINS - 1)
        draw_prerequisites(table, w, k, stream)


@compiled
def draw_complexity(stream: Array, mean: float) -> float:
    """Draw from a clipped normal distribution.

    The number is rounded to two decimals, so that the last bit of a machine's logarithm cannot matter.
    """
    share = max(draw_uniform(stream), UNIT)
    x = mean + normal_quantile(share) * COMPLEXITY_SD
    return hundredths(min(max(x, MIN_COMPLEXITY), MAX_COMPLEXITY)) / 100.0


@compiled
def draw_prerequisites(table: Drawn, w: int, k: int, stream: Array) -> None:
    """Draw up to `MAX_PREREQUISITES` different subtasks of the `LOOK_BACK` before k, in ascending order."""
    first = table.first_prerequisite[w, k - 1] + table.num_prerequisites[w, k - 1] if k > 0 else 0
    before = min(k, LOOK_BACK)
    wanted = min(draw_integer(stream, 0, MAX_PREREQUISITES), before)
    for n in range(wanted):
        place = draw_integer(stream, 0, before - n - 1)  # among those not taken yet
        insert_untaken(table.prerequisites, w, first, n, k - before + place)
    table.first_prerequisite[w, k] = first
    table.num_prerequisites[w, k] = wanted


@compiled
def insert_untaken(listed: Array, w: int, first: int, count: int, value: int) -> None:
    """Put the value into the ascending list of `count` from `first` on, counted up past those that are in it."""
    place, end = first, first + count
    while place < end and listed[w, place] <= value:
        place += 1
        value += 1
    for n in range(end, place, -1):
        listed[w, n] = listed[w, n - 1]
    listed[w, place] = value


@compiled
def hundredths(x: float) -> int:
    """Return how many hundredths are nearest to x in [0.5, 4), ties to even, as exactly as ``round(x, 2)``."""
    scaled = 100 * int(x * TWO_53)
    whole, rest = scaled // TWO_53, scaled % TWO_53
    half = TWO_53 // 2
    return whole + 1 if rest > half or (rest == half and whole % 2 == 1) else whole
