"""Interventions: messages that are silenced, free, late, lost, sent elsewhere or about something else."""

from __future__ import annotations

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Generated, Team, parallel_env
from c2c_env.core import constants as c
from c2c_env.errors import ActionError, ConfigError, ResetNeededError
from c2c_env.interventions import HEARD, KINDS, Intervention, intervene

WORKFLOW = "csv-import-tool"
EVERY = ["off", "without:ask+meet", "free", "delayed:3", "lossy:0.5", "shuffled", "scrambled", "unheard"]


def metrics_under(what, policy="proactive", count=12, **fields):
    """Metrics of a policy on generated workflows under an intervention; "" is none."""
    chosen = Intervention.parse(what) if what else None
    config = chosen.constants(EnvConfig(**fields)) if chosen else EnvConfig(**fields)
    batch = Batch(Generated("medium", range(count)), Team.default(5), config, num_envs=count)
    batch.reset(range(count), workflows=range(count))
    return play(batch, make_policy(policy, PolicyContext.of(batch)), intervention=chosen)


def mean(metrics, name):
    return float(np.mean([row[name] for row in metrics]))


def fresh(n=4, envs=200, **fields):
    batch = Batch(WORKFLOW, Team.default(n), EnvConfig(**fields), num_envs=envs)
    batch.reset(range(envs))
    return batch


def asking(batch, recipient, topic=0):
    """Worker 1 asks somebody, in every environment; the others are silent."""
    actions = np.zeros((batch.num_envs, batch.num_agents, batch.action_buffer.shape[2]), dtype=np.int64)
    actions[:, 1, c.SPEECH], actions[:, 1, c.RECIPIENT], actions[:, 1, c.TOPIC] = c.CHAT_ASK, recipient, topic
    return actions


# --- what happens to an action ----------------------------------------------------------------------------------


def changed(what, batch, actions):
    before = actions.copy()
    result = Intervention.parse(what).change(batch, np.arange(batch.num_envs), actions)
    np.testing.assert_array_equal(actions, before)  # what was chosen stays as it was
    return result


def test_off_leaves_the_work():
    batch = fresh(envs=3)
    actions = asking(batch, 0)
    actions[..., c.WORK] = 1
    got = changed("off", batch, actions)
    assert (got[..., c.SPEECH] == c.SILENT).all()
    assert (got[..., c.WORK] == 1).all()


@pytest.mark.parametrize(
    ("what", "unsaid"),
    [
        ("without:tell", {c.CHAT_TELL, c.EMAIL_TELL}),
        ("without:ask", {c.CHAT_ASK, c.EMAIL_ASK}),
        ("without:meet", {c.MEET}),
        ("without:assign", {c.ASSIGN}),
        ("without:ask+meet", {c.CHAT_ASK, c.EMAIL_ASK, c.MEET}),
        ("off", {*range(1, c.NUM_SPEECHES)}),
    ],
)
def test_a_form_of_speech_that_is_left_out_is_silence(what, unsaid):
    batch = fresh(envs=c.NUM_SPEECHES)
    actions = asking(batch, 0, topic=1)
    actions[:, 1, c.SPEECH] = actions[:, 0, c.SPEECH] = np.arange(c.NUM_SPEECHES)
    got = changed(what, batch, actions)
    for speech in range(c.NUM_SPEECHES):
        assert set(got[speech, :2, c.SPEECH].tolist()) == {c.SILENT if speech in unsaid else speech}
    np.testing.assert_array_equal(np.delete(got, c.SPEECH, axis=2), np.delete(actions, c.SPEECH, axis=2))


def test_shuffled_messages_go_to_everybody_else_alike():
    batch = fresh(n=5)
    got = changed("shuffled", batch, asking(batch, 3))[:, 1, c.RECIPIENT]
    assert set(got.tolist()) == {0, 2, 4}  # neither oneself nor the one who was meant
    counts = np.bincount(got)[[0, 2, 4]]
    assert ((counts - 200 / 3) ** 2 / (200 / 3)).sum() < 13.82  # chi-square, 99.9 %
    assert (changed("shuffled", batch, asking(batch, 3))[:, 1, c.RECIPIENT] == got).all()  # the same luck again


