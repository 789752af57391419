"""Pictures of an environment: text for a terminal, an image for a paper. Both show one `Scene`; neither has physics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from c2c_env.core.arrays import Array
from c2c_env.errors import ConfigError, unknown_name
from c2c_env.render.ansi import draw_text
from c2c_env.render.picture import draw_picture
from c2c_env.render.scene import Scene, take_scene

if TYPE_CHECKING:
    from c2c_env.envs.parallel_env import C2CParallelEnv

MODES = ("ansi", "rgb_array")

__all__ = ["MODES", "Scene", "draw_picture", "draw_text", "frame", "take_scene"]


def frame(env: C2CParallelEnv, mode: str) -> str | Array:
    """The environment as it is now: text with "ansi", a uint8 array [height, width, 3] with "rgb_array".

    Raises:
        ConfigError: an unknown mode.
        MissingExtraError: "rgb_array" without matplotlib.
    """
    if mode not in MODES:
        raise ConfigError(unknown_name("render_mode", mode, MODES))
    scene = take_scene(env.batch)
    return draw_text(scene) if mode == "ansi" else draw_picture(scene)
