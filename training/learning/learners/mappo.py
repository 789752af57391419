"""MAPPO and IPPO (arXiv 2103.01955, arXiv 2011.09533) on the batched simulator, from top to bottom.

A team acts by a common plan, which it draws together from the public board, and by a message of each agent. So PPO's
clipped loss (arXiv 1707.06347) has two parts: the plan's probability, which is exact since it is drawn pick by pick,
goes with the mean advantage of the team, and that of each message with the advantage of its agent. What a message
carries (`agents.learned.communication`) is judged with it, and learns from its readers as well: gradients flow from
what they do back to what they were sent, as far as that was in the same rollout. With
`critic="central"` (MAPPO) the critic sees what all agents of a team see together; with `critic="own"` (IPPO) one's own
view alone. Actor and critic share what they make of the board.

Teams of several sizes and workflows of several tiers are learned together: each update plays a rollout in every group
of environments and makes each gradient step on a minibatch from every group, padded within its group only.

Axes: T steps, E environments, N agents; the rows of a minibatch are environments at some step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from agents.learned.actions import (
    BoardView,
    ChosenAction,
    Judgement,
    OwnView,
    choose_action,
    judge_content,
    judge_message,
    symbol_logits,
    view_board,
    view_heard,
)
from agents.learned.communication import straight_through
from agents.learned.features import NUM_OWN_SUBTASK_FEATURES, Board, Features
from agents.learned.network import Actor, Critic, Encoded, Tokens, at_work, possible_pairs
from agents.learned.plan import Plan, judge_picks
from training.learning.credit import Credit, CreditConfig, Rehearsal, normalised_by_step
from training.learning.learners.environments import Group
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
        learning_rate: at the start; it falls linearly to `last_share` of it.
        last_share: in [0, 1].
        critic_updates: first updates, in which the critic alone learns, so that it cannot lead a cloned actor astray.
        discount: gamma per step.
        trace: lambda of generalised advantage estimation.
        clip: of the probability ratio.
        entropy: weight of the entropy bonus.
        value: weight of the critic's loss, which shares the encoder with the actor.
        hindsight: weight of an auxiliary loss (as in UNREAL, arXiv 1611.05397): agents learn to foresee the variants
            that turned out to be wanted, from what they knew before. It counts with `EnvConfig.hidden_facts` only.
        credit: what the learner is told of how good each action was, see `training.learning.credit`.
        normalise: how advantages are scaled: over a rollout, or among decisions at the same step of an episode.
        max_grad_norm: gradients are scaled down to this norm.
        critic: "central" (MAPPO) or "own" (IPPO).
        learner: "own" is the one of this file, "maskable_ppo" that of sb3-contrib, see `maskable_ppo`. It needs one
            group and the critic "own", and refuses settings that the library does not have.
    """

    updates: Whole = 500
    steps: Count = 32
    epochs: Count = 2
    minibatches: Count = 4
    learning_rate: Share = 1e-3
    last_share: Share = 0.05
    critic_updates: Whole = 0
    discount: Share = 0.99
    trace: Share = 0.95
    clip: NotNegative = 0.2
    entropy: NotNegative = 0.01
    value: NotNegative = 0.5
    hindsight: NotNegative = 0.0
    credit: CreditConfig = field(default_factory=CreditConfig)
    normalise: Literal["rollout", "step"] = "rollout"
    max_grad_norm: NotNegative = 0.5
    critic: Literal["central", "own"] = "central"
    learner: Literal["own", "maskable_ppo"] = "own"

    def rate_share(self, number: int) -> float:
        """The share of the learning rate that an update has."""
        return self.last_share + (1.0 - self.last_share) * (1.0 - number / self.updates)


class Step(NamedTuple):
    """What a group decided at once; in a rollout each tensor is [T, E, ...]."""

    features: Features
    choice: ChosenAction
    plan_log_prob: Tensor  # [E]
    message_log_prob: Tensor  # [E, N], of messages and what belongs to them
    values: Tensor  # [E, N]
    sent_steps: Tensor  # [E, N, A], see `Group.sent_steps`; [E, N, 0] without symbols


