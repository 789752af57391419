"""Imitation of a rule that sees the true state, by a network that sees its own observations only.

The learner plays and the teacher says at every step what it would have done (DAgger, arXiv 1011.0686, in its online
form: every step is played, labelled and learned from once). So the network learns what to do in the states that its
own mistakes lead to, and what it cannot know it answers with the teacher's average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from agents.learned.actions import ChosenAction, log_prob_of, read, sample_index, split_parts
from agents.learned.network import Actor
from agents.oracle.oracle_team import OracleRule
from c2c_env.core.rng import uniform
from training.learning.environments import STREAM_LEARNER, Group
from training.learning.ranges import NotNegative, Share, Whole

Scalars = dict[str, float]


@dataclass(frozen=True)
class ImitationConfig:
    """Settings of imitation.

    Attributes:
        updates: gradient steps for each group of environments; each plays one step of it.
        learning_rate: at the start; it falls to `last_share` of it along a half cosine.
        last_share: in [0, 1].
        teacher_updates: the teacher plays at first, and its share falls to zero within this many updates.
        max_grad_norm: gradients are scaled down to this norm.
    """

    updates: Whole = 4000
    learning_rate: Share = 1e-3
    last_share: Share = 0.05
    teacher_updates: Whole = 300
    max_grad_norm: NotNegative = 1.0


class Imitation:
    """One stage of training: `update` after `update`."""

    def __init__(self, config: ImitationConfig, actor: Actor, groups: Sequence[Group]) -> None:
        self.config, self.actor, self.groups = config, actor, groups
        self.teachers = [OracleRule() for _ in groups]  # each keeps what it needs for its own batch
        self.optimizer = torch.optim.Adam(actor.parameters(), config.learning_rate, eps=1e-6)

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.optimizer}

    def update(self, number: int) -> Scalars:
        """Make one gradient step for every group; return means over groups of the logged scalars."""
        for setting in self.optimizer.param_groups:
            setting["lr"] = self._learning_rate(number)
        logged = [
            self._learn(group, teacher, number) for group, teacher in zip(self.groups, self.teachers, strict=True)
        ]
        means = {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}
        return {"learning_rate": self._learning_rate(number), **means}

    def _learning_rate(self, number: int) -> float:
        share = (1.0 + np.cos(np.pi * min(1.0, number / self.config.updates))) / 2.0
        return float(self.config.learning_rate * (self.config.last_share + (1.0 - self.config.last_share) * share))

    def _learn(self, group: Group, teacher: OracleRule, number: int) -> Scalars:
        inputs = group.inputs()
        labels = torch.from_numpy(teacher.act_batch(group.batch)[..., :4]).to(group.device)
        work, message = split_parts(labels, group.num_subtasks)
        features = read(group.reader, inputs)
        encoded = self.actor.encode(features.board, features.own)
        work_logits = self.actor.work_logits(encoded, features.legal)
        message_logits = self.actor.message_logits(encoded, features, work)
        work_loss = -log_prob_of(work_logits, work).mean()
        message_loss = -log_prob_of(message_logits, message).mean()
        self.optimizer.zero_grad()
        (work_loss + message_loss).backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        numbers = group.uniform()
        own = ChosenAction(
            sample_index(work_logits, numbers[..., 0]), sample_index(message_logits, numbers[..., 1]), work_loss
        )
        group.step(self._mixed(own, ChosenAction(work, message, work_loss), group, number), inputs)
        group.renew()
        spoken = message > 0
        right = (message_logits.argmax(dim=-1) == message) & spoken
        return {
            "work_loss": work_loss.item(),
            "message_loss": message_loss.item(),
            "work_accuracy": (work_logits.argmax(dim=-1) == work).float().mean().item(),
            "message_accuracy": (right.sum() / spoken.sum().clamp(min=1)).item(),
            "messages": (own.message > 0).float().mean().item(),
        }

    def _mixed(self, own: ChosenAction, teacher: ChosenAction, group: Group, number: int) -> ChosenAction:
        """The teacher's joint action in a share of the environments that falls to zero."""
        share = 1.0 - number / max(1, self.config.teacher_updates)
        if share <= 0.0:
            return own
        rows = np.arange(group.num_envs, dtype=np.uint64)
        with np.errstate(over="ignore"):
            drawn = uniform(group.key + rows, STREAM_LEARNER, np.uint64(1 + group.steps), 3)
        lent = torch.from_numpy(drawn < share)[:, None].to(group.device)
        return ChosenAction(
            torch.where(lent, teacher.work, own.work), torch.where(lent, teacher.message, own.message), own.log_prob
        )
