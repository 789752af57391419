"""Gymnasium's RecordVideo: an episode of one member among partners as a film, which is read back frame by frame.

pip install gymnasium==1.4.0 moviepy==2.2.1
python tests/consumers/gymnasium_video.py
"""

import tempfile
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.wrappers import RecordVideo
from moviepy import VideoFileClip

import c2c_env

gymnasium.register_envs(c2c_env)
place = tempfile.TemporaryDirectory()
films = Path(place.name) / "films"
member = gymnasium.make(
    "c2c_env/Member-v0", partners="proactive", workflow="csv-import-tool", team_size=5, render_mode="rgb_array"
)
env = RecordVideo(member, str(films), episode_trigger=lambda number: number == 1)  # the second one
pictures, illegal = [], 0
for seed in range(2):
    env.action_space.seed(seed)
    _, info = env.reset(seed=seed)
    pictures = [env.render()]
    ended = False
    while not ended:
        _, _, terminated, truncated, info = env.step(env.action_space.sample(info["action_mask"]))
        pictures.append(env.render())
        illegal += int(info["invalid_action"])
        ended = terminated or truncated
env.close()  # or the next reset: only then is the film written

[path] = films.glob("*.mp4")
assert path.name == "rl-video-episode-1.mp4", path.name
with VideoFileClip(str(path)) as film:
    assert film.fps == env.metadata["render_fps"], film.fps
    frames = [frame.copy() for frame in film.iter_frames()]
assert len(frames) == len(pictures), (len(frames), len(pictures))
height, width = pictures[0].shape[:2]
assert frames[0].shape == (height, width, 3), frames[0].shape
kept = [float(np.abs(frame - picture.astype(float)).mean()) for frame, picture in zip(frames, pictures, strict=True)]
assert max(kept) < 1, f"a frame differs from what was drawn by {max(kept)} of 255"
moved = float(np.abs(frames[-1] - pictures[0].astype(float)).mean())
assert moved > 2 * max(kept), f"the last frame shows the start: {moved}"
assert illegal == 0, illegal
print(f"gymnasium: a film of {len(frames)} frames, {width} x {height}, as they were drawn; {illegal} illegal actions")
