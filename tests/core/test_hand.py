"""The simulator against values worked out by hand from the specification.

The cast: the manager (0.4 everywhere), worker 1 (1.0 backend, 0.7 data) and worker 2 (0.7 backend, 0.4 data). The
work: `a` (backend, 4 h, kappa 2) and `b` (data, 7 h, kappa 1.5), which needs `a`; 11 h in all. Facet weights of `a` are
(.35, 0, .25, .15) / .75 = (7/15, 0, 1/3, 1/5), of `b` (.35, .25, .25, .15).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from simulate import random_env, sample_legal, step

from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow, parallel_env
from c2c_env.core import constants as c
from c2c_env.core import rng
from c2c_env.core.work import saturation

TEAM = Team(((0.4,) * 5, (1.0, 0.4, 0.7, 0.4, 0.4), (0.7, 1.0, 0.4, 0.4, 0.4)))
EVERYBODY = 3
A, B = 0, 1
WAIT, WORK_A = (0, 0, 0, 0), (1, 0, 0, 0)
CONTEXT_OF_A_STEP = 1 - math.exp(-0.075)  # .15 * .5 h
TIME = -0.5 * 0.5 / 14  # lower bound: 4 / 1 + 7 / .7 = 14 h


def near(value):
    return pytest.approx(np.array(value), rel=0, abs=1e-9)


def near32(value):
    return pytest.approx(np.array(value), rel=0, abs=1e-7)


def chain(effort=4.0):
    first = Subtask("a", "backend", effort, 2.0)
    return Workflow("chain", "simple", (first, Subtask("b", "data", 7.0, 1.5, ("a",))))


def make(effort=4.0, **fields):
    env = parallel_env(chain(effort), team=TEAM, **{"rework_probability": 0.0, **fields})
    env.reset(seed=0)
    return env


def act(env, *actions):
    """Step; the last agents wait. Returns the reward terms, a row an agent."""
    return terms_of(step(env, np.array([*actions, *[WAIT] * (3 - len(actions))]))[-1])


def terms_of(infos):
    return np.array([list(info["reward_terms"].values()) for info in infos.values()])


def alignment(env, i, k):
    return float(env.layout.get(env.batch.observations[0, i], "own_alignment")[k])


def test_alignment_at_reset():
    env = make()
    # a, manager: 7/15 .95 + 1/3 .16 = .496667; worker 1: 7/15 .2 + 1/3 = .426667; worker 2: 7/15 .2 + .49/3 = .256667
    assert [alignment(env, i, A) for i in range(3)] == near32([0.5017, 0.4324, 0.2641])
    # b, manager: .35 .95 + .25 .1 + .25 .16 = .3975; worker 1: .07 + .025 + .25 .49 = .2175; worker 2: .07 + .025 + .04
    assert [alignment(env, i, B) for i in range(3)] == near32([0.403525, 0.225325, 0.14365])
    assert env.batch.params.horizon[0] == 140


def test_one_step_of_work():
    env = make()
    terms = act(env, WAIT, WORK_A)
    state = env.snapshot()
    assert state["remaining"].tolist() == near([4 - 0.5 * 0.4324, 7])
    assert state["understanding"][1, A].tolist() == near([0.2, 0.1, 1.0, CONTEXT_OF_A_STEP])
    assert (state["owner"].tolist(), state["last_work"].tolist()) == ([1, -1], [-1, A, -1])
    # the alignment of worker 1 counts for a: it rises by .99 / 5 of the context, with 4/11 of the effort
    learned = 0.5 * 4 / 11 * 0.99 / 5 * CONTEXT_OF_A_STEP
    assert terms[0].tolist() == near32([0.2162 / 11, learned, 0.0, TIME, 0.0, 0.0])
    assert (terms == terms[0]).all()


def test_chat_question_and_answer():
    env = make(reward_sharing="individual")
    terms = act(env, WAIT, (0, c.CHAT_ASK, 0, A))
    assert terms[:, 2].tolist() == near32([0, -0.5 * 3 * 0.05 / 11, 0])
    act(env, (0, c.CHAT_TELL, 1, A))
    assert env.snapshot()["request_topic"].tolist() == [[-1] * 3, [A, -1, -1], [-1] * 3]
    assert env.snapshot()["spoken_hours"].tolist() == near([0.1, 0, 0])
    terms = act(env)
    # .45 ** (2 / 2) of the gap .75; the manager's constraints (.16) teach nothing
    assert env.snapshot()["understanding"][1, A].tolist() == near([0.2 + 0.45 * 0.75, 0.1, 1.0, 0.0])
    assert (env.snapshot()["request_topic"] == -1).all()
    raised = 4 / 11 * 0.99 * 7 / 15 * 0.3375
    assert terms[:, 1].tolist() == near32([0.5 * 3 * raised / 2, 0.5 * 3 * raised / 2, 0])


def test_unasked_email_takes_two_steps():
    env = make()
    act(env, (0, c.EMAIL_TELL, 2, B))
    act(env)
    assert env.snapshot()["understanding"][2, B].tolist() == near([0.2, 0.1, 0.16, 0])
    act(env)
    assert env.snapshot()["understanding"][2, B].tolist() == near([0.2 + 0.6**1.5 * 0.75, 0.1, 0.16, 0])
    assert env.snapshot()["spoken_hours"].tolist() == near([0, 0, 0.05])
    assert env.episode_metrics()["communication_hours"] == near(0.15)


def test_meeting_moves_all_to_the_best():
    env = make()
    terms = act(env, WAIT, (0, c.MEET, EVERYBODY, B))
    tau = 0.9**1.5
    understanding = env.snapshot()["understanding"][:, B]
    assert understanding[0].tolist() == near([0.95, 0.1, 0.16 + tau * 0.33, 0])
    assert understanding[1].tolist() == near([0.2 + tau * 0.75, 0.1, 0.49, 0])
    assert understanding[2].tolist() == near([0.2 + tau * 0.75, 0.1, 0.16 + tau * 0.33, 0])
    assert terms[0, 2] == near32(-0.5 * 1.5 / 11)


def test_only_the_free_meet_in_turn():
    env = make()
    proposals = ((0, c.MEET, 2, A), (0, c.MEET, 2, B))
    act(env, *proposals)  # t = 1: agent 1 comes first
    assert env.snapshot()["spoken_hours"].tolist() == near([0, 0.5, 0.5])
    act(env, *proposals)  # t = 2: agents 2, 0, 1
    assert env.snapshot()["spoken_hours"].tolist() == near([0.5, 0, 0.5])


def test_debt_is_paid_from_the_next_step():
    env = make()
    act(env, (0, c.MEET, 1, B), (1, c.CHAT_TELL, 2, A))
    assert env.snapshot()["debt"].tolist() == near([0, 0.05, 0])
    assert env.snapshot()["remaining"][A] == 4.0
    act(env, WAIT, WORK_A)
    assert env.snapshot()["debt"].tolist() == near([0, 0, 0])
    assert env.snapshot()["remaining"][A] == near(4 - 0.45 * 0.4324)


def test_owner_works_before_the_most_skilled():
    env = make()
    act(env, (1, c.ASSIGN, 2, A), WORK_A, WORK_A)
    state = env.snapshot()
    assert (state["owner"][A], state["last_work"].tolist()) == (2, [-1, -1, A])
    assert state["remaining"][A] == near(4 - 0.5 * 0.7 * 0.2641)
    assert env.episode_metrics()["wasted_hours"] == near(0.45 + 0.5)


def test_request_expires_after_eight_steps():
    env = make()
    act(env, WAIT, WAIT, (0, c.CHAT_ASK, 1, B))
    ages = []
    for _ in range(11):
        act(env)
        ages.append(int(env.snapshot()["request_age"][2, 1]))
    assert ages == [*range(9), -1, -1]


def test_finisher_knows_the_subtask_and_its_interface():
    env = make(effort=0.2)
    terms = act(env, WAIT, WORK_A)  # .2162 would be done
    state = env.snapshot()
    assert state["status"].tolist() == [c.DONE, c.READY]
    assert state["understanding"][1].tolist() == near([[1] * 4, [0.2, 1.0, 0.49, 0]])
    # a counts with the alignment after the last context gain, b with that of worker 1, who learnt its interface
    gain = 0.2 / 7.2 * 0.99 / 5 * CONTEXT_OF_A_STEP + 7 / 7.2 * 0.99 * 0.25 * 0.9
    assert terms[0, :2].tolist() == near32([0.2 / 7.2, 0.5 * gain])


def test_requirement_change_spares_the_manager():
    env = make(volatility=1.0)
    act(env)
    act(env)
    assert env.snapshot()["understanding"][..., c.INTENT].tolist() == near([[0.95] * 2, [0.032] * 2, [0.032] * 2])


@pytest.mark.parametrize("probability", [1.0, 0.5, 0.0])
def test_rework_by_the_alignment_of_the_hours_worked(probability):
    batch = Batch(chain(0.2), TEAM, EnvConfig(rework_probability=probability), num_envs=400)
    batch.reset(range(400))
    batch.step(np.tile(np.array([WAIT, WORK_A, WAIT]), (400, 1, 1)))
    with np.errstate(over="ignore"):
        drawn = rng.uniform(batch.state.key, c.STREAM_REWORK, 1, A)
    back = drawn < probability * (1 - 0.4324)
    assert abs(back.mean() - probability * 0.5676) < 0.08
    assert batch.state.remaining[:, A].tolist() == near(np.where(back, 0.06, 0.0).tolist())
    assert ((batch.state.status[:, A] == c.READY) == back).all()
    assert batch.reward_terms[:, 0, 0].tolist() == near32(np.where(back, 0.14 / 7.2, 0.2 / 7.2).tolist())


def test_mean_individual_reward_is_the_team_reward():
    fields = {"volatility": 0.1, "rework_probability": 1.0}
    for seed in range(5):
        draw = np.random.default_rng(seed)
        env = random_env(draw, agents=5, subtasks=9, seed=seed, **fields)
        own = parallel_env(env.batch.workflow(), team=env.team, reward_sharing="individual", **fields)
        own.reset(seed=seed)
        while env.agents:
            actions = sample_legal(env, draw)
            shared, single = (terms_of(step(e, actions)[-1]) for e in (env, own))
            np.testing.assert_allclose(single.mean(axis=0), shared[0], rtol=0, atol=1e-6)


def test_rewards_telescope():
    env = make(effort=1.0, reward_weights=(1.0, 1.0, 0.0, 0.0))
    start = (1 * alignment(env, 1, A) + 7 * alignment(env, 1, B)) / 8
    total = np.zeros(c.NUM_TERMS)
    while env.agents:
        k = int(env.snapshot()["done"][A])
        total += act(env, (0, c.CHAT_TELL, EVERYBODY, k), (k + 1, 0, 0, 0))[0]
    finished = env.snapshot()["finish_alignment"]
    assert total[:2].tolist() == pytest.approx([1, (finished[A] + 7 * finished[B]) / 8 - start], abs=1e-5)


def test_saturation_is_one_minus_exp():
    points = np.concatenate([np.linspace(0, 60, 4001), np.geomspace(1e-12, 1, 500)])
    assert [saturation(float(x)) for x in points] == pytest.approx((-np.expm1(-points)).tolist(), rel=0, abs=1e-12)


def splitmix(x):
    """The finaliser of SplitMix64 in whole numbers."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def in_whole_numbers(*counter):
    """The random number of a (key, stream, step, index)."""
    golden, bits = 0x9E3779B97F4A7C15, counter[0]
    for part in counter[1:]:
        bits = splitmix((bits + golden * (part + 1)) % 2**64)
    return (bits >> 11) / 2**53


