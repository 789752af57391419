"""Transcripts: one JSON line per step with all that was asked, answered and done.

They are written line by line while the episode is played, and read as data.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agents.policy import Transcribing
from agents.prompted.accounts import ASKED_AGAIN, AnsweredQuestion, Turn, unless_empty
from agents.prompted.settings import ModelSettings
from c2c_env import Batch, Team
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.disk import parse_json, read_bounded, temporary_name
from c2c_env.episodes.episode import ModelText, real_config
from c2c_env.episodes.episode_file import config_from, workflow_from
from c2c_env.errors import C2CError, ConfigError, WriteError
from c2c_env.text.names import agent_name

TRANSCRIPT_FORMAT = 1
MOST_BYTES = 2**30  # of a transcript that is read, unpacked; episodes of large teams have some 10**8
_GZIP = b"\x1f\x8b"
EPISODE_LINE, STEP_LINE, END_LINE = "episode", "step", "end"


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read.

    Attributes:
        head: what is played, with the policy's name and the options that matter.
        actions: [T, N, parts].
        factors: [T, N], what a judge said.
        effects: one for each step, see `effect`.
        turns: for each step, the questions that were answered, see `_turn`.
        failures: for each step, why the episode has failed, "" if it has not.
        end: metrics and columns of the results.
    """

    head: Mapping[str, Any]
    actions: Array
    factors: Array
    effects: Sequence[Mapping[str, Any]]
    turns: Sequence[Sequence[Mapping[str, Any]]]
    failures: Sequence[str]
    end: Mapping[str, Any]

    @property
    def policies(self) -> str | Sequence[str]:
        """The name of the policy, or of each agent's if the team is a mixed one.

        Raises:
            ConfigError: the seats are no list of a name for each agent.
        """
        if "seats" not in self.head:
            return str(self.head["policy"])
        seats, count = self.head["seats"], len(self.head["team"])
        if not isinstance(seats, list) or len(seats) != count or not all(isinstance(name, str) for name in seats):
            raise ConfigError(
                f"the seats of the transcript are no list of {count} names of policies, one for each agent"
            )
        return tuple(seats)

    @property
    def texts(self) -> tuple[ModelText, ...]:
        """What was asked and answered, as a recorded episode keeps it; a transcript has no prices."""
        return tuple(
            text for step, turns in enumerate(self.turns, 1) for turn in turns for text in _model_texts(step, turn)
        )

    def batch(self) -> Batch:
        """The environment, freshly reset."""
        team, config = Team(_tuples(self.head["team"])), config_from(self.head["config"])
        batch = Batch(workflow_from(self.head["workflow"]), team, config)
        batch.reset([self.head["seed"]])
        return batch


class Transcribed(Protocol):
    """What a team offers that is written down: its settings, the turns of the last step, and what became of them."""

    @property
    def options(self) -> ModelSettings: ...

    @property
    def turns(self) -> dict[int, list[Turn]]: ...

    def episode_columns(self, env: int) -> dict[str, Any]: ...


class LineWriter(Protocol):
    """Where the lines of a transcript go."""

    def write(self, line: str) -> None:
        """Take the next line, which ends with a newline."""

    def close(self) -> None:
        """Take note that this was the last line."""

    def discard(self) -> None:
        """Forget the lines, unless the last one was there."""


