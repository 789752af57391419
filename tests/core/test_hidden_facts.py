"""Hidden facts: work in a variant that is not wanted makes no progress.

The cast of the cases worked out by hand is that of `test_hand`: worker 1 (1.0 backend) builds `a` (backend, 0.4 h),
whose facet weights are (7/15, 0, 1/3, 1/5). Its Alignment Factor is .4324 at reset and .4324 + .99 / 5 * context then.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from simulate import assert_same_bits, random_env, sample_legal, sample_space, step

from c2c_env import Batch, EnvConfig, Generated, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c

TEAM = Team(((0.4,) * 5, (1.0, 0.4, 0.7, 0.4, 0.4), (0.7, 1.0, 0.4, 0.4, 0.4)))
SINGLE = Workflow("single", "simple", (Subtask("a", "backend", 0.4, 2.0),))
WAIT = (0, 0, 0, 0, 0)
FIRST_STEP = 0.5 * 0.4324  # hours of effort


def make(seed=0, **fields):
    """An environment with three variants of one subtask, and the wanted one."""
    env = parallel_env(SINGLE, team=TEAM, hidden_facts=3, **{"rework_probability": 0.0, **fields})
    env.reset(seed=seed)
    return env, int(env.snapshot()["fact"][0])


def act(env, *actions):
    """Step; the first agent and the last ones wait. Returns the term of progress."""
    results = step(env, np.array([WAIT, *actions, *[WAIT] * (2 - len(actions))]))
    return results[-1]["manager_0"]["reward_terms"]["progress"]


def board(env):
    """What is left of the subtask, the variants that its builders know to be wanted, and its status."""
    now, flags = env.snapshot(), env.layout.read(env.batch.observations[0], "known_fact")[:, 0]
    assert np.flatnonzero(flags[c.MANAGER]).tolist() == [now["fact"][0]]
    return now["remaining"][0], [np.flatnonzero(row).tolist() for row in flags[1:]], now["status"][0]


def near(value):
    return pytest.approx(value, rel=0, abs=1e-6)


def test_the_right_variant_is_finished():
    env, fact = make()
    assert board(env) == (0.4, [[], []], c.READY)
    assert act(env, (1, 0, 0, 0, fact)) == near(FIRST_STEP / 0.4)
    assert board(env) == (near(0.4 - FIRST_STEP), [[fact], []], c.READY)  # who builds it has found it out
    assert act(env, (1, 0, 0, 0, fact)) == near(1 - FIRST_STEP / 0.4)
    assert board(env) == (0.0, [[fact], []], c.DONE)
    metrics = env.episode_metrics()
    assert (metrics["success"], metrics["steps"], metrics["wasted_hours"]) == (1, 2, 0)


def test_work_in_a_wrong_variant_makes_no_progress():
    env, fact = make()
    known = env.snapshot()["understanding"]
    for t, wrong in enumerate([(fact + 1) % 3, (fact + 2) % 3], 1):
        assert act(env, (1, 0, 0, 0, wrong)) == 0
        assert board(env) == (0.4, [[], []], c.READY)
        now = env.snapshot()
        assert (now["t"], now["owner"].tolist(), now["last_work"].tolist()) == (t, [1], [-1, 0, -1])
        np.testing.assert_array_equal(now["understanding"], known)  # nothing is learned
        assert (now["worked_hours"].tolist(), now["aligned_hours"].tolist()) == ([0], [0])
        metrics = env.episode_metrics()
        assert (metrics["wasted_hours"], metrics["work_hours"], metrics["reworks"]) == (0.5 * t, 0, 0)
    assert act(env, (1, 0, 0, 0, fact)) == near(FIRST_STEP / 0.4)  # it is never too late
    assert board(env) == (near(0.4 - FIRST_STEP), [[fact], []], c.READY)
    assert env.snapshot()["understanding"][1, 0, c.CONTEXT] == near(1 - math.exp(-0.15 * 0.5))


def test_a_wrong_variant_neither_finishes_nor_undoes_what_is_begun():
    env, fact = make()
    act(env, (1, 0, 0, 0, fact))
    assert act(env, (1, 0, 0, 0, (fact + 1) % 3)) == 0  # there is time enough to finish it
    assert board(env) == (near(0.4 - FIRST_STEP), [[fact], []], c.READY)
    act(env, (1, 0, 0, 0, fact))
    assert board(env) == (0.0, [[fact], []], c.DONE)
    assert env.episode_metrics()["wasted_hours"] == 0.5


def test_not_even_next_to_nothing_is_finished_in_a_wrong_variant():
    env, fact = make()
    snapshot = env.snapshot()
    snapshot["remaining"][0] = 1e-9
    env.restore(snapshot)
    assert act(env, (1, 0, 0, 0, (fact + 1) % 3)) == 0
    assert board(env) == (1e-9, [[], []], c.READY)
    act(env, (1, 0, 0, 0, fact))
    assert board(env) == (0.0, [[fact], []], c.DONE)


def test_who_takes_a_subtask_over_has_to_find_its_variant_out():
    """Worker 2 goes on with what worker 1 began: first in vain, then by its own luck."""
    env, fact = make()
    act(env, (1, 0, 0, 0, fact))
    after = 0.4 - FIRST_STEP
    assert act(env, WAIT, (1, 0, 0, 0, (fact + 1) % 3)) == 0
    assert board(env) == (near(after), [[fact], []], c.READY)
    assert act(env, WAIT, (1, 0, 0, 0, fact)) > 0
    assert board(env)[1] == [[fact], [fact]]


def test_assigning_tells_no_variant():
    env, fact = make()
    results = step(env, np.array([(0, c.ASSIGN, 1, 0, 0), WAIT, WAIT]))
    assert not results[-1]["manager_0"]["invalid_action"]
    assert env.snapshot()["owner"].tolist() == [1]
    assert board(env) == (0.4, [[], []], c.READY)
    act(env, (1, 0, 0, 0, (fact + 1) % 3))
    assert (env.snapshot()["owner"].tolist(), board(env)[1]) == ([1], [[], []])


def test_dependents_wait_until_the_right_variant_is_there():
    chain = Workflow("chain", "simple", (Subtask("a", "backend", 0.2, 2.0), Subtask("b", "data", 1.0, 1.0, ("a",))))
    env = parallel_env(chain, team=TEAM, hidden_facts=2, rework_probability=0.0)
    env.reset(seed=3)
    fact = env.snapshot()["fact"][0]
    act(env, (1, 0, 0, 0, 1 - fact))  # time enough for all of it
    assert env.snapshot()["status"].tolist() == [c.READY, c.BLOCKED]
    assert env.snapshot()["understanding"][1, 1, c.INTERFACE] == 0.1
    act(env, (1, 0, 0, 0, fact))
    assert env.snapshot()["status"].tolist() == [c.DONE, c.READY]


def test_the_one_who_works_chooses():
    env, fact = make()
    wrong = (fact + 1) % 3
    assert act(env, (1, 0, 0, 0, wrong), (1, 0, 0, 0, fact)) == 0  # worker 1 is the more skilled of the two
    assert (board(env), env.episode_metrics()["wasted_hours"]) == ((0.4, [[], []], c.READY), 1.0)
    assert act(env, (1, 0, 0, 0, fact), (1, 0, 0, 0, wrong)) == near(FIRST_STEP / 0.4)


def test_rework_makes_nobody_forget():
    seen = {}
    for share in (0.3, 1.0):
        for seed in range(30):
            env, fact = make(seed, rework_probability=1.0, rework_share=share)
            while env.agents and not env.episode_metrics()["reworks"]:
                act(env, (1, 0, 0, 0, fact))
            if env.agents:
                seen[share] = board(env)[:2], fact
                break
    assert seen[0.3][0] == (near(0.12), [[seen[0.3][1]], []])
    assert seen[1.0][0] == (0.4, [[seen[1.0][1]], []])


@pytest.mark.parametrize("variant", [-1, 3, 2**31 - 1])
def test_a_variant_that_does_not_exist_is_illegal_work_and_means_nothing_without_work(variant):
    batch = Batch(SINGLE, TEAM, EnvConfig(hidden_facts=3))
    batch.reset([0])
    batch.step(np.array([[WAIT, (1, 0, 0, 0, variant), (0, 0, 0, 0, variant)]]))
    assert batch.invalid[0].tolist() == [0, 1, 0]
    assert batch.state.last_work[0].tolist() == [-1] * 3


@pytest.mark.parametrize("symbols", [0, 4])
def test_every_variant_is_legal_for_everybody(symbols):
    env, _ = make(vocab_size=symbols)
    wanted = [2, 7, 4, 1, *[symbols] * (symbols > 0), 3]
    for agent in env.agents:
        assert env.action_space(agent).nvec.tolist() == wanted
    assert (env.batch.action_masks[0, :, -3 - symbols :] == 1).all()


def test_facts_are_drawn_alike_and_apart():
    """Pearson's chi-square: 99.9 % of such draws are below 13.82 (2 degrees of freedom) and 26.12 (8)."""
    four = Workflow("four", "simple", tuple(Subtask(f"s{k}", "data", 1.0, 1.0) for k in range(4)))
    batch = Batch(four, Team.default(4), EnvConfig(hidden_facts=3, max_agents=6, max_subtasks=7), num_envs=1500)
    batch.reset(range(1500))
    state = batch.state
    for k in range(4):
        assert ((np.bincount(state.fact[:, k], minlength=3) - 500) ** 2 / 500).sum() < 13.82
    both = np.zeros((3, 3))
    np.add.at(both, (state.fact[:, 0], state.fact[:, 1]), 1)
    assert ((both - 500 / 3) ** 2 / (500 / 3)).sum() < 26.12


