"""Credit: potentials that telescope, normalisation with mean 0, and what a message gains under the same luck."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agents.copies import Copies
from agents.learned.actions import without_content
from agents.learned.network import Actor
from agents.learned.plan import Plan
from agents.learned.weights import NetworkConfig, read_tensors, save_policy, write_tensors
from agents.potentials import forecast, information, potentials
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core.constants import CHAT_TELL
from training.__main__ import main
from training.learning.analysis import credit_table
from training.learning.analysis.credit_table import CREDITS, Subject, load_subject, measure_credits
from training.learning.credit import (
    Credit,
    CreditConfig,
    Rehearsal,
    normalised_by_step,
)
from training.learning.learners.environments import Group
from training.learning.learners.mappo import PPO, PPOConfig
from training.learning.recipe import load_recipe
from training.learning.run import CHECKPOINT_FILE, Critic, Training

SMALL = {"hidden": 16, "rounds": 1, "own": 8, "key": 4}


def test_information_by_hand():
    group = Group("simple", 2, 1, seed=3)
    p, s = group.batch.params, group.batch.state
    w, k = s.workflow[0], 1
    before = information(group.batch.params, group.batch.state)
    s.understanding[0, 1, k] = [1.0, 0.5, 0.001, 0.25]  # the third counts as the floor, 0.01
    logs = np.array([0.0, np.log(0.5), np.log(0.01), np.log(0.25)])
    old = np.log(np.maximum(0.01, Group("simple", 2, 1, seed=3).batch.state.understanding[0, 1, k]))
    gained = p.effort[w, k] / p.total_effort[w] * (p.weights[w, k] @ (logs - old))
    assert (information(group.batch.params, group.batch.state) - before)[0] == pytest.approx([0.0, gained])
    s.status[0, k] = 2
    assert (information(group.batch.params, group.batch.state) - before)[0, 1] == pytest.approx(
        -p.effort[w, k] / p.total_effort[w] * (p.weights[w, k] @ old)
    )


def test_potentials_are_the_environment_s_terms():
    """With weight 1 the environment's own terms are the changes of the same potentials, where one agent counts."""
    config = EnvConfig(reward_weights=(0.0, 0.0, 0.0, 0.0, 1.0, 1.0), relations="index")
    batch = Batch(Generated("simple"), Team.default(1), config, num_envs=3)
    batch.reset(range(3))
    for _ in range(12):
        before = potentials(batch)
        actions = np.zeros((3, 1, 4), dtype=np.int64)
        actions[:, 0, 0] = 1 + (batch.state.status == 1).argmax(axis=1)
        batch.step(actions)
        after = potentials(batch)
        terms = batch.reward_terms[:, 0]
        np.testing.assert_allclose(terms[:, 4], before.forecast - after.forecast, atol=1e-6)
        np.testing.assert_allclose(terms[:, 5], (after.information - before.information)[:, 0], atol=1e-6)


def test_credit_of_an_episode_telescopes():
    group = Group("simple", 3, 4, seed=5, config=EnvConfig(reward_weights=(0.0, 0.0, 0.0, 0.0)))
    credit = Credit(CreditConfig(individual=1.0, information_gain=2.0, forecast=3.0), group)
    start = potentials(group.batch)
    torch.manual_seed(0)
    ppo = PPO(PPOConfig(), Actor(**SMALL), Critic(16), [group])
    total = torch.zeros(4, 3)
    for _ in range(15):
        step = ppo._decide(group, group.features())
        credit.begin()
        own, _, _ = group.step(step.choice)
        assert not own.any()
        total += credit.earned(own)
    end = potentials(group.batch)
    expected = 2.0 * (end.information - start.information) + 3.0 * (start.forecast - end.forecast)[:, None]
    np.testing.assert_allclose(total, expected, atol=1e-4)


def test_team_credit_is_the_mean_of_the_individual_one():
    earned = []
    for individual in (0.0, 0.25, 1.0):
        group = Group("simple", 3, 4, seed=5)
        torch.manual_seed(0)
        config = PPOConfig(steps=6, discount=0.0, credit=CreditConfig(individual, information_gain=0.5, forecast=0.1))
        earned.append(PPO(config, Actor(**SMALL), Zero(), [group]).play(0).returns)
    team, mixed, own = earned
    assert torch.allclose(own.mean(dim=2, keepdim=True).expand_as(team), team, atol=1e-6)
    assert torch.allclose(mixed, 0.75 * team + 0.25 * own, atol=1e-6)
    assert (own.std(dim=2) > 1e-4).any()


