"""Tasks of the fixed splits: which workflow is done, by a team of how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import verifiers.v1 as vf
from pydantic import Field

from agents.language.tasks import list_tasks


class TeamTasksetConfig(vf.TasksetConfig):
    """Which tasks are loaded: tiers and team sizes take turns, workflow after workflow."""

    split: Literal["train", "validation", "test"] = "train"
    """Train on "train", choose by "validation", report "test"."""
    tiers: list[Literal["simple", "medium", "complex"]] = Field(["simple"], min_length=1)
    """How large the workflows are."""
    team_sizes: list[int] = Field([5], min_length=1)
    """Agents of a team, the manager included."""
    count: int = Field(100, ge=1)
    """How many tasks are loaded."""
    first: int = Field(0, ge=0)
    """Index of the first workflow in its split."""


class TeamData(vf.TaskData):
    """The name of a task, such as ``train/simple/n5/17``, says all of it."""

    name: str


class TeamTask(vf.Task[TeamData, vf.State, vf.TaskConfig]):
    """A workflow with a team; what a seat is rewarded the environment knows."""


class TeamTaskset(vf.Taskset[TeamTask, TeamTasksetConfig]):
    """Tasks of a split; the prompts are made by the environment, step by step and seat by seat."""

    def load(self) -> Iterator[TeamTask]:
        """Yield the tasks.

        Raises:
            ConfigError: a number is out of range.
        """
        chosen = self.config
        tasks = list_tasks(
            chosen.split, chosen.count, tiers=chosen.tiers, team_sizes=chosen.team_sizes, first=chosen.first
        )
        for task in tasks:
            yield TeamTask(TeamData.model_validate({"id": task.name, "name": task.name}), chosen.task)
