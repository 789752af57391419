"""What a generated workflow is drawn from: a tier, a seed and the numbers that follow from them.

Plain functions over arrays, in the subset of Python that runs interpreted (`generator.generate`) and compiled
(when an environment starts an episode), bit for bit alike: uint64 arithmetic modulo 2**64, and floats whose last
bit cannot matter. Nothing is allocated.

A stream is a uint64 array [STREAM_LENGTH]: the last block of random words, how many were drawn, seed and tier.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from c2c_env.workflows.schema import DOMAINS, MAX_COMPLEXITY, MIN_COMPLEXITY

Array = npt.NDArray[Any]

LOOK_BACK = 6  # prerequisites are drawn among this many subtasks before
MAX_PREREQUISITES = 2
COMPLEXITY_SD = 0.25
NUM_DOMAINS = len(DOMAINS)


class TierShape(NamedTuple):
    """Ranges of a tier, both ends included."""

    min_subtasks: int
    max_subtasks: int
    min_half_hours: int
    max_half_hours: int
    mean_complexity: float


# in the order of `schema.TIERS`
TIER_SHAPES = (TierShape(5, 8, 4, 10, 1.0), TierShape(10, 16, 4, 14, 1.5), TierShape(20, 34, 4, 18, 2.0))


class Drawn(Protocol):
    """What is drawn of a workflow, a row each of arrays as in `core.layout.Params`."""

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
    def prerequisites(self) -> Array: ...


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


def draw_complexity(stream: Array, mean: float) -> float:
    """Normal, clipped, rounded to two decimals, so that the last bit of a machine's logarithm cannot matter."""
    share = max(draw_uniform(stream), UNIT)
    x = mean + normal_quantile(share) * COMPLEXITY_SD
    return hundredths(min(max(x, MIN_COMPLEXITY), MAX_COMPLEXITY)) / 100.0


def draw_prerequisites(table: Drawn, w: int, k: int, stream: Array) -> None:
    """Up to `MAX_PREREQUISITES` different ones of the `LOOK_BACK` subtasks before k, ascending."""
    before = min(k, LOOK_BACK)
    wanted = min(draw_integer(stream, 0, MAX_PREREQUISITES), before)
    for n in range(wanted):
        place = draw_integer(stream, 0, before - n - 1)  # among those not taken yet
        insert_untaken(table.prerequisites, w, k, n, k - before + place)
    table.num_prerequisites[w, k] = wanted


def insert_untaken(listed: Array, w: int, k: int, count: int, value: int) -> None:
    """Put into the ascending list [w, k, :count] the value, counted up past those that are in it."""
    place = 0
    while place < count and listed[w, k, place] <= value:
        place += 1
        value += 1
    for n in range(count, place, -1):
        listed[w, k, n] = listed[w, k, n - 1]
    listed[w, k, place] = value


def hundredths(x: float) -> int:
    """The multiple of 0.01 nearest to x in [0.5, 4), ties to even; exact, as ``round(x, 2)`` is."""
    scaled = 100 * int(x * TWO_53)
    whole, rest = scaled // TWO_53, scaled % TWO_53
    half = TWO_53 // 2
    return whole + 1 if rest > half or (rest == half and whole % 2 == 1) else whole


# --- random numbers: Philox 4x64 with 10 rounds (Salmon et al. 2011), the words of numpy's `Philox(key=[seed, tier])`

TWO_53 = 2**53
UNIT = 2.0**-53
WORDS = 4  # a block
POSITION, SEED, TIER = 4, 5, 6
STREAM_LENGTH = 7
ROUNDS = 10
MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
HALF, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
MANTISSA_SHIFT = np.uint64(11)


def start_stream(stream: Array, tier: int, seed: Any) -> None:
    """Begin the random numbers of a tier and seed."""
    stream[POSITION] = 0
    stream[SEED] = seed
    stream[TIER] = tier


def draw_integer(stream: Array, low: int, high: int) -> int:
    """An integer in [low, high], both included."""
    return low + int(draw_uniform(stream) * (high - low + 1))


