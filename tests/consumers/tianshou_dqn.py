"""Tianshou: a DQN for each agent on the turn-based form, with masks from observations.

pip install tianshou==2.0.1
python tests/consumers/tianshou_dqn.py
"""

import torch
from tianshou.algorithm.modelfree.dqn import DQN, DiscreteQLearningPolicy
from tianshou.algorithm.multiagent.marl import MultiAgentOffPolicyAlgorithm
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv, PettingZooEnv
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net

import c2c_env

torch.manual_seed(0)
counted = {"actions": 0, "illegal": 0}


class Counting(PettingZooEnv):
    """Counts illegal actions by the mask that each agent was shown.

    Infos are left out: metrics are nan where nothing happened that could be measured, and Tianshou's trainer takes a
    nan anywhere in its buffer for a fault.
    """

    def reset(self, *args, **kwargs):
        observation, info = super().reset(*args, **kwargs)
        self.mask = observation["mask"]
        return observation, info

    def step(self, action):
        counted["actions"] += 1
        counted["illegal"] += not self.mask[action]
        observation, reward, terminated, truncated, _ = super().step(action)
        self.mask = observation["mask"]
        return observation, reward, terminated, truncated, {}


def make_env():
    return Counting(c2c_env.env("simple", team_size=3, preset="tianshou", horizon=30))


env = make_env()
learners = []
for _ in env.agents:
    network = Net(
        state_shape=env.observation_space["observation"].shape, action_shape=env.action_space.n, hidden_sizes=(32,)
    )
    policy = DiscreteQLearningPolicy(
        model=network, action_space=env.action_space, observation_space=env.observation_space, eps_training=0.2
    )
    learners.append(DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), target_update_freq=50))
algorithm = MultiAgentOffPolicyAlgorithm(algorithms=learners, env=env)
envs = DummyVectorEnv([make_env] * 2)
collector = Collector(algorithm, envs, VectorReplayBuffer(2_000, 2), exploration_noise=True)
algorithm.run_training(
    OffPolicyTrainerParams(
        training_collector=collector, test_collector=None, max_epochs=2, epoch_num_steps=300,
        collection_step_num_env_steps=60, update_step_num_gradient_steps_per_sample=0.05, batch_size=32,
        test_step_num_episodes=0,
    )
)  # fmt: skip
assert counted["actions"] >= 600
assert counted["illegal"] == 0, counted
print(f"tianshou: {counted['actions']} actions, {counted['illegal']} illegal")
