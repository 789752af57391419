"""stable-baselines3 through SuperSuit: no code at all, but it does not know masks; prefer `AgentVecEnv`.

pip install stable-baselines3==2.9.2 SuperSuit==3.11.0
python tests/consumers/sb3_supersuit.py
"""

import supersuit
from stable_baselines3 import PPO

from c2c_env import parallel_env

infos = []
env = parallel_env("simple", team_size=5, preset="sb3", horizon=20)
venv = supersuit.pettingzoo_env_to_vec_env_v1(env)
venv = supersuit.concat_vec_envs_v1(venv, 4, base_class="stable_baselines3")
model = PPO("MlpPolicy", venv, n_steps=64, batch_size=320, n_epochs=2)
model.learn(3 * 64 * venv.num_envs, callback=lambda scope, _: infos.extend(scope["infos"]) or True)

ends = [info for info in infos if "terminal_observation" in info]
assert len(ends) >= 20 * 9
assert all(info["TimeLimit.truncated"] for info in ends)  # nobody finishes within 20 steps; values are bootstrapped
illegal = sum(info.get("invalid_action", False) for info in infos)
assert illegal > 0  # illegal work is no work, an illegal message is silence
print(f"sb3 + SuperSuit: {len(infos)} actions, {illegal} illegal, {len(ends)} ends at the time limit")
