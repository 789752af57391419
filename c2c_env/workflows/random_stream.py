"""The random numbers of generated workflows: Philox 4x64 with 10 rounds (Salmon et al. 2011).

Short names: a is a number of 64 bits and b is another one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from c2c_env.compiled import compiled

Array = npt.NDArray[Any]


# --- random numbers: Philox 4x64 with 10 rounds (Salmon et al. 2011), the words of numpy's `Philox(key=[seed, tier])`

TWO_53 = 2**53
UNIT = 2.0**-53
WORDS = 4  # a block
POSITION, SEED, TIER = 4, 5, 6
STREAM_LENGTH = 7
PHILOX_ROUNDS = 10
PHILOX_MULTIPLIER_0, PHILOX_MULTIPLIER_1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
HALF, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
MANTISSA_SHIFT = np.uint64(11)


@compiled
def start_stream(stream: Array, tier: int, seed: Any) -> None:
    """Begin the random numbers of a tier and seed."""
    stream[POSITION] = 0
    stream[SEED] = seed
    stream[TIER] = tier


@compiled
def draw_integer(stream: Array, low: int, high: int) -> int:
    """Draw an integer in [low, high], both included."""
    return low + int(draw_uniform(stream) * (high - low + 1))


@compiled
def draw_uniform(stream: Array) -> float:
    """Draw a number in [0, 1) with 53 random bits."""
    position = np.int64(stream[POSITION])
    if position % WORDS == 0:
        write_block(stream, position // WORDS)
    stream[POSITION] = position + 1
    return np.float64(stream[position % WORDS] >> MANTISSA_SHIFT) * UNIT


@compiled
def write_block(stream: Array, number: Any) -> None:
    """Write the four words of a block; numpy counts its blocks from 1."""
    c0, c1, c2, c3 = np.uint64(number + 1), np.uint64(0), np.uint64(0), np.uint64(0)
    key_0, key_1 = stream[SEED], stream[TIER]
    for _ in range(PHILOX_ROUNDS):
        high_0, low_0 = high_product(PHILOX_MULTIPLIER_0, c0), PHILOX_MULTIPLIER_0 * c0
        high_1, low_1 = high_product(PHILOX_MULTIPLIER_1, c2), PHILOX_MULTIPLIER_1 * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ key_0, low_1, high_0 ^ c3 ^ key_1, low_0
        key_0, key_1 = key_0 + WEYL_0, key_1 + WEYL_1
    stream[0], stream[1], stream[2], stream[3] = c0, c1, c2, c3


@compiled
def high_product(a: Any, b: Any) -> Any:
    """Return the upper 64 bits of a * b, which is computed by halves."""
    a_low, a_high, b_low, b_high = a & LOW_HALF, a >> HALF, b & LOW_HALF, b >> HALF
    middle = a_high * b_low + (a_low * b_low >> HALF)
    other = a_low * b_high + (middle & LOW_HALF)
    return a_high * b_high + (middle >> HALF) + (other >> HALF)
