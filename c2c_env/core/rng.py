"""Counter-based random numbers: a hash of (key, stream, step, index), without any state to carry.

The mixer is the finaliser of SplitMix64 (Steele, Lea and Flood 2014). All arithmetic is modulo 2**64, so every
machine, batch size and thread count gives the same numbers. Works on scalars and on arrays alike.

Short names: x is a number of 64 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from c2c_env.compiled import compiled

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
MANTISSA_SHIFT = np.uint64(11)
UNIT = 2.0**-53


@compiled
def mix(x: Any) -> Any:
    """Scramble 64 bits so that every input bit reaches every output bit."""
    x = (x ^ (x >> SHIFT_1)) * MULTIPLIER_1
    x = (x ^ (x >> SHIFT_2)) * MULTIPLIER_2
    return x ^ (x >> SHIFT_3)


@compiled
def hash_counter(key: Any, stream: int, step: Any, index: Any) -> Any:
    """64 random bits for a counter; `key` is uint64, the rest non-negative integers."""
    bits = mix(key + GOLDEN * np.uint64(stream + 1))
    bits = mix(bits + GOLDEN * np.uint64(step + 1))
    return mix(bits + GOLDEN * np.uint64(index + 1))


@compiled
def uniform(key: Any, stream: int, step: Any, index: Any) -> Any:
    """A number in [0, 1) with 53 random bits."""
    return np.float64(hash_counter(key, stream, step, index) >> MANTISSA_SHIFT) * UNIT
