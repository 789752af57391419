"""The colours of Alignment Factors, the same ones in the text and in the picture: the brighter, the higher."""

from __future__ import annotations

import numpy as np

from c2c_env.core.arrays import Array

# matplotlib's viridis in ten steps, and the nearest of a terminal's 256 colours whose brightness rises as well
_STEPS = (
    ("#471365", 53),
    ("#482878", 54),
    ("#3e4a89", 55),
    ("#31688e", 24),
    ("#26828e", 30),
    ("#1f9e89", 36),
    ("#35b779", 71),
    ("#6ece58", 77),
    ("#b5de2b", 148),
    ("#fde725", 227),
)
RAMP_CODES = tuple(code for _, code in _STEPS)
_RGB = np.array([list(bytes.fromhex(colour[1:])) for colour, _ in _STEPS])
FIRST_BRIGHT = 0.5  # digits are dark from this value on, and white below


def ramp_code(value: float) -> int:
    """The colour of a terminal for an Alignment Factor."""
    return RAMP_CODES[min(int(value * len(RAMP_CODES)), len(RAMP_CODES) - 1)]


def ramp_rgb(values: Array) -> Array:
    """Colours uint8 [..., 3] for Alignment Factors."""
    places = np.linspace(0.0, 1.0, len(_RGB))
    channels = [np.interp(values, places, channel) for channel in _RGB.T]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
