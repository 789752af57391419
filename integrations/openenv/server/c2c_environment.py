"""Episodes of the text game behind OpenEnv's interface."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import EnvironmentMetadata

from agents.language.tasks import TextTask
from agents.language.text_game import TextGame, TurnOutcome
from agents.registry import POLICIES
from c2c_env import __version__
from c2c_env.errors import ConfigError, ResetNeededError, unknown_name
from c2c_openenv.models import AnswerOutcome, C2CAction, C2CObservation, C2CState, ChatMessage
from c2c_openenv.server.task_catalog import MOST_LISTED, TEAM_SIZE, TIER, split_size, task_spec, task_specs

MOST_AGENTS = 32  # of a team that a client may ask a shared server for; ours
OPTIONS = ("seed", "episode_id", "split", "index", "tier", "team_size", "seats", "partners", "reward")


class C2CEnvironment(Environment[C2CAction, C2CObservation, C2CState]):
    """One session's episodes, one after another. Nothing is shared between sessions."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._game: TextGame | None = None
        self._state = C2CState()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        *,
        split: str = "train",
        index: int | None = None,
        tier: str = TIER,
        team_size: int = TEAM_SIZE,
        seats: Sequence[str] | str = ("worker_1",),
        partners: str = "proactive",
        reward: str = "team",
        **unknown: Any,
    ) -> C2CObservation:
        """Start an episode.

        Args:
            seed: chooses the task where there is no index; equal seeds choose equal tasks.
            episode_id: the name of the episode, which is made up where there is none.
            split: "train", "validation" or "test".
            index: of the task in its split.
            tier: "simple", "medium" or "complex".
            team_size: number of agents.
            seats: names of the agents that the client plays, or "all".
            partners: policy of all others.
            reward: name of what a step is rewarded by.

        Raises:
            ConfigError: there is no such task, agent, policy, reward or argument. The episode before goes on.
        """
        for name in unknown:
            raise ConfigError(unknown_name("argument of reset", name, OPTIONS))
        if partners not in POLICIES:  # a client must not name files or modules of the server's machine
            raise ConfigError(unknown_name("policy", str(partners), POLICIES))
        if isinstance(team_size, int) and team_size > MOST_AGENTS:
            raise ConfigError(f"team_size is {team_size}, expected at most {MOST_AGENTS} on a server")
        if index is None:
            index = random.Random(seed).randrange(split_size(split))
        game = TextGame(seats, partners=partners, reward=reward)
        game.start(TextTask(split, tier, team_size, index))
        self._game = game
        self._state = C2CState(episode_id=episode_id or str(uuid4()), task=game.task.name, seats=list(game.seats))
        return self._observe({})

    def step(self, action: C2CAction) -> C2CObservation:  # type: ignore[override]  # there is nothing to time out
        """Step with the answers of all seats.

        Raises:
            ResetNeededError: there is no episode, or it is over.
            ConfigError: an answer is missing, or is that of another agent. The step is still to be taken.
        """
        if self._game is None or self._game.ended:
            raise ResetNeededError("there is no episode, or it is over; call reset() first")
        outcomes = self._game.step(self._answers(action, self._game.seats))
        self._state.step_count += 1
        self._state.total_reward += sum(outcome.reward for outcome in outcomes.values())
        self._state.ended = self._game.ended
        return self._observe(outcomes)

    @staticmethod
    def _answers(action: C2CAction, seats: Sequence[str]) -> Mapping[str, str]:
        if action.answers is not None and action.answer is None:
            return action.answers
        if action.answer is None or action.answers is not None:
            raise ConfigError("got both or neither of answer and answers, expected one of them")
        if len(seats) != 1:
            raise ConfigError(f"got one answer for {len(seats)} seats, expected answers of {', '.join(seats)}")
        return {seats[0]: action.answer}

    def _observe(self, outcomes: Mapping[str, TurnOutcome]) -> C2CObservation:
        assert self._game is not None
        game, over = self._game, self._game.ended
        prompts = {} if over else game.prompts()
        return C2CObservation(
            task=game.task.name,
            prompts={name: [ChatMessage(role=r, content=c) for r, c in said] for name, said in prompts.items()},
            answer_schema={} if over else game.schema(),
            outcomes={
                name: AnswerOutcome(label=outcome.label, how=outcome.how, reward=outcome.reward)
                for name, outcome in outcomes.items()
            },
            metrics=game.metrics if over else {},
            reward=sum(outcome.reward for outcome in outcomes.values()),
            done=over,
        )

    @property
    def state(self) -> C2CState:
        """Where the episode stands."""
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        """Describe the environment."""
        description = "A team completes a workflow of subtasks and pays for what it says; seats are played in text."
        return EnvironmentMetadata(name="c2c_openenv", description=description, version=__version__)

    # --- tasks -----------------------------------------------------------------------------------------------

    def list_splits(self) -> list[str]:
        """List the splits."""
        return ["train", "validation", "test"]

    def num_tasks(self, split: str) -> int:
        """Count the tasks of a split; each can be played in every tier and with every team size."""
        return split_size(split)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """Describe a task."""
        return task_spec(split, index)

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """Describe the tasks of a range."""
        return task_specs(split, start, stop)

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """Describe the first tasks of a split."""
        return task_specs(split, 0, MOST_LISTED)
