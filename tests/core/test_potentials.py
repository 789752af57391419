"""The two reward terms that are changes of a potential: by hand, as sums over episodes, and after a restore.

The cast and the work are those of `test_hand`: the manager (0.4 everywhere), worker 1 (1.0 backend, 0.7 data) and
worker 2 (0.7 backend, 0.4 data); `a` (backend, 4 h) and `b` (data, 7 h), which needs `a`.
"""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import arrays_of, random_env, reference_of, sample_legal, step
from test_hand import CONTEXT_OF_A_STEP, WAIT, WORK_A, A, B, act, make, near, near32, terms_of

from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.core.rewards import logarithm
from c2c_env.errors import ConfigError

OTHERS = (1.0, 0.5, 0.5, 0.5)
POTENTIALS = [c.FORECAST, c.INFORMATION]
ASSIGN_B = (0, c.ASSIGN, 2, B)

# Alignment at reset, see `test_hand`. `a` is done first by worker 1, at 1 x .4324; `b` by the manager: .4 x .403525 is
# more than .7 x .225325 and .4 x .14365
HOURS_A, HOURS_B = 4 / 0.4324, 7 / 0.16141
# For `a` and for `b` the understanding of worker 1 counts, who is the most skilled; context 0 counts as the floor
LOG_A = 7 / 15 * math.log(0.2) + 1 / 5 * math.log(0.01)  # constraints are known: 1/3 log 1
LOG_B = 0.35 * math.log(0.2) + 0.25 * math.log(0.1) + 0.25 * math.log(0.49) + 0.15 * math.log(0.01)


def values(env):
    """The two potentials as they are kept."""
    return [float(env.batch.state.forecast_value[0]), float(env.batch.state.information_value[0])]


def weighted(forecast=1.0, information=1.0, **fields):
    return make(reward_weights=(0.0, 0.0, 0.0, 0.0, forecast, information), **fields)


# --- by hand -------------------------------------------------------------------------------------------------------


def test_potentials_at_the_start():
    # the chain of both, more than a third of their sum
    assert values(weighted()) == near([HOURS_A + HOURS_B, 4 / 11 * LOG_A + 7 / 11 * LOG_B])


def test_a_step_of_work_raises_both():
    terms = act(weighted(2.0, 3.0), WAIT, WORK_A)
    # .2162 h are done, and context raised the worker's Alignment Factor by .99 / 5 x context
    hours = (4 - 0.2162) / (0.4324 + 0.99 / 5 * CONTEXT_OF_A_STEP)
    learnt = 4 / 11 / 5 * (math.log(CONTEXT_OF_A_STEP) - math.log(0.01))
    assert terms[:, POTENTIALS].tolist() == near32([[2 * (HOURS_A - hours) / 14, 3 * learnt]] * 3)


def test_an_owner_counts_instead_of_the_fastest_and_of_the_most_skilled():
    terms = act(weighted(), ASSIGN_B)
    hours = 7 / (0.4 * 0.14365)  # worker 2
    assert terms[0, c.FORECAST] == pytest.approx((HOURS_B - hours) / 14, rel=1e-6)
    # worker 2 knows the constraints less well than worker 1: .16 instead of .49
    assert terms[0, c.INFORMATION] == near32(7 / 11 * 0.25 * (math.log(0.16) - math.log(0.49)))


def test_work_that_is_done_counts_nowhere():
    env = weighted(effort=0.2)  # done in the first step, so that worker 1 knows the interface of `b`
    act(env, WAIT, WORK_A)
    aligned = 0.225325 + 0.99 * 0.25 * 0.9  # now that is the fastest: .7 x .448075 is more than .16141
    left = near([7 / (0.7 * aligned), 7 / 7.2 * (LOG_B - 0.25 * math.log(0.1))])
    assert values(env) == left
    snapshot = env.snapshot()
    snapshot["understanding"][:, A] = 0.5  # whatever its worker knows of it by now
    env.restore(snapshot)
    assert values(env) == left


def test_many_subtasks_side_by_side_are_shared_equally():
    subtasks = tuple(Subtask(name, "data", 1.0, 1.0) for name in "xyz")
    env = parallel_env(Workflow("w", "simple", subtasks), team=Team(((1.0,) * 5,) * 2), reward_weights=(*OTHERS, 1))
    env.reset(seed=0)
    aligned = 0.01 + 0.99 * (7 / 15 * 0.95 + 1 / 3)  # the manager's, who knows the intent
    assert values(env) == near([1.5 / aligned, 0.0])  # three by two agents; the longest chain is one


