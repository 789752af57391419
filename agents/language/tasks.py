"""Tasks: generated workflows of the fixed splits, by tier and team size, the same for everybody who trains or tests.

A task's name, such as ``train/simple/n5/17``, says all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from c2c_env import TEST_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS, Batch, EnvConfig, Team, generate
from c2c_env.checks import Check, choice_fault, fault, integer_in, only_faults
from c2c_env.config import MAX_SIZE
from c2c_env.errors import ConfigError, raise_faults
from c2c_env.workflows import TIERS

TASK_SEEDS: Mapping[str, range] = {"train": TRAIN_SEEDS, "validation": VALIDATION_SEEDS, "test": TEST_SEEDS}
_NAME = re.compile(r"(?P<split>\w+)/(?P<tier>\w+)/n(?P<team_size>\d{1,5})/(?P<index>\d{1,12})")
_SIZE = integer_in(1, MAX_SIZE)


@dataclass(frozen=True)
class TextTask:
    """A workflow of a split, with the team that does it.

    Attributes:
        split: "train", "validation" or "test".
        tier: "simple", "medium" or "complex".
        team_size: N agents of the default team.
        index: of the workflow in its split, from 0; it is the seed of the episode too, as in the benchmark.
    """

    split: str
    tier: str
    team_size: int
    index: int

    def __post_init__(self) -> None:
        wrong = [choice_fault("split", self.split, list(TASK_SEEDS)), choice_fault("tier", self.tier, TIERS)]
        wrong.append(fault("team_size", self.team_size, _SIZE))
        if not wrong[0]:
            within: Check = integer_in(0, len(TASK_SEEDS[self.split]) - 1)
            wrong.append(fault("index", self.index, within))
        raise_faults(ConfigError, "there is no such task", only_faults(wrong))

    @property
    def name(self) -> str:
        """All of the task in a word."""
        return f"{self.split}/{self.tier}/n{self.team_size}/{self.index}"

    @classmethod
    def named(cls, name: str) -> TextTask:
        """Read a name such as ``train/simple/n5/17``.

        Raises:
            ConfigError: it is no such name, or there is no such task.
        """
        found = _NAME.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            raise ConfigError(f"task is {name!r}, expected SPLIT/TIER/nTEAM_SIZE/INDEX, such as train/simple/n5/17")
        return cls(found["split"], found["tier"], int(found["team_size"]), int(found["index"]))

    def batch(self, config: EnvConfig) -> Batch:
        """The environment of the task, at the start of its episode."""
        workflow = generate(self.tier, TASK_SEEDS[self.split][self.index])
        batch = Batch(workflow, Team.default(self.team_size, len(workflow.domains)), config)
        batch.reset([self.index])
        return batch


def list_tasks(
    split: str, count: int, *, tiers: Sequence[str] = TIERS, team_sizes: Sequence[int] = (5,), first: int = 0
) -> list[TextTask]:
    """Tasks of a split, with tiers and team sizes taking turns.

    Args:
        split: see `TextTask`.
        count: how many.
        tiers: which take turns.
        team_sizes: which take turns, once all tiers had theirs.
        first: index of the first workflow.

    Raises:
        ConfigError: a name or number is out of range.
    """
    kinds = [(tier, size) for size in team_sizes for tier in tiers]
    if not kinds:
        raise ConfigError("got no tiers or no team sizes, expected at least one of each")
    return [TextTask(split, *kinds[n % len(kinds)], first + n // len(kinds)) for n in range(count)]