class Zero(torch.nn.Module):
    def forward(self, encoded, tokens):
        return torch.zeros(encoded.context.shape[:2])


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000))
def test_normalised_advantages_have_mean_0_and_deviation_1_at_every_step(steps, envs, agents, seed):
    generator = torch.Generator().manual_seed(seed)
    advantages = torch.randn(steps, envs, agents, generator=generator) * 3.0 + 5.0
    step = torch.randint(0, 4, (steps, envs), generator=generator)
    found = normalised_by_step(advantages, step)
    for number in step.unique():
        alike = found[step == number]
        assert alike.mean().item() == pytest.approx(0.0, abs=1e-4)
        if alike.numel() > 1:
            assert alike.square().mean().item() == pytest.approx(1.0, abs=1e-2)


# --- counterfactuals ----------------------------------------------------------------------------------------------


@pytest.fixture
def actor():
    torch.manual_seed(0)
    made = Actor(**SMALL).requires_grad_(False)
    made.silence.bias += 20.0  # it never speaks of itself
    return made


def only_message(group, work, speech, recipient, topic):
    """Everybody works on `work` [N] (0 nothing); the manager alone says something."""
    message = torch.zeros(group.num_envs, group.team_size, dtype=torch.long)
    message[:, 0] = 1 + (recipient * group.num_subtasks + topic) * 6 + speech - 1
    chosen = torch.tensor(work).expand(group.num_envs, -1)
    return without_content(chosen, message, Plan(chosen, chosen))


def test_a_message_to_the_worker_saves_time_and_one_to_nobody_s_use_costs_it(actor):
    """The first subtask is worked on by agent 1; it is told what is wanted of it, or of the last one."""
    group = Group("simple", 2, 24, seed=2)
    group.features()
    ready = int((group.batch.state.status[:, :] == 1).all(axis=0).argmax())
    gained = {}
    for name, topic in (("useful", ready), ("late", 4)):
        choice = only_message(group, [0, ready + 1], CHAT_TELL, 1, topic)
        found = Rehearsal(group, actor, 1.0).gain_of(choice, 24, 40)
        assert sorted(found.env) == list(range(24))
        assert not found.agent.any()
        gained[name] = found.reward.mean()
    assert gained["useful"] > 0.0
    assert gained["useful"] > gained["late"]


def test_silence_against_silence_gains_nothing(actor):
    group = Group("simple", 3, 6, seed=2)
    group.features()
    rehearsal = Rehearsal(group, actor, 0.9)
    env = np.arange(6)
    keys, plan = np.full(6, 7, dtype=np.uint64), np.zeros((6, 3), dtype=np.int64)
    actions = np.zeros((6, 3, 4), dtype=np.int32)
    one, other = (rehearsal.play(env, keys, actions, plan, 5) for _ in range(2))
    np.testing.assert_array_equal(one.reward, other.reward)
    assert (one.hours == 6 * group.batch.config.dt).all()  # one step, and five that follow
    assert len(rehearsal.gain_of(only_message(group, [0, 0, 0], CHAT_TELL, 1, 0)._replace(
        message=torch.zeros(6, 3, dtype=torch.long)), 10, 5).env) == 0  # fmt: skip


def test_what_is_expected_of_the_last_state_counts_where_the_episode_goes_on(actor):
    """Worked out by hand: 2.0 is expected of every state, three steps on, but not after the end of an episode."""
    group = Group("simple", 3, 6, seed=2)
    group.features()
    state = group.batch.state
    state.t[:3] = group.batch.params.horizon[state.workflow[:3]] - 2  # of three steps, the last does not come
    env, keys = np.arange(6), np.full(6, 7, dtype=np.uint64)
    actions, plan = np.zeros((6, 3, 4), dtype=np.int32), np.zeros((6, 3), dtype=np.int64)
    with_values = Rehearsal(group, actor, 0.9, lambda encoded, _: torch.full(encoded.context.shape[:2], 2.0))
    found = (
        with_values.play(env, keys, actions, plan, 2).reward
        - Rehearsal(group, actor, 0.9).play(env, keys, actions, plan, 2).reward
    )
    np.testing.assert_allclose(found, [0.0] * 3 + [0.9**3 * 2.0] * 3, atol=1e-6)


def talking_ppo(credit: CreditConfig, critic=None) -> PPO:
    torch.manual_seed(0)
    actor = Actor(**SMALL)
    with torch.no_grad():
        actor.silence.bias -= 4.0
    group = Group("simple", 3, 16, seed=5)
    return PPO(PPOConfig(steps=6, credit=credit), actor, critic or Critic(16), [group])


