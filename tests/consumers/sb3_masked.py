"""stable-baselines3: `MaskablePPO` on `AgentVecEnv`, one policy for all agents, masks honoured.

pip install stable-baselines3==2.9.2 sb3-contrib==2.9.2
python tests/consumers/sb3_masked.py
"""

import torch
from sb3_contrib import MaskablePPO
from torch.nn.utils import parameters_to_vector

from c2c_env.adapters.sb3 import AgentVecEnv


def trained():
    """Train for a few updates; return the weights and all infos."""
    infos = []
    venv = AgentVecEnv(num_copies=16, workflow="simple", team_size=5, horizon=40)
    model = MaskablePPO("MlpPolicy", venv, n_steps=64, batch_size=1024, n_epochs=2, seed=0)
    model.learn(3 * 64 * venv.num_envs, callback=lambda scope, _: infos.extend(scope["infos"]) or True)
    return parameters_to_vector(model.policy.parameters()).detach(), infos


weights, infos = trained()
illegal = sum(info["invalid_action"] for info in infos)
ends = [info for info in infos if "episode" in info]
assert illegal == 0, illegal
assert ends
assert all(info["TimeLimit.truncated"] == (info["episode_metrics"]["success"] == 0) for info in ends)
assert torch.equal(weights, trained()[0]), "equal seeds, other weights"
print(f"sb3: {len(infos)} actions, {illegal} illegal, {len(ends)} ends flagged rightly")
