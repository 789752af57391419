"""AgileRL: MADDPG, which takes masks from infos.

pip install torch==2.13.0 agilerl==2.58.0 peft==0.21.2
python tests/consumers/agilerl_maddpg.py
"""

import numpy as np
import torch
from agilerl.algorithms import MADDPG
from agilerl.components.replay_buffer import ReplayBuffer
from agilerl.training.train_multi_agent_off_policy import train_multi_agent_off_policy
from agilerl.vector.pz_async_vec_env import AsyncPettingZooVecEnv
from torch.nn.utils import parameters_to_vector

from c2c_env import parallel_env

STEPS, COPIES = 200, 2


class Counting(AsyncPettingZooVecEnv):
    """Counts actions, illegal ones and the ends of episodes."""

    actions = illegal = ends = 0

    def step(self, actions):
        result = super().step(actions)
        invalid = np.array([result[4][agent]["invalid_action"] for agent in self.agents])
        self.actions += invalid.size
        self.illegal += int(invalid.sum())
        self.ends += int(np.sum(result[3]["manager_0"]))
        return result


def make_team():
    return parallel_env("simple", team_size=5, horizon=60, preset="agilerl", info_format="flat")


def weights_of(learner):
    return [parameters_to_vector(actor.parameters()).detach() for actor in learner.actors.values()]


torch.manual_seed(0)
np.random.seed(0)  # noqa: NPY002, the library draws from it
env = Counting([make_team] * COPIES)  # its PzDummyVecEnv forgets the infos of a reset, and the masks with them
agents = env.possible_agents
learner = MADDPG(
    observation_spaces=[env.single_observation_space(agent) for agent in agents],
    action_spaces=[env.single_action_space(agent) for agent in agents],
    agent_ids=agents,
    vect_noise_dim=COPIES,
    batch_size=32,
    learn_step=10,
)
before = weights_of(learner)
(trained,), _ = train_multi_agent_off_policy(
    env, "c2c", "MADDPG", [learner], ReplayBuffer(max_size=1000, device="cpu"),
    max_steps=STEPS, evo_steps=STEPS, eval_steps=20, verbose=False,
)  # fmt: skip
assert env.actions >= STEPS * 5, env.actions
assert env.illegal == 0, env.illegal
assert env.ends > 0
env.close()
assert all(torch.isfinite(after).all() for after in weights_of(trained))
assert not all(map(torch.equal, before, weights_of(trained))), "nothing was learned"
print(f"agilerl maddpg: {env.actions} actions, {env.illegal} illegal")
