"""What a client and the server send each other."""

from __future__ import annotations

from typing import Any

from openenv.core.env_server.types import Action, Observation, State
from pydantic import BaseModel, ConfigDict, Field


class ChatMessage(BaseModel):
    """A message of a prompt, as chat models take it."""

    model_config = ConfigDict(extra="forbid")

    role: str
    content: str


class AnswerOutcome(BaseModel):
    """What became of one seat's answer."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(description="'valid', 'repaired', or 'invalid', which is silence and no work")
    how: str = Field(description="What was repaired, or why the answer is invalid")
    reward: float = Field(description="What the seat is rewarded for the step")


class C2CAction(Action):
    """The answers of a step: `answer` where one seat is played, else `answers` of all seats."""

    answer: str | None = Field(default=None, description="The text of the only seat")
    answers: dict[str, str] | None = Field(default=None, description="The texts of all seats, by the names of agents")


class C2CObservation(Observation):
    """What the seats are asked next, and what became of their last answers.

    The `reward` is the sum over all seats. Once the episode is over there are neither prompts nor a schema.
    """

    task: str = Field(description="The name of the task, such as train/simple/n5/17")
    prompts: dict[str, list[ChatMessage]] = Field(description="What each seat is asked, by the names of agents")
    answer_schema: dict[str, Any] = Field(description="The JSON schema of an answer")
    outcomes: dict[str, AnswerOutcome] = Field(description="What became of the last answers, by the names of agents")
    metrics: dict[str, float] = Field(description="How the episode went, once it is over")


class C2CState(State):
    """Where an episode stands."""

    task: str | None = Field(default=None, description="The name of the task, or null before the first reset")
    seats: list[str] = Field(default_factory=list, description="The agents that are played by the client")
    total_reward: float = Field(default=0.0, description="The sum of all rewards of the episode so far")
    ended: bool = Field(default=False, description="Whether the episode is over")
