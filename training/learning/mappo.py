"""MAPPO and IPPO (arXiv 2103.01955, arXiv 2011.09533) on the batched simulator, from top to bottom.

Agents share one actor, which reads one's own observation. With `critic="central"` (MAPPO) the critic sees what all
agents of a team see together; with `critic="own"` (IPPO) it sees one's own observation, too. Every agent has its own
value and its own advantage. Teams of several sizes and workflows of several tiers are learned together: each update
plays a rollout in every group of environments and makes each gradient step on a minibatch from every group, padded
within its group only.

Axes: T steps, E environments, N agents; the rows of a minibatch are environments at some step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from agents.learned.actions import ChosenAction, Inputs, choose_action, entropy_of, log_prob_of, read
from agents.learned.features import Features
from agents.learned.network import Actor, Critic
from training.learning.environments import Group
from training.learning.ranges import Count, NotNegative, Share, Whole

Scalars = dict[str, float]


@dataclass(frozen=True)
class PPOConfig:
    """Settings of PPO.

    Attributes:
        updates: rollouts and the learning from them.
        steps: T, of a rollout.
        epochs: times that a rollout is learned from.
        minibatches: gradient steps per epoch.
        learning_rate, critic_learning_rate: at the start; both fall linearly to `last_share` of it.
        last_share: in [0, 1].
        critic_updates: first updates, in which the critic alone learns, so that it cannot lead a cloned actor astray.
        discount: gamma per step.
        trace: lambda of generalised advantage estimation.
        clip: of the probability ratio.
        entropy: weight of the entropy bonus.
        sharing: 0 = everybody gets the team's reward, 1 = each its own share, between: mixed; at the start.
        last_sharing: at the end; it changes linearly.
        max_grad_norm: gradients are scaled down to this norm.
        critic: "central" (MAPPO) or "own" (IPPO).
    """

    updates: Whole = 500
    steps: Count = 32
    epochs: Count = 2
    minibatches: Count = 4
    learning_rate: Share = 3e-4
    critic_learning_rate: Share = 1e-3
    last_share: Share = 0.05
    critic_updates: Whole = 10
    discount: Share = 0.99
    trace: Share = 0.95
    clip: NotNegative = 0.2
    entropy: NotNegative = 0.003
    sharing: Share = 0.3
    last_sharing: Share = 0.0
    max_grad_norm: NotNegative = 0.5
    critic: Literal["central", "own"] = "central"


class Rollout(NamedTuple):
    """What a group played."""

    inputs: Inputs  # each [T, E, ...]
    choice: ChosenAction  # each [T, E, N]
    advantages: Tensor  # [T, E, N]
    returns: Tensor  # [T, E, N]


class ReturnScale:
    """Running mean and standard deviation of the returns, so that the critic learns numbers about 1."""

    def __init__(self) -> None:
        self.mean, self.square, self.weight = 0.0, 0.0, 0.0

    def note(self, returns: Tensor, keep: float = 0.97) -> None:
        """Take new returns in."""
        self.mean = keep * self.mean + (1.0 - keep) * float(returns.mean())
        self.square = keep * self.square + (1.0 - keep) * float((returns**2).mean())
        self.weight = keep * self.weight + (1.0 - keep)

    @property
    def centre(self) -> float:
        return self.mean / self.weight if self.weight else 0.0

    @property
    def spread(self) -> float:
        if not self.weight:
            return 1.0
        return float(np.sqrt(max(self.square / self.weight - self.centre**2, 1e-4)))

    def normal(self, returns: Tensor) -> Tensor:
        return (returns - self.centre) / self.spread

    def natural(self, values: Tensor) -> Tensor:
        return values * self.spread + self.centre


def advantages_of(
    rewards: Tensor, values: Tensor, last_values: Tensor, ends: Tensor, discount: float, trace: float
) -> Tensor:
    """Generalised advantage estimation (arXiv 1506.02438, eq. 16), [T, ...].

    Args:
        rewards: [T, ...]; where time cut an episode off, the discounted value of its last state is in them already.
        values: [T, ...] of the states before each step.
        last_values: [...] of the states after the last step.
        ends: bool, broadcastable to [T, ...]; nothing flows back over the end of an episode.
        discount: gamma.
        trace: lambda.
    """
    advantages = torch.zeros_like(rewards)
    running = torch.zeros_like(last_values)
    for t in reversed(range(len(rewards))):
        goes_on = 1.0 - ends[t].to(rewards.dtype)
        delta = rewards[t] + discount * last_values * goes_on - values[t]
        running = delta + discount * trace * goes_on * running
        advantages[t], last_values = running, values[t]
    return advantages


class PPO:
    """One stage of training: `update` after `update`."""

    def __init__(self, config: PPOConfig, actor: Actor, critic: Critic, groups: Sequence[Group]) -> None:
        self.config, self.actor, self.critic, self.groups = config, actor, critic, groups
        self.optimizer = torch.optim.Adam(actor.parameters(), config.learning_rate, eps=1e-5)
        self.critic_optimizer = torch.optim.Adam(critic.parameters(), config.critic_learning_rate, eps=1e-5)
        self.scale = ReturnScale()

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.optimizer, "critic_optimizer": self.critic_optimizer}

    def update(self, number: int) -> Scalars:
        """Play and learn; return the logged scalars."""
        share = 1.0 - number / self.config.updates
        rate = self.config.last_share + (1.0 - self.config.last_share) * share
        sharing = self.config.last_sharing + (self.config.sharing - self.config.last_sharing) * share
        for optimizer, start in (
            (self.optimizer, self.config.learning_rate),
            (self.critic_optimizer, self.config.critic_learning_rate),
        ):
            for setting in optimizer.param_groups:
                setting["lr"] = start * rate
        rollouts = [self.play(group, sharing) for group in self.groups]
        self.scale.note(torch.cat([rollout.returns.flatten() for rollout in rollouts]))
        logged = self._learn(rollouts, number)
        means = {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}
        return {"learning_rate": self.config.learning_rate * rate, "sharing": sharing, **means}

    # --- playing ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def play(self, group: Group, sharing: float) -> Rollout:
        """Play T steps in a group."""
        steps: list[tuple[Inputs, ChosenAction, Tensor, Tensor, Tensor]] = []
        for _ in range(self.config.steps):
            inputs = group.inputs()
            features = read(group.reader, inputs)
            choice = choose_action(self.actor, features, group.uniform())
            values = self.values(features)
            rewards, terminated, truncated = group.step(choice, inputs)
            rewards = sharing * rewards + (1.0 - sharing) * rewards.mean(dim=1, keepdim=True)
            if truncated.any():  # time is up, but not for the task: what would have come belongs to the return
                final = self.values(read(group.reader, group.inputs()))
                rewards = rewards + self.config.discount * final * truncated[:, None]
            steps.append((inputs, choice, values, rewards, terminated | truncated))
            group.renew()
        last_values = self.values(read(group.reader, group.inputs()))
        inputs = Inputs(*map(torch.stack, zip(*(step[0] for step in steps), strict=True)))
        choice = ChosenAction(*map(torch.stack, zip(*(step[1] for step in steps), strict=True)))
        values, rewards, ends = map(torch.stack, zip(*(step[2:] for step in steps), strict=True))
        advantages = advantages_of(
            rewards, values, last_values, ends[..., None], self.config.discount, self.config.trace
        )
        return Rollout(inputs, choice, advantages, advantages + values)

    def values(self, features: Features) -> Tensor:
        """Return values [E, N] in units of the return."""
        return self.scale.natural(self._values(features))

    def _values(self, features: Features) -> Tensor:
        board, own, _ = features
        if self.config.critic == "central":
            together: Tensor = self.critic(board, own)
            return together
        envs, agents = own.me.shape
        alone = type(own)(*(part.flatten(0, 1)[:, None] for part in own))
        boards = type(board)(*(part.repeat_interleave(agents, dim=0) for part in board))
        values: Tensor = self.critic(boards, alone)
        return values.reshape(envs, agents)

    # --- learning ---------------------------------------------------------------------------------------------

    def _learn(self, rollouts: Sequence[Rollout], number: int) -> list[Scalars]:
        """Learn for all epochs; return what was logged at each gradient step."""
        generator = torch.Generator().manual_seed(int(self.groups[0].key[0]) % 2**31 + number)
        logged = []
        for _ in range(self.config.epochs):
            orders = [torch.randperm(r.advantages[..., 0].numel(), generator=generator) for r in rollouts]
            for parts in zip(*(order.chunk(self.config.minibatches) for order in orders), strict=True):
                logged.append(self._step(rollouts, parts, train_actor=number >= self.config.critic_updates))
        return logged

    def _step(self, rollouts: Sequence[Rollout], parts: Sequence[Tensor], train_actor: bool) -> Scalars:
        """Make one gradient step on a minibatch from every group."""
        self.optimizer.zero_grad()
        self.critic_optimizer.zero_grad()
        logged = []
        for group, rollout, rows in zip(self.groups, rollouts, parts, strict=True):
            inputs = Inputs(*(part.flatten(0, 1)[rows] for part in rollout.inputs))
            features = read(group.reader, inputs)
            choice = ChosenAction(*(part.flatten(0, 1)[rows] for part in rollout.choice))
            target = self.scale.normal(rollout.returns.flatten(0, 1)[rows])
            value_loss = (self._values(features) - target).square().mean()
            (value_loss / len(rollouts)).backward()
            scalars = {"value_loss": value_loss.item(), "explained_variance": 1.0 - (value_loss / target.var()).item()}
            if train_actor:
                advantages = rollout.advantages
                normal = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
                loss, more = self._policy_loss(features, choice, normal.flatten(0, 1)[rows])
                (loss / len(rollouts)).backward()
                scalars |= more
            logged.append(scalars)
        if train_actor:
            nn.utils.clip_grad_norm_(self.actor.parameters(), self.config.max_grad_norm)
            self.optimizer.step()
        nn.utils.clip_grad_norm_(self.critic.parameters(), self.config.max_grad_norm)
        self.critic_optimizer.step()
        return {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}

    def _policy_loss(self, features: Features, choice: ChosenAction, advantages: Tensor) -> tuple[Tensor, Scalars]:
        """Return the clipped loss of PPO with the entropy bonus."""
        encoded = self.actor.encode(features.board, features.own)
        work = self.actor.work_logits(encoded, features.legal)
        message = self.actor.message_logits(encoded, features, choice.work)
        log_ratio = log_prob_of(work, choice.work) + log_prob_of(message, choice.message) - choice.log_prob
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1.0 - self.config.clip, 1.0 + self.config.clip)
        loss = -torch.minimum(ratio * advantages, clipped * advantages).mean()
        entropy = (entropy_of(work) + entropy_of(message)).mean()
        scalars = {
            "policy_loss": loss.item(),
            "entropy": entropy.item(),
            "kl": (ratio - 1.0 - log_ratio).mean().item(),
            "clipped": ((ratio - 1.0).abs() > self.config.clip).float().mean().item(),
            "messages": (choice.message > 0).float().mean().item(),
        }
        return loss - self.config.entropy * entropy, scalars