def test_speed_in_a_forecast_has_a_floor():
    workflow, team = Workflow("w", "simple", (Subtask("x", "data", 3.0, 1.0),)), Team(((0.0005,) * 5, (1e-6,) * 5))
    env = parallel_env(workflow, team=team, reward_weights=(*OTHERS, 1))
    env.reset(seed=0)
    assert values(env) == near([3000.0, 0.0])  # .0005 x Alignment Factor is below .001


def test_a_chain_that_is_listed_backwards_is_added_up():
    count = 1000
    subtasks = [Subtask(str(k), "data", 2.0, 1.0, (str(k + 1),) if k + 1 < count else ()) for k in range(count)]
    batch = Batch(Workflow("w", "simple", tuple(subtasks)), Team.default(2), EnvConfig(reward_weights=(*OTHERS, 1.0)))
    batch.reset([0])
    assert batch.params.order[0].tolist() == list(range(count))[::-1]
    # the manager (.4): the root as in `test_hand`, .5017; the others .403525. Worker 1 has .4 for data, and knows less
    assert batch.state.forecast_value[0] == pytest.approx(2 / 0.4 * (1 / 0.5017 + (count - 1) / 0.403525))
    assert batch.state.chain_hours[0, [0, -1]].tolist() == near([batch.state.forecast_value[0], 2 / 0.4 / 0.5017])


@pytest.mark.parametrize("seed", range(20))
def test_the_order_has_every_subtask_after_those_that_it_needs(seed):
    env = random_env(np.random.default_rng(seed), subtasks=12, milestones=0.3, max_subtasks=13)
    needed = env.batch.workflow().prerequisite_indices()
    order = env.batch.params.order[0, : len(needed)].tolist()
    assert sorted(order) == list(range(len(needed)))
    place = {k: n for n, k in enumerate(order)}
    assert all(place[p] < place[k] for k, listed in enumerate(needed) for p in listed)


@given(st.floats(1e-6, 1.0))
def test_logarithm_is_that_of_the_library(x):
    assert logarithm(x) == pytest.approx(math.log(x), rel=1e-14, abs=0)
    assert logarithm(x) <= 0.0


def test_logarithm_of_one_and_beside_the_places_where_it_changes():
    assert logarithm(1.0) == 0.0
    points = [2.0**-n * f for n in range(1, 20) for f in (0.7071067811865475, 0.7071067811865476, 1.0)]
    assert list(map(logarithm, points)) == pytest.approx(list(map(math.log, points)), rel=1e-14)


# --- over episodes ------------------------------------------------------------------------------------------------


def busy(env, rng):
    """Legal actions, but more work and less talk, so that episodes come to an end."""
    actions = sample_legal(env, rng)
    actions[:, c.SPEECH] *= rng.random(len(actions)) < 0.3
    ready = np.flatnonzero(env.batch.state.status[0] == c.READY)
    actions[:, c.WORK] = 1 + rng.choice(ready, len(actions))
    return actions


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), sharing=st.sampled_from(["team", 0.3, "individual"]), milestones=st.booleans())
def test_over_an_episode_they_add_up_to_what_was_there_at_the_start(seed, sharing, milestones):
    rng = np.random.default_rng(seed)
    fields = {"volatility": 0.02, "rework_probability": 1.0, "reward_sharing": sharing, "horizon": 60}
    weights = (*OTHERS, 0.7, 0.2)
    env = random_env(rng, 3, 6, milestones=0.4 * milestones, max_subtasks=8, reward_weights=weights, **fields)
    start, total = reference_of(env), np.zeros((3, c.NUM_TERMS))
    while env.agents:
        total += terms_of(step(env, busy(env, rng))[-1])
    hours, information = values(env)
    if env.batch.terminated[0]:
        assert (hours, information) == (0.0, 0.0)
    fell = 0.7 * (start.forecast() - hours) / start.lower_bound
    rose = 0.2 * (information - start.information())
    np.testing.assert_allclose(total[:, POTENTIALS], [[fell, rose]] * 3, rtol=1e-4, atol=1e-4)


def test_such_episodes_end_both_ways():
    ends = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        env = random_env(rng, 3, 6, volatility=0.02, rework_probability=1.0, horizon=60)
        while env.agents:
            step(env, busy(env, rng))
        ends.append(bool(env.batch.terminated[0]))
    assert set(ends) == {True, False}


def test_everybody_has_the_teams_whatever_is_shared():
    fields = {"volatility": 0.1, "rework_probability": 1.0, "reward_weights": (*OTHERS, 0.8, 0.6)}
    rng = np.random.default_rng(3)
    team = random_env(rng, 5, 9, seed=3, **fields)
    own = parallel_env(team.batch.workflow(), team=team.team, reward_sharing="individual", **fields)
    own.reset(seed=3)
    while team.agents:
        actions = busy(team, rng)
        shared, single = (terms_of(step(env, actions)[-1])[:, POTENTIALS] for env in (team, own))
        assert shared.tolist() == single.tolist() == [shared[0].tolist()] * 5
        assert shared.any()


