"""Legal choices are those of the mask; the reasons explain the others; prices are those of the configuration."""

from __future__ import annotations

import numpy as np
import pytest
from game_parts import small_game
from hypothesis import given, settings
from hypothesis import strategies as st

from c2c_env import Channel, EnvConfig, generate
from c2c_env.core import constants as c
from c2c_env.envs.spaces import part_slices
from c2c_env.make import make_batch
from c2c_env.text.names import WorkflowWords
from c2c_env.text.observation_text import legal_choices, look
from training.seat.choices import PARTS, Move, make_choices


def choices_of(batch, agent, mask=None):
    mask = batch.action_masks[0, agent] if mask is None else mask
    sight = look(batch.layout, batch.observations[0, agent], legal_choices(mask, batch.action_sizes), batch.num_agents)
    workflow = batch.workflow()
    return make_choices(sight, mask, workflow, WorkflowWords.of(workflow).titles, batch.config)


@settings(max_examples=30)
@given(seed=st.integers(0, 50), size=st.integers(1, 4), steps=st.integers(0, 60), draws=st.integers(0, 2**32 - 1))
def test_a_reason_is_there_exactly_where_the_mask_forbids(seed, size, steps, draws):
    batch = make_batch(generate("simple", seed), size)
    batch.reset([seed])
    rng = np.random.default_rng(draws)
    for _ in range(steps):
        if not (batch.terminated[0] or batch.truncated[0]):
            batch.step(rng.integers(0, batch.action_sizes, size=(1, size, 4)))
    agent = int(rng.integers(size))
    choices = choices_of(batch, agent)
    for part, place in zip(PARTS, part_slices(batch.action_sizes), strict=True):
        legal = batch.action_masks[0, agent, place].astype(bool).tolist()
        assert [not choice.reason for choice in getattr(choices, part)] == legal
        if not batch.terminated[0]:  # afterwards one topic stands for all
            assert "the rules do not allow it now" not in {choice.reason for choice in getattr(choices, part)}


@given(bits=st.lists(st.booleans(), min_size=20, max_size=20))
def test_the_mask_decides_whatever_is_in_sight(bits):
    batch = small_game().batch
    mask = np.array(bits, dtype=np.int8)  # 5 works, 7 speeches, 4 recipients, 4 topics
    choices = choices_of(batch, 1, mask)
    found = [not choice.reason for part in PARTS for choice in getattr(choices, part)]
    assert found == bits


def test_reasons_are_in_words():
    game = small_game()
    work, speech = game.choices.work, game.choices.speech
    assert [choice.reason for choice in work] == [
        *("", "", "", "blocked: needs s0 and s1"),
        "a milestone: it is done by itself after s2",
    ]
    assert speech[c.ASSIGN].reason == "only the manager assigns"
    assert game.choices.recipient[1].reason == "that is you"
    while game.sight.status[0] != c.DONE:
        game.take(Move(1))
    assert game.choices.work[1].reason == game.choices.topic[0].reason == "done"
    assert game.choices.work[3].reason in ("blocked: needs s1", "")


def test_the_manager_assigns():
    assert small_game("manager_0").choices.speech[c.ASSIGN].reason == ""


@pytest.mark.parametrize(
    ("speech", "recipient", "words"),
    [
        (c.SILENT, 0, ""),
        (c.CHAT_TELL, 0, "costs you 0.05 h and the reader 0.05 h: 0.1 h in all, read after 1 step"),
        (c.CHAT_ASK, 3, "costs you 0.05 h and each of 2 readers 0.05 h: 0.15 h in all, read after 1 step"),
        (c.EMAIL_ASK, 2, "costs you 0.1 h and the reader 0.05 h: 0.15 h in all, read after 2 steps"),
        (c.MEET, 2, "costs both of you 0.5 h at once: 1 h in all"),
        (c.MEET, 3, "costs each of up to 3 people 0.5 h at once: 1.5 h in all"),
    ],
)
def test_prices_are_those_of_sender_and_every_reader(speech, recipient, words):
    assert small_game().choices.price_in_words(speech, recipient) == words


def test_prices_follow_the_configuration():
    batch = make_batch("simple", 3, config=EnvConfig(chat=Channel(0.2, 0.3, 4, 0.5)))
    batch.reset([0])
    words = choices_of(batch, 1).price_in_words(c.CHAT_TELL, 0)
    assert words == "costs you 0.2 h and the reader 0.3 h: 0.5 h in all, read after 4 steps"


def test_faults_name_the_part_and_the_range():
    choices = small_game().choices
    assert choices.faults(Move(1, c.SILENT, 99, -5)) == []  # who says nothing addresses nobody
    assert choices.faults(Move(1, c.CHAT_ASK, 1, 9)) == [
        "recipient 'worker_1' is not possible now: that is you",
        "topic is 9, expected an integer in [0, 3]",
    ]
