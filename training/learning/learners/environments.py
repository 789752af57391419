"""Groups of environments that learners play in: one team size and kind of workflow each, stepped as a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from agents.learned.actions import ChosenAction, Luck, join_parts
from agents.learned.features import Features, Reader
from agents.learned.memory import Memory
from agents.learned.torch_decider import to_tensors
from agents.policy import Array
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core.constants import CHANNEL_OF_SPEECH
from c2c_env.core.rng import uniform

# streams of the counter-based random numbers; the simulator uses the first few, policies 100 to 102
STREAM_LEARNER = 103
STREAM_SHARED = 105  # what a team draws together


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
        begin: update from which it is played.
        with_schedule: whether the public schedule is among the features.
    """

    def __init__(
        self,
        tier: str,
        team_size: int,
        num_envs: int,
        seed: int,
        config: EnvConfig | None = None,
        device: torch.device | str = "cpu",
        begin: int = 0,
        with_schedule: bool = False,
    ) -> None:
        self.begin, self.with_schedule = begin, with_schedule
        self.tier, self.team_size, self.num_envs, self.device = tier, team_size, num_envs, device
        config = replace(config or EnvConfig(), relations="index", reward_sharing="individual")
        team = Team.default(team_size)
        self.batch = Batch(Generated(tier), team, config, num_envs=num_envs, shared_board=True)
        self.reader = Reader(self.batch.layout, with_variants=config.hidden_facts > 0)
        self.num_agents, self.num_subtasks = self.batch.max_agents, self.batch.max_subtasks
        self.memory = Memory(self.reader, config, num_envs, team_size, with_schedule)
        sizes = (config.vocab_size, config.hidden_facts)
        self.has_part = [place for place, size in enumerate(sizes) if size]  # of a choice's content
        self.envs = np.arange(num_envs)
        self.env_steps = 0  # steps of environments that were played
        self.agents = np.broadcast_to(np.arange(team_size), (num_envs, team_size))
        self.restart(seed)

    def restart(self, seed: int, *, twins: bool = False) -> None:
        """Start new episodes everywhere; what follows depends on the seed alone.

        Args:
            seed: fixes everything.
            twins: whether the second half of the environments plays the episodes of the first, under the same luck.
        """
        self.key, self.steps = np.array([seed], dtype=np.uint64), 0
        self.episodes: list[dict[str, float]] = []  # metrics of those that ended
        with np.errstate(over="ignore"):
            # place 0 of the stream; what is drawn in steps stands at 1 to 4
            places = np.arange(self.num_envs, dtype=np.uint64) % (self.num_envs // 2 if twins else self.num_envs)
            seeds = uniform(self.key, STREAM_LEARNER, places, 0) * 2.0**53
        self.batch.reset(seeds.astype(np.uint64))
        self.memory.forget(slice(None))

    def weigh_rewards(self, weights: Array) -> None:
        """Give the terms of the reward other weights [terms] from the next `restart` on."""
        self.batch.params.reward_weights[:] = weights

    def features(self, rows: Array | None = None) -> Features:
        """Read what the decisions of this step are made from, in environments `rows` [E] (default: all)."""
        rows = self.envs if rows is None else rows
        self.board = self.batch.board[rows]
        self.memory.see(self.board, rows)
        masks = self.batch.action_masks[rows]
        return to_tensors(
            self.reader.read(self.board, self.batch.own[rows], masks, self.memory.remembered(rows)), self.device
        )

    def luck(self) -> Luck:
        """Draw the random numbers of this step."""
        envs = np.arange(self.num_envs, dtype=np.uint64)[:, None]
        rows = np.arange(self.num_envs * self.team_size, dtype=np.uint64)[:, None]
        step = np.uint64(1 + self.steps)
        with np.errstate(over="ignore"):
            shared = uniform(self.key + envs, STREAM_SHARED, step, np.arange(self.num_agents, dtype=np.uint64))
            own = uniform(self.key + rows, STREAM_LEARNER, step, np.arange(1, 6, dtype=np.uint64))
        picks = torch.from_numpy(shared.astype(np.float32)).to(self.device)
        numbers = torch.from_numpy(own.astype(np.float32).reshape(self.num_envs, self.team_size, 5)).to(self.device)
        return Luck(picks, numbers[..., 0], numbers[..., 1:3], numbers[..., 3:])

    def sent_steps(self) -> Tensor:
        """Steps ago [E, N, A] that what each last read from each was sent, at least 1; -1 where nothing was read."""
        state, params = self.batch.state, self.batch.params
        speech = state.read_speech
        sent = state.read_step - params.latency[np.array(CHANNEL_OF_SPEECH)[speech]]
        ago = np.where(speech > 0, state.t[:, None, None] + 1 - sent, -1)[:, : self.team_size]  # steps count from 1
        return torch.from_numpy(ago.astype(np.int64)).to(self.device)

    def joined(self, work: Tensor, message: Tensor, content: Tensor) -> Array:
        """Actions int32 [..., parts], with symbols and variants if the environment has them."""
        parts = join_parts(work, message, self.num_subtasks)
        return torch.cat((parts, content[..., self.has_part].int()), dim=-1).cpu().numpy()

    def step(self, choice: ChosenAction, rows: Array | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Play a step in environments `rows` [E] (default: all), those whose features were read.

        Returns:
            Rewards [E, N], terminated and truncated [E]. Ended episodes stay until `renew`.
        """
        rows = self.envs if rows is None else rows
        actions = self.joined(choice.work, choice.message, choice.content)
        self.batch.action_buffer[rows] = actions
        self.batch.step_written(rows)
        self.memory.say(actions, self.board, rows, self.agents[rows])
        self.memory.agree(choice.plan.work.cpu().numpy(), rows)
        self.steps += 1
        self.env_steps += len(rows)
        ends = [torch.from_numpy(end[rows].astype(bool)) for end in (self.batch.terminated, self.batch.truncated)]
        rewards = torch.from_numpy(self.batch.rewards[rows])
        return rewards.to(self.device), ends[0].to(self.device), ends[1].to(self.device)

    def renew(self) -> Array:
        """Start the next episode where one has ended; return the indices of these environments."""
        ended = np.flatnonzero(self.batch.terminated | self.batch.truncated)
        self.episodes += [self.batch.metrics(int(row)) for row in ended]
        self.batch.autoreset()
        self.memory.forget(ended)
        return ended