def test_messages_may_be_judged_by_what_they_gain_alone():
    credit = CreditConfig(counterfactual=3.0, alone=True, messages=5, every=2, measure="value")
    rollout = talking_ppo(credit).play(0)
    said, advantages = rollout.steps.choice.message > 0, rollout.message_advantages
    looked = advantages != 0.0
    assert said.float().mean() > 0.1
    assert not (looked & ~said).any()
    found = looked[::2].sum(dim=(1, 2))
    assert ((found >= 3) & (found <= 5)).all()  # of more that were said; some change nothing
    assert not looked[1::2].any()
    assert advantages[looked].square().mean().item() == pytest.approx(3.0**2, rel=1e-4)
    assert rollout.plan_advantages.std() > 0.5  # the plan is judged as ever


def test_without_being_alone_what_is_gained_is_added():
    plain = talking_ppo(CreditConfig()).play(0)
    added = talking_ppo(CreditConfig(counterfactual=1.0, messages=5)).play(0)
    more = added.message_advantages - plain.message_advantages
    assert torch.equal(plain.steps.choice.message, added.steps.choice.message)
    assert 0 < (more != 0.0).sum() <= 6 * 5
    assert (added.message_advantages[more == 0.0] != 0.0).any()


def test_the_unit_of_what_is_expected_is_that_of_the_reward():
    """A critic that always says -50 in its own unit, where a return of 2 +- 0.1 has been seen."""
    ppo = talking_ppo(CreditConfig(counterfactual=1.0, measure="value"), Says(-50.0))
    ppo.scale.note(torch.tensor([1.9, 2.1]))
    group = ppo.groups[0]
    group.features()
    env, plan = np.arange(16), np.zeros((16, 3), dtype=np.int64)
    played = ppo.rehearsals[0].play(env, env.astype(np.uint64), np.zeros((16, 3, 4), dtype=np.int32), plan, 1)
    unseen = Rehearsal(group, ppo.actor, 0.99).play(
        env, env.astype(np.uint64), np.zeros((16, 3, 4), dtype=np.int32), plan, 1
    )
    np.testing.assert_allclose(played.reward - unseen.reward, 0.99**2 * (2.0 - 50.0 * 0.1), rtol=1e-4)


def test_nothing_is_looked_at_while_the_critic_learns_alone():
    ppo = talking_ppo(CreditConfig(counterfactual=1.0, alone=True))
    assert not ppo.play(0, learns=False).message_advantages.any()
    assert ppo.play(0).message_advantages.any()


class Says(torch.nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, encoded, tokens):
        return torch.full(encoded.context.shape[:2], self.value)


def test_rehearsals_leave_the_group_as_it_was(actor):
    group = Group("simple", 3, 4, seed=2)
    group.features()
    state = [array.copy() for array in group.batch.state]
    told = group.memory.told.copy()
    Rehearsal(group, actor, 0.9).gain_of(only_message(group, [1, 0, 0], CHAT_TELL, 1, 0), 10, 0)
    assert all(np.array_equal(a, b) for a, b in zip(state, group.batch.state, strict=True))
    np.testing.assert_array_equal(told, group.memory.told)


def test_a_copy_that_is_not_changed_goes_on_as_the_original():
    batch = Batch(Generated("medium"), Team.default(4), EnvConfig(relations="index"), num_envs=3)
    batch.reset(range(3))
    copies = Copies(batch, observed=True)
    rng = np.random.default_rng(0)
    rows = copies.take(np.array([2, 0, 2]), batch.state.key[[2, 0, 2]])
    np.testing.assert_array_equal(batch.form.rows(copies.out.observation)[:3], batch.observations[[2, 0, 2]])
    for _ in range(10):
        actions = rng.integers(0, [6, 7, 4, 5], size=(3, 4, 4)).astype(np.int32)
        batch.step(actions)
        copies.actions[:3] = actions[[2, 0, 2]]
        copies.step(rows)
        np.testing.assert_array_equal(batch.form.rows(copies.out.observation)[:3], batch.observations[[2, 0, 2]])
        np.testing.assert_array_equal(copies.out.reward[:3], batch.rewards[[2, 0, 2]])


@pytest.mark.parametrize(
    "changes",
    [
        {"counterfactual": 1.0},
        {"counterfactual": 1.0, "measure": "hours", "horizon": 0, "messages": 2, "every": 4},
        {"counterfactual": 1.0, "measure": "value", "horizon": 2, "alone": True, "every": 2},
        {"forecast": 1.0, "information_gain": 1.0},
    ],
)
def test_ppo_learns_with_every_credit(changes):
    torch.manual_seed(0)
    group = Group("simple", 3, 4, seed=5)
    actor = Actor(**SMALL)
    with torch.no_grad():
        actor.silence.bias -= 6.0
    config = PPOConfig(updates=2, steps=4, minibatches=2, credit=CreditConfig(**changes), normalise="step")
    ppo = PPO(config, actor, Critic(16), [group])
    assert all(np.isfinite(value) for number in range(2) for value in ppo.update(number).values())
    assert forecast(group.batch.params, group.batch.state, 4, group.batch.backend).shape == (4,)