def random_number(key, *counter):
    with np.errstate(over="ignore"):
        return float(rng.uniform(np.uint64(key), *counter))


def test_mixer_gives_the_published_first_number_of_splitmix64():
    with np.errstate(over="ignore"):
        assert int(rng.mix(rng.GOLDEN)) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize(
    ("counter", "value"),
    [
        ((0, 0, 0, 0), 0.13870941014555427),
        ((2**64 - 1, 3, 7, 2), 0.6932336831907816),
        ((12345, 2, 139, 33), 0.7676965103343418),
    ],
)
def test_random_numbers_never_change(counter, value):
    assert random_number(*counter) == value == in_whole_numbers(*counter)


def test_random_numbers_are_uniform_and_unrelated():
    with np.errstate(over="ignore"):
        keys = rng.hash_counter(np.arange(100, dtype=np.uint64), 0, 0, 0)[:, None, None]
        steps = np.arange(100, dtype=np.uint64)[:, None]
        drawn = np.stack([rng.uniform(keys, 2, steps, np.uint64(k)) for k in range(4)], axis=-1)[:, :, 0]
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((counts - drawn.size / 20) ** 2).sum() / (drawn.size / 20) < 45  # 19 degrees of freedom
    for first, second in ((drawn[:-1], drawn[1:]), (drawn[:, :-1], drawn[:, 1:]), (drawn[..., :-1], drawn[..., 1:])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.03