@pytest.mark.parametrize(("n", "recipient"), [(5, 5), (2, 0)])
def test_messages_to_all_or_between_two_cannot_be_shuffled(n, recipient):
    batch = fresh(n=n, envs=20)
    np.testing.assert_array_equal(changed("shuffled", batch, asking(batch, recipient)), asking(batch, recipient))


def test_scrambled_messages_are_about_another_subtask_that_is_not_done():
    batch = fresh(vocab_size=3)
    k = int(batch.params.num_subtasks[0])
    batch.state.status[:, 2] = c.DONE
    got = changed("scrambled", batch, asking(batch, 0, topic=1))[:, 1]
    assert set(got[:, c.TOPIC].tolist()) == set(range(k)) - {1, 2}
    assert set(got[:, c.SYMBOL].tolist()) == {0, 1, 2}
    assert (got[:, c.RECIPIENT] == 0).all()
    silent = asking(batch, 0)
    silent[:, 1, c.SPEECH] = c.SILENT
    np.testing.assert_array_equal(changed("scrambled", batch, silent), silent)


def test_the_last_subtask_has_no_other_to_be_about():
    batch = fresh(envs=4)
    batch.state.status[:, 1:] = c.DONE
    np.testing.assert_array_equal(changed("scrambled", batch, asking(batch, 0)), asking(batch, 0))


def test_lost_words_have_no_effect_for_one_step():
    batch = fresh(envs=400)
    intervention, rows = Intervention.parse("lossy:0.3"), np.arange(400)
    batch.action_buffer[:] = intervention.change(batch, rows, asking(batch, 0))
    lost = batch.message_factors[:, 1] == 0.0
    assert 80 < lost.sum() < 160
    assert (np.delete(batch.message_factors, 1, axis=1) == 1.0).all()  # who says nothing loses nothing
    batch.step_written()
    batch.action_buffer[:] = intervention.change(batch, rows, np.zeros_like(batch.action_buffer))
    assert (batch.message_factors == 1.0).all()


def test_lost_words_of_judged_messages_are_lost_and_the_others_count_as_judged():
    batch = fresh(envs=100)
    judged = np.full((100, 4), 0.4)
    Intervention.parse("lossy:0.5").change(batch, np.arange(100), asking(batch, 0), judged)
    assert set(batch.message_factors[:, 1].tolist()) == {0.0, 0.4}


# --- what teams do under it ---------------------------------------------------------------------------------------


def test_messages_help_less_when_they_are_tampered_with():
    plain = metrics_under("")
    times = {what: mean(metrics_under(what), "completion_time") for what in EVERY}
    alone = mean(metrics_under("", "no_communication"), "completion_time")
    now = mean(plain, "completion_time")
    assert times["free"] < now < min(times[what] for what in EVERY if what != "free")
    assert times["off"] == pytest.approx(alone, rel=0.15)
    assert mean(metrics_under("off"), "messages") == 0
    assert mean(metrics_under("free"), "communication_hours") == 0
    assert mean(metrics_under("lossy:1"), "messages") > 0


def test_nothing_is_lost_by_a_team_that_never_speaks():
    plain = metrics_under("", "no_communication", count=4)
    for what in EVERY:
        np.testing.assert_equal(metrics_under(what, "no_communication", count=4), plain)


def test_delayed_messages_are_read_later():
    config = Intervention.parse("delayed:3").constants(EnvConfig())
    before = EnvConfig()
    assert (config.chat.latency, config.email.latency) == (before.chat.latency + 3, before.email.latency + 3)
    assert config.meeting == before.meeting


# --- the environment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", EVERY)
def test_it_stays_an_environment_of_pettingzoo(what):
    parallel_api_test(intervene(parallel_env(WORKFLOW, 3), what), num_cycles=300)


@pytest.mark.parametrize("what", EVERY)
def test_environment_and_batch_agree(what):
    env = intervene(parallel_env(Generated("medium", [7]), 5), what)
    seen, _ = env.reset(seed=2)
    policy = make_policy("proactive", PolicyContext.of(env.batch))
    policy.reset(np.arange(5))
    while env.agents:
        actions = policy.act(np.stack(list(seen.values())), env.batch.action_masks[0], np.arange(5))
        seen, *_ = env.step(dict(zip(env.agents, actions, strict=True)))
    chosen = Intervention.parse(what)
    batch = Batch(Generated("medium", [7]), Team.default(5), chosen.constants(EnvConfig()), 1)
    batch.reset([2])
    [expected] = play(batch, make_policy("proactive", PolicyContext.of(batch)), intervention=chosen)
    np.testing.assert_equal(env.episode_metrics(), expected)


