"""Groups of environments that learners play in: one team size and kind of workflow each, stepped as a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from agents.learned.actions import ChosenAction, Inputs, join_parts
from agents.learned.features import Reader
from agents.learned.memory import Memory
from agents.policy import Array
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core.rng import uniform

STREAM_LEARNER = 103  # of the counter-based random numbers; the simulator uses the first few, policies 100 to 102


class Group:
    """Environments of one kind, and what their agents remember.

    Every agent gets its own share of the reward (`reward_sharing="individual"`); the mean over agents is the team's
    reward, so that a learner can mix the two as it likes.

    Args:
        tier: of the generated training workflows.
        team_size: N.
        num_envs: E.
        seed: fixes everything.
        config: constants of the simulator.
        device: where decisions are made; the simulator and the memory stay on the CPU.
    """

    def __init__(
        self,
        tier: str,
        team_size: int,
        num_envs: int,
        seed: int,
        config: EnvConfig | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.tier, self.team_size, self.num_envs, self.device = tier, team_size, num_envs, device
        config = replace(config or EnvConfig(), relations="index", reward_sharing="individual")
        self.batch = Batch(Generated(tier), Team.default(team_size), config, num_envs=num_envs)
        self.reader = Reader(self.batch.layout)
        self.num_agents, self.num_subtasks = self.batch.max_agents, self.batch.max_subtasks
        self.memory = Memory(self.reader, config, num_envs, team_size)
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Start new episodes everywhere; what follows depends on the seed alone."""
        self.key, self.steps = np.array([seed], dtype=np.uint64), 0
        self.episodes: list[dict[str, float]] = []  # metrics of those that ended
        with np.errstate(over="ignore"):
            seeds = uniform(self.key, STREAM_LEARNER, np.arange(self.num_envs, dtype=np.uint64), 0) * 2.0**53
        self.batch.reset(seeds.astype(np.uint64))
        self.memory.forget(slice(None))

    def inputs(self) -> Inputs:
        """Copy what the decisions of this step are made from."""
        observations = torch.from_numpy(self.batch.observations.copy())
        masks = torch.from_numpy(self.batch.action_masks.copy())
        board, own = observations[:, 0, : self.reader.split], observations[..., self.reader.split :]
        self.memory.see(board)
        inputs = Inputs(board, own, masks, self.memory.told.clone(), self.memory.pace.clone())
        return Inputs(*(part.to(self.device) for part in inputs))

    def uniform(self) -> Tensor:
        """Draw the random numbers [E, N, 2] of this step."""
        rows = np.arange(self.num_envs * self.team_size, dtype=np.uint64)
        with np.errstate(over="ignore"):
            drawn = [uniform(self.key + rows, STREAM_LEARNER, np.uint64(1 + self.steps), part) for part in (1, 2)]
        numbers = np.stack(drawn, axis=-1).astype(np.float32)
        return torch.from_numpy(numbers.reshape(self.num_envs, self.team_size, 2)).to(self.device)

    def step(self, choice: ChosenAction, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        """Play a step; return rewards [E, N], terminated and truncated [E]. Ended episodes stay until `renew`."""
        actions = join_parts(choice.work, choice.message, self.num_subtasks).cpu()
        self.batch.step(actions.numpy())
        self.memory.say(actions, inputs.board.cpu())
        self.steps += 1
        ends = [torch.from_numpy(end.astype(bool)) for end in (self.batch.terminated, self.batch.truncated)]
        rewards = torch.from_numpy(self.batch.rewards.copy())
        return rewards.to(self.device), ends[0].to(self.device), ends[1].to(self.device)

    def renew(self) -> Array:
        """Start the next episode where one has ended; return the indices of these environments."""
        ended = np.flatnonzero(self.batch.terminated | self.batch.truncated)
        self.episodes += [self.batch.metrics(int(row)) for row in ended]
        self.batch.autoreset()
        self.memory.forget(torch.from_numpy(ended))
        return ended