def draw_uniform(stream: Array) -> float:
    """A number in [0, 1) with 53 random bits."""
    position = np.int64(stream[POSITION])
    if position % WORDS == 0:
        write_block(stream, position // WORDS)
    stream[POSITION] = position + 1
    return np.float64(stream[position % WORDS] >> MANTISSA_SHIFT) * UNIT


def write_block(stream: Array, number: Any) -> None:
    """The four words of a block; numpy counts its blocks from 1."""
    c0, c1, c2, c3 = np.uint64(number + 1), np.uint64(0), np.uint64(0), np.uint64(0)
    key_0, key_1 = stream[SEED], stream[TIER]
    for _ in range(ROUNDS):
        high_0, low_0 = high_product(MULTIPLIER_0, c0), MULTIPLIER_0 * c0
        high_1, low_1 = high_product(MULTIPLIER_1, c2), MULTIPLIER_1 * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ key_0, low_1, high_0 ^ c3 ^ key_1, low_0
        key_0, key_1 = key_0 + WEYL_0, key_1 + WEYL_1
    stream[0], stream[1], stream[2], stream[3] = c0, c1, c2, c3


def high_product(a: Any, b: Any) -> Any:
    """The upper 64 bits of a * b, by halves."""
    a_low, a_high, b_low, b_high = a & LOW_HALF, a >> HALF, b & LOW_HALF, b >> HALF
    middle = a_high * b_low + (a_low * b_low >> HALF)
    other = a_low * b_high + (middle & LOW_HALF)
    return a_high * b_high + (middle >> HALF) + (other >> HALF)


# --- the normal distribution's quantiles: AS241 (Wichura 1988), highest power first

CENTRE = (
    (2.50908_09287_30122_6727e3, 3.34305_75583_58812_8105e4, 6.72657_70927_00870_0853e4, 4.59219_53931_54987_1457e4,
     1.37316_93765_50946_1125e4, 1.97159_09503_06551_4427e3, 1.33141_66789_17843_7745e2, 3.38713_28727_96366_6080e0),
    (5.22649_52788_52854_5610e3, 2.87290_85735_72194_2674e4, 3.93078_95800_09271_0610e4, 2.12137_94301_58659_5867e4,
     5.39419_60214_24751_1077e3, 6.87187_00749_20579_0830e2, 4.23133_30701_60091_1252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545_01427_83414_07640e-4, 2.27238_44989_26918_45833e-2, 2.41780_72517_74506_11770e-1,
     1.27045_82524_52368_38258e0, 3.64784_83247_63204_60504e0, 5.76949_72214_60691_40550e0,
     4.63033_78461_56545_29590e0, 1.42343_71107_49683_57734e0),
    (1.05075_00716_44416_84324e-9, 5.47593_80849_95344_94600e-4, 1.51986_66563_61645_71966e-2,
     1.48103_97642_74800_74590e-1, 6.89767_33498_51000_04550e-1, 1.67638_48301_83803_84940e0,
     2.05319_16266_37758_82187e0, 1.0),
)  # fmt: skip
FAR_TAIL = (
    (2.01033_43992_92288_13265e-7, 2.71155_55687_43487_57815e-5, 1.24266_09473_88078_43860e-3,
     2.65321_89526_57612_30930e-2, 2.96560_57182_85048_91230e-1, 1.78482_65399_17291_33580e0,
     5.46378_49111_64114_36990e0, 6.65790_46435_01103_77720e0),
    (2.04426_31033_89939_78564e-15, 1.42151_17583_16445_88870e-7, 1.84631_83175_10054_68180e-5,
     7.86869_13114_56132_59100e-4, 1.48753_61290_85061_48525e-2, 1.36929_88092_27358_05310e-1,
     5.99832_20655_58879_37690e-1, 1.0),
)  # fmt: skip


def normal_quantile(share: float) -> float:
    """The number that a standard normal variable falls below with probability `share` in (0, 1)."""
    q = share - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return polynomial(CENTRE[0], r) * q / polynomial(CENTRE[1], r)
    r = math.sqrt(-math.log(share if q <= 0.0 else 1.0 - share))
    if r <= 5.0:
        x = polynomial(TAIL[0], r - 1.6) / polynomial(TAIL[1], r - 1.6)
    else:
        x = polynomial(FAR_TAIL[0], r - 5.0) / polynomial(FAR_TAIL[1], r - 5.0)
    return -x if q < 0.0 else x


def polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """Horner's rule."""
    total = coefficients[0]
    for n in range(1, len(coefficients)):
        total = total * x + coefficients[n]
    return total
