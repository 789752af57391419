"""A seat of a team as an environment of TRL's `GRPOTrainer(environment_factory=...)`, whose model plays it by tools.

Nothing of TRL is imported here: it takes any class with `reset`, `get_reward` and methods that are the tools. TRL knows
one reward for each rollout, which is the sum of what the seat's turns count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.language.tasks import TextTask, list_tasks
from agents.language.text_game import TextGame
from agents.language.view_changes import view_changes
from c2c_env import EnvConfig
from c2c_env.errors import ConfigError, ResetNeededError
from c2c_env.workflows import TIERS

OPENING = "You play one seat of a team. Call the tool act once in every step, until the episode is over.\n\n"
OVER = "The episode is over: nothing can be done any more."
_NOTHING_DONE = json.dumps({"work": None, "speech": "silent", "recipient": None, "topic": None, "text": ""})
_ROLE = """You are {name}. At each step call the tool act: what to work on, and whether to send one message. Choose only
from the choices listed at the end of the view. After a step you are told what has changed; all else is as it was.
If you stop calling the tool, you do nothing until the end of the episode."""


class TrlSeat:
    """An episode after another of one seat; made by a class that `seat_environment` returns.

    TRL makes a tool of every public method but `reset` and `get_reward`, and shows the model its docstring.
    """

    _make_game: Callable[[], TextGame]

    def __init__(self) -> None:
        self._game = type(self)._make_game()
        self._seat, self._view = "", ""

    def reset(self, task: str, **row: Any) -> str:
        """Start the episode of a task, and return the rules and the first view of the board.

        Args:
            task: its name, such as train/simple/n5/17.
            row: what else stands in the row of the data set, which the game does not need.

        Raises:
            ConfigError: there is no such task.
        """
        self._game.start(TextTask.named(task))
        (self._seat,) = self._game.seats
        self._view = self._look()
        return f"{self._game.team.strategy.rules}\n\n{_ROLE.format(name=self._seat)}\n\n{self._view}"

    def act(self, work: str = "", speech: str = "silent", recipient: str = "", topic: str = "", text: str = "") -> str:
        """Take one step.

        Args:
            work: Subtask to work on, such as s3, or empty for none.
            speech: What kind of message to send, such as chat_tell, or silent.
            recipient: Who gets the message: the name of an agent, or team. Empty when silent.
            topic: The subtask that the message is about. Empty when silent.
            text: Words of the message, one to three sentences. Empty when silent.

        Returns:
            What became of it, and what has changed on the board.
        """
        self._need_task()
        if self._game.ended:
            return OVER
        answer = {"work": work or None, "speech": speech or "silent", "recipient": recipient or None}
        outcome = self._step(json.dumps({**answer, "topic": topic or None, "text": text}))
        if self._game.ended:
            return f"{outcome}\n{OVER}"
        before, self._view = self._view, self._look()
        return f"{outcome}\n{view_changes(before, self._view)}"

    def get_reward(self) -> float:
        """Return the sum of what the seat's turns count; an episode that was left early is played on without it."""
        return sum(self.turn_rewards)

    @property
    def turn_rewards(self) -> list[float]:
        """What each turn of the seat counts; an episode that was left early is played on, and the seat does nothing."""
        self._need_task()
        while not self._game.ended:
            self._step(_NOTHING_DONE)
        return self._game.settled_rewards()[self._seat]

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the episode so far, see `c2c_env.METRICS`."""
        self._need_task()
        return self._game.metrics

    def _step(self, answer: str) -> str:
        """Take a step, and say what became of the answer."""
        outcome = self._game.step({self._seat: answer})[self._seat]
        if outcome.label == "invalid":
            return f"You did nothing, since {outcome.how}."
        return f"Done ({outcome.how})." if outcome.how else "Done."

    def _look(self) -> str:
        return self._game.prompts()[self._seat][-1][1]

    def _need_task(self) -> None:
        if not self._seat:
            raise ResetNeededError("no episode was started, call reset(task=...) first")


def seat_environment(
    seat: str = "worker_1",
    *,
    partners: str = "proactive",
    reward: str = "team",
    config: EnvConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> type[TrlSeat]:
    """Make a class for `GRPOTrainer(environment_factory=...)`.

    Args:
        seat: name of the agent that the model plays.
        partners: policy of all others, as the benchmark names it.
        reward: name of what a step is rewarded by, see `agents.language.turn_rewards`.
        config: every constant, without hidden facts.
        options: of the partners' policy.

    Raises:
        ConfigError: there is no such reward, the seat is not one agent, or there are hidden facts.
    """
    if not isinstance(seat, str) or seat == "all":
        raise ConfigError(f"seat is {seat!r}, expected the name of one agent, such as worker_1")
    if config is not None and config.hidden_facts:
        raise ConfigError(f"hidden_facts is {config.hidden_facts}, expected 0: the tool of a seat names no variant")

    def make_game() -> TextGame:
        return TextGame(seat, partners=partners, reward=reward, config=config, options=options)

    make_game()  # so that what is wrong is said here

    class Seat(TrlSeat):
        _make_game = staticmethod(make_game)

    return Seat


def task_rows(
    split: str, count: int, *, tiers: Sequence[str] = TIERS, team_sizes: Sequence[int] = (5,), first: int = 0
) -> list[dict[str, Any]]:
    """Rows of a data set for `GRPOTrainer(train_dataset=Dataset.from_list(rows))`; see `list_tasks` for the arguments.

    Raises:
        ConfigError: a name or number is out of range.
    """
    tasks = list_tasks(split, count, tiers=tiers, team_sizes=team_sizes, first=first)
    return [{"prompt": [{"role": "user", "content": OPENING}], "task": task.name} for task in tasks]
