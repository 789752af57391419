"""A small workflow and team for prompted policies."""

from __future__ import annotations

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.transcript import TranscriptWriter
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.workflows import FACETS

STRATEGIES = ("direct", "c2c", "no_communication", "fixed_steps:2", "unconstrained", "react", "tme", "spp", "terse")


def facts(name):
    return {facet: f"Fact {facet} of {name}." for facet in FACETS}


SMALL = Workflow(
    "small",
    "simple",
    (
        Subtask("one", "backend", 0.8, 0.8, title="First", facts=facts("one")),
        Subtask("two", "frontend", 0.8, 1.0, title="Second", facts=facts("two")),
        Subtask("three", "data", 0.5, 1.0, ("one", "two"), title="Third", facts=facts("three")),
    ),
)


def small_batch(count=1, size=3, **fields):
    batch = Batch(SMALL, Team.default(size), EnvConfig(**{"rework_probability": 0.0} | fields), num_envs=count)
    batch.reset(range(count))
    return batch


def prompted(batch, strategy, options, model="rule"):
    return make_policy(f"prompted:{strategy}@{model}", PolicyContext.of(batch, 0, options))


def recorder_of(batch, policy, name, seeds):
    """A recorder, and for each environment a list that grows by its lines."""
    transcripts = [Lines() for _ in seeds]
    return TranscriptWriter(batch, policy, name, seeds, transcripts), transcripts


class Lines(list):
    """A `LineWriter` that keeps everything."""

    closed = False
    write = list.append

    def close(self):
        self.closed = True

    def discard(self):
        self.clear()

    @property
    def text(self):
        return "".join(self)


def play_small(strategy, options, count=1, size=3, on_step=None, **fields):
    """Metrics, policy and batch after the episodes."""
    batch = small_batch(count, size, **fields)
    policy = prompted(batch, strategy, options)
    return play(batch, policy, on_step=on_step), policy, batch
