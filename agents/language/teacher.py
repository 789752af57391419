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
from c2c_env.errors import ConfigError
from c2c_env.text.names import TEAM, agent_name, subtask_name

_ONLY = np.arange(1)  # the one environment of a game


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
    task: TextTask, teacher: str = "oracle", seats: Sequence[str] | str = ALL_SEATS
) -> Iterator[dict[str, Any]]:
    """Play a task with a teacher for the whole team, and yield an example for each step and seat.

    An example has `messages` (system, user, assistant), and beside them `task`, `step` (from 1), `agent` and `teacher`.
    The prompts are those of the strategy "direct", and the answer is what the teacher does, in its form.

    Args:
        task: which is played.
        teacher: policy of the team, as the benchmark names it; one that sees the true state teaches more than it shows.
        seats: names of the agents whose turns are kept, or "all".

    Raises:
        ConfigError: there is no such policy or agent.
    """
    game = TextGame(ALL_SEATS, strategy=DEFAULT_STRATEGY)
    game.start(task)
    kept = game.seats if seats == ALL_SEATS else tuple(seats)
    wrong = [fault for name in kept if (fault := choice_fault("seat", name, game.seats))]
    if wrong:
        raise ConfigError(wrong[0])
    policy = make_policy(teacher, PolicyContext.of(game.batch, task.index))
    policy.reset(np.arange(game.batch.num_agents))
    while not game.ended:
        step, prompts = 1 + int(game.batch.state.t[0]), game.prompts()
        actions = decide_actions(game.batch, policy, _ONLY)[0]
        answers = {agent_name(i): written_action(action, game.batch.max_agents) for i, action in enumerate(actions)}
        game.step(answers)
        for name in kept:
            messages = [{"role": role, "content": content} for role, content in prompts[name]]
            messages.append({"role": "assistant", "content": answers[name]})
            yield {"messages": messages, "task": task.name, "step": step, "agent": name, "teacher": teacher}
