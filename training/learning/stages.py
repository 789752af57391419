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


def make_stages(recipe: Recipe) -> list[StageConfig]:
    """The stages that have updates."""
    taught = recipe.imitation_groups
    stages = [
        StageConfig("imitation", recipe.imitation.updates, recipe.imitation_chunk, taught),
        StageConfig("cost_to_go", recipe.cost_to_go.updates, recipe.imitation_chunk, taught),
        StageConfig("ppo", recipe.ppo.updates, recipe.ppo_chunk, recipe.ppo_groups),
        StageConfig("evolution", recipe.evolution.updates, recipe.evolution_chunk, recipe.evolution_groups),
    ]
    return [stage for stage in stages if stage.updates > 0]
