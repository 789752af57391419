"""The stages of a training run: what each consists of, and the protocol of a learner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from training.learning.recipe import GroupConfig, Recipe


class Stage(Protocol):
    """A learner that goes on update by update."""

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers by name; a checkpoint keeps their tensors under these names."""
        ...

    def update(self, number: int) -> dict[str, float]:
        """Go on by one update; return the logged scalars."""
        ...


@dataclass(frozen=True)
class StageConfig:
    """What a stage consists of."""

    name: str
    updates: int
    chunk: int
    groups: tuple[GroupConfig, ...]
    steps: int  # that an update plays in every group

    def env_steps(self, updates: int) -> int:
        """Steps of environments that the first updates play."""
        return self.steps * sum(group.num_envs * max(0, updates - group.begin) for group in self.groups)

    def decisions(self, updates: int) -> int:
        """Decisions of agents in the first updates."""
        each = (group.team_size * group.num_envs * max(0, updates - group.begin) for group in self.groups)
        return self.steps * sum(each)


def make_stages(recipe: Recipe) -> list[StageConfig]:
    """The stages that have updates."""
    taught, played = recipe.imitation_groups, recipe.ppo_groups
    stages = [
        StageConfig("imitation", recipe.imitation.updates, recipe.imitation_chunk, taught, 1),
        StageConfig("cost_to_go", recipe.cost_to_go.updates, recipe.imitation_chunk, taught, 1),
        StageConfig("ppo", recipe.ppo.updates, recipe.ppo_chunk, played, recipe.ppo.steps),
    ]
    return [stage for stage in stages if stage.updates > 0]
