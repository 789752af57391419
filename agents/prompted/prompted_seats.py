"""Mixed teams with members who ask language models; what is told about an episode is told of these together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.mixed_team import SeatedTeam
from agents.policy import Array, Policy
from agents.prompted.accounts import Turn, sum_columns
from agents.prompted.prefixes import PromptPrefixes
from agents.prompted.prompted_team import PromptedTeam
from agents.prompted.settings import ModelSettings
from agents.prompted.transcript import TranscriptFile, TranscriptWriter
from c2c_env import Batch
from c2c_env.episodes.episode import ModelText
from c2c_env.text.observation_text import Letter


class PromptedSeats(SeatedTeam):
    """A mixed team; its prompted members read each other's words, and those of nobody else, who writes none.

    Args:
        names: of the policy of each agent.
        seats: see `SeatedTeam`; at least one policy is a prompted one.
    """

    def __init__(self, names: Sequence[str], seats: Sequence[tuple[Policy, Array]]) -> None:
        super().__init__(seats)
        self.names, self._num_agents = tuple(names), len(names)
        self.asking = [(team, agents) for team, agents in self.seats if isinstance(team, PromptedTeam)]
        self.teams = [team for team, _ in self.asking]
        for team in self.teams:
            team.join(self.teams)
        self.max_tokens = max(team.max_tokens for team in self.teams)

    @property
    def options(self) -> ModelSettings:
        """How the models are asked, which is the same for all members."""
        return self.teams[0].options

    @property
    def turns(self) -> dict[int, list[Turn]]:
        """The questions of the last step, by environment, in the order in which the members were asked."""
        joined: dict[int, list[Turn]] = {}
        for team in self.teams:
            for env, turns in team.turns.items():
                joined.setdefault(env, []).extend(turns)
        return joined

    @property
    def num_asked(self) -> int:
        """How many agents of an environment a model decides for."""
        return sum(len(agents) for _, agents in self.asking)

    def message_factors(self, rows: Array) -> Array | None:
        """What the judge says of the words of prompted members; see `agents.policy.Judging`."""
        if not self.options.judge:
            return None
        factors = np.ones(len(rows))
        for team, agents in self.asking:
            own = np.isin(rows % self._num_agents, agents)
            said = team.message_factors(rows[own])
            factors[own] = 1.0 if said is None else said
        return factors

    def episode_columns(self, env: int) -> dict[str, Any]:
        """Sums over the prompted members; see `agents.policy.Accounting`."""
        return sum_columns([team.episode_columns(env) for team in self.teams])

    def letters_to(self, agent: int, step: int, observation: Array) -> tuple[Letter, ...]:
        """See `agents.policy.Writing`; the members share one mail."""
        return self.teams[0].letters_to(agent, step, observation)

    def start_transcripts(
        self, batch: Batch, name: str, seeds: Sequence[int], paths: Sequence[Path]
    ) -> TranscriptWriter:
        """See `agents.policy.Transcribing`; the transcript says who sat where."""
        return TranscriptWriter(batch, self, name, seeds, [TranscriptFile(path) for path in paths], self.names)

    def model_texts(self, env: int, step: int) -> list[ModelText]:
        """See `c2c_env.episodes.recorder.Verbal`."""
        return [text for team in self.teams for text in team.model_texts(env, step)]

    def model_failure(self, env: int) -> str:
        """See `c2c_env.episodes.recorder.Verbal`."""
        return next((failure for team in self.teams if (failure := team.model_failure(env))), "")

    def measure(
        self, observations: Array, action_masks: Array, rows: Array, earlier: PromptPrefixes
    ) -> list[tuple[int, int, int]]:
        """Measure the questions of all prompted members, see `PromptedTeam.measure`."""
        sizes = []
        for team, agents in self.asking:
            own = np.isin(rows % self._num_agents, agents)
            sizes += team.measure(observations[own], action_masks[own], rows[own], earlier)
        return sizes
