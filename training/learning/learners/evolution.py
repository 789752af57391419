"""Evolution of the weights that a team decides by, from the returns of whole episodes (arXiv 1703.03864).

PPO varies actions, and its plan soon varies hardly any more, while what the order of work is worth shows at the end of
an episode. Here the weights are varied: noise is added to those of the heads for a whole episode, in which the team
plays as it is played later, by the likeliest plan and message. Every noise is tried with both signs on the same
workflow under the same luck, and the weights move towards the sign that returned more.

What counts of a pair is the rank of its difference, with its sign, as in Wilcoxon's signed-rank test. So an episode
that never ends does not outweigh the others, and every group of environments counts alike.

Axes: E environments, P = E / 2 pairs of them; X stands for the shape of a tensor of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from agents.learned.actions import Luck, choose_action
from agents.learned.features import Board, LegalMasks
from agents.learned.network import Actor, Encoded, Tokens
from c2c_env.core.rng import hash_counter
from training.learning.learners.environments import Group
from training.learning.ranges import NotNegative, Share, Whole

Scalars = dict[str, float]
Weights = dict[str, Tensor]

STREAM_EVOLUTION = 110  # of the counter-based random numbers, see `environments`
# Layers of the actor by what they decide, and how much their weights are varied. Who works on what takes more: the plan
# hangs on which of two scores is larger, and they lie far apart when this begins. Both factors are ours.
HEADS = {
    2.0: ("plan_edge", "plan_agent", "plan_subtask", "plan_score", "nobody"),
    1.0: ("pair_edge", "pair_about", "pair_contact", "pair_own", "pair_score", "silence", "kind"),
}
SPEAKS_ABOVE = 0.5  # the threshold of `agents.learned.card.Manner`, where nothing else is said
BETAS = (0.9, 0.99)  # of Adam; there are too few updates for its usual second one


@dataclass(frozen=True)
class EvolutionConfig:
    """Settings of evolution.

    Noise and steps are measured in the present size of a layer's weights, which is their root mean square; those of
    the plan's layers count twice.

    Attributes:
        updates: steps of the weights; each plays an episode in every environment.
        noise: standard deviation of what is added to a weight.
        learning_rate: of Adam at the start; it falls linearly to `last_share` of it.
        last_share: in [0, 1].
    """

    updates: Whole = 0
    noise: NotNegative = 0.3
    learning_rate: Share = 0.1
    last_share: Share = 0.2


class Evolution:
    """One stage of training: `update` after `update`."""

    def __init__(self, config: EvolutionConfig, actor: Actor, groups: Sequence[Group]) -> None:
        self.config, self.actor, self.groups = config, actor, groups
        self.layers = {
            name: (part, factor)
            for factor, heads in HEADS.items()
            for name, part in actor.named_modules()
            if name.split(".")[0] in heads and isinstance(part, nn.Linear)
        }
        self.weights: Weights = {
            f"{name}.{part}": weight
            for name, (layer, _) in self.layers.items()
            for part, weight in layer.named_parameters()
        }
        each = [{"params": [weight]} for weight in self.weights.values()]  # with a learning rate of its own
        self.optimizer = torch.optim.Adam(each, config.learning_rate, BETAS, fused=True)

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by the names that they have in checkpoints."""
        return {"optimizer": self.optimizer}

    @torch.no_grad()
    def update(self, number: int) -> Scalars:
        """Play an episode in every environment, and make a step; return means over groups of the logged scalars."""
        rate = self.config.learning_rate * (1.0 - (1.0 - self.config.last_share) * number / self.config.updates)
        units = self._units()
        for setting, unit in zip(self.optimizer.param_groups, units.values(), strict=True):
            setting["lr"] = rate * unit
        groups = [group for group in self.groups if number >= group.begin]
        found = [self._ascent(group, number) for group in groups]
        for name, weight in self.weights.items():
            weight.grad = -torch.stack([ascent[name] for ascent, _ in found]).mean(dim=0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        logged = [scalars for _, scalars in found]
        return {"learning_rate": rate, **{name: float(np.mean([one[name] for one in logged])) for name in logged[0]}}

    def _units(self) -> dict[str, float]:
        """The size of noise and steps of every tensor of weights."""
        return {
            f"{name}.{part}": factor * layer.weight.square().mean().sqrt().item()
            for name, (layer, factor) in self.layers.items()
            for part, _ in layer.named_parameters()
        }

    def _ascent(self, group: Group, number: int) -> tuple[Weights, Scalars]:
        """Return the direction in which returns rise in a group, for every tensor of weights, and scalars."""
        with np.errstate(over="ignore"):
            bits = hash_counter(group.key, STREAM_EVOLUTION, np.array([number], dtype=np.uint64), 0)
        seed = int(bits[0] >> np.uint64(11))
        noise, ended = self._noise(seed, group.num_envs // 2), group.episodes
        group.restart(seed, twins=True)
        returns = self._returns(group, noise)
        group.episodes = ended + group.episodes  # of all updates since the last checkpoint
        more, less = returns.chunk(2)
        worth = signed_ranks(more - less)
        ascent = {name: torch.tensordot(worth, part, 1) / len(worth) for name, part in noise.items()}
        return ascent, {"return": returns.mean().item(), "difference": (more - less).square().mean().sqrt().item()}

    def _noise(self, seed: int, pairs: int) -> Weights:
        """Normal numbers [P, X] for every tensor of weights."""
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.randn((pairs, *weight.shape), generator=generator).to(weight.device)
            for name, weight in self.weights.items()
        }

    def _returns(self, group: Group, noise: Mapping[str, Tensor]) -> Tensor:
        """What the episodes that have begun return [E], with the noise [P, X] added in the first half of them.

        In the second half it is subtracted.
        """
        size = {name: self.config.noise * unit for name, unit in self._units().items()}
        varied = {
            name: torch.cat((weight + size[name] * noise[name], weight - size[name] * noise[name]))
            for name, weight in self.weights.items()
        }
        returns, going = torch.zeros(group.num_envs, device=group.device), np.arange(group.num_envs)
        cold = torch.zeros((), device=group.device)  # the temperature that takes the likeliest
        while len(going):
            mine = {name: weights[going] for name, weights in varied.items()}
            features = group.features(going)
            choice, _, _ = choose_action(Varied(self.actor, mine), features, likeliest(group, len(going)), cold)
            rewards, terminated, truncated = group.step(choice, going)
            returns[going] += rewards.mean(dim=1)
            going = going[~(terminated | truncated).cpu().numpy()]
        group.renew()
        return returns


def likeliest(group: Group, num_envs: int) -> Luck:
    """Numbers that stand for chance where nothing is left to it, in so many environments."""
    team = (num_envs, group.team_size)
    none = torch.zeros(*team, 2, device=group.device)
    threshold = torch.full(team, SPEAKS_ABOVE, device=group.device)
    return Luck(torch.zeros(num_envs, group.num_agents, device=group.device), threshold, none, none)


def signed_ranks(differences: Tensor) -> Tensor:
    """Ranks of the sizes of differences [P], in (0, 1], with their signs; 0 where there is no difference.

    Equal sizes get the mean of their ranks.
    """
    sizes = differences.abs()
    below = (sizes[:, None] > sizes).sum(dim=1)
    equal = (sizes[:, None] == sizes).sum(dim=1)
    return differences.sign() * (below + (equal + 1) / 2) / len(differences)


class Varied(Actor):
    """An actor whose heads have weights of their own in every environment; all else is the actor's, and not copied.

    Args:
        actor: whose parts are used.
        weights: [E, X] by name.
    """

    def __init__(self, actor: Actor, weights: Weights) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(actor.__dict__)
        self.own_weights = weights

    def plan_scores(self, tokens: Tokens, board: Board) -> Tensor:
        scores: Tensor = self._each(Actor.plan_scores, tokens, board)
        return scores

    def message_logits(self, encoded: Encoded, legal: LegalMasks) -> tuple[Tensor, Tensor]:
        odds, logits = self._each(Actor.message_logits, encoded, legal)
        return odds, logits

    def kind_logits(self, encoded: Encoded, legal: LegalMasks, pairs: Tensor) -> Tensor:
        logits: Tensor = self._each(Actor.kind_logits, encoded, legal, pairs)
        return logits

    def forward(self, method: Callable[..., Any], *inputs: Any) -> Any:
        """Call a method of the actor; `functional_call` calls nothing else."""
        return method(self, *inputs)

    def _each(self, method: Callable[..., Any], *inputs: Any) -> Any:
        """What a method of the actor returns, with the weights of each environment for its inputs."""

        def alone(weights: Weights, *mine: Any) -> Any:
            batches = tuple(with_axis(part) for part in mine)
            return without_axis(functional_call(self, weights, (method, *batches)))

        return vmap(alone)(self.own_weights, *inputs)


def with_axis(part: Any) -> Any:
    """A tensor, or each of a named tuple of them, as a batch of one."""
    return part[None] if isinstance(part, Tensor) else type(part)(*(one[None] for one in part))


def without_axis(part: Any) -> Any:
    """The only one of a batch, of a tensor or of each of several."""
    return part[0] if isinstance(part, Tensor) else tuple(one[0] for one in part)
