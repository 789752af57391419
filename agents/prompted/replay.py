"""Plays a transcript again without a model and checks that everything comes out the same, bit for bit.

The team plays with the answers that the transcript has, so that labels, words and sums are checked as well as actions.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from agents.play import decide_actions
from agents.policy import Policy, PolicyContext
from agents.prompted.accounts import Turn
from agents.prompted.backends import Question, Reply, RequestFailedError
from agents.prompted.judge import Score
from agents.prompted.prompted_seats import PromptedSeats
from agents.prompted.prompted_team import PromptedTeam
from agents.prompted.transcript import Transcript, effect, first_prompt, read_transcript
from c2c_env import Batch
from c2c_env.core.arrays import Array
from c2c_env.episodes.episode import Episode, ModelText, take_step
from c2c_env.episodes.episode_file import config_from, memory_fault
from c2c_env.episodes.recorder import EpisodeRecorder
from c2c_env.episodes.trace import Trace
from c2c_env.errors import C2CError, ConfigError
from c2c_env.text.names import agent_name, one_line

_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
# which older transcripts do not have
_LATER_COLUMNS = ("questions", "questions_skipped", "answers_reasked", "prompt_tokens_cached")
_NOTHING: Mapping[str, Any] = {"agents": []}
Jobs = Sequence[Callable[[], Awaitable[Any]]]


class ReplayError(C2CError, RuntimeError):
    """The episode went another way than the transcript says."""


def run_in_order(jobs: Jobs) -> list[Any]:
    """Run coroutines one after another, also in a thread that has a loop of its own, as notebooks and servers have."""

    async def run_all() -> list[Any]:
        return [await job() for job in jobs]

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, run_all()).result()


class RecordedAnswers:
    """Answers the questions of one step after the other as a transcript says, in place of a `Client`."""

    def __init__(self) -> None:
        self._turns: list[Mapping[str, Any]] = []
        self._verdicts: list[Reply] = []
        self._second: Reply | None = None
        self._failure = ""

    def start_step(self, turns: Sequence[Mapping[str, Any]], failure: str) -> None:
        """Take the turns of a step, and why the episode has failed if it has."""
        self._turns, self._verdicts, self._second, self._failure = list(turns), [], None, failure

    def run(self, jobs: Jobs) -> list[Any]:
        """Run coroutines one after another, in the order in which their turns were written down."""
        return run_in_order(jobs)

    def note(self, policy: str, steps: int, faults: Sequence[str]) -> None:
        """Do nothing: a transcript is played again whatever its answers are like."""

    async def ask(self, make: Callable[[], Question]) -> Reply:
        """The answer that was given to a question.

        Raises:
            RequestFailedError: there was none.
        """
        question = make()
        if question.form is Score:
            if not self._verdicts:
                raise RequestFailedError(self._failure or "the transcript has no answer of the judge")
            return self._verdicts.pop(0)
        if any(role == "assistant" for role, _ in question.messages):  # as only a question that is put once more has
            if self._second is None:
                raise RequestFailedError(self._failure or "the transcript has no second answer")
            return self._second
        if self._failure:  # some questions of this step have no turn: the prompt tells which
            prompt = [{"role": role, "content": content} for role, content in question.messages]
            place = next((n for n, turn in enumerate(self._turns) if first_prompt(turn) == prompt), None)
        else:
            place = 0 if self._turns else None
        if place is None:
            raise RequestFailedError(self._failure or "the transcript has no answer")
        turn = self._turns.pop(place)
        judged = [part["judged"]["answer"] for part in turn["agents"] if "judged" in part]
        self._verdicts = [_reply(answer) for answer in judged if answer is not None]
        if "rejected" not in turn:
            self._second = None
            return _reply(turn["answer"])
        self._second = _reply(turn["answer"])
        return _reply(turn["rejected"]["answer"])


class RecordedActions:
    """Seats without a model do what the transcript says: whoever decided for them is neither made nor loaded."""

    def __init__(self, actions: Array) -> None:
        self._actions, self._step = actions, 0

    def reset(self, rows: Array) -> None:
        """Start with the first step."""
        self._step = 0

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """The actions of the next step [R, parts]."""
        actions: Array = self._actions[self._step, rows]
        self._step += 1
        return actions


def replay(transcript: Transcript) -> Trace:
    """The episode of a transcript.

    Raises:
        ReplayError: a step, a label or the metrics differ.
        ConfigError: the transcript does not fit together.
    """
    batch = transcript_batch(transcript)
    answers = RecordedAnswers()
    team = _team(transcript, batch, answers)
    trace = Trace(batch)
    for t in range(1, len(transcript.effects) + 1):
        if batch.terminated[0] or batch.truncated[0]:
            raise ReplayError(f"the episode is over after step {t - 1}, the transcript goes on")
        try:
            answers.start_step(transcript.turns[t - 1], transcript.failures[t - 1])
            batch.action_buffer[0] = _decide(transcript, batch, team, t)
            batch.message_factors[0] = transcript.factors[t - 1]
            batch.step_written(np.arange(1))
            trace.record()
            _compare(f"step {t}: ", dict(transcript.effects[t - 1]), effect(batch, 0))
        except _DAMAGE as error:
            raise ConfigError(f"step {t} of the transcript is damaged: {_words(error)}") from error
    _compare_end(batch, team, transcript)
    return trace


def replayed_episode(path: str) -> Episode:
    """The episode of a transcript, with its texts; see `replay` for what is checked."""
    transcript = read_transcript(path)
    replay(transcript)
    batch = transcript.batch()
    recorded: list[Episode] = []
    recorder = EpisodeRecorder(batch, recorded.append, transcript.policies)
    for text in _texts(transcript):
        recorder.note(text)
    for actions, factors in zip(transcript.actions, transcript.factors, strict=True):
        take_step(batch, actions, factors)
        recorder.record()
    return replace(recorded[0], failure=transcript.failures[-1])


def _texts(transcript: Transcript) -> Sequence[ModelText]:
    """What was asked and answered; replaying does not look at every word of it."""
    try:
        return transcript.texts
    except _DAMAGE as error:
        raise ConfigError(f"the questions of the transcript are damaged: {_words(error)}") from error


def transcript_batch(transcript: Transcript) -> Batch:
    """The environment, and whether the actions fit it."""
    try:
        _check_size(transcript)
        batch = transcript.batch()
    except _DAMAGE as error:
        if isinstance(error, C2CError):
            raise
        raise ConfigError(f"the head of the transcript is damaged: {_words(error)}") from error
    wanted = (len(transcript.effects), *batch.action_buffer.shape[1:])
    if transcript.actions.shape != wanted or transcript.factors.shape != wanted[:2]:
        raise ConfigError(f"the actions of the transcript have shape {transcript.actions.shape}, expected {wanted}")
    if not ((transcript.factors >= 0.0) & (transcript.factors <= 1.0)).all():
        raise ConfigError("the factors of the transcript are not all in [0, 1]")
    return batch


def _check_size(transcript: Transcript) -> None:
    """Refuse what would fill the memory before anything is built."""
    config, team, workflow = (transcript.head[key] for key in ("config", "team", "workflow"))
    if wrong := memory_fault(config_from(config), len(team), len(workflow["subtasks"])):
        raise ConfigError(f"the transcript does not fit: {wrong}")


def _team(transcript: Transcript, batch: Batch, answers: RecordedAnswers) -> PromptedTeam | PromptedSeats:
    """The team that has left the transcript, with its answers in place of a model."""
    try:
        names = transcript.policies
        if isinstance(names, str):
            team: PromptedTeam | PromptedSeats = _prompted(transcript, batch, answers, names)
        else:
            team = _mixed(transcript, batch, answers, names)
    except _DAMAGE as error:
        if isinstance(error, C2CError):
            raise
        raise ConfigError(f"the head of the transcript is damaged: {_words(error)}") from error
    team.reset(np.arange(batch.num_agents))
    return team


def _prompted(transcript: Transcript, batch: Batch, answers: RecordedAnswers, name: str) -> PromptedTeam:
    team = PromptedTeam(PolicyContext.of(batch, 0, transcript.head["options"]), name.partition(":")[2])
    team.client = answers
    return team


def _mixed(transcript: Transcript, batch: Batch, answers: RecordedAnswers, names: Sequence[str]) -> PromptedSeats:
    """Seat those who asked a model as they sat, and whoever else plays."""
    asking = [name for name in dict.fromkeys(names) if name.partition(":")[0] == "prompted"]
    if not asking:
        raise ConfigError(f"the seats of the transcript are {', '.join(names)}, expected at least one prompted policy")
    seats: list[tuple[Policy, Array]] = [
        (_prompted(transcript, batch, answers, name), np.array([n for n, own in enumerate(names) if own == name]))
        for name in asking
    ]
    others = np.array([n for n, own in enumerate(names) if own not in asking], dtype=np.int64)
    return PromptedSeats(names, [*seats, (RecordedActions(transcript.actions), others)])


def _decide(transcript: Transcript, batch: Batch, team: PromptedTeam | PromptedSeats, step: int) -> Array:
    """Return what the team makes of the answers [N, parts], which is what the transcript says that it did."""
    turns, failure = transcript.turns[step - 1], transcript.failures[step - 1]
    actions: Array = decide_actions(batch, team, np.arange(1))[0]
    where = f"step {step}: "
    _compare(where, {"failure": failure}, {"failure": team.episode_columns(0)["failure"]})
    parts = [part for turn in turns for part in [*turn.get("rejected", _NOTHING)["agents"], *turn["agents"]]]
    made = [part for turn in team.turns.get(0, []) for part in _made(turn)]
    _compare(where, {"number of answers": len(parts)}, {"number of answers": len(made)})
    for part, own in zip(parts, made, strict=True):
        _compare(f"{where}{own['agent']}'s ", {key: part[key] for key in own}, own)
    _compare(where, {"actions": transcript.actions[step - 1].tolist()}, {"actions": actions.tolist()})
    factors = team.message_factors(np.arange(batch.num_agents))
    wanted = transcript.factors[step - 1].tolist()
    _compare(where, {"factors": wanted}, {"factors": [1.0] * len(wanted) if factors is None else factors.tolist()})
    return actions


def _made(turn: Turn) -> list[dict[str, Any]]:
    """What a turn decided for each agent, as a transcript has it: the rejected answer first."""
    first = [] if turn.rejected is None else zip(turn.agents, turn.rejected.decisions, strict=True)
    rejected = [{"agent": agent_name(agent), "label": one.label, "how": one.how} for agent, one in first]
    return rejected + [
        {"agent": agent_name(agent), "label": decision.label, "how": decision.how, "text": decision.text}
        for agent, decision in zip(turn.agents, turn.decisions, strict=True)
    ]


def _compare_end(batch: Batch, team: PromptedTeam | PromptedSeats, transcript: Transcript) -> None:
    for what, got in (("metrics", batch.metrics(0)), ("columns", team.episode_columns(0))):
        try:
            recorded = dict(transcript.end[what])
        except _DAMAGE as error:
            raise ConfigError(f"the end of the transcript is damaged: it has no {what}") from error
        plain = {key: None if isinstance(x, float) and math.isnan(x) else x for key, x in got.items()}
        known = {key: recorded.get(key) for key in plain if key in recorded or key not in _LATER_COLUMNS}
        _compare("the metric " if what == "metrics" else "the sum ", known, plain)


def _compare(where: str, recorded: Mapping[str, Any], got: Mapping[str, Any]) -> None:
    for name, value in recorded.items():
        if got.get(name) != value:
            raise ReplayError(one_line(f"{where}{name} is {got.get(name)}, the transcript has {value}", 300))


def _reply(kept: Any) -> Reply:
    reply = Reply.restored(kept)
    if reply is None:
        raise ValueError("an answer is damaged")
    return reply


def _words(error: Exception) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200)
