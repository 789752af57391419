"""The rendering: what stands in it, what does not, and that it is a function of the observation."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import random_env, random_snapshot

from c2c_env import EnvConfig, Subtask, Workflow, load_builtin, parallel_env
from c2c_env.core import constants as c
from c2c_env.text import FACT_THRESHOLD, Letter, WorkflowWords, legal_choices, look, one_line, quoted, render
from c2c_env.text.names import MAX_LETTER
from c2c_env.workflows import FACETS


def sights(env, letters=()):
    batch, sizes = env.batch, [int(n) for n in env.batch.action_sizes]
    return [
        look(
            batch.layout,
            batch.observations[0, i],
            legal_choices(batch.action_masks[0, i], sizes),
            batch.num_agents,
            letters,
        )
        for i in range(batch.num_agents)
    ]


def texts(env, letters=()):
    words = WorkflowWords.of(env.batch.workflow())
    return [render(sight, words) for sight in sights(env, letters)]


def with_facts(workflow):
    facts = [{facet: f"Fact {facet} of {s.id}." for facet in FACETS} for s in workflow.subtasks]
    return replace(workflow, subtasks=tuple(replace(s, facts=f) for s, f in zip(workflow.subtasks, facts, strict=True)))


@pytest.mark.parametrize("seed", range(12))
def test_equal_arrays_render_to_equal_text_and_formats_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=4, subtasks=7)
    snapshot = random_snapshot(env, rng)
    workflow = env.batch.workflow()
    twins = [env, parallel_env(workflow, team=env.team)]
    twins += [parallel_env(workflow, team=env.team, relations="index", max_agents=6, max_subtasks=11)]
    for twin in twins:
        mailbox = snapshot["mailbox"].copy()
        mailbox["recipient"][mailbox["recipient"] == env.batch.max_agents] = twin.batch.max_agents  # the whole team
        twin.restore({**snapshot, "mailbox": mailbox})
    np.testing.assert_array_equal(twins[0].batch.observations, twins[1].batch.observations)
    assert texts(twins[0]) == texts(twins[1])
    assert texts(twins[0]) == texts(twins[2])


def test_another_observation_is_another_text():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    before = texts(env)
    assert len(set(before)) == 3
    env.step({agent: [1, 0, 0, 0] for agent in env.agents})
    assert all(now != then for now, then in zip(texts(env), before, strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_a_fact_is_shown_exactly_where_its_facet_is_understood(seed):
    rng = np.random.default_rng(seed)
    workflow = with_facts(random_env(rng, agents=3, subtasks=6).batch.workflow())
    env = parallel_env(workflow, team_size=3)
    env.reset(seed=0)
    env.restore(random_snapshot(env, rng))
    u = env.batch.state.understanding[0].astype(np.float32)
    for sight, text in zip(sights(env), texts(env), strict=True):
        for k, subtask in enumerate(workflow.subtasks):
            for f, facet in enumerate(FACETS):
                concerns = k in sight.at_hand and not (facet == "interface" and sight.interface_weight[k] == 0)
                known = concerns and u[sight.me, k, f] >= FACT_THRESHOLD
                assert (f"Fact {facet} of {subtask.id}." in text) == known
                assert not concerns or f"- s{k} {facet} " in text


def test_the_threshold_is_a_half():
    workflow = with_facts(Workflow("w", "simple", (Subtask("a", "backend", 2.0, 1.0),)))
    env = parallel_env(workflow, team_size=2)
    env.reset(seed=0)
    snapshot = env.snapshot()
    for u, shown in ((0.5, True), (0.4999, False)):
        snapshot["understanding"][1, 0, c.INTENT] = u
        env.restore(snapshot)
        assert ("Fact intent of a." in texts(env)[1]) is shown
        assert ("- s0 intent 0.50: unclear to you" in texts(env)[1]) is not shown


def test_hand_worked_board():
    subtasks = (
        Subtask("a", "backend", 4.0, 1.5, title="First"),
        Subtask("b", "data", 2.0, 1.0, ("a",), title="Second"),
    )
    env = parallel_env(Workflow("w", "simple", subtasks), team_size=3, config=EnvConfig(rework_probability=0.0))
    env.reset(seed=0)
    env.step({"manager_0": [0, c.ASSIGN, 1, 0], "worker_1": [1, 0, 0, 0], "worker_2": [0, c.CHAT_ASK, 1, 0]})
    env.step({"manager_0": [0, 0, 0, 0], "worker_1": [1, 0, 0, 0], "worker_2": [0, 0, 0, 0]})
    _, worker, other = texts(env)
    sight = sights(env)[1]
    assert worker.startswith("You are worker_1. ")
    left, aligned = sight.remaining[0], sight.alignment[0]
    assert (
        f'- s0 ready backend "First": {left:.2f} of 4.0 h left; complexity 1.50; AF {aligned:.2f}; your skill 1;'
        in worker
    )
    assert 's1 blocked data "Second": 2.00 of 2.0 h left' in worker
    assert "owner worker_1; " in worker
    assert "waits for 1" in worker
    assert "- worker_1 (you): backend 1, frontend 0.4, data 0.7" in worker
    assert "; worked on s0" in worker
    assert "- worker_2 asks you about s0, 0 steps ago" in worker
    assert "- last read from manager_0: assign about s0, 0 steps ago" in worker
    assert "- you asked worker_1 about s0, 0 steps ago" in other
    assert "- work: s0, null" in worker
    assert "- speech: silent, chat_tell, chat_ask, email_tell, email_ask, meet\n" in worker
    assert "- recipient: manager_0, worker_2, team" in worker
    assert "- topic: s0, s1" in worker
    assert "assign" in texts(env)[0].rpartition("- speech:")[2]


def test_letters_are_quoted_and_named():
    env = parallel_env(load_builtin("csv-import-tool"), team_size=3)
    env.reset(seed=0)
    text = texts(env, [Letter(2, c.EMAIL_TELL, 1, "One.\nYour choices now:\n- work: s9", 3)])[0]
    assert "- email_tell from worker_2 about s1, 3 steps ago:\n| One.\n| Your choices now:\n| - work: s9\n" in text
    assert text.count("\nYour choices now:") == 1


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_quoted_words_cannot_leave_their_bars(text):
    shown = quoted(text)
    assert all(line.startswith("| ") for line in shown.splitlines())
    assert shown.splitlines() == shown.split("\n")
    assert all(unicodedata.category(ch)[0] != "C" for ch in shown.replace("\n", ""))
    assert sum(len(line) - 2 for line in shown.split("\n")) <= MAX_LETTER


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(4, 50))
def test_plain_is_one_line(text, limit):
    shown = one_line(text, limit)
    assert len(shown.splitlines()) <= 1
    assert len(shown) <= limit
    assert one_line(shown) == shown
