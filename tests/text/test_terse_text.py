"""The terse text: worked out by hand, made of its words alone, and a function of the observation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulate import random_env, random_snapshot
from test_observation_text import sights

from c2c_env import Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.text.terse_text import HOURS, LAST_TOLD, TERSE_WORDS, render_terse

WORKFLOW = Workflow(
    "small",
    "simple",
    (
        Subtask("one", "backend", 4.0, 2.5, title="First"),
        Subtask("two", "frontend", 2.0, 0.75, title="Second"),
        Subtask("three", "backend", 1.0, 1.0, ("one",), title="Third"),
        Subtask("four", "backend", 1.0, 1.0, ("one", "two"), title="Fourth"),
    ),
)


def small_env(**fields):
    env = parallel_env(WORKFLOW, team=Team.default(3), rework_probability=0.0, volatility=0.0, **fields)
    env.reset(seed=0)
    return env


def step(env, *actions):
    chosen = np.zeros((len(env.possible_agents), len(env.batch.action_sizes)), dtype=np.int64)
    for agent, action in enumerate(actions):
        chosen[agent, : len(action)] = action
    env.step(dict(zip(env.possible_agents, chosen, strict=True)))


def words(env, agent, told=()):
    return render_terse(sights(env)[agent], told)


def test_the_first_view_by_hand():
    env = small_env()
    sight = sights(env)[1]
    skills = sight.skills[:, sight.domain[0]]
    order = sorted(range(3), key=lambda j: (-skills[j], j))
    able = " ".join(f"{env.possible_agents[j]} k{min(9, round(10 * float(skills[j])))}" for j in order)
    hours = 4.0 / float(sight.own_skill[0])
    place = sum(bound < hours for bound in HOURS)
    first_row = f"s0 open h{place} c9 w0 "
    text = words(env, 1)
    assert text.startswith("me worker_1 free manager_0 worker_1 worker_2 s2 soon ")
    assert first_row in text
    assert f"{able} holders s0" in text
    assert "s3 " not in text  # it waits for two
    # the critical chain stands first among those that can be begun
    assert text.index("s0 open") < text.index("s1 open")


def test_rows_say_whose_a_subtask_is_and_who_knows_its_interface():
    env = small_env()
    for _ in range(40):
        step(env, (0,), (1,), (2,))
        if sights(env)[0].status[1] == c.DONE:
            break
    sight = sights(env)[0]
    assert sight.status[1] == c.DONE
    assert sight.status[0] != c.DONE
    row_of_one = words(env, 0).partition("s0 of worker_1 k")[2]
    assert row_of_one.endswith(" holders s0") or " holders s0 " in row_of_one
    assert "s0 mine h" in words(env, 1)
    assert "s3 soon h" in words(env, 0)
    assert "holders worker_2 s3" in words(env, 0)
    assert words(env, 2).startswith("me worker_2 free manager_0 worker_2 ")


def test_requests_and_what_was_told_stand_there():
    env = small_env()
    step(env, (0,), (1, c.EMAIL_ASK, 0, 0), (2, c.CHAT_ASK, 0, 1))
    for _ in range(3):
        step(env, (0,), (1,), (2,))
    text = words(env, 0, [(1, 3), (3, 2)])
    assert "asks worker_2 s1 chat" in text
    assert "asks worker_1 s0 email" in text
    assert "told worker_1 s3 told team s2 free" in text
    assert "asked manager_0 s0" in words(env, 1)
    many = [(1, 3)] * (LAST_TOLD + 3)
    assert words(env, 0, many).count("told ") == LAST_TOLD


def test_who_cannot_speak_is_told_so_last():
    env = small_env(exclusive_actions=False)
    silent = replace(sights(env)[1], legal=replace(sights(env)[1].legal, speeches=(c.SILENT,)))
    assert render_terse(silent).endswith(" mute")
    assert not words(env, 1).endswith(" mute")


def test_known_variants_are_named():
    env = small_env(hidden_facts=3)
    manager, worker = words(env, 0), words(env, 1)
    known = sights(env)[0].known_fact
    assert f"wanted s0 v{known[0]} wanted s1 v{known[1]}" in manager
    assert "wanted" not in worker


@pytest.mark.parametrize("seed", range(8))
def test_it_is_a_function_of_the_observation_and_has_no_other_words(seed):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=4, subtasks=7)
    snapshot = random_snapshot(env, rng)
    twin = parallel_env(env.batch.workflow(), team=env.team)
    for one in (env, twin):
        one.restore(snapshot)
    texts = [render_terse(sight) for sight in sights(env)]
    assert texts == [render_terse(sight) for sight in sights(twin)]
    names = {*env.possible_agents, *(f"s{k}" for k in range(7))}
    assert {word for text in texts for word in text.split()} <= {*TERSE_WORDS, *names}
