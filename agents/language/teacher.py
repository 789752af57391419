"""What a teacher would answer to the prompts of a language model: examples in chat form, to fine-tune with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agents.language.tasks import TextTask
from agents.language.text_game import ALL_SEATS, DEFAULT_STRATEGY, TextGame
from agents.play import decide_actions
from agents.policy import Array, PolicyContext
from agents.registry import make_policy
from c2c_env.checks import choice_fault
from c2c_env.core import constants as c
from c2c_env.core.rng import uniform
from c2c_env.errors import ConfigError
from c2c_env.text.answer import Choice
from c2c_env.text.names import TEAM, agent_name, subtask_name

_ONLY = np.arange(1)  # the one environment of a game
STREAM_DISTURBED = 109  # of the counter-based random numbers, see `c2c_env.core.rng`


def written_action(action: Array, team: int) -> str:
    """Write an action as the JSON that a language model would answer; the words of a message are empty.

    Args:
        action: [parts] of a multi-discrete action, without symbols and variants.
        team: number of the recipient that stands for everybody.
    """
    work, speech, recipient, topic = (int(part) for part in action[: c.SYMBOL])
    answer: dict[str, Any] = {"work": subtask_name(work - 1) if work else None, "speech": c.SPEECHES[speech]}
    if speech == c.SILENT:
        return json.dumps(answer | {"recipient": None, "topic": None, "text": ""})
    to = TEAM if recipient == team else agent_name(recipient)
    return json.dumps(answer | {"recipient": to, "topic": subtask_name(topic), "text": ""})


def taught_turns(
    task: TextTask,
    teacher: str = "oracle",
    seats: Sequence[str] | str = ALL_SEATS,
    *,
    strategy: str = DEFAULT_STRATEGY,
    disturbed: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """Play a task with a teacher for the whole team, and yield an example for each step and seat.

    An example has `messages` (those of the prompt, and the assistant's), and beside them `task`, `step` (from 1),
    `agent` and `teacher`. The answer is what the teacher does, in the form of the strategy "direct".

    Args:
        task: which is played.
        teacher: policy of the team, as the benchmark names it; one that sees the true state teaches more than it shows.
        seats: names of the agents whose turns are kept, or "all".
        strategy: of prompted teams, whose prompts are written; one that asks for a plain choice, as "direct" does.
        disturbed: share of decisions in place of which any legal action is taken, so that the teacher shows what to do
            where it would not get by itself (as DART does, arXiv 1703.09327); the answer is still the teacher's.

    Raises:
        ConfigError: there is no such policy, strategy or agent, or the strategy asks for something else.
    """
    game = TextGame(ALL_SEATS, strategy=strategy)
    game.start(task)
    kept = game.seats if seats == ALL_SEATS else tuple(seats)
    wrong = [fault for name in kept if (fault := choice_fault("seat", name, game.seats))]
    if wrong:
        raise ConfigError(wrong[0])
    asking = game.team.strategy
    if asking.form is not Choice or asking.clocked:
        raise ConfigError(
            f"strategy {strategy!r} asks for more or less than a choice of work and message, which is what a teacher"
            " gives; expected one such as 'direct' or 'terse'"
        )
    everybody = np.arange(game.batch.num_agents)
    policy, chance = (make_policy(name, PolicyContext.of(game.batch, task.index)) for name in (teacher, "random"))
    policy.reset(everybody)
    chance.reset(everybody)
    while not game.ended:
        step, prompts = 1 + int(game.batch.state.t[0]), game.prompts()
        actions = decide_actions(game.batch, policy, _ONLY)[0]
        answers = _answers(game, actions)
        strays = _strays(task, step, everybody, disturbed)
        if strays.any():
            drawn = decide_actions(game.batch, chance, _ONLY)[0]
            game.step(_answers(game, np.where(strays[:, None], drawn, actions)))
        else:
            game.step(answers)
        for name in kept:
            messages = [{"role": role, "content": content} for role, content in prompts[name]]
            messages.append({"role": "assistant", "content": answers[name]})
            yield {"messages": messages, "task": task.name, "step": step, "agent": name, "teacher": teacher}


def _answers(game: TextGame, actions: Array) -> dict[str, str]:
    """Write the actions [N, parts] of all agents, by their names."""
    return {agent_name(i): written_action(action, game.batch.max_agents) for i, action in enumerate(actions)}


def _strays(task: TextTask, step: int, agents: Array, share: float) -> Array:
    """Draw which agents [N] do not do what they are taught in a step."""
    with np.errstate(over="ignore"):
        draws: Array = uniform(np.uint64(task.index), STREAM_DISTURBED, np.uint64(step), agents.astype(np.uint64))
    strays: Array = draws < share
    return strays
