"""PPO by sb3-contrib, as a stage of a run: a second learner for the same network, which checks the first.

It differs from `mappo` in what the library does otherwise: every agent is a row and chooses its own work (see
`entity_policy`), advantages are scaled by minibatch, and returns are learned as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnvWrapper

from agents.learned.features import Reader
from agents.learned.memory import Memory
from agents.learned.network import Actor, Critic
from agents.policy import Array
from c2c_env.adapters.sb3 import AgentVecEnv
from training.learning.learners.entity_policy import EntityPolicy
from training.learning.learners.environments import Group
from training.learning.learners.mappo import PPOConfig

# of the library's logger, by the names that are logged here
SCALARS_OF_LIBRARY = {
    "value_loss": "train/value_loss",
    "explained_variance": "train/explained_variance",
    "kl": "train/approx_kl",
    "clipped": "train/clip_fraction",
}


class RememberingVecEnv(VecEnvWrapper):
    """Puts behind each observation what a learned team remembers, so that rows have length D + 2 A K.

    Args:
        venv: without masks in observations.
    """

    def __init__(self, venv: AgentVecEnv) -> None:
        batch = venv.batch
        self.reader, self.agents = Reader(batch.layout), venv.team_size
        self.memory = Memory(self.reader, batch.config, batch.num_envs, self.agents)
        self.places = np.arange(batch.num_envs), np.broadcast_to(np.arange(self.agents), (batch.num_envs, self.agents))
        size = batch.layout.size + 2 * self.reader.num_agents * self.reader.num_subtasks
        super().__init__(venv, observation_space=spaces.Box(0.0, np.inf, (size,), np.float32))

    def reset(self) -> Any:
        """Start an episode in every copy, with nothing remembered."""
        self.memory.forget(slice(None))
        return self._remembering(self.venv.reset())

    def step_async(self, actions: Array) -> None:
        """Take the actions of all rows, and remember what is said."""
        teams = actions.reshape(len(self.places[0]), self.agents, -1)
        self.memory.say(teams, self.board, *self.places)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """Step; whoever begins another episode forgets the last one."""
        observations: Any
        observations, rewards, dones, infos = self.venv.step_wait()
        ended = np.flatnonzero(dones)
        if len(ended):
            last = observations.copy()
            last[ended] = [infos[row]["terminal_observation"] for row in ended]
            for row, seen in zip(ended, self._remembering(last)[ended], strict=True):
                infos[row]["terminal_observation"] = seen
            self.memory.forget(np.unique(ended // self.agents))
        return self._remembering(observations), rewards, dones, infos

    def _remembering(self, observations: Any) -> Array:
        self.board = observations[:: self.agents, : self.reader.split].copy()
        self.memory.see(self.board)
        told, pace, *_ = self.memory.remembered()
        each = np.broadcast_to(pace[:, None], told.shape)
        memory = np.stack((told, each), axis=2).reshape(len(observations), -1)
        return np.concatenate((observations, memory.astype(np.float32)), axis=1)


class SecondLearner:
    """The stage "ppo" of recipes with `ppo.learner = "maskable_ppo"`: one group, updates of the library.

    Args:
        config: its settings; those that are this project's own have no effect, and a recipe may not change them.
        actor, critic: that are taught; the critic is of one's own view.
        group: what is played.
    """

    def __init__(self, config: PPOConfig, actor: Actor, critic: Critic, group: Group) -> None:
        self.config, self.group, self.rate, self.key = config, group, config.learning_rate, -1
        venv = AgentVecEnv(
            group.num_envs, workflow=group.tier, team_size=group.team_size, relations="index",
            reward_weights=group.batch.config.reward_weights,
        )  # fmt: skip
        self.venv = RememberingVecEnv(venv)
        self.decisions = config.steps * self.venv.num_envs
        self.model = MaskablePPO(
            EntityPolicy, self.venv, learning_rate=lambda _: self.rate, n_steps=config.steps, n_epochs=config.epochs,
            batch_size=self.decisions // config.minibatches, gamma=config.discount, gae_lambda=config.trace,
            clip_range=config.clip, ent_coef=config.entropy, vf_coef=config.value, max_grad_norm=config.max_grad_norm,
            policy_kwargs={"layout": venv.batch.layout, "parts": (actor, critic)}, device=group.device,
        )  # fmt: skip

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.model.policy.optimizer}

    def update(self, number: int) -> dict[str, float]:
        """Play and learn; return the logged scalars."""
        config, key = self.config, int(self.group.key[0])
        self.rate = config.learning_rate * config.rate_share(number)
        if key != self.key:  # the environments start anew
            self.key = key
            self.venv.seed(key)
            self.model.set_env(self.venv)
        set_random_seed((key + number) % 2**32)  # the library draws from global streams
        # one rollout and the learning from it; the library logs every second one, so nothing
        self.model.learn(self.decisions, callback=self._note_ends, reset_num_timesteps=False, log_interval=2)
        self.group.env_steps += config.steps * self.group.num_envs
        logged = self.model.logger.name_to_value
        messages = float((self.model.rollout_buffer.actions[..., 1] > 0).mean())
        found = {name: float(logged[theirs]) for name, theirs in SCALARS_OF_LIBRARY.items()}
        return {
            "learning_rate": self.rate,
            "entropy": -float(logged["train/entropy_loss"]),
            "messages": messages,
            **found,
        }

    def _note_ends(self, local: dict[str, Any], _: dict[str, Any]) -> bool:
        """Keep the metrics of episodes that ended, once for each team."""
        infos = local["infos"][:: self.group.team_size]
        self.group.episodes += [info["episode_metrics"] for info in infos if "episode_metrics" in info]
        return True
