"""Minari: an offline dataset of the whole team with infos, recorded and read back.

pip install "minari[hdf5]==0.5.4"
MINARI_DATASETS_PATH=/tmp/minari python tests/consumers/minari_dataset.py
"""

import gymnasium
import minari
import numpy as np

import c2c_env

gymnasium.register_envs(c2c_env)
env = minari.DataCollector(
    gymnasium.make("c2c_env/Team-v0", workflow="csv-import-tool", team_size=3, horizon=30, info_format="flat"),
    record_infos=True,
)
for seed in range(4):
    _, info = env.reset(seed=seed)
    ended = False
    while not ended:
        action = env.action_space.sample(info["action_mask"])
        _, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
name = "c2c/random-v0"
if name in minari.list_local_datasets():
    minari.delete_dataset(name)
dataset = env.create_dataset(name, eval_env=None)
for seed, episode in enumerate(dataset.iterate_episodes()):
    again = gymnasium.make("c2c_env/Team-v0", workflow="csv-import-tool", team_size=3, horizon=30)
    again.reset(seed=seed)
    replayed = [again.step(action) for action in episode.actions]
    np.testing.assert_allclose(episode.rewards, [step[1] for step in replayed], rtol=1e-6)
    np.testing.assert_array_equal(episode.observations[-1], replayed[-1][0])
    assert len(episode.infos["metric_steps"]) == len(episode.actions) + 1
    assert episode.infos["metric_steps"][-1] == len(episode.actions)
    assert episode.infos["invalid_actions"].sum() == 0
print(f"minari: {dataset.total_episodes} episodes, {dataset.total_steps} steps, replayed exactly")