# --- without a weight -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", ["team", 0.3, "individual"])
def test_weights_of_potentials_change_no_other_bit(sharing):
    fields = {"volatility": 0.1, "rework_probability": 1.0, "reward_sharing": sharing}
    rng = np.random.default_rng(5)
    plain = random_env(rng, 4, 9, seed=5, reward_weights=OTHERS, **fields)
    more = parallel_env(plain.batch.workflow(), team=plain.team, reward_weights=(*OTHERS, 0.8, 0.6), **fields)
    more.reset(seed=5)
    while plain.agents:
        actions = busy(plain, rng)
        step(plain, actions)
        step(more, actions)
        terms = plain.batch.reward_terms
        assert not terms[..., POTENTIALS].any()
        assert terms[..., : c.FORECAST].tobytes() == more.batch.reward_terms[..., : c.FORECAST].tobytes()
        progress, aligned, spoken, time = np.moveaxis(terms[..., : c.FORECAST], -1, 0)
        assert plain.batch.rewards.tobytes() == (progress + aligned + spoken + time).tobytes()
        kept = {name: array for name, array in arrays_of(more.batch).items() if name not in NEW | {"reward"}}
        assert all(array.tobytes() == arrays_of(plain.batch)[name].tobytes() for name, array in kept.items())
    assert not any(arrays_of(plain.batch)[name].any() for name in NEW - {"reward_terms"})


NEW = {"forecast_value", "information_value", "chain_hours", "reward_terms"}


@pytest.mark.parametrize(("weights", "kept"), [((1.0, 0.0), [True, False]), ((0.0, -1.0), [False, True])])
def test_only_a_potential_with_a_weight_is_worked_out(weights, kept):
    env = weighted(*weights)
    terms = act(env, WAIT, WORK_A)
    assert [value != 0.0 for value in values(env)] == kept
    assert terms[:, POTENTIALS].any(axis=0).tolist() == kept


def test_weights_that_are_left_out_are_zero():
    assert EnvConfig(reward_weights=OTHERS) == EnvConfig(reward_weights=[*OTHERS, 0]) == EnvConfig()
    assert len({EnvConfig(reward_weights=OTHERS), EnvConfig(reward_weights=(*OTHERS, 0.0, 0.0)), EnvConfig()}) == 1
    assert EnvConfig(reward_weights=(*OTHERS, 0.25)).reward_weights == (*OTHERS, 0.25, 0.0)
    assert EnvConfig().with_fields(reward_weights=(1, 2, 3, 4)).reward_weights == (1, 2, 3, 4, 0.0, 0.0)
    assert EnvConfig(reward_weights=(*OTHERS, 0.25)) != EnvConfig()


@pytest.mark.parametrize("weights", [(1.0, 0.5, 0.5), (1.0,) * 7, (1.0, 0.5, 0.5, 0.5, math.nan), 4, "1234", None])
def test_any_other_weights_are_refused(weights):
    with pytest.raises(ConfigError, match=r"reward_weights is .*, expected 4 to 6 numbers in .*forecast, information"):
        EnvConfig(reward_weights=weights)


# --- restored ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discrete", [False, True])
def test_a_restored_episode_has_its_potentials(discrete):
    fields = {"action_format": "discrete"} if discrete else {}
    rng = np.random.default_rng(8)
    env = random_env(rng, 4, 9, volatility=0.1, reward_weights=(*OTHERS, 0.8, 0.6), **fields)
    for _ in range(9):
        step(env, sample_legal(env, rng))
    other = parallel_env(env.batch.workflow(), team=env.team, config=env.config)
    other.restore(env.snapshot())
    thawed = pickle.loads(pickle.dumps(env))
    assert values(other) == values(env) == values(thawed)
    actions = sample_legal(env, rng)
    first, *more = (terms_of(step(one, actions)[-1]).tolist() for one in (env, other, thawed))
    assert more == [first] * 2


def test_potentials_follow_from_what_a_snapshot_holds():
    env = weighted()
    snapshot = env.snapshot()
    assert not NEW & set(snapshot)
    snapshot["owner"][B] = 2
    env.restore(snapshot)
    assert values(env)[0] == near(HOURS_A + 7 / (0.4 * 0.14365))
    assert act(env)[:, POTENTIALS].tolist() == [[0.0, 0.0]] * 3  # nothing happened since


def test_a_new_episode_counts_from_its_own_start():
    env = weighted()
    start = values(env)
    act(env, WAIT, WORK_A)
    assert values(env) != start
    env.reset(seed=0)
    assert values(env) == start
