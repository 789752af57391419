"""An episode as a GIF: which moments it shows, for how long, and that the frames are the pictures."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from c2c_env.make import make_batch
from c2c_env.render import draw_picture
from training.__main__ import main
from training.episodes import animation
from training.episodes.animation import scenes_of, write_animation, write_video
from training.episodes.sources import play_episode


def played(count):
    """The first moments of an episode."""
    scenes = list(scenes_of(play_episode(make_batch("csv-import-tool", 3), "cost_aware", 0)))
    assert [scene.step for scene in scenes] == list(range(len(scenes)))
    return scenes[:count]


def frames_of(path):
    """The pictures of a GIF and how many milliseconds each is seen."""
    with Image.open(path) as image:
        assert image.info["loop"] == 0  # for ever
        pictures, times = [], []
        for place in range(image.n_frames):
            image.seek(place)
            pictures.append(np.asarray(image.convert("RGB")).astype(int))
            times.append(image.info["duration"])
    return pictures, times


def test_every_moment_is_a_frame_and_the_last_one_stays(tmp_path):
    scenes = played(5)
    assert write_animation(scenes, tmp_path / "e.gif") == 5
    pictures, times = frames_of(tmp_path / "e.gif")
    assert times == [400, 400, 400, 400, 4000]
    for picture, scene in zip(pictures, scenes, strict=True):
        difference = np.abs(picture - draw_picture(scene)).max(axis=2)
        # 255 colours do not have every shade of the edges of letters, nor of the scale of Alignment Factors
        assert (difference > 0).mean() < 0.02
        assert (difference > 32).mean() < 0.001


def test_a_long_episode_is_shown_in_equal_steps_from_start_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "_MOST_FRAMES", 4)
    scenes = played(12)
    # 11 steps in 3 strides of at most 4
    assert write_animation(scenes, tmp_path / "e.gif") == 4
    pictures, _ = frames_of(tmp_path / "e.gif")
    for picture, step in zip(pictures, (0, 4, 8, 11), strict=True):
        distances = [np.abs(picture - draw_picture(scene)).sum() for scene in scenes]
        assert int(np.argmin(distances)) == step


def test_a_single_moment_is_a_picture(tmp_path):
    assert write_animation(played(1), tmp_path / "e.gif") == 1
    with Image.open(tmp_path / "e.gif") as image:
        assert image.size == draw_picture(played(1)[0]).shape[1::-1]


def test_the_command_writes_it(tmp_path, capsys):
    path = tmp_path / "EPISODE.GIF"
    assert main(["replay", "--workflow", "csv-import-tool", "--team-size", "2", "-o", str(path)]) == 0
    steps = frames_of(path)[0]
    assert f"{path}: {len(steps)} frames of" in capsys.readouterr().out.replace("\n", "")


def test_a_film_shows_every_moment(tmp_path):
    scenes = played(5)
    assert write_video(scenes, tmp_path / "e.mp4") == 5
    with av.open(str(tmp_path / "e.mp4")) as film:
        (stream,) = film.streams.video
        assert float(stream.average_rate) == 2.5  # 400 ms each, as in the GIF
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(stream)]
    assert len(pictures) == 4 + 10  # the last one stays for 4 s
    for picture, scene in zip(pictures, scenes, strict=False):
        wanted = draw_picture(scene)
        height, width = wanted.shape[:2]
        assert picture.shape[:2] == (height + height % 2, width + width % 2)
        assert np.abs(picture[:height, :width] - wanted).mean() < 3  # of 255; films lose some sharpness
    assert np.abs(pictures[0] - pictures[4]).max() > 100  # something happened


@pytest.mark.parametrize("name", ["episode.avi", "gif", "episode.gif.png"])
def test_another_format_is_refused(name, capsys):
    assert main(["replay", "--workflow", "simple", "-o", name]) == 2
    assert f"is '{name}', expected a name that ends in .html, .gif, .mp4 or .svg" in capsys.readouterr().err
