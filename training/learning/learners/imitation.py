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
from torch import Tensor, nn

from agents.learned.actions import (
    ChosenAction,
    Luck,
    OwnView,
    draw_message,
    judge_message,
    split_parts,
    view_board,
    view_own,
    without_content,
)
from agents.learned.drawing import log_prob_of
from agents.learned.features import Features
from agents.learned.network import Actor, possible_pairs
from agents.learned.plan import Plan, pick_pairs
from agents.oracle.oracle_team import OracleRule
from c2c_env.core.rng import uniform
from training.learning.learners.environments import STREAM_LEARNER, Group
from training.learning.ranges import NotNegative, Share, Whole

Scalars = dict[str, float]
# A team is played by a threshold on its probability to speak, and says the likeliest. While it learns, the threshold
# is drawn about a half and what is said by sharpened probabilities, so that it meets what playing will lead to.
PLAY_TEMPERATURE = 0.5
PLAY_THRESHOLDS = (0.25, 0.75)


@dataclass(frozen=True)
class ImitationConfig:
    """Settings of imitation.

    Attributes:
        updates: gradient steps for each group of environments; each plays one step of it.
        learning_rate: at the start; it falls to `last_share` of it along a half cosine.
        last_share: in [0, 1].
        teacher_updates: the teacher plays at first, and its share falls to zero within this many updates.
        max_grad_norm: gradients are scaled down to this norm.
        cloning: weight of the loss.
    """

    updates: Whole = 4000
    learning_rate: Share = 1e-3
    last_share: Share = 0.02
    teacher_updates: Whole = 300
    max_grad_norm: NotNegative = 1.0
    cloning: NotNegative = 1.0


class Imitation:
    """One stage of training: `update` after `update`."""

    def __init__(self, config: ImitationConfig, actor: Actor, groups: Sequence[Group]) -> None:
        self.config, self.actor, self.groups = config, actor, groups
        self.teachers = [OracleRule() for _ in groups]  # each keeps what it needs for its own batch
        self.optimizer = torch.optim.Adam(actor.parameters(), config.learning_rate, eps=1e-6, fused=True)

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.optimizer}

    def update(self, number: int) -> Scalars:
        """Make one gradient step for every group; return means over groups of the logged scalars."""
        for setting in self.optimizer.param_groups:
            setting["lr"] = self._learning_rate(number)
        logged = [self._learn(place, number) for place, group in enumerate(self.groups) if number >= group.begin]
        means = {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}
        return {"learning_rate": self._learning_rate(number), **means}

    def _learning_rate(self, number: int) -> float:
        share = (1.0 + np.cos(np.pi * min(1.0, number / self.config.updates))) / 2.0
        return float(self.config.learning_rate * (self.config.last_share + (1.0 - self.config.last_share) * share))

    def _learn(self, place: int, number: int) -> Scalars:
        """Learn what the teacher would do in a group now, and play a step of it."""
        group = self.groups[place]
        features, luck = group.features(), play_luck(group)
        teacher = self._taught(place)
        seen = view_board(self.actor, features.board)
        with torch.no_grad():
            surest = torch.zeros((), device=group.device)
            plan = pick_pairs(seen.scores, possible_pairs(features.board), luck.picks, surest)
        # what to say is learned beside one's own plan, since that is what one will have
        view = view_own(self.actor, features, seen, plan.work)
        with torch.no_grad():
            heat = torch.full((), PLAY_TEMPERATURE, device=group.device)
            said = draw_message(self.actor, view, features.legal, luck, heat)
        own = without_content(plan.work.gather(1, features.own.me), said, plan)
        worker, ready = workers(teacher.work, group.num_subtasks), features.board.ready
        work_loss = -log_prob_of(seen.scores.transpose(1, 2), worker)[ready].mean()
        message_loss = -judge_message(self.actor, view, features.legal, teacher.message).log_prob.mean()
        more, scalars = self.further_loss(place, features, view, own, teacher)
        self._descend(self.config.cloning * (work_loss + message_loss) + more)
        group.step(self._mixed(own, teacher, group, number))
        group.renew()
        return {
            "work_loss": work_loss.item(),
            "message_loss": message_loss.item(),
            "work_accuracy": (seen.scores.argmax(dim=1) == worker)[ready].float().mean().item(),
            "messages": (own.message > 0).float().mean().item(),
            "teacher_messages": (teacher.message > 0).float().mean().item(),
            **scalars,
        }

    def _taught(self, place: int) -> ChosenAction:
        """What the teacher would do in a group now."""
        group = self.groups[place]
        scheduler = group.memory.scheduler
        # a teacher that goes by the schedule which everybody knows asks for nothing that nobody can know
        taught = self.teachers[place].act_batch(group.batch, schedule=scheduler.schedule if scheduler else None)
        labels = torch.from_numpy(taught[..., :4]).to(group.device)
        work, message = split_parts(labels, group.num_subtasks)
        return without_content(work, message, Plan(work, work))

    def further_loss(
        self, place: int, features: Features, view: OwnView, own: ChosenAction, teacher: ChosenAction
    ) -> tuple[Tensor, Scalars]:
        """Return what is learned beside the teacher's choices, with its scalars: nothing here."""
        return torch.zeros(()), {}

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), self.config.max_grad_norm)
        self.optimizer.step()

    def _mixed(self, own: ChosenAction, teacher: ChosenAction, group: Group, number: int) -> ChosenAction:
        """The teacher's joint action in a share of the environments that falls to zero."""
        share = 1.0 - number / max(1, self.config.teacher_updates)
        if share <= 0.0:
            return own
        rows = np.arange(group.num_envs, dtype=np.uint64)
        with np.errstate(over="ignore"):
            drawn = uniform(group.key + rows, STREAM_LEARNER, np.uint64(1 + group.steps), 4)
        lent = torch.from_numpy(drawn < share)[:, None].to(group.device)
        return own._replace(
            work=torch.where(lent, teacher.work, own.work),
            message=torch.where(lent, teacher.message, own.message),
            plan=Plan(torch.where(lent, teacher.plan.work, own.plan.work), own.plan.picks),
        )


def play_luck(group: Group) -> Luck:
    """Random numbers of a step, with thresholds of speaking in `PLAY_THRESHOLDS`."""
    luck, (low, high) = group.luck(), PLAY_THRESHOLDS
    return luck._replace(speak=low + (high - low) * luck.speak)


def workers(work: Tensor, num_subtasks: int) -> Tensor:
    """Who works on each subtask [E, K], N for nobody, of what each agent works on [E, N]."""
    mine = nn.functional.one_hot(work, num_subtasks + 1)[..., 1:]  # [E, N, K]
    return torch.where(mine.any(dim=1), mine.argmax(dim=1), work.shape[1])
