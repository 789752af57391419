"""One episode as a moving picture, as a GIF or an MP4: the boards of its steps one after another."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.core.arrays import Array
from c2c_env.disk import write_whole
from c2c_env.episodes.episode import Episode, take_step
from c2c_env.errors import needs_extra
from c2c_env.render import Scene, draw_picture, take_scene
from c2c_env.render.colours import ramp_rgb

_MOST_FRAMES = 100  # of a GIF
_FRAME_MS, _LAST_MS = 400, 4000  # how long a frame is seen, and the last one
_MOST_VIDEO_FRAMES = 1500  # ten minutes
_RAMP_COLOURS = 60
_MOST_COLOURS = 255  # of a GIF's 256, one of which says that a pixel stays as it was
_PLACES = np.array([2**16, 2**8, 1], dtype=np.uint32)  # of red, green and blue in one number


def scenes_of(episode: Episode) -> Iterator[Scene]:
    """Every moment of an episode, from its start to its end."""
    batch = episode.batch()
    yield take_scene(batch)
    for actions, factors in zip(episode.actions, episode.factors, strict=True):
        take_step(batch, actions, factors)
        yield take_scene(batch)


def write_animation(scenes: Sequence[Scene], path: Path) -> int:
    """Write the moments of an episode as a GIF that goes round and round; return the number of its frames.

    A long episode is shown in steps of equal size, its start and its end among them, so that the file stays small.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ConfigError: so many subtasks and agents do not fit into a picture.
        WriteError: the disk is full, or the place cannot be written.
    """
    chosen = _evenly(scenes, _MOST_FRAMES)
    write_whole(path, _encode(chosen))
    return len(chosen)


def write_video(scenes: Sequence[Scene], path: Path) -> int:
    """Write the moments of an episode as an MP4 (H.264), as long as the GIF's; return the number of its pictures.

    Raises:
        MissingExtraError: PyAV or matplotlib is not installed.
        ConfigError: so many subtasks and agents do not fit into a picture.
        WriteError: the disk is full, or the place cannot be written.
    """
    with needs_extra("a video", "video"):
        import av

    chosen = _evenly(scenes, _MOST_VIDEO_FRAMES)
    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream: Any = container.add_stream("h264", rate=Fraction(1000, _FRAME_MS))
        stream.pix_fmt = "yuv420p"  # which every player shows
        stream.height, stream.width = _even(draw_picture(chosen[0])).shape[:2]
        for scene in [*chosen, *[chosen[-1]] * (_LAST_MS // _FRAME_MS - 1)]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_even(draw_picture(scene)), format="rgb24")))
        container.mux(stream.encode())
    write_whole(path, content.getvalue())
    return len(chosen)


def _even(picture: Array) -> Array:
    """The picture with even sides, as the format wants them; what is added is white."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)


def _evenly(scenes: Sequence[Scene], most: int) -> list[Scene]:
    every = -(-(len(scenes) - 1) // (most - 1)) or 1
    return [*scenes[:-1:every], scenes[-1]]


def _encode(scenes: Sequence[Scene]) -> bytes:
    palette = _palette([draw_picture(scenes[place]) for place in (0, len(scenes) // 2, -1)])
    # with one palette, what stays the same takes no bytes in the next frame
    first, *others = (_indexed(draw_picture(scene), palette) for scene in scenes)
    times = [_FRAME_MS] * len(others) + [_LAST_MS]
    content = io.BytesIO()
    first.save(content, format="GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=True)
    return content.getvalue()


def _palette(pictures: Sequence[Array]) -> Array:
    """Colours [P, 3]: those of Alignment Factors, and the most frequent ones of these pictures, as areas have them."""
    found, counts = np.unique(np.concatenate([_numbers(picture) for picture in pictures]), return_counts=True)
    ramp = ramp_rgb(np.linspace(0.0, 1.0, _RAMP_COLOURS))
    frequent = found[np.argsort(-counts, kind="stable")[: _MOST_COLOURS - len(ramp)]]
    return np.concatenate([ramp, _colours(frequent)])


def _indexed(picture: Array, palette: Array) -> Any:
    """The picture as an image of Pillow that has the nearest colours of the palette."""
    from PIL import Image

    found, places = np.unique(_numbers(picture), return_inverse=True)
    distances = ((_colours(found)[:, None].astype(int) - palette) ** 2).sum(axis=2)
    nearest = distances.argmin(axis=1).astype(np.uint8)
    image = Image.fromarray(nearest[places].reshape(picture.shape[:2]))
    image.putpalette(palette.tobytes())
    return image


def _numbers(picture: Array) -> Array:
    """Every pixel as one number."""
    return picture.reshape(-1, 3).astype(np.uint32) @ _PLACES


def _colours(numbers: Array) -> Array:
    return (numbers[:, None] // _PLACES % 256).astype(np.uint8)