# --- the table ------------------------------------------------------------------------------------------------------


def test_table_shows_every_credit_of_every_policy_and_group(tmp_path, capsys, actor):
    with torch.no_grad():
        actor.silence.bias -= 25.0  # now it speaks
    path, out = tmp_path / "policy.safetensors", tmp_path / "credits.csv"
    save_policy(path, actor, NetworkConfig(**SMALL), {})
    words = ["--groups", "simple:3,simple:2", "--messages", "5", "--lucks", "2", "--num-envs", "2", "-o", str(out)]
    assert main(["credits", str(path), *words]) == 0
    assert "cost-to-go: hours saved" in " ".join(capsys.readouterr().out.split())
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [(row["group"], row["credit"]) for row in rows] == [
        (group, credit) for group in ("simple-3", "simple-2") for credit in CREDITS
    ]
    assert all(int(row["messages"]) >= 5 and float(row["noise"]) >= 0.0 for row in rows)
    hours = next(row for row in rows if row["credit"] == "hours")
    assert float(hours["correlation"]) == pytest.approx(1.0) or hours["correlation"] == "nan"


def test_noise_is_of_what_comes_of_a_message_and_paired_noise_of_what_it_gains():
    """Worked out by hand: two messages under two lucks each."""
    spoken, silent = np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 0.0]])
    looks = credit_table._compared(spoken, silent)
    np.testing.assert_array_equal(looks, [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])


def test_a_silent_team_has_no_messages_to_look_at(actor, monkeypatch):
    monkeypatch.setattr(credit_table, "LONGEST", 40)
    group = Group("simple", 3, 2, seed=2)
    assert measure_credits(Subject(actor, EnvConfig(), None, 0.99), group, 5, 2) == []


@pytest.fixture
def run(tmp_path):
    """A run of PPO that has just begun, and its stage."""
    recipe = load_recipe("scratch_plain")
    ppo, group = replace(recipe.ppo, updates=2, steps=4), replace(recipe.ppo_groups[0], team_size=3, num_envs=4)
    recipe = replace(recipe, network=NetworkConfig(**SMALL), ppo=ppo, ppo_groups=(group,))
    training = Training(recipe, tmp_path, torch.device("cpu"))
    with torch.no_grad():
        training.actor.silence.bias -= 6.0
    return training, training.make_stage(training.stages[0], training.make_groups(0, training.stages[0]))


def test_the_folder_of_a_run_adds_what_its_critic_makes_of_messages(run, tmp_path, capsys):
    training, stage = run
    stage.update(0)
    training.save(stage, (1, 0))  # after the last update; the critic's unit is kept there, too
    out = tmp_path / "credits.csv"
    words = ["--groups", "simple:3", "--messages", "2", "--lucks", "2", "--num-envs", "2", "-o", str(out)]
    assert main(["credits", str(tmp_path), *words]) == 0
    assert "critic" in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["credit"] for row in rows] == [*CREDITS, "value"]
    value = load_subject(tmp_path)
    seen = torch.zeros(1, 3, 16), torch.zeros(1, 16)
    encoded, tokens = SimpleNamespace(context=seen[0]), SimpleNamespace(summary=seen[1])
    expected = stage.scale.natural(stage.critic(encoded, tokens))
    assert torch.equal(value.expect(encoded, tokens), expected)
    assert stage.scale.spread != 1.0


def test_a_folder_without_a_critic_that_has_learned_is_an_error(run, tmp_path, capsys):
    training, _ = run
    assert main(["credits", str(tmp_path)]) == 2
    assert "checkpoint.safetensors" in capsys.readouterr().err
    training.save(None, (0, 0))
    assert main(["credits", str(tmp_path)]) == 2
    assert "holds no critic that has learned; name a policy.safetensors" in capsys.readouterr().err


def test_a_checkpoint_with_a_bad_recipe_is_one_clear_error(run, tmp_path, capsys):
    training, _ = run
    training.save(None, (0, 0))
    tensors, about = read_tensors(tmp_path / CHECKPOINT_FILE, "checkpoint")
    write_tensors(tmp_path / CHECKPOINT_FILE, tensors, about | {"recipe": {"ppo": {"epoch": 3}}})
    assert main(["credits", str(tmp_path)]) == 2
    assert "unknown name 'epoch'; did you mean 'epochs'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fault"),
    [(["simpel:5"], "did you mean 'simple'"), (["simple"], "expected a tier and a team size such as simple:5")],
)
def test_a_wrong_group_is_one_clear_error(words, fault, capsys):
    assert main(["credits", "nowhere", "--groups", *words]) == 2
    assert fault in capsys.readouterr().err
