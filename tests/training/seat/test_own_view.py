"""What a person sees is what stands in that agent's observation."""

from __future__ import annotations

import numpy as np
import pytest
from game_parts import own_work, small_game

from c2c_env import EnvConfig
from c2c_env.core import constants as c
from c2c_env.text.names import WorkflowWords
from c2c_env.text.observation_text import legal_choices, look
from training.seat.choices import Move
from training.seat.own_view import describe_sight


def seen(game):
    """What is seen after the observations are written anew from the state."""
    game.batch._run(np.arange(1), c.SHOW)
    game.mail.clear()
    game._see()
    return {**game.as_data(), "mail": None}


def played(steps=3, partners="broadcast:1"):
    game = small_game(partners=partners)
    for _ in range(steps):
        game.take(Move(own_work(game), c.EMAIL_ASK, 2, 1))
    return game


def change_understanding(state):
    state.understanding[0, [0, 2]] = 0.123
    state.alignment[0, [0, 2]] = 0.1


def change_mail(state):
    assert state.mail_speech[0].any()
    state.mail_facets[0] = 0.5
    state.mail_topic[0, :, [0, 2]] = 2
    state.mail_speech[0, :, [0, 2]] = 0


def change_facts(state):
    state.fact[0] += 1


def change_debt_of_others(state):
    state.debt[0, [0, 2]] += 0.3


def change_requests_between_others(state):
    state.request_topic[0, 0, 2] = 0


HIDDEN = [change_understanding, change_mail, change_facts, change_debt_of_others, change_requests_between_others]


@pytest.mark.parametrize("change", HIDDEN)
def test_what_is_hidden_changes_nothing_in_the_view(change):
    game = played()
    before = seen(game)
    change(game.batch.state)
    assert seen(game) == before


def change_own_understanding(state):
    state.understanding[0, 1, 1] = 0.777


def change_remaining(state):
    state.remaining[0, 1] *= 0.5


def change_own_debt(state):
    state.debt[0, 1] += 0.3


@pytest.mark.parametrize("change", [change_own_understanding, change_remaining, change_own_debt])
def test_what_the_agent_observes_changes_the_view(change):
    game = played(1)
    before = seen(game)
    change(game.batch.state)
    assert seen(game) != before


def test_the_view_says_what_the_rules_give_at_the_start():
    view = small_game().as_data()["view"]
    first, second, third, end = view["subtasks"]
    assert (view["me"], view["step"], view["hours"], view["debt"], view["dt"]) == ("worker_1", 0, 0.0, 0.0, 0.5)
    # worker_1 has skill 1 for backend, so it knows the constraints; intent is 0.2, the rest nothing
    assert first["understanding"] == pytest.approx([0.2, 0.1, 1.0, 0.0])
    # without prerequisites the weights are .35, .25, .15 of .75 in all
    alignment = 0.01 + 0.99 * (0.35 * 0.2 + 0.25 * 1.0) / 0.75
    assert first["alignment"] == pytest.approx(alignment)
    assert first["steps"] == 3  # 0.5 h of effort at 0.5 h a step and an alignment of 0.432 takes 2.3 steps
    assert first["counts"] == [True, False, True, True]
    assert first["facts"] == ["constraints: Fact constraints of one."]
    assert (second["skill"], third["needs"], end["needs"]) == (pytest.approx(0.4), ["s0", "s1"], ["s2"])
    assert [mate["you"] for mate in view["team"]] == [False, True, False]


def test_a_fact_is_shown_to_those_who_know_it_only():
    config = EnvConfig(hidden_facts=3)
    from c2c_env.make import make_batch

    batch = make_batch(small_game().workflow, 3, config=config)
    batch.reset([0])
    known = []
    for agent in range(2):
        legal = legal_choices(batch.action_masks[0, agent], batch.action_sizes.tolist(), 3)
        sight = look(batch.layout, batch.observations[0, agent], legal, 3)
        view = describe_sight(sight, batch.workflow(), WorkflowWords.of(batch.workflow()), 10, 0.5)
        known.append([one["variant"] for one in view["subtasks"][:3]])
    assert known == [batch.state.fact[0, :3].tolist(), [-1, -1, -1]]  # the manager knows the variants


def test_requests_and_teammates_are_read_from_the_observation():
    game = small_game(partners="no_communication")
    game.take(Move(1, c.CHAT_ASK, 2, 1))
    view = game.as_data()["view"]
    assert view["by_me"] == [{"who": "worker_2", "topic": "s1", "age": 0}]
    assert [mate["working"] for mate in view["team"]][2] == "s1"
    game.take(Move(1))  # worker_2 reads it
    game.take(Move(1))
    assert game.as_data()["view"]["by_me"][0]["age"] == 1
