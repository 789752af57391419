"""What a game is played on: a workflow, a team, a seed, who the person is, and whom the others follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from c2c_env import TEST_SEEDS, Batch, Workflow, builtin_names, generate, real_names
from c2c_env.checks import choice_fault
from c2c_env.errors import ConfigError
from c2c_env.make import DEFAULT_TEAM_SIZE, make_batch
from c2c_env.workflows import TIERS
from c2c_env.workflows.pool import WorkflowPool
from training.benchmark.choose_cells import BUILT_IN, FROM_FILE, GENERATED, REAL


@dataclass(frozen=True)
class GameSetting:
    """What determines a game beside the choices of the person.

    Attributes:
        workflow: that is played.
        split: where it comes from, as the benchmark says it: "built-in", "real", "generated" or "file".
        role: the agent that the person plays, such as "worker_1".
        partners: name of the policy of all other agents.
        team_size: N, of the default team.
        seed: of the episode.
        options: of policies that take options, see `agents.policy.PolicyContext`.
    """

    workflow: Workflow
    split: str
    role: str
    partners: str
    team_size: int = DEFAULT_TEAM_SIZE
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def named(cls, workflow: str, **others: Any) -> GameSetting:
        """Find the workflow by its name; a tier means the generated one that the benchmark plays with the same seed.

        Raises:
            ConfigError: the benchmark has no such workflow of the tier.
            WorkflowError: there is no such workflow, or it is faulty.
        """
        if workflow in TIERS:
            seed = int(others.get("seed", 0))
            if seed >= len(TEST_SEEDS):
                raise ConfigError(f"--seed is {seed}, expected less than {len(TEST_SEEDS)} where a tier is played")
            return cls(generate(workflow, TEST_SEEDS[seed]), GENERATED, **others)
        split = BUILT_IN if workflow in builtin_names() else REAL if workflow in real_names() else FROM_FILE
        return cls(WorkflowPool(workflow)[0], split, **others)

    def start_batch(self) -> Batch:
        """Make the batch of one environment, and start the episode as the benchmark starts it.

        Raises:
            ConfigError: the team has no such agent.
        """
        batch = make_batch(self.workflow, self.team_size)
        if wrong := choice_fault("--as", self.role, batch.team.agents):
            raise ConfigError(wrong)
        batch.reset([self.seed], workflows=[0])
        return batch
