"""A cell of the benchmark: one policy on one workflow with one team size, all its seeds side by side.

A finished cell is one small file. Its name carries a hash of everything that determines the result, so a file that
is there under the right name never has to be computed again, and changed code or constants never meet old numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import c2c_env
from agents.registry import asks_model, policy_files
from agents.seats import agent_policies
from c2c_env import EnvConfig, Team, Workflow
from c2c_env.episodes.episode_file import EPISODE_SUFFIX
from training.files import digest, file_digest, source_digest

if TYPE_CHECKING:
    from agents.prompted.settings import ModelSettings

Row = dict[str, Any]
CELL_FORMAT = 2  # of the cell files and of what `run_cell` does around a policy; part of the hash


@dataclass(frozen=True, eq=False)
class Cell:
    """What is played.

    Attributes:
        policy: name for the registry.
        label: name of the workflow, or of the set of generated ones.
        split: "built-in", "generated" or "file"; of a published protocol, the track.
        tier: of the workflows.
        workflows: one, which every seed plays, or one a seed.
        team_size: N, of the default team unless another one is given.
        seeds: of the environments.
        config: every constant, with those that the intervention changes.
        intervention: what is done to messages, such as "off" or "lossy:0.3"; "" for nothing.
        options: of prompted policies, see `agents.prompted.settings`.
        transcripts: folder for the transcripts of a prompted policy.
        record: folder for the episodes, each as a file; "" to keep none. It does not change what is played.
        partners: policy of all agents but one; "" if the whole team follows `policy`.
        role: name of the agent that follows `policy` among partners, such as "worker_1"; else "".
        protocol: id of the published protocol that prescribes the cell, or "". It does not change what is played.
        team: the team of a file, of `team_size` agents; None for the default one.
        team_label: what the file is called, for people.
    """

    policy: str
    label: str
    split: str
    tier: str
    workflows: tuple[Workflow, ...]
    team_size: int
    seeds: tuple[int, ...]
    config: EnvConfig
    intervention: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    transcripts: str = ""
    record: str = ""
    partners: str = ""
    role: str = ""
    protocol: str = ""
    team: Team | None = None
    team_label: str = ""

    @property
    def asks_model(self) -> bool:
        """Whether a language model plays, so that the cell waits for a server and not for a processor."""
        return asks_model(self.policy, self.team_size)

    @property
    def agent_names(self) -> tuple[str, ...]:
        """Name the policy of each agent, as recorded episodes do."""
        own = agent_policies(self.policy, self.team_size)
        if not self.partners:
            return own
        others, agents = (
            agent_policies(self.partners, self.team_size),
            (self.team or Team.default(self.team_size)).agents,
        )
        return tuple(own[n] if name == self.role else others[n] for n, name in enumerate(agents))

    @property
    def settings(self) -> ModelSettings:
        """How a prompted policy asks its model."""
        from agents.prompted.settings import ModelSettings  # needs pydantic, which scripted policies do not

        return ModelSettings.of(self.options)

    @property
    def player(self) -> str:
        """The policy, and what is done to its messages."""
        return f"{self.policy} / {self.intervention}" if self.intervention else self.policy

    @property
    def title(self) -> str:
        """The cell in words, for people."""
        among = f" / {self.role} among {self.partners}" if self.partners else ""
        who = f" ({self.team_label})" if self.team else ""
        return f"{self.player} / {self.label} / {self.team_size} agents{who}{among}"

    @cached_property
    def name(self) -> str:
        """The name of its file without suffix: readable parts and the hash of all that determines the result."""
        named = (self.player, self.label, *([self.team_label] if self.team else []))
        parts = [re.sub(r"[^A-Za-z0-9._-]+", "_", part)[-60:] for part in named]
        text = json.dumps(self._identity(), sort_keys=True, default=str)
        return "--".join([*parts, f"n{self.team_size}", digest([text.encode()])])

    @property
    def episode_paths(self) -> list[Path]:
        """Where the episode of each seed is kept, if they are recorded."""
        if not self.record:
            return []
        return [Path(self.record) / f"{self.name}--seed{seed}{EPISODE_SUFFIX}" for seed in self.seeds]

    @property
    def cost(self) -> float:
        """A rough measure of the work, to run long cells first and to guess the time left."""
        subtasks = sum(len(workflow.subtasks) for workflow in self.workflows) / len(self.workflows)
        return len(self.seeds) * self.team_size * subtasks**2

    def _identity(self) -> dict[str, Any]:
        return {
            "format": CELL_FORMAT,
            "version": c2c_env.__version__,
            "sources": source_digest(),
            "policy": self.policy,
            "policy_files": digest(file_digest(path).encode() for path in policy_files(self.policy)),
            "workflows": [asdict(workflow) for workflow in self.workflows],
            "intervention": self.intervention,
            "team_size": self.team_size,
            "team": asdict(self.team) if self.team else None,
            "seeds": self.seeds,
            "config": asdict(self.config),
            "options": self.settings.identity if self.asks_model else None,
            "partners": [self.partners, self.role],
        }