def test_only_the_manager_and_whoever_has_made_progress_know_facts():
    rng = np.random.default_rng(1)
    env = random_env(rng, agents=4, subtasks=8, hidden_facts=3, vocab_size=3, horizon=40)
    before = env.snapshot()
    wanted = before["fact"][:, None] == np.arange(3)
    knows = np.zeros((4, len(wanted)), dtype=bool)
    knows[c.MANAGER] = True
    while env.agents:
        known = env.layout.read(env.batch.observations[0], "known_fact")
        np.testing.assert_array_equal(known, knows[..., None] & wanted)
        hours = env.snapshot()["worked_hours"]
        step(env, sample_legal(env, rng))
        now = env.snapshot()
        for k in np.flatnonzero(now["worked_hours"] > hours):
            knows[now["owner"][k], k] = True
    assert 0 < knows[1:].sum() < knows[1:].size
    np.testing.assert_array_equal(env.snapshot()["fact"], before["fact"])


def same_actions(plain, facts, rng):
    """Random actions for a batch, and the same with the wanted variant of what is worked on."""
    actions = rng.integers(0, plain.action_sizes, size=plain.action_buffer.shape)
    rows = np.arange(len(actions))[:, None]
    wanted = facts.state.fact[rows, np.maximum(actions[..., c.WORK] - 1, 0)]
    return actions, np.concatenate((actions, wanted[..., None]), axis=-1)


