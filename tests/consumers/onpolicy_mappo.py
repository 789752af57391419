"""on-policy, the repository of the authors of MAPPO: its runner for SMAC, with masks, states and time limits.

git clone https://github.com/marlbenchmark/on-policy
pip install torch==2.13.0 wandb tensorboardX setproctitle imageio absl-py gym
ONPOLICY=on-policy python tests/consumers/onpolicy_mappo.py
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector

sys.path.insert(0, os.environ["ONPOLICY"])

from onpolicy.config import get_config
from onpolicy.envs.env_wrappers import ShareDummyVecEnv
from onpolicy.runner.shared.smac_runner import SMACRunner

from c2c_env.adapters.onpolicy import OnPolicyEnv

TEAMS, STEPS, UPDATES, AGENTS = 2, 100, 3, 5
WORDS = (
    "--env_name c2c --algorithm_name mappo --experiment_name try --use_proper_time_limits"
    " --use_wandb --use_recurrent_policy"  # these two are on, and their words switch them off
    f" --episode_length {STEPS} --n_rollout_threads {TEAMS} --num_env_steps {TEAMS * STEPS * UPDATES} --ppo_epoch 2"
)


class CountingRunner(SMACRunner):
    """Counts actions, illegal ones and the ends of episodes."""

    actions = illegal = ends = truncated = 0

    def insert(self, data):
        _, _, _, dones, infos, *_ = data
        told = [info for team in infos for info in team]
        self.actions += len(told)
        self.illegal += sum(info["invalid_action"] for info in told)
        self.ends += int(np.sum(dones))
        self.truncated += sum(info["bad_transition"] for info in told)
        assert all(info["bad_transition"] <= done for info, done in zip(told, np.reshape(dones, -1), strict=True))
        super().insert(data)


def make_team(seed):
    env = OnPolicyEnv("simple", team_size=AGENTS, horizon=60)
    env.seed(seed)
    return env


def trained():
    """Train for a few updates; return the runner, and the weights before and after."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002, the library draws from it
    settings = get_config().parse_args(WORDS.split())
    settings.map_name = "simple"
    runner = CountingRunner(
        {
            "all_args": settings,
            "envs": ShareDummyVecEnv([lambda seed=seed: make_team(seed) for seed in range(TEAMS)]),
            "eval_envs": None,
            "num_agents": AGENTS,
            "device": torch.device("cpu"),
            "run_dir": Path(tempfile.mkdtemp()),
        }
    )
    before = parameters_to_vector(runner.policy.actor.parameters()).detach()
    runner.run()
    return runner, before, parameters_to_vector(runner.policy.actor.parameters()).detach()


runner, before, after = trained()
assert runner.actions == TEAMS * STEPS * UPDATES * AGENTS, runner.actions
assert runner.illegal == 0, runner.illegal
assert runner.ends >= runner.truncated > 0
assert torch.isfinite(after).all()
assert not torch.equal(before, after), "nothing was learned"
assert torch.equal(after, trained()[2]), "equal seeds, other weights"
print(f"on-policy mappo: {runner.actions} actions, {runner.illegal} illegal")
