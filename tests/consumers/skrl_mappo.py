"""skrl: MAPPO, with the mask that stands before the observation and the global state for the critics.

pip install torch==2.13.0 skrl==2.1.1
python tests/consumers/skrl_mappo.py
"""

import torch
from pettingzoo.utils import BaseParallelWrapper
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model, MultiCategoricalMixin
from skrl.multi_agents.torch.mappo import MAPPO, MAPPO_CFG
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import nn
from torch.nn.utils import parameters_to_vector

from c2c_env import parallel_env

STEPS, ROLLOUTS = 256, 64


class Policy(MultiCategoricalMixin, Model):
    def __init__(self, observation_space, action_space):
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device="cpu")
        MultiCategoricalMixin.__init__(self)
        self.choices = int(action_space.nvec.sum())
        self.net = nn.Sequential(
            nn.Linear(self.num_observations - self.choices, 64), nn.Tanh(), nn.Linear(64, self.choices)
        )

    def compute(self, inputs, role=""):
        mask, seen = inputs["observations"].tensor_split([self.choices], dim=-1)  # skrl puts the parts in a row
        return self.net(seen).masked_fill(mask == 0, -1e9), {}


class Value(DeterministicMixin, Model):
    def __init__(self, state_space, action_space):
        Model.__init__(self, state_space=state_space, action_space=action_space, device="cpu")
        DeterministicMixin.__init__(self)
        self.net = nn.Sequential(nn.Linear(self.num_states, 64), nn.Tanh(), nn.Linear(64, 1))

    def compute(self, inputs, role=""):
        return self.net(inputs["states"]), {}


class Counting(BaseParallelWrapper):
    """Counts actions, illegal ones and the ends of episodes."""

    actions = illegal = ends = 0

    def step(self, actions):
        result = super().step(actions)
        self.actions += len(actions)
        self.illegal += sum(info["invalid_action"] for info in result[4].values())
        self.ends += not self.agents
        return result


def trained():
    """Train for a few updates; return the environment, and the weights before and after."""
    set_seed(0)
    counting = Counting(parallel_env("simple", team_size=5, horizon=60, preset="skrl"))
    env = wrap_env(counting, wrapper="pettingzoo")
    agents = env.possible_agents
    models = {
        agent: {
            "policy": Policy(env.observation_space(agent), env.action_space(agent)),
            "value": Value(env.state_space(agent), env.action_space(agent)),
        }
        for agent in agents
    }
    kwargs = ("learning_rate_scheduler", "observation_preprocessor", "state_preprocessor", "value_preprocessor")
    none = {f"{name}_kwargs": {agent: {} for agent in agents} for name in kwargs}  # its own defaults fail in 2.1.1
    learner = MAPPO(
        possible_agents=agents,
        models=models,
        memories={agent: RandomMemory(memory_size=ROLLOUTS, num_envs=1) for agent in agents},
        cfg=MAPPO_CFG(rollouts=ROLLOUTS, learning_epochs=2, time_limit_bootstrap=True, **none),
        observation_spaces=env.observation_spaces,
        state_spaces=env.state_spaces,
        action_spaces=env.action_spaces,
        device="cpu",
    )
    policy = models[agents[0]]["policy"]
    before = parameters_to_vector(policy.parameters()).detach()
    SequentialTrainer(env=env, agents=learner, cfg={"timesteps": STEPS, "disable_progressbar": True}).train()
    return counting, before, parameters_to_vector(policy.parameters()).detach()


counting, before, after = trained()
assert counting.actions == STEPS * 5, counting.actions
assert counting.illegal == 0, counting.illegal
assert counting.ends > 1, counting.ends
assert not torch.equal(before, after), "nothing was learned"
assert torch.equal(after, trained()[2]), "equal seeds, other weights"
print(f"skrl mappo: {counting.actions} actions, {counting.illegal} illegal")
