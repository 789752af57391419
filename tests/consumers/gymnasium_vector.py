"""Gymnasium: `make_vec` on the batched simulator, with the masks of all environments in infos.

pip install gymnasium==1.4.0
python tests/consumers/gymnasium_vector.py
"""

import gymnasium
import numpy as np
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import c2c_env

gymnasium.register_envs(c2c_env)
envs = RecordEpisodeStatistics(gymnasium.make_vec("c2c_env/Team-v0", num_envs=64, workflow="simple", team_size=5))
observations, infos = envs.reset(seed=0)
illegal, lengths = 0, []
for _ in range(400):
    actions = [envs.single_action_space.sample(mask) for mask in infos["action_mask"]]
    observations, rewards, terminated, truncated, infos = envs.step(np.stack(actions))
    illegal += int(infos["invalid_actions"].sum())
    if "episode" in infos:
        lengths += infos["episode"]["l"][infos["_episode"]].tolist()
assert illegal == 0, illegal
assert len(lengths) >= 64
print(f"gymnasium: {400 * 64} steps, {illegal} illegal actions, {len(lengths)} episodes")
