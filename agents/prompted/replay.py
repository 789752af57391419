"""Plays a transcript again without a model and checks that everything comes out the same, bit for bit."""

from __future__ import annotations

import math

from agents.prompted.transcript import Transcript, effect
from c2c_env import Batch
from c2c_env.errors import C2CError, ConfigError
from c2c_env.trace import Trace


class ReplayError(C2CError, RuntimeError):
    """The episode went another way than the transcript says."""


def replay(transcript: Transcript) -> Trace:
    """The episode of a transcript.

    Raises:
        ReplayError: a step or the metrics differ.
        ConfigError: the transcript does not fit together.
    """
    batch = transcript_batch(transcript)
    trace = Trace(batch)
    for t, (actions, factors, expected) in enumerate(
        zip(transcript.actions, transcript.factors, transcript.effects, strict=True), start=1
    ):
        if batch.terminated[0] or batch.truncated[0]:
            raise ReplayError(f"the episode is over after step {t - 1}, the transcript goes on")
        batch.message_factors[0] = factors
        batch.step(actions[None])
        trace.record()
        got = effect(batch, 0)
        for name, value in expected.items():
            if got.get(name) != value:
                raise ReplayError(f"step {t}: {name} is {got.get(name)}, the transcript has {value}")
    _compare_metrics(batch, transcript)
    return trace


def transcript_batch(transcript: Transcript) -> Batch:
    """The environment, and whether the actions fit it."""
    try:
        batch = transcript.batch()
    except (KeyError, TypeError) as error:
        raise ConfigError(f"the head of the transcript is damaged: {type(error).__name__}: {error}") from error
    wanted = (len(transcript.effects), *batch.action_buffer.shape[1:])
    if transcript.actions.shape != wanted or transcript.factors.shape != wanted[:2]:
        raise ConfigError(f"the actions of the transcript have shape {transcript.actions.shape}, expected {wanted}")
    if not ((transcript.factors >= 0.0) & (transcript.factors <= 1.0)).all():
        raise ConfigError("the factors of the transcript are not all in [0, 1]")
    return batch


def _compare_metrics(batch: Batch, transcript: Transcript) -> None:
    try:
        recorded = dict(transcript.end["metrics"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("the end of the transcript is damaged: it has no metrics") from error
    for name, value in batch.metrics().items():
        expected = recorded.get(name)
        if (None if math.isnan(value) else value) != expected:
            raise ReplayError(f"the metric {name} is {value}, the transcript has {expected}")
