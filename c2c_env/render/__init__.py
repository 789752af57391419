"""Pictures of an environment: text for a terminal, an image for a paper. Both show one `Scene`."""

from __future__ import annotations

from c2c_env.checks import choice_fault
from c2c_env.core.arrays import Array
from c2c_env.envs.batch import Batch
from c2c_env.errors import ConfigError
from c2c_env.render.ansi import draw_text
from c2c_env.render.picture import draw_picture
from c2c_env.render.scene import Scene, take_scene

MODES = ("ansi", "rgb_array")

__all__ = ["MODES", "Scene", "check_mode", "draw", "draw_picture", "draw_text", "take_scene"]


def draw(batch: Batch, mode: str, row: int = 0) -> str | Array:
    """Draw an environment of a batch as it is now.

    Returns:
        Text with "ansi", a uint8 array [height, width, 3] with "rgb_array".

    Raises:
        ConfigError: the mode is not one of `MODES`.
        MissingExtraError: "rgb_array" needs matplotlib, which is not installed.
    """
    check_mode(mode)
    scene = take_scene(batch, row)
    return draw_text(scene) if mode == "ansi" else draw_picture(scene)


def check_mode(mode: object) -> None:
    """Raise a `ConfigError` unless `mode` is one of `MODES`."""
    if wrong := choice_fault("render_mode", mode, MODES):
        raise ConfigError(wrong)