class Rollout(NamedTuple):
    """What a group played."""

    steps: Step
    plan_advantages: Tensor  # [T, E], scaled
    message_advantages: Tensor  # [T, E, N], scaled
    returns: Tensor  # [T, E, N]
    turned_out: Tensor  # long [T, E, N] which variant of its work was wanted, -1 where that has not been seen


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


def turned_out(steps: Step, ends: Tensor) -> Tensor:
    """Which variant was wanted of what each works on, as far as it finds that out in the rest of a rollout.

    Args:
        steps: of the rollout.
        ends: bool [T, E]; another episode says nothing of this one.

    Returns:
        long [T, E, N], -1 where it does not, or knows already.
    """
    known = steps.features.own.subtasks[..., NUM_OWN_SUBTASK_FEATURES:]  # [T, E, N, K, F]
    found, later = [], torch.zeros_like(known[0])
    for now, end in zip(known.flip(0), ends.flip(0), strict=True):
        later = torch.where(end[:, None, None, None], now, torch.maximum(now, later))
        found.append(later)
    work = steps.choice.work.flatten(0, 1)
    flags = at_work((torch.stack(found[::-1]) - known).flatten(0, 1), work)  # [T E, N, F]
    wanted: Tensor = torch.where(flags.sum(dim=-1) > 0, flags.argmax(dim=-1), -1).view(steps.choice.work.shape)
    return wanted


