"""Learns from what messages cost and gain: candidates are tried out in copies in which the oracle's rule plays on.

Imitation ends where the rule's hidden knowledge begins: what an agent cannot know it answers with the rule's average.
Here some agents' messages are replaced by each of a few candidates (silence, the likeliest, the teacher's), all under
the same luck, and the actor's probabilities move towards those that lead to less cost (AggreVaTe, arXiv 1406.5979, in
its differentiable form, arXiv 1703.01030). Cloning goes on beside it with a small weight.

Axes: E environments, N agents, R of their decisions that are looked at, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from agents.learned.actions import ChosenAction, OwnView, join_parts, log_probs_of
from agents.learned.drawing import FAR_AWAY, split_index
from agents.learned.features import NUM_SPOKEN, Features, LegalMasks
from agents.learned.network import Actor
from agents.oracle.lookahead.simulation import Futures, future_keys
from training.learning.learners.environments import Group
from training.learning.learners.imitation import Imitation, ImitationConfig, Scalars
from training.learning.ranges import Count, NotNegative, Share, Whole

LARGEST_ADVANTAGE = 1.5  # hours, beyond which differences are cut


@dataclass(frozen=True)
class CostToGoConfig(ImitationConfig):
    """Settings of cost-to-go, beside those of imitation.

    Attributes:
        cloning: weight of imitation's loss.
        weight: of the expected cost, in 1 / hours.
        candidates: likeliest messages that are tried, beside silence and the teacher's.
        agents: decisions that are looked at in each environment and update.
        price: hours of completion time that an hour of communication counts.
    """

    updates: Whole = 0
    learning_rate: Share = 5e-4
    teacher_updates: Whole = 0
    cloning: NotNegative = 0.2
    weight: NotNegative = 4.0
    candidates: Count = 5
    agents: Count = 1
    price: NotNegative = 0.1


class CostToGo(Imitation):
    """One stage of training: `update` after `update`."""

    def __init__(self, config: CostToGoConfig, actor: Actor, groups: Sequence[Group]) -> None:
        super().__init__(config, actor, groups)
        self.costs = config
        self.futures = [Futures(group.batch) for group in groups]

    def further_loss(
        self, place: int, features: Features, view: OwnView, own: ChosenAction, teacher: ChosenAction
    ) -> tuple[Tensor, Scalars]:
        """Return the expected cost of the candidates, against its mean, for the agents that are the least sure."""
        group = self.groups[place]
        env, agent = self._unsure(group, view, own)
        with torch.no_grad():
            pairs = view.pairs[env, agent].topk(min(self.costs.candidates, view.pairs.shape[-1]), dim=-1).indices
        candidates, log_probs = self._candidates(features, view, teacher.message, env, agent, pairs)
        cost = self._play(place, own, env, agent, candidates)
        probs = log_probs.softmax(dim=-1)
        mean = (probs.detach() * cost).sum(dim=-1, keepdim=True)
        advantage = (cost - mean).clamp(-LARGEST_ADVANTAGE, LARGEST_ADVANTAGE)
        possible = cost.masked_fill(log_probs <= FAR_AWAY / 2, torch.inf)
        regret = (mean[:, 0] - possible.min(dim=-1).values).mean()
        return self.costs.weight * (probs * advantage).sum(dim=-1).mean(), {"regret": regret.item()}

    def _unsure(self, group: Group, view: OwnView, own: ChosenAction) -> tuple[Tensor, Tensor]:
        """Environments [R] and agents [R], drawn by the entropy of whether they speak."""
        speak = view.odds.detach().sigmoid()
        doubt = (speak * (1.0 - speak)).sqrt() + 1e-3
        count = min(self.costs.agents, group.team_size)
        # the least of exponential numbers over their rates: a draw without replacement
        luck = -torch.log1p(-group.luck().what[..., 0].clamp(max=1.0 - 1e-6)) / doubt
        agent = luck.topk(count, dim=1, largest=False).indices.reshape(-1)
        return torch.arange(group.num_envs, device=agent.device).repeat_interleave(count), agent

    def _candidates(
        self, features: Features, view: OwnView, teacher: Tensor, env: Tensor, agent: Tensor, pairs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Messages [R, C] and their log-probabilities: silence, the teacher's, the likeliest; no message twice."""
        said = teacher[env, agent][:, None]
        taught, _ = split_index((said - 1).clamp(min=0), NUM_SPOKEN)
        one = _one_team_each(view, env, agent)
        kinds = self.actor.kind_logits(
            one.encoded, _legal_of(features, env, agent), torch.cat((taught, pairs), 1)[:, None]
        )
        likeliest = 1 + pairs * NUM_SPOKEN + kinds[:, 0, 1:].argmax(dim=-1)
        messages = torch.cat((torch.zeros_like(said), said, likeliest), dim=1)
        kinds = torch.cat((kinds[:, :, :1], kinds), dim=2)
        log_probs = log_probs_of(one, kinds, messages[:, None])[:, 0]
        twice = torch.zeros_like(messages, dtype=torch.bool)
        twice[:, 1] = said[:, 0] == 0
        twice[:, 2:] = likeliest == said
        return messages, log_probs.masked_fill(twice, FAR_AWAY)

    def _play(self, place: int, own: ChosenAction, env: Tensor, agent: Tensor, candidates: Tensor) -> Tensor:
        """Hours [R, C] that candidates cost when the rule plays on, all under the same luck."""
        group, count = self.groups[place], candidates.shape[1]
        joint = join_parts(own.work, own.message, group.num_subtasks)[env][:, None].repeat(1, count, 1, 1)
        mine = join_parts(own.work[env, agent][:, None].expand_as(candidates), candidates, group.num_subtasks)
        joint[torch.arange(len(env)), :, agent] = mine
        keys = future_keys(int(group.key[0]), group.steps, len(env))[:, None]
        rule = self.teachers[place].rule_of(group.batch, 0)
        costs = self.futures[place].play(env.cpu().numpy(), joint.cpu().numpy(), rule, keys)
        total = costs.total(self.costs.price)[..., 0].astype(np.float32)
        return torch.from_numpy(total).to(candidates.device)


def _one_team_each(view: OwnView, env: Tensor, agent: Tensor) -> OwnView:
    """The views of some agents, each as of an environment with one agent that decides."""
    e = view.encoded
    encoded = e._replace(
        edges=e.edges[env], planned=e.planned[env], about=e.about[env, agent][:, None],
        contacts=e.contacts[env, agent][:, None], own_pairs=e.own_pairs[env, agent][:, None],
        context=e.context[env, agent][:, None], facts=e.facts[env, agent][:, None], heard=e.heard[env, agent][:, None],
    )  # fmt: skip
    parts = (view.unread, view.odds, view.pairs)
    return OwnView(encoded, *(part[env, agent][:, None] for part in parts))


def _legal_of(features: Features, env: Tensor, agent: Tensor) -> LegalMasks:
    """What these agents may say, in the form of `_one_team_each`."""
    return LegalMasks(*(part[env, agent][:, None] for part in features.legal))
