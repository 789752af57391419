"""Pictures of an environment: text for a terminal, an image for a paper. Both show one `Scene`."""

from __future__ import annotations

import warnings

from c2c_env.checks import choice_fault
from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.errors import ConfigError
from c2c_env.render.ansi import draw_text, without_colours
from c2c_env.render.picture import draw_picture
from c2c_env.render.scene import Scene, take_scene
from c2c_env.render.terminal import Screen, wants_colours

MODES = ("ansi", "rgb_array")  # of what is drawn when it is asked for
ENV_MODES = ("human", *MODES)  # of an environment, which with "human" draws by itself

__all__ = [
    "ENV_MODES",
    "MODES",
    "Scene",
    "Screen",
    "check_mode",
    "draw",
    "draw_picture",
    "draw_text",
    "take_scene",
    "warn_without_mode",
]


def draw(batch: Batch, mode: str, row: int = 0) -> str | Array:
    """Draw an environment of a batch as it is now.

    Returns:
        Text with "ansi", a uint8 array [height, width, 3] with "rgb_array". The text has colours only if standard
        output is a terminal and `NO_COLOR` is not set.

    Raises:
        ConfigError: the mode is not one of `MODES`.
        MissingExtraError: "rgb_array" needs matplotlib, which is not installed.
    """
    check_mode(mode)
    scene = take_scene(batch, row)
    if mode == "rgb_array":
        return draw_picture(scene)
    text = draw_text(scene)
    return text if wants_colours() else without_colours(text)


def check_mode(mode: object, modes: tuple[str, ...] = MODES) -> None:
    """Raise a `ConfigError` unless `mode` is one of `modes`."""
    if wrong := choice_fault("render_mode", mode, modes):
        raise ConfigError(wrong)


def warn_without_mode() -> None:
    """Say to who calls `render` how to make an environment that can draw itself."""
    modes = ", ".join(f'"{mode}"' for mode in ENV_MODES)
    text = f"render() draws nothing, because the environment was made without a render_mode, expected one of {modes}"
    warnings.warn(f'{text}; write for example parallel_env(..., render_mode="ansi")', UserWarning, stacklevel=3)