class PPO:
    """One stage of training: `update` after `update`."""

    def __init__(self, config: PPOConfig, actor: Actor, critic: Critic, groups: Sequence[Group]) -> None:
        self.config, self.actor, self.critic, self.groups = config, actor, critic, groups
        self.parameters = [*actor.parameters(), *critic.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, config.learning_rate, eps=1e-5, fused=True)
        self.scale = ReturnScale()
        self.credits = [Credit(config.credit, group) for group in groups]
        expect = self._expected if config.credit.measure == "value" else None
        self.rehearsals = [Rehearsal(group, actor, config.discount, expect) for group in groups]

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.optimizer}

    def update(self, number: int) -> Scalars:
        """Play and learn; return the logged scalars."""
        rate = self.config.learning_rate * self.config.rate_share(number)
        for setting in self.optimizer.param_groups:
            setting["lr"] = rate
        learns = number >= self.config.critic_updates
        rollouts = [self.play(place, learns) for place, group in enumerate(self.groups) if number >= group.begin]
        self.scale.note(torch.cat([rollout.returns.flatten() for rollout in rollouts]))
        logged = self._learn(rollouts, number, learns)
        means = {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}
        return {"learning_rate": rate, **means}

    # --- playing ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def play(self, place: int, learns: bool = True) -> Rollout:
        """Play T steps in a group; where the actor does not learn from them, its messages are not looked at."""
        group, credit = self.groups[place], self.credits[place]
        steps: list[Step] = []
        rewards, ends, gains, times = [], [], [], []
        for _ in range(self.config.steps):
            steps.append(self._decide(group, group.features()))
            times.append(torch.from_numpy(group.batch.state.t.astype(np.int64)))
            looks = learns and group.steps % credit.config.every == 0
            gains.append(self._gains(place, steps[-1].choice, looks))
            credit.begin()
            own, terminated, truncated = group.step(steps[-1].choice)
            earned = credit.earned(own)
            if truncated.any():  # time is up, but not for the task: what would have come belongs to the return
                final = self._decide(group, group.features()).values
                earned = earned + self.config.discount * final * truncated[:, None]
            rewards.append(earned)
            ends.append(terminated | truncated)
            group.renew()
        last_values = self._decide(group, group.features()).values
        played: Step = stack_all(steps)
        advantages = advantages_of(
            torch.stack(rewards), played.values, last_values, torch.stack(ends)[..., None],
            self.config.discount, self.config.trace,
        )  # fmt: skip
        returns, scaled = advantages + played.values, self._scaled(advantages, torch.stack(times))
        messages = self._message_advantages(advantages, scaled, torch.stack(gains))
        facts = self.actor.variant is not None
        shown = turned_out(played, torch.stack(ends)) if facts else torch.full_like(played.choice.work, -1)
        return Rollout(played, scaled.mean(dim=2), messages, returns, shown)

    def _gains(self, place: int, choice: ChosenAction, looks: bool) -> Tensor:
        """What some messages [E, N] gain against silence, 0 for the others, and for all if one does not look."""
        credit, gains = self.config.credit, torch.zeros(choice.message.shape, device=choice.message.device)
        if looks and credit.counterfactual > 0.0:
            found = self.rehearsals[place].gain_of(choice, credit.messages, credit.horizon)
            gained = found.hours if credit.measure == "hours" else found.reward
            gains[found.env, found.agent] = torch.from_numpy(gained.astype(np.float32)).to(gains.device)
        return gains

    def _message_advantages(self, advantages: Tensor, scaled: Tensor, gains: Tensor) -> Tensor:
        """The advantages of messages [T, E, N], of those of all that is done, as they are and scaled, and gains."""
        credit = self.config.credit
        if not credit.alone:
            return scaled + credit.counterfactual * gains / (advantages.std() + 1e-8)
        size = (gains.square().sum() / (gains != 0.0).sum().clamp(min=1)).sqrt()
        return credit.counterfactual * gains / (size + 1e-8)

    def _scaled(self, advantages: Tensor, times: Tensor) -> Tensor:
        """Advantages [T, E, N] of mean 0 and deviation 1."""
        if self.config.normalise == "step":
            return normalised_by_step(advantages, times.to(advantages.device))
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    def _decide(self, group: Group, features: Features) -> Step:
        choice, seen, own = choose_action(self.actor, features, group.luck(), torch.ones((), device=group.device))
        plan = judge_plan(seen, features.board, choice.plan)
        message = self._judged(own, features, choice)
        values = self._expected(own.encoded, seen.tokens)
        sent = group.sent_steps() if self.actor.content else choice.work[..., None][..., :0]
        return Step(features, choice, plan.log_prob, message.log_prob, values, sent)

    def _expected(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        """The critic's values [E, N] in the unit of the reward."""
        return self.scale.natural(self.critic(encoded, tokens))

    def _judged(self, own: OwnView, features: Features, choice: ChosenAction) -> Judgement:
        """Judge messages [E, N], and with them what they carry and what work is done in.

        No entropy bonus goes to the latter: what symbols are to mean is found by saying always the same.
        """
        message = judge_message(self.actor, own, features.legal, choice.message)
        return Judgement(message.log_prob + judge_content(self.actor, own, choice), message.entropy)

    # --- learning ---------------------------------------------------------------------------------------------

    def _learn(self, rollouts: Sequence[Rollout], number: int, train_actor: bool) -> list[Scalars]:
        """Learn for all epochs; return what was logged at each gradient step."""
        generator = torch.Generator().manual_seed(int(self.groups[0].key[0]) % 2**31 + number)
        logged = []
        for _ in range(self.config.epochs):
            orders = [self._minibatches(rollout, generator) for rollout in rollouts]
            for parts in zip(*orders, strict=True):
                logged.append(self._step(rollouts, parts, train_actor))
        return logged

    def _minibatches(self, rollout: Rollout, generator: torch.Generator) -> list[Tensor]:
        """Rows of T x E in random order, in as many parts as there are gradient steps.

        With symbols, whole rollouts of some environments each, in the order of the steps, so that what was sent is at
        hand where it is read.
        """
        steps, envs = rollout.plan_advantages.shape
        if self.actor.content is None:
            return list(torch.randperm(steps * envs, generator=generator).chunk(self.config.minibatches))
        chosen = torch.randperm(envs, generator=generator).chunk(self.config.minibatches)
        return [(torch.arange(steps)[:, None] * envs + part).flatten() for part in chosen]

    def _step(self, rollouts: Sequence[Rollout], parts: Sequence[Tensor], train_actor: bool) -> Scalars:
        """Make one gradient step on a minibatch from every group."""
        self.optimizer.zero_grad()
        logged = []
        for rollout, rows in zip(rollouts, parts, strict=True):
            loss, scalars = self._loss(take_all(rollout, rows), train_actor)
            (loss / len(rollouts)).backward()
            logged.append(scalars)
        if not train_actor:  # the critic alone; its gradient stays out of what it shares with the actor
            self.actor.zero_grad()
        nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        return {name: float(np.mean([one[name] for one in logged])) for name in logged[0]}

    def _loss(self, batch: Rollout, train_actor: bool) -> tuple[Tensor, Scalars]:
        """Return the loss of a minibatch."""
        features, choice = batch.steps.features, batch.steps.choice
        seen = view_board(self.actor, features.board)
        encoded = self.actor.encode(features.board, features.own, seen.tokens, seen.scores, choice.plan.work)
        if self.actor.content is not None:
            features = features._replace(symbols=self._symbols(batch.steps, encoded))
        own = view_heard(self.actor, features, seen, encoded, choice.plan.work)
        target = self.scale.normal(batch.returns)
        value_loss = (self.critic(own.encoded, seen.tokens) - target).square().mean()
        scalars = {"value_loss": value_loss.item(), "explained_variance": 1.0 - (value_loss / target.var()).item()}
        loss = self.config.value * value_loss
        if not train_actor:
            return loss, scalars
        plan = judge_plan(seen, features.board, choice.plan)
        message = self._judged(own, features, choice)
        for judged, before, gain in (
            (plan, batch.steps.plan_log_prob, batch.plan_advantages),
            (message, batch.steps.message_log_prob, batch.message_advantages),
        ):
            loss = loss + self._clipped(judged.log_prob - before, gain) - self.config.entropy * judged.entropy.mean()
        log_ratio = message.log_prob - batch.steps.message_log_prob
        scalars |= {
            "entropy": message.entropy.mean().item(),
            "plan_entropy": plan.entropy.mean().item(),
            "kl": (log_ratio.exp() - 1.0 - log_ratio).mean().item(),
            "clipped": ((log_ratio.exp() - 1.0).abs() > self.config.clip).float().mean().item(),
            "messages": (choice.message > 0).float().mean().item(),
        }
        if self.config.hindsight > 0.0 and self.actor.variant is not None:
            logits = self.actor.variant_logits(own.encoded, choice.work).transpose(1, 2)
            missed = nn.functional.cross_entropy(logits, batch.turned_out, ignore_index=-1, reduction="sum")
            missed = missed / (batch.turned_out >= 0).sum().clamp(min=1)
            loss, scalars["hindsight_loss"] = loss + self.config.hindsight * missed, missed.item()
        return loss, scalars

    def _symbols(self, steps: Step, encoded: Encoded) -> Tensor:
        """What was read [R, N, A, V], with its gradient to those who sent it in the same rollout."""
        logits = symbol_logits(self.actor, encoded, encoded.context, steps.choice.message)
        sent = straight_through(logits, steps.choice.content[..., 0])  # [R, N, V], rows in the order of the steps
        members, rows, per_step = sent.shape[1], len(sent), len(sent) // self.config.steps
        ago, read = steps.sent_steps[..., :members], steps.features.symbols
        row = torch.arange(rows, device=ago.device)[:, None, None] - ago * per_step
        known = (ago >= 0) & (row >= 0)
        found = sent[torch.where(known, row, 0), torch.arange(members, device=ago.device)]
        found = torch.where(known[..., None], found, read[:, :, :members])
        return torch.cat((found, read[:, :, members:]), dim=2)

    def _clipped(self, log_ratio: Tensor, advantages: Tensor) -> Tensor:
        """PPO's clipped surrogate, as a loss."""
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1.0 - self.config.clip, 1.0 + self.config.clip)
        return -torch.minimum(ratio * advantages, clipped * advantages).mean()


def judge_plan(seen: BoardView, board: Board, plan: Plan) -> Judgement:
    """Judge a plan by its picks."""
    return Judgement(*judge_picks(seen.scores, plan.picks, possible_pairs(board)))


def stack_all(parts: Sequence[Any]) -> Any:
    """Stack named tuples of tensors, however deep, tensor by tensor."""
    if isinstance(parts[0], Tensor):
        return torch.stack(list(parts))
    return type(parts[0])(*(stack_all(part) for part in zip(*parts, strict=True)))


def take_all(part: Any, rows: Tensor) -> Any:
    """Rows of tensors [T, E, ...], counted over both axes, in named tuples however deep."""
    if isinstance(part, Tensor):
        return part.flatten(0, 1)[rows]
    return type(part)(*(take_all(one, rows) for one in part))