@pytest.mark.parametrize("symbols", [0, 2])
def test_whoever_builds_what_is_wanted_plays_as_without_facts(symbols):
    """So no draw and no number is another one with the option than without."""
    fields = {"vocab_size": symbols, "volatility": 0.05, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.3, 0.2)}
    sources = [Generated("simple", range(20)), SINGLE]
    plain, facts = (Batch(sources, TEAM, EnvConfig(hidden_facts=f, **fields), num_envs=8) for f in (0, 4))
    rng = np.random.default_rng(0)
    for batch in (plain, facts):
        batch.reset(range(8))
    for _ in range(120):
        for batch, actions in zip((plain, facts), same_actions(plain, facts, rng), strict=True):
            batch.step(actions)
            batch.autoreset()
    assert plain.state.episode.sum() > 0
    plain_state = plain.state._replace(fact=facts.state.fact, knows=facts.state.knows)
    facts.state.action[..., c.VARIANT] = 0
    for name, array in plain_state._asdict().items():
        assert array.tobytes() == getattr(facts.state, name).tobytes(), name
    assert plain.reward_terms.tobytes() == facts.reward_terms.tobytes()


def test_without_facts_nothing_is_kept_of_them():
    batch = Batch("simple", TEAM, EnvConfig(), num_envs=3)
    batch.reset(range(3))
    for _ in range(30):
        batch.step(np.random.default_rng(0).integers(0, batch.action_sizes, size=batch.action_buffer.shape))
    assert (batch.state.fact == 0).all()
    assert (batch.state.knows == 0).all()


@pytest.mark.parametrize("sharing", ["team", "individual"])
def test_progress_adds_up_over_an_episode(sharing):
    rng = np.random.default_rng(5)
    for _ in range(5):
        env = random_env(rng, agents=3, subtasks=4, hidden_facts=2, horizon=60, reward_sharing=sharing)
        total = 0.0
        while env.agents:
            infos = step(env, sample_space(env, rng))[-1]
            total += np.mean([info["reward_terms"]["progress"] for info in infos.values()])
        assert total == pytest.approx(env.episode_metrics()["progress"], abs=1e-5)


def test_both_backends_agree():
    batches = [
        Batch("simple", TEAM, EnvConfig(hidden_facts=2, vocab_size=2), num_envs=2, backend=backend)
        for backend in ("numba", "interpreted")
    ]
    rng = np.random.default_rng(2)
    for batch in batches:
        batch.reset([4, 5])
    for _ in range(25):
        actions = rng.integers(0, batches[0].action_sizes, size=batches[0].action_buffer.shape)
        for batch in batches:
            batch.step(actions)
    assert_same_bits(*batches)