class TranscriptWriter:
    """Writes down the episodes of a batch that a prompted team plays; call `record` after every step.

    Args:
        batch: freshly reset.
        policy: the team.
        name: of the policy, for the head.
        seeds: of the environments.
        writers: take the lines, one writer for each environment; none of them is held in memory.
        seats: of a mixed team, the name of each agent's policy.
    """

    def __init__(
        self,
        batch: Batch,
        policy: Transcribed,
        name: str,
        seeds: Sequence[int],
        writers: Sequence[LineWriter],
        seats: Sequence[str] = (),
    ) -> None:
        if not isinstance(policy, Transcribing):
            raise ConfigError(f"policy {name} is not a prompted one, and has no transcript")
        self.batch, self.policy, self.seats = batch, policy, list(seats)
        self._writers, self._steps = writers, [0] * len(seeds)
        try:
            for env, (seed, writer) in enumerate(zip(seeds, writers, strict=True)):
                writer.write(_line(self._head(env, name, seed)))
        except BaseException:  # an interrupt as well
            self.discard()
            raise

    def record(self) -> None:
        """Write the step that was just taken, in every environment that took one, and the end if it was the last."""
        for env, writer in enumerate(self._writers):
            t = int(self.batch.state.t[env])
            if t > self._steps[env]:
                self._steps[env] = t
                writer.write(_line(self._step(env, t)))
                if self.batch.terminated[env] or self.batch.truncated[env]:
                    writer.write(_line(self._end(env)))
                    writer.close()

    def discard(self) -> None:
        """See `agents.policy.TranscriptRecorder`."""
        for writer in self._writers:
            writer.discard()

    def _head(self, env: int, name: str, seed: int) -> dict[str, Any]:
        return {
            "kind": EPISODE_LINE,
            "format": TRANSCRIPT_FORMAT,
            "policy": name,
            **({"seats": self.seats} if self.seats else {}),
            "options": self.policy.options.identity,
            "seed": int(seed),
            "team": self.batch.team.skills,
            "config": asdict(real_config(self.batch)),
            "workflow": asdict(self.batch.workflow(env)),
        }

    def _step(self, env: int, step: int) -> dict[str, Any]:
        actions = self.batch.action_buffer[env].tolist()
        return {
            "kind": STEP_LINE,
            "t": step,
            "turns": [_turn(turn, actions) for turn in self.policy.turns.get(env, [])],
            "actions": actions,
            "factors": self.batch.message_factors[env].tolist(),
            "effect": effect(self.batch, env),
            "failure": self.policy.episode_columns(env)["failure"],
        }

    def _end(self, env: int) -> dict[str, Any]:
        columns = self.policy.episode_columns(env)
        return {"kind": END_LINE, "metrics": _without_nan(self.batch.metrics(env)), "columns": _without_nan(columns)}


def _turn(turn: Turn, actions: Sequence[Sequence[int]]) -> dict[str, Any]:
    """A question, its answer, and for each agent the label and what it did."""
    parts = [
        {
            "agent": agent_name(agent),
            "label": decision.label,
            "how": decision.how,
            "text": decision.text,
            "action": actions[agent],
            **({"judged": _verdict(verdict)} if verdict.label else {}),
        }
        for agent, decision, verdict in zip(turn.agents, turn.decisions, turn.verdicts, strict=True)
    ]
    return {
        "prompt": [{"role": role, "content": content} for role, content in turn.question.messages],
        "form": turn.question.form.__name__,
        "sample": turn.question.sample,
        "answer": turn.reply.kept(),
        "agents": parts,
        **({"rejected": _rejected(turn.agents, turn.rejected)} if turn.rejected else {}),
    }


def _rejected(agents: Sequence[int], rejected: AnsweredQuestion) -> dict[str, Any]:
    """The first answer to a question that was put once more; its prompt is the second without its last two messages."""
    parts = [
        {"agent": agent_name(agent), "label": decision.label, "how": decision.how}
        for agent, decision in zip(agents, rejected.decisions, strict=True)
    ]
    return {"answer": rejected.reply.kept(), "agents": parts}


def first_prompt(turn: Mapping[str, Any]) -> Any:
    """The messages of the first question of a turn that was read."""
    return turn["prompt"][:-2] if "rejected" in turn else turn["prompt"]


def _verdict(verdict: Any) -> dict[str, Any]:
    answer = verdict.reply.kept() if verdict.reply else None
    return {"factor": verdict.factor, "label": verdict.label, "how": verdict.how, "answer": answer}


def effect(batch: Batch, env: int) -> dict[str, Any]:
    """What a step did: a few readable numbers, and a hash of everything that it led to."""
    count = len(batch.workflow(env).subtasks)
    arrays = [batch.observations[env], batch.action_masks[env], batch.reward_terms[env], batch.state.tally[env]]
    hashed = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
    return {
        "rewards": batch.rewards[env].tolist(),
        "invalid": batch.invalid[env].tolist(),
        "remaining": batch.state.remaining[env, :count].tolist(),
        "done": np.flatnonzero(batch.state.status[env, :count] == c.DONE).tolist(),
        "hash": hashed.hexdigest(),
    }


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=True, allow_nan=False) + "\n"


