"""A small workflow with a seat in its team, and a person that follows the owner's schedule."""

from __future__ import annotations

from c2c_env import Subtask, Workflow
from c2c_env.core import constants as c
from c2c_env.workflows import FACETS
from training.seat.choices import Move
from training.seat.game import CHOOSING, Game
from training.seat.setting import GameSetting

HOSTILE = "<img src=x onerror=alert(1)> [bold]rows[/bold]"


def facts(name):
    return {facet: f"Fact {facet} of {name}." for facet in FACETS}


SMALL = Workflow(
    "seat-small",
    "simple",
    (
        Subtask("one", "backend", 0.5, 0.8, title=HOSTILE, facts=facts("one")),
        Subtask("two", "frontend", 0.8, 1.0, title="Second", facts=facts("two")),
        Subtask("three", "data", 0.5, 1.0, ("one", "two"), title="Third", facts=facts("three")),
        Subtask("end", "data", 0.0, 1.0, ("three",), title="Released"),
    ),
    title=HOSTILE,
)


def small_setting(role="worker_1", partners="proactive", size=3, **others):
    return GameSetting(SMALL, "file", role, partners, size, **others)


def small_game(role="worker_1", partners="proactive", keep=None, **others):
    return Game(small_setting(role, partners, **others), keep)


def own_work(game):
    """What the person works on: a ready subtask that is its own or nobody's, else nothing."""
    free = [k for k, owner in enumerate(game.sight.owner) if owner in (-1, game.place)]
    return next((k + 1 for k in free if game.sight.status[k] == c.READY), 0)


def play_on(game):
    while game.phase == CHOOSING:
        game.take(Move(own_work(game)))
    return game
