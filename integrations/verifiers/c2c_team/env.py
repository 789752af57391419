"""An episode: all seats are asked at once, step by step, until the work is done or the time is over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Literal, TypeAlias

import verifiers.v1 as vf

from agents.language.tasks import TextTask
from agents.language.text_game import Message, TextGame, TurnOutcome

TEAM_METRICS = ("completion_time", "success", "communication_hours", "steps")  # of the whole team, on every trace
SeatTask: TypeAlias = vf.Task[Any, Any, Any]


class TeamEnvConfig(vf.EnvConfig):
    """Who plays which seats, and what a seat is rewarded by."""

    manager: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())
    """Plays the manager's seat."""
    worker: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())
    """Plays the seats of all workers, each in an interaction of its own."""
    seats: Literal["all"] | list[str] = "all"
    """Names of the agents that models play, such as ["worker_1"]."""
    partners: str = "proactive"
    """The policy of all others."""
    reward: str = "team"
    """The name of what a step is rewarded by."""


class TeamEnv(vf.Env[TeamEnvConfig]):
    """Every seat has a trace of its own, with its own reward."""

    async def run(self, task: SeatTask, agents: vf.Agents) -> None:
        """Play the episode of a task.

        Where a seat cannot go on, since its model failed or it reached a limit, the episode ends for all.
        """
        game = TextGame(self.config.seats, partners=self.config.partners, reward=self.config.reward)
        game.start(TextTask.named(str(task.data.name)))
        outcomes: list[Mapping[str, TurnOutcome]] = []
        async with AsyncExitStack() as stack:
            seats = {}
            for name, prompt in game.prompts().items():
                agent = agents.manager if name.startswith("manager") else agents.worker
                seats[name] = await stack.enter_async_context(agent.interaction(task_of_seat(task, prompt)))
            while not game.ended and (answers := await ask_all(seats, game.prompts())) is not None:
                outcomes.append(game.step(answers))
        for name, seat in seats.items():
            note(seat.trace, name, [step[name] for step in outcomes], game.metrics)


def task_of_seat(task: SeatTask, prompt: tuple[Message, ...]) -> SeatTask:
    """The task with the rules of the game as its system prompt, unless the taskset was given another."""
    rules = "\n\n".join(content for role, content in prompt if role == "system")
    data = task.data.model_copy(update={"system_prompt": task.data.system_prompt or rules})
    return type(task)(data, task.config)


async def ask_all(
    seats: Mapping[str, vf.Interaction], prompts: Mapping[str, tuple[Message, ...]]
) -> dict[str, str] | None:
    """The answers of all seats to their prompts, or None where one of them cannot go on."""
    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(seat.turn(without_rules(prompts[name]))) for name, seat in seats.items()}
    segments = {name: one.result() for name, one in asked.items()}
    if any(segment.terminated for segment in segments.values()):
        return None
    return {name: segment.last_reply for name, segment in segments.items()}


def without_rules(prompt: tuple[Message, ...]) -> vf.Messages:
    """What a seat is asked in a step, after the system prompt."""
    return [vf.UserMessage(content=content) for role, content in prompt if role != "system"]


def note(trace: vf.Trace[Any, Any, Any], seat: str, outcomes: list[TurnOutcome], metrics: Mapping[str, float]) -> None:
    """Write onto a seat's trace who it was, what it earned and how the team did."""
    trace.info["seat"] = seat
    trace.info["rewards"] = [outcome.reward for outcome in outcomes]  # step by step, in the order of the branches
    trace.record_reward("game", sum(outcome.reward for outcome in outcomes))
    labels = Counter(outcome.label for outcome in outcomes)
    trace.record_metric("invalid_answers", labels["invalid"])
    trace.record_metrics({name: metrics[name] for name in TEAM_METRICS})