def _without_nan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(x, float) and math.isnan(x) else x for key, x in values.items()}


class TranscriptFile:
    """A transcript on its way to the disk, compressed.

    Every line is a gzip member of its own and written at once, so that a run that is killed leaves whole lines. Until
    the last one is there, the file has a name of its own, which ends with ``.tmp``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = temporary_name(path)

    def write(self, line: str) -> None:
        """Write a line, which ends with a newline; between the lines the file is not open, since there may be many."""
        packed = gzip.compress(line.encode(), mtime=0)
        with _write_errors(self.path), open(self._temporary, "ab") as file:
            file.write(packed)

    def close(self) -> None:
        """Give the whole transcript its name."""
        with _write_errors(self.path):
            os.replace(self._temporary, self.path)

    def discard(self) -> None:
        """Remove what is not whole; do nothing to a transcript that is."""
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(f"cannot write transcript {str(path)!r}: {error.strerror or error}") from error


# --- reading --------------------------------------------------------------------------------------------------


def read_transcript(path: str | Path) -> Transcript:
    """Read a transcript.

    Raises:
        ConfigError: there is none, or it is damaged.
    """
    try:
        texts = _read_text(path).splitlines()
        lines = [parse_json(line, f"a line of {str(path)!r}", ConfigError) for line in texts]
        head, *steps, end = lines
        if (head["kind"], end["kind"]) != (EPISODE_LINE, END_LINE) or any(step["kind"] != STEP_LINE for step in steps):
            raise ConfigError(f"{str(path)!r} is no whole transcript")
        if head["format"] != TRANSCRIPT_FORMAT:
            raise ConfigError(f"{str(path)!r} has format {head['format']}, expected {TRANSCRIPT_FORMAT}")
        actions = np.array([step["actions"] for step in steps], dtype=np.int32)
        factors = np.array([step["factors"] for step in steps], dtype=np.float64)
        effects, turns, failures = ([step[key] for step in steps] for key in ("effect", "turns", "failure"))
        return Transcript(head, actions, factors, effects, turns, failures, end)
    except OSError as error:
        raise ConfigError(f"cannot read transcript {str(path)!r}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, EOFError, zlib.error) as error:
        if isinstance(error, C2CError):
            raise
        raise ConfigError(f"{str(path)!r} is no transcript: {type(error).__name__}: {error}") from error


def _read_text(path: str | Path) -> str:
    """The text of a file, whether it is compressed or not."""
    content = read_bounded(path, "transcript", ConfigError, MOST_BYTES)
    if content.startswith(_GZIP):
        with gzip.open(BytesIO(content)) as lines:
            content = lines.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ConfigError(f"{str(path)!r} holds more than {MOST_BYTES:,} bytes, which no transcript does")
    return content.decode("utf-8")


def _model_texts(step: int, turn: Mapping[str, Any]) -> list[ModelText]:
    agents = tuple(int(part["agent"].rpartition("_")[2]) for part in turn["agents"])
    labels = [part["label"] for part in turn["agents"]]
    last = _model_text(step, agents, turn["prompt"], turn["answer"], labels, turn["agents"])
    if "rejected" not in turn:
        return [last]
    again = [ASKED_AGAIN] * len(agents)
    rejected = turn["rejected"]
    return [_model_text(step, agents, first_prompt(turn), rejected["answer"], again, rejected["agents"]), last]


def _model_text(
    step: int,
    agents: tuple[int, ...],
    prompt: Any,
    answer: Mapping[str, Any],
    labels: Sequence[Any],
    parts: Sequence[Mapping[str, Any]],
) -> ModelText:
    return ModelText(
        step=step,
        agents=agents,
        prompt=tuple((str(part["role"]), str(part["content"])) for part in prompt),
        answer=str(answer["text"]),
        labels=tuple(map(str, labels)),
        prompt_tokens=int(answer["prompt_tokens"]),
        answer_tokens=int(answer["completion_tokens"]),
        reasons=unless_empty(str(part["how"]) for part in parts),
    )


def _tuples(rows: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows)