@pytest.mark.parametrize("what", EVERY)
def test_wrong_actions_are_named_as_without_it(what):
    env = intervene(parallel_env(WORKFLOW, 2), what)
    with pytest.raises(ResetNeededError):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ActionError, match="there is no action for worker_1"):
        env.step({"manager_0": [0, 0, 0, 0]})
    with pytest.raises(ActionError, match="recipient is 9"):
        env.step({"manager_0": [0, 1, 9, 0], "worker_1": [0, 0, 0, 0]})
    assert env.snapshot()["t"] == 0


def test_forms_of_speech_have_one_name_in_any_order():
    assert str(Intervention.parse("without:meet+ask+meet")) == "without:ask+meet"


def test_all_kinds_are_tested():
    assert sorted(what.partition(":")[0] for what in EVERY) == sorted(KINDS)
    assert [str(Intervention.parse(what)) for what in EVERY] == EVERY


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("of", "unknown intervention 'of'; did you mean 'off'"),
        ("delayed", "behind the colon is '', expected steps in"),
        ("delayed:0", "expected steps in"),
        ("lossy:1.5", r"expected a number in \(0, 1\]"),
        ("off:3", "behind the colon is '3', expected nothing"),
        ("without", "unknown form of speech ''"),
        ("without:ask+mete+tel", "(?s)unknown form of speech 'mete'.*'meet'.*unknown form of speech 'tel'.*'tell'"),
    ],
)
def test_wrong_words_are_named(what, fault):
    with pytest.raises(ConfigError, match=fault):
        Intervention.parse(what)


def test_the_catalogue_of_actions_takes_constants_alone():
    env = parallel_env(WORKFLOW, 3, action_format="discrete")
    intervene(env, "free").reset(seed=0)
    with pytest.raises(ConfigError, match="needs action_format='multi_discrete'"):
        intervene(env, "off")


# --- what is heard -----------------------------------------------------------------------------------------------


def test_unheard_messages_teach_and_cost_but_nobody_sees_them():
    plain = parallel_env(WORKFLOW, team_size=4)
    deaf = intervene(plain, "unheard")
    seen, _ = deaf.reset(seed=3)
    heard, infos = plain.reset(seed=3)
    rng, told = np.random.default_rng(0), 0
    for _ in range(20):
        actions = {}
        for agent in plain.agents:
            plain.action_space(agent).seed(int(rng.integers(2**31)))
            actions[agent] = plain.action_space(agent).sample(infos[agent]["action_mask"])
        heard, rewards, _, _, infos = plain.step(actions)
        seen, others, _, _, _ = deaf.step(actions)
        assert rewards == others  # the same hours, the same understanding
        for agent in heard:
            told += plain.layout.get(heard[agent], "message_recency").any()
            for name in HEARD:
                assert not deaf.layout.get(seen[agent], name).any()
            assert all(
                np.array_equal(plain.layout.get(heard[agent], name), deaf.layout.get(seen[agent], name))
                for name in plain.layout
                if name not in HEARD
            )
    assert told


def test_who_listens_does_worse_unheard_and_who_sees_the_state_does_not():
    assert mean(metrics_under("unheard"), "completion_time") > 1.03 * mean(metrics_under(""), "completion_time")
    unheard, whole = (metrics_under(what, "oracle", count=4) for what in ("unheard", ""))
    assert [row["completion_time"] for row in unheard] == [row["completion_time"] for row in whole]


def test_what_is_hidden_is_hidden_in_a_copy():
    batch = fresh(envs=3)
    observations = np.ones_like(batch.observations)
    hidden = Intervention.parse("unheard").hide(batch.layout, observations)
    assert observations.all()
    sizes = [batch.layout.slices[name].stop - batch.layout.slices[name].start for name in HEARD]
    assert (hidden == 0).sum() == 3 * 4 * sum(sizes)
    assert Intervention.parse("off").hide(batch.layout, observations) is observations
