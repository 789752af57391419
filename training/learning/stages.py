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
    rows: int  # decisions of agents an update


def make_stages(recipe: Recipe) -> list[StageConfig]:
    """The stages that have updates."""
    stages = []
    for name, chunk, steps in (("imitation", recipe.imitation_chunk, 1), ("ppo", recipe.ppo_chunk, recipe.ppo.steps)):
        groups = getattr(recipe, f"{name}_groups")
        rows = steps * sum(group.num_envs * group.team_size for group in groups)
        stages.append(StageConfig(name, getattr(recipe, name).updates, chunk, groups, rows))
    return [stage for stage in stages if stage.updates > 0]
