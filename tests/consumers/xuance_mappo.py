"""XuanCe: MAPPO with masks and the global state, on `XuanCeEnv`.

pip install "numpy<2" torch==2.13.0 torchvision==0.28.0 xuance==1.4.4
python tests/consumers/xuance_mappo.py
"""

import os
import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import xuance
from torch.nn.utils import parameters_to_vector
from xuance.common import load_yaml, recursive_dict_update
from xuance.environment import REGISTRY_MULTI_AGENT_ENV, make_envs
from xuance.torch.agents import MAPPO_Agents
from xuance.torch.utils import set_seed

from c2c_env.adapters.xuance import XuanCeEnv

STEPS, COPIES = 200, 2
counted = {"actions": 0, "illegal": 0, "ends": 0, "truncated": 0}


class Counting(XuanCeEnv):
    """Counts actions, illegal ones, and ends of episodes."""

    def step(self, action_dict):
        observations, rewards, terminated, truncated, told = super().step(action_dict)
        counted["actions"] += len(action_dict)
        counted["illegal"] += sum(info["invalid_action"] for info in told["infos"].values())
        counted["ends"] += truncated or all(terminated.values())
        counted["truncated"] += truncated
        return observations, rewards, terminated, truncated, told


REGISTRY_MULTI_AGENT_ENV["c2c"] = Counting
folder = Path(xuance.__file__).parent / "configs"
settings = recursive_dict_update(
    load_yaml(folder / "basic.yaml"), load_yaml(folder / "mappo" / "mpe" / "simple_spread_v3.yaml")
) | {
    "env_name": "c2c", "env_id": "simple", "env_arguments": {"team_size": 5, "horizon": 60}, "env_seed": 0,
    "continuous_action": False, "policy": "Categorical_MAAC_Policy", "use_actions_mask": True,
    "use_global_state": True, "vectorize": "DummyVecMultiAgentEnv", "parallels": COPIES, "buffer_size": 100,
    "n_epochs": 2, "n_minibatch": 2, "seed": 0, "device": "cpu", "logger": "tensorboard", "render_mode": "rgb_array",
}  # fmt: skip


def trained():
    """Train for a few updates; return the weights before and after."""
    set_seed(0)
    envs = make_envs(Namespace(**settings))
    envs.reset()
    agents = MAPPO_Agents(Namespace(**settings), envs)
    before = parameters_to_vector(agents.policy.parameters()).detach()
    agents.train(STEPS)
    agents.finish()
    envs.close()
    return before, parameters_to_vector(agents.policy.parameters()).detach()


os.chdir(tempfile.mkdtemp())
before, after = trained()
assert counted["actions"] == STEPS * COPIES * 5, counted
assert counted["illegal"] == 0, counted
assert counted["ends"] >= counted["truncated"] > 0, counted
assert torch.isfinite(after).all()
assert not torch.equal(before, after), "nothing was learned"
assert torch.equal(after, trained()[1]), "equal seeds, other weights"
print(f"xuance mappo: {counted['actions'] // 2} actions, {counted['illegal']} illegal, numpy {np.__version__}")
