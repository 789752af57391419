"""Rewards of turns: what each sums to, exact numbers, the same episode with the same rewards, and what is settled."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.language.group_advantages import turn_advantages
from agents.language.privileged_rewards import LUCKS, STREAM_TURNS, OracleForecast
from agents.language.tasks import TextTask
from agents.language.text_game import TextGame
from agents.language.turn_rewards import TURN_REWARDS, InformationGain
from agents.oracle.oracle_team import OracleTeam
from agents.policy import PolicyContext
from agents.potentials import forecast, information
from c2c_env import EnvConfig
from c2c_env.core.constants import CHAT_TELL, MEET, SPEECH
from c2c_env.core.rng import hash_counter
from c2c_env.errors import ConfigError, ResetNeededError

TASK = "train/simple/n3/4"
SEATS = ("manager_0", "worker_2")
IDLE = json.dumps({"work": None, "speech": "silent", "recipient": None, "topic": None, "text": ""})
TALK = json.dumps({"work": None, "speech": "chat_tell", "recipient": "team", "topic": "s0", "text": "Look."})


def some_answer(prompt, draw):
    """A choice among those that the prompt lists."""
    listed = dict(re.findall(r"^- (work|speech|recipient|topic): (.*)$", prompt[1][1], re.MULTILINE))
    picked = {key: draw.choice(listed.get(key, "null").split(", ")) for key in ("work", "speech", "recipient", "topic")}
    if picked["speech"] == "assign" and picked["recipient"] == "team":
        picked["recipient"] = "worker_1"
    return json.dumps({**{key: None if word == "null" else word for key, word in picked.items()}, "text": ""})


def played(reward, task=TASK, seats=SEATS, seed=0, config=None, always=None):
    """A game played to its end by answers that depend on the seed only, and rewards [T, seats] as they were earned."""
    game, draw, earned = TextGame(seats, reward=reward, config=config), random.Random(seed), []
    game.start(TextTask.named(task))
    while not game.ended:
        answers = {name: always or some_answer(prompt, draw) for name, prompt in game.prompts().items()}
        earned.append([outcome.reward for outcome in game.step(answers).values()])
    return game, np.array(earned)


def hours_by_oracle(config, first=None, factor=1.0):
    """Mean hours of the task from its start, over the lucks, each in an environment of its own.

    The first action may be given, and how much of its usual effect the manager's message has in it.
    """
    hours = []
    for luck in range(LUCKS):
        batch = TextTask.named(TASK).batch(config)
        with np.errstate(over="ignore"):
            batch.state.key[0] = hash_counter(batch.state.key[0], STREAM_TURNS, 0, np.uint64(luck))
        team, actions = OracleTeam(PolicyContext.of(batch)), first
        batch.message_factors[0, 0] = factor
        while not (batch.terminated[0] or batch.truncated[0]):
            batch.step(team.act_batch(batch, np.arange(1)) if actions is None else actions[None])
            actions, batch.message_factors[0, 0] = None, 1.0
        hours.append(batch.metrics(0)["completion_time"])
    return np.mean(hours)


# --- what rewards sum to -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", ["team", 0.3, "individual"])
def test_individual_is_what_the_environment_hands_out_for_individual_sharing(sharing):
    _, own = played("individual", config=EnvConfig(reward_sharing=sharing))
    _, expected = played("team", config=EnvConfig(reward_sharing="individual"))
    np.testing.assert_allclose(own, expected, atol=1e-6)
    assert np.abs(own[:, 0] - own[:, 1]).max() > 0.01


def test_individual_shares_have_the_team_s_reward_as_their_mean():
    _, own = played("individual", seats="all")
    _, team = played("team", seats="all")
    np.testing.assert_allclose(own.mean(axis=1), team[:, 0], atol=1e-6)


def test_the_default_constants_are_left_alone():
    game, _ = played("individual")
    assert game.batch.config == EnvConfig()


def test_information_gain_by_hand():
    batch = TextTask.named(TASK).batch(EnvConfig())
    batch.state.understanding[0, 2, 1] = [0.5, 0.25, 0.001, 1.0]  # the third counts as the floor, 0.01
    gain = InformationGain(batch)
    gain.begin()
    batch.state.understanding[0, 2, 1] = [1.0, 0.5, 0.02, 1.0]
    # of agent 2 alone: log 2 of each of intent (1 / 0.5), interface (0.5 / 0.25) and constraints (0.02 / 0.01)
    share = batch.params.effort[0, 1] / batch.params.total_effort[0]
    expected = share * np.log(2.0) * batch.params.weights[0, 1, :3].sum()
    assert gain.earned() == pytest.approx([0.0, 0.0, expected])


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["simple", "medium"]), st.integers(3, 5))
def test_information_gain_telescopes(seed, tier, size):
    task = f"train/{tier}/n{size}/{seed}"
    game, earned = played("information_gain", task, seed=seed)
    _, team = played("team", task, seed=seed)
    start = TextTask.named(task).batch(EnvConfig())
    gained = information(game.batch.params, game.batch.state) - information(start.params, start.state)
    np.testing.assert_allclose((earned - team).sum(axis=0), gained[0, [0, 2]], atol=1e-9)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 999), st.sampled_from([None, IDLE]))
def test_forecasts_of_all_episodes_of_a_task_have_the_same_sum(seed, always):
    _, earned = played("forecast", seed=seed, always=always)
    _, team = played("team", seed=seed, always=always)
    start = TextTask.named(TASK).batch(EnvConfig())
    first = forecast(start.params, start.state, 1, start.backend)[0]
    assert first > 1.0
    np.testing.assert_allclose((earned - team).sum(axis=0), [first, first], atol=1e-9)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["simple", "medium"]), st.integers(3, 5), st.sampled_from([None, IDLE]))
def test_time_to_go_sums_to_minus_the_completion_time(seed, tier, size, always):
    game, earned = played("time_to_go", f"train/{tier}/n{size}/{seed}", seed=seed, always=always)
    assert earned.sum(axis=0).tolist() == [-game.metrics["completion_time"]] * 2


def test_the_first_turn_of_time_to_go_carries_the_oracle_s_expected_hours():
    config = EnvConfig()
    still = np.zeros_like(TextTask.named(TASK).batch(config).action_buffer[0])
    game = TextGame("all", reward="time_to_go")
    game.start(TextTask.named(TASK))
    reward = game.step(dict.fromkeys(game.seats, IDLE))["worker_1"].reward
    # -dt - hours after the step, which are those of an episode that begins with this step, less dt
    assert reward == -config.dt - (hours_by_oracle(config, still) - config.dt)


# --- counterfactuals ---------------------------------------------------------------------------------------------


def counterfactual_of(answers):
    found = {}
    for reward in ("counterfactual", "team"):
        game = TextGame("all", reward=reward)
        game.start(TextTask.named(TASK))
        found[reward] = [outcome.reward for outcome in game.step(answers).values()]
    return np.array(found["counterfactual"]) - np.array(found["team"])


def test_silence_gains_nothing():
    assert counterfactual_of(dict.fromkeys(("manager_0", "worker_1", "worker_2"), IDLE)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("topic", range(4))
def test_a_message_gains_the_hours_that_the_oracle_needs_longer_without_it(topic):
    config = EnvConfig()
    tell = {"work": None, "speech": "chat_tell", "recipient": "worker_2", "topic": f"s{topic}", "text": "Look."}
    gains = counterfactual_of({"manager_0": json.dumps(tell), "worker_1": IDLE, "worker_2": IDLE})
    batch = TextTask.named(TASK).batch(config)
    silent = np.zeros_like(batch.action_buffer[0])
    said = silent.copy()
    said[0] = [0, CHAT_TELL, 2, topic]
    hours = hours_by_oracle(config, silent) - hours_by_oracle(config, said)
    assert gains == pytest.approx([hours / batch.params.lower_bound[0], 0.0, 0.0], abs=1e-12)


def test_each_message_is_compared_with_silence_of_its_sender_alone():
    config, batch = EnvConfig(), TextTask.named(TASK).batch(EnvConfig())
    tell = {"work": None, "speech": "chat_tell", "recipient": "worker_2", "topic": "s0", "text": ""}
    meet = {"work": None, "speech": "meet", "recipient": "manager_0", "topic": "s2", "text": ""}
    gains = counterfactual_of({"manager_0": json.dumps(tell), "worker_1": json.dumps(meet), "worker_2": IDLE})
    said = np.zeros_like(batch.action_buffer[0])
    said[0], said[1] = [0, CHAT_TELL, 2, 0], [0, MEET, 0, 2]
    without_tell, without_meet = said.copy(), said.copy()
    without_tell[0, SPEECH] = without_meet[1, SPEECH] = 0
    hours = np.array([hours_by_oracle(config, actions) for actions in (said, without_tell, without_meet, 0 * said)])
    assert gains == pytest.approx([*(hours[1:3] - hours[0]) / batch.params.lower_bound[0], 0.0], abs=1e-12)
    assert hours[3] not in hours[1:3]  # silence of both is something else


@pytest.mark.parametrize("factor", [0.0, 0.3])
def test_what_a_judge_thinks_of_a_message_counts_for_that_message_only(factor):
    config, batch = EnvConfig(), TextTask.named(TASK).batch(EnvConfig())
    said = np.zeros_like(batch.action_buffer[0])
    said[0] = [0, CHAT_TELL, 2, 0]
    batch.message_factors[0, 0] = factor
    found = OracleForecast(batch).hours_after(said[None])
    assert found.tolist() == [hours_by_oracle(config, said, factor)]


def test_some_messages_gain_and_some_cost():
    _, earned = played("counterfactual", seats="all", seed=3)
    game, team = played("team", seats="all", seed=3)
    gains = earned - team
    said = np.array([step[:, SPEECH] > 0 for step in game.episodes[0].actions])
    assert gains.max() > 0.0 > gains.min()
    assert not gains[~said].any()


# --- seeds, gates, errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reward", TURN_REWARDS)
def test_the_same_episode_has_the_same_rewards_and_rewards_do_not_change_it(reward):
    game, first = played(reward, seed=5)
    again, second = played(reward, seed=5)
    assert first.tolist() == second.tolist()
    plain, _ = played("team", seed=5)
    assert game.metrics == again.metrics == plain.metrics
    settled = game.settled_rewards()
    assert list(settled) == list(SEATS)
    assert np.array(list(settled.values())).T.tolist() == first.tolist()


@pytest.mark.parametrize("reward", ["information_gain", "forecast", "counterfactual"])
def test_gated_shaping_does_not_count_in_an_episode_that_is_not_finished(reward):
    game, earned = played(f"{reward}+gated", seats="all", always=TALK)  # nobody works
    _, team = played("team", seats="all", always=TALK)
    assert game.metrics["success"] == 0.0
    assert np.array(list(game.settled_rewards().values())).T.tolist() == team.tolist()
    assert (earned != team).any()


def test_gated_time_to_go_counts_the_hours_of_each_step_if_the_episode_is_not_finished():
    game, _ = played("time_to_go+gated", always=IDLE, seats="all")
    steps = int(game.metrics["steps"])
    assert game.settled_rewards()["worker_1"] == [-0.5] * steps


def test_gated_shaping_counts_in_an_episode_that_is_finished():
    task, seats = "train/simple/n5/0", ("manager_0",)  # the four others finish it
    game, earned = played("information_gain+gated", task, seats, always=IDLE)
    _, team = played("team", task, seats, always=IDLE)
    assert game.metrics["success"] == 1.0
    assert game.settled_rewards()["manager_0"] == earned[:, 0].tolist() != team[:, 0].tolist()


def test_rewards_are_settled_only_at_the_end():
    game = TextGame(SEATS)
    with pytest.raises(ResetNeededError, match="settled when an episode is over"):
        game.settled_rewards()
    game.start(TextTask.named(TASK))
    with pytest.raises(ResetNeededError, match="settled when an episode is over"):
        game.settled_rewards()


def test_unknown_rewards_and_gates_without_shaping_are_refused():
    with pytest.raises(ConfigError, match=r"time_to_ga.*time_to_go"):
        TextGame(SEATS, reward="time_to_ga")
    with pytest.raises(ConfigError, match=r"'team\+gated'.*no shaping.*information_gain\+gated"):
        TextGame(SEATS, reward="team+gated")


# --- groups ------------------------------------------------------------------------------------------------------


def test_advantages_of_a_group_by_hand():
    # turn 0: mean 2, deviation 1; turn 1: mean 5, deviation 3; turn 2 has only one episode
    first, second = turn_advantages([[1.0, 8.0, 4.0], [3.0, 2.0]])
    assert first == pytest.approx([-1.0, 1.0, 0.0])
    assert second == pytest.approx([1.0, -1.0])


@given(st.lists(st.lists(st.floats(-100.0, 100.0), max_size=6), min_size=1, max_size=5))
def test_advantages_have_mean_0_at_every_turn(rewards):
    found = turn_advantages(rewards)
    assert [len(episode) for episode in found] == [len(episode) for episode in rewards]
    for turn in range(max(map(len, rewards))):
        at_turn = [episode[turn] for episode in found if len(episode) > turn]
        assert np.mean(at_turn) == pytest.approx(0.0, abs=1e-6)


def test_equal_rewards_are_no_advantage():
    for reward in (86.05768559733664, 0.1, -7.3):
        assert all(not episode.any() for episode in turn_advantages([[reward]] * 3))


def test_groups_without_episodes_or_with_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ConfigError, match="no episodes"):
        turn_advantages([])
    with pytest.raises(ConfigError, match=r"rewards\[1\]\[0\] is nan"):
        turn_advantages([[1.0, 2.0], [float("nan")]])
