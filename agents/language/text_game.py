"""An episode in which seats of a team are played in text, from outside, and the others follow policies.

Who plays a seat gets the prompt that prompted teams get, and its answer is read as theirs are. So a trainer of language
models, a server and an evaluation play the same game as the benchmark's prompted teams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.language.tasks import TextTask
from agents.language.turn_rewards import EpisodeRewards, check_turn_reward, make_turn_reward
from agents.mixed_team import SeatedTeam
from agents.play import decide_actions
from agents.policy import Array, Judging, PolicyContext
from agents.prompted.backends import Question, Reply, RequestFailedError
from agents.prompted.prompted_team import PromptedTeam
from agents.prompted.replay import Jobs, run_in_order
from agents.registry import make_policy
from c2c_env import EnvConfig
from c2c_env.checks import choice_fault
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.recorder import EpisodeRecorder
from c2c_env.errors import ConfigError, ResetNeededError, raise_faults, unknown_name
from c2c_env.text.names import agent_name

ALL_SEATS = "all"
OUTSIDE = "text"  # the policy of those who are played from outside, in recorded episodes
DEFAULT_STRATEGY = "direct"
_ONLY = np.arange(1)  # the one environment of a game
Message = tuple[str, str]  # role and content


@dataclass(frozen=True)
class TurnOutcome:
    """What became of an answer.

    Attributes:
        label: "valid", "repaired", or "invalid", which is silence and no work.
        how: what was repaired, or why it is invalid.
        reward: of the step, by the game's reward; `TextGame.settled_rewards` says what it counts in the end.
    """

    label: str
    how: str
    reward: float


class HandedAnswers:
    """Answers the questions of a step with what was handed in, in place of a client that asks a model."""

    def __init__(self) -> None:
        self.by_prompt: dict[tuple[Message, ...], str] = {}

    def run(self, jobs: Jobs) -> list[Any]:
        """Run coroutines one after another."""
        return run_in_order(jobs)

    def note(self, policy: str, steps: int, faults: Sequence[str]) -> None:
        """Do nothing: whoever plays learns what became of each answer."""

    async def ask(self, make: Callable[[], Question]) -> Reply:
        """The answer that was handed in for a question."""
        question = make()
        if question.messages not in self.by_prompt:
            raise RequestFailedError("no answer was handed in")
        return Reply(self.by_prompt[question.messages], 0, 0, 0.0)


class TextGame:
    """One episode after another of tasks, with seats that are played in text.

    Call `start`, then `prompts` and `step` until `ended`.

    Args:
        seats: names of the agents that are played from outside, or "all". Seats that a team does not have are left out,
            so that tasks may have teams of several sizes; the first seat has to be there.
        partners: policy of all others, as the benchmark names it.
        strategy: of prompted teams, which asks each agent for itself: what the prompt says and the answer looks like.
        reward: name of what a step is rewarded by, see `agents.language.turn_rewards`.
        config: every constant.
        options: of the partners' policy.

    Raises:
        ConfigError: there is no such agent, policy, strategy or reward.
    """

    def __init__(
        self,
        seats: Sequence[str] | str = ("worker_1",),
        *,
        partners: str = "proactive",
        strategy: str = DEFAULT_STRATEGY,
        reward: str = "team",
        config: EnvConfig | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(seats, str) and seats != ALL_SEATS:
            seats = (seats,)
        check_turn_reward(reward)
        self.wanted_seats, self.partners, self.strategy, self.reward = seats, partners, strategy, reward
        self.config, self.options = config or EnvConfig(), dict(options or {})
        self._started = False

    # --- an episode ------------------------------------------------------------------------------------------

    def start(self, task: TextTask) -> None:
        """Start the episode of a task."""
        self.task, self.batch = task, task.batch(self.config)
        agents = self.batch.team.agents
        self.seats = self._seats_of(agents)
        self.team = self._text_team()
        others = np.array([i for i, name in enumerate(agents) if name not in self.seats], dtype=np.int64)
        self._own = np.array([agents.index(name) for name in self.seats])
        self._partners = self._partners_of(others)
        self._rewards: EpisodeRewards = make_turn_reward(self.reward, self.batch)
        self.episodes: list[Episode] = []
        policies = [OUTSIDE if name in self.seats else self.partners for name in agents]
        self._recorder = EpisodeRecorder(self.batch, self.episodes.append, policies, task.index, verbal=self.team)
        self._started = True

    def _seats_of(self, agents: Sequence[str]) -> tuple[str, ...]:
        if self.wanted_seats == ALL_SEATS:
            return tuple(agents)
        seats = tuple(dict.fromkeys(self.wanted_seats))
        if not seats:
            raise ConfigError("got no seats, expected names of agents or 'all'")
        if wrong := choice_fault("seat", seats[0], agents):
            raise ConfigError(wrong)
        return tuple(name for name in seats if name in agents)

    def _text_team(self) -> PromptedTeam:
        team = PromptedTeam(PolicyContext.of(self.batch, self.task.index), f"{self.strategy}@{OUTSIDE}")
        if team.strategy.joint:
            raise ConfigError(f"strategy {self.strategy!r} asks one question for all, expected one for each agent")
        self._answers = HandedAnswers()
        team.client = self._answers
        team.reset(np.arange(self.batch.num_agents))
        return team

    def _partners_of(self, others: Array) -> SeatedTeam | None:
        context = PolicyContext.of(self.batch, self.task.index, self.options)
        policy = make_policy(self.partners, context, connect=bool(len(others)))  # a wrong name is one in any case
        if not len(others):
            return None
        policy.reset(np.arange(self.batch.num_agents))
        return SeatedTeam([(policy, others)])

    @property
    def ended(self) -> bool:
        """Whether the episode is over."""
        return bool(self.batch.terminated[0] or self.batch.truncated[0])

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the episode so far, see `c2c_env.METRICS`."""
        return self.batch.metrics(0)

    def settled_rewards(self) -> dict[str, list[float]]:
        """What each turn of each seat counts in the end, which with a gated reward depends on how the episode ended.

        Raises:
            ResetNeededError: no episode was started, or it is not over yet.
        """
        if not self._started or not self.ended:
            raise ResetNeededError("rewards are settled when an episode is over; call start() and step() first")
        settled = self._rewards.settled()
        return {name: settled[:, i].tolist() for name, i in zip(self.seats, self._own, strict=True)}

    # --- a step ----------------------------------------------------------------------------------------------

    def prompts(self) -> dict[str, tuple[Message, ...]]:
        """What each seat is asked in this step: pairs of role and content, by the names of agents.

        Raises:
            ResetNeededError: there is no episode, or it is over.
        """
        self._need_episode()
        return {agent_name(agents[0]): question.messages for agents, question in self._questions()}

    def schema(self) -> dict[str, Any]:
        """JSON schema that an answer follows in this step."""
        from c2c_env.text.answer import json_schema

        self._need_episode()
        return json_schema(self._questions()[0][1].form)

    def step(self, answers: Mapping[str, str]) -> dict[str, TurnOutcome]:
        """Step with the answers of all seats.

        Args:
            answers: texts by the names of agents.

        Returns:
            What became of each answer, and its reward.

        Raises:
            ResetNeededError: there is no episode, or it is over.
            ConfigError: an answer is missing, no text, or that of another agent.
        """
        self._need_episode()
        self._check(answers)
        self._answers.by_prompt = {
            question.messages: answers[agent_name(agents[0])] for agents, question in self._questions()
        }
        self._take_step()
        rewards = self._rewards.earned()
        labels = {turn.agents[0]: turn.decisions[0] for turn in self.team.turns[0]}
        return {
            name: TurnOutcome(labels[int(i)].label, labels[int(i)].how, float(rewards[i]))
            for name, i in zip(self.seats, self._own, strict=True)
        }

    def _take_step(self) -> None:
        batch, actions = self.batch, np.zeros_like(self.batch.action_buffer[0])
        if self._partners is not None:
            for policy, agents in self._partners.seats:
                actions[agents] = decide_actions(batch, policy, _ONLY, agents)[0]
                if isinstance(policy, Judging) and (factors := policy.message_factors(agents)) is not None:
                    batch.message_factors[0, agents] = factors
        actions[self._own] = decide_actions(batch, self.team, _ONLY, self._own)[0]
        batch.action_buffer[0] = actions
        self._rewards.begin()
        batch.step_written(_ONLY)
        self._recorder.record()

    def _questions(self) -> list[tuple[tuple[int, ...], Question]]:
        observations, masks = self.batch.observations[0, self._own], self.batch.action_masks[0, self._own]
        return self.team.questions(observations, masks, self._own)

    def _need_episode(self) -> None:
        if not self._started or self.ended:
            raise ResetNeededError("there is no episode, or it is over; call start() first")

    def _check(self, answers: Mapping[str, str]) -> None:
        faults = [f"there is no answer of {name}" for name in self.seats if name not in answers]
        faults += [unknown_name("seat", name, self.seats) for name in answers if name not in self.seats]
        faults += [
            f"the answer of {name} is of type {type(text).__name__}, expected text"
            for name, text in answers.items()
            if not isinstance(text, str)
        ]
        raise_faults(ConfigError, "bad answers", faults)
