"""Snapshots: going back continues identically, and what does not fit changes nothing."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import assert_same, play, random_actions

from c2c_env import Batch, EnvConfig, Team, parallel_env
from c2c_env.errors import ConfigError, ResetNeededError, SnapshotError

SMALL, LARGE = "password-reset-flow", "customer-churn-model"
FIELDS = {"rework_probability": 1.0, "volatility": 0.1, "vocab_size": 3, "hidden_facts": 2, "max_agents": 4,
          "horizon": 50, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.4, 0.3)}  # fmt: skip


def make(*workflows, **fields):
    return parallel_env(list(workflows or [SMALL]), 3, **{**FIELDS, **fields})


def started(seed=0, steps=12, **fields):
    env = make(**fields)
    env.reset(seed=seed)
    play(env, np.random.default_rng(seed), steps=steps)
    return env


@settings(max_examples=30)
@given(seed=st.integers(0, 2**64 - 1), steps=st.integers(0, 50), discrete=st.booleans())
def test_an_episode_continues_identically_in_the_same_and_in_another_environment(seed, steps, discrete):
    fields = {"action_format": "discrete", "vocab_size": 0, "hidden_facts": 0} if discrete else {}
    env, other = make(SMALL, LARGE, **fields), make(SMALL, LARGE, **fields)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    play(env, rng, steps=steps)
    snapshot, state, rng_state = env.snapshot(), env.state(), copy.deepcopy(rng)
    expected = play(env, rng)
    expected += [env.reset()]  # the next episode too
    other.reset(seed=1)
    for again in (env, other):
        again.restore(snapshot)
        np.testing.assert_array_equal(again.state(), state)
        results = play(again, copy.deepcopy(rng_state))
        assert_same([*results, again.reset()], expected)


def test_restore_gives_what_the_last_step_gave():
    env = started(steps=5)
    observations, _, _, _, infos = env.step(random_actions(env, np.random.default_rng(9)))
    snapshot = env.snapshot()
    play(env, np.random.default_rng(1))
    again, masks = env.restore(snapshot)
    assert_same(again, observations)
    assert_same(masks, {agent: {"action_mask": info["action_mask"]} for agent, info in infos.items()})


def test_metrics_continue_too():
    env = started(steps=20)
    snapshot, before = env.snapshot(), env.episode_metrics()
    play(env, np.random.default_rng(1))
    env.restore(snapshot)
    assert_same(env.episode_metrics(), before)


def test_another_row_of_a_batch_continues_identically():
    batch = Batch([SMALL, LARGE], Team.default(3), EnvConfig(**FIELDS), num_envs=4)
    batch.reset([5, 6, 7, 8])
    rng = np.random.default_rng(0)

    def step_all_alike():
        actions = rng.integers(0, batch.action_sizes, size=(1, 3, 6))
        batch.step(np.repeat(actions, 4, axis=0))

    for _ in range(10):
        step_all_alike()
    batch.restore(batch.snapshot(1), row=3)
    untouched = batch.snapshot(2)
    for _ in range(30):
        step_all_alike()
        for array in (batch.observations, batch.action_masks, batch.rewards, batch.reward_terms, batch.terminated):
            np.testing.assert_array_equal(array[1], array[3])
    assert_same(batch.snapshot(1), batch.snapshot(3))
    assert not np.array_equal(batch.snapshot(2)["understanding"], untouched["understanding"])


def test_a_snapshot_of_the_single_environment_fits_a_batch():
    env = started()
    batch = Batch([SMALL], Team.default(3), env.config, num_envs=2)
    batch.reset([1, 2])
    batch.restore(env.snapshot(), row=1)
    assert_same(batch.snapshot(1), env.snapshot())


def test_restore_needs_no_reset_before():
    snapshot = started().snapshot()
    fresh = make()
    fresh.restore(snapshot)
    assert_same(fresh.snapshot(), snapshot)


def test_a_snapshot_of_the_end_is_an_end():
    env = started(steps=50)
    assert env.agents == []
    fresh = make()
    fresh.restore(env.snapshot())
    with pytest.raises(ResetNeededError, match="end of the episode"):
        fresh.step({})


def test_a_snapshot_is_not_changed_by_later_steps():
    env = started()
    snapshot = env.snapshot()
    kept = copy.deepcopy(snapshot)
    play(env, np.random.default_rng(1))
    assert_same(snapshot, kept)


def test_changing_a_snapshot_changes_no_environment():
    env = started()
    kept, snapshot = env.snapshot(), env.snapshot()
    for array in snapshot.values():
        array[...] = np.zeros((), dtype=array.dtype)
    assert_same(env.snapshot(), kept)


def test_documented_keys_and_shapes():
    snapshot = started().snapshot()
    k = 7
    shapes = {
        "t": (), "understanding": (3, k, 4), "remaining": (k,), "done": (k,), "owner": (k,), "debt": (3,),
        "request_topic": (3, 3), "request_age": (3, 3), "mailbox": (2, 3), "random_state": (3,),
    }  # fmt: skip
    assert {name: snapshot[name].shape for name in shapes} == shapes


def test_an_edited_snapshot_is_played():
    env = started(steps=3)
    snapshot = env.snapshot()
    snapshot["understanding"][1] = 1.0
    snapshot["t"][...] += 1
    snapshot["request_step"][...] += 1
    snapshot["request_age"] = np.where(snapshot["request_topic"] >= 0, snapshot["t"] - snapshot["request_step"], -1)
    env.restore(snapshot)
    assert env.snapshot()["t"] == 4
    assert (env.snapshot()["understanding"][1] == 1.0).all()


# --- what does not fit -----------------------------------------------------------------------------------------


def without(name):
    return lambda s: s.pop(name)


def put(name, value):
    return lambda s: s.__setitem__(name, value)


def change(name, value, *, part=None):
    def spoil(snapshot):
        array = snapshot[name] if part is None else snapshot[name][part]
        array.flat[0] = value

    return spoil


BAD = {
    "missing key": (without("debt"), ["missing key 'debt'"]),
    "missing workflow": (without("workflow"), ["no key 'workflow'"]),
    "unknown key": (put("owners", 1), ["unknown key 'owners'; did you mean 'owner'?"]),
    "two faults": (lambda s: (s.pop("debt"), s.pop("t")), ["2 faults", "'debt'", "'t'"]),
    "wrong shape": (put("remaining", np.zeros(8)), ["remaining", "(8,)", "(7,)"]),
    "padded shape": (put("debt", np.zeros(4)), ["debt", "(4,)", "(3,)"]),
    "NaN": (change("understanding", math.nan), ["understanding", "not finite"]),
    "infinite": (change("debt", math.inf), ["debt", "not finite"]),
    "mailbox NaN": (change("mailbox", math.nan, part="facets"), ["mailbox['facets']", "not finite"]),
    "mailbox type": (put("mailbox", np.zeros((2, 3))), ["mailbox", "float64", "speech"]),
    "text": (put("t", "now"), ["t has type", "int32"]),
    "None": (put("debt", None), ["debt", "(3,)"]),
    "dict": (put("debt", {}), ["debt", "(3,)"]),
    "ragged": (put("owner", [[1], [1, 2]]), ["owner", "ragged list", "an array"]),
    "floats for indices": (put("owner", np.zeros(7)), ["owner", "float64", "int16"]),
    "done disagrees": (change("done", True), ["done disagrees with status"]),
    "age disagrees": (change("request_age", 3), ["request_age disagrees"]),
    "workflow index": (put("workflow", np.array(1)), ["'workflow'", "[0, 1)"]),
    "workflow name": (put("workflow", SMALL), ["'workflow'", SMALL, "[0, 1)"]),
    "workflow None": (put("workflow", None), ["'workflow'", "None", "[0, 1)"]),
    "owner": (change("owner", 3), ["owner", "[-1, 2]"]),
    "last_work": (change("last_work", 7), ["last_work", "[-1, 6]"]),
    "topic": (change("request_topic", -2), ["request_topic", "[-1, 6]"]),
    "status": (change("status", 3), ["status", "[0, 2]"]),
    "understanding": (change("understanding", 1.1), ["understanding", "[0, 1]"]),
    "remaining": (change("remaining", 99.0), ["remaining", "[0, "]),
    "negative debt": (change("debt", -1.0), ["debt", "[0, 1e+25]"]),
    "negative time": (put("t", np.array(-1)), ["t has -1", "[0, 2000000000]"]),
    "late time": (put("t", np.array(51)), ["truncated is 0", "t is 51 of 50"]),
    "read later": (change("read_step", 40), ["read_step", "40", "[0, 12]"]),
    "mailbox recipient": (change("mailbox", 5, part="recipient"), ["mailbox['recipient']", "[0, 4]"]),
    "mailbox topic": (change("mailbox", -1, part="topic"), ["mailbox['topic']", "[0, 6]"]),
    "mailbox speech": (change("mailbox", 7, part="speech"), ["mailbox['speech']", "[0, 6]"]),
    "mailbox symbol": (change("mailbox", 3, part="symbol"), ["mailbox['symbol']", "[0, 2]"]),
    "fact": (change("fact", -1), ["fact", "[0, 1]"]),
    "negative seed": (put("random_state", np.array([-1, 0, 0])), ["random_state", "[0, "]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_snapshot_is_refused_and_changes_nothing(name):
    spoil, expected = BAD[name]
    env = started()
    before, state, agents = env.snapshot(), env.state(), list(env.agents)
    bad = env.snapshot()
    spoil(bad)
    with pytest.raises(SnapshotError) as raised:
        env.restore(bad)
    for part in expected:
        assert part in str(raised.value)
    assert_same(env.snapshot(), before)
    np.testing.assert_array_equal(env.state(), state)
    assert env.agents == agents


@pytest.mark.parametrize("given_", [None, 3, "snapshot", [1]])
def test_something_else_is_no_snapshot(given_):
    with pytest.raises(SnapshotError, match=rf"of type {type(given_).__name__}, expected a dict"):
        started().restore(given_)


def test_a_snapshot_of_another_workflow_size_is_refused():
    other = make(LARGE)
    other.reset(seed=0)
    with pytest.raises(SnapshotError, match=r"remaining has shape \(14,\), expected \(7,\)"):
        started().restore(other.snapshot())


def test_a_snapshot_of_another_team_size_is_refused():
    other = parallel_env([SMALL], 2, **FIELDS)
    other.reset(seed=0)
    with pytest.raises(SnapshotError, match=r"debt .*\(2,\), expected .*\(3,\)"):
        started().restore(other.snapshot())


@pytest.mark.parametrize("row", [-1, 2, 0.5, None])
def test_a_row_that_is_none_is_refused(row):
    batch = Batch([SMALL], Team.default(3), EnvConfig(**FIELDS), num_envs=2)
    batch.reset([1, 2])
    snapshot = batch.snapshot(0)
    for call in (batch.snapshot, batch.metrics, batch.workflow, lambda row: batch.restore(snapshot, row)):
        with pytest.raises(ConfigError, match=r"row is .*, expected .*\[0, 2\)"):
            call(row)
