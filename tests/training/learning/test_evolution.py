"""Evolution: ranks by hand, weights of its own for every environment, pairs under the same luck, and steps uphill."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learned.actions import choose_action
from agents.learned.network import Actor
from c2c_env import EnvConfig
from c2c_env.errors import ConfigError
from training.learning.learners.environments import Group
from training.learning.learners.evolution import Evolution, EvolutionConfig, Varied, likeliest, signed_ranks
from training.learning.recipe import load_recipe

SMALL = {"hidden": 16, "rounds": 1, "own": 8, "key": 4}
SHORT = EnvConfig(horizon=8)
COLD = torch.zeros(())  # the temperature that takes the likeliest


def actor(seed=0):
    torch.manual_seed(seed)
    made = Actor(**SMALL)
    with torch.no_grad():
        made.silence.bias -= 6.0  # so that there is something to be heard
    return made


def group_of(tier, team_size, num_envs, seed=1, begin=0):
    return Group(tier, team_size, num_envs, seed, SHORT, begin=begin)


def evolution(*groups, noise=0.5, updates=4):
    return Evolution(EvolutionConfig(updates=updates, noise=noise), actor(), groups)


def test_signed_ranks_by_hand():
    found = signed_ranks(torch.tensor([0.2, -3.0, 0.0, 1.0]))
    assert found.tolist() == [0.5, -1.0, 0.0, 0.75]
    # the two equal ones share the ranks 2 and 3; an episode that never ended counts no more than the largest rank
    tied = signed_ranks(torch.tensor([5.0, -5.0, 1.0, -1e9]))
    assert tied.tolist() == [2.5 / 4, -2.5 / 4, 0.25, -1.0]


def test_what_is_varied_is_the_heads_alone():
    stage = evolution(group_of("simple", 3, 2, seed=1))
    heads = {name.split(".")[0] for name in stage.weights}
    assert {"nobody", "plan_score", "silence", "pair_score", "kind"} <= heads
    assert not {"encoder", "context", "about", "contact"} & heads
    before = {name: value.clone() for name, value in stage.actor.state_dict().items()}
    stage.update(0)
    changed = {name for name, value in stage.actor.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == set(stage.weights)


def test_every_environment_is_played_by_its_own_weights():
    stage, group = evolution(group_of("medium", 3, 4, seed=3)), group_of("medium", 3, 4, seed=3)
    torch.manual_seed(5)
    mine = {name: weight + 0.5 * torch.randn(4, *weight.shape) for name, weight in stage.weights.items()}
    features, luck = group.features(), likeliest(group, 4)
    together, _, own = choose_action(Varied(stage.actor, mine), features, luck, COLD)
    for env in range(4):
        single = actor()
        single.load_state_dict({name: weights[env] for name, weights in mine.items()}, strict=False)
        alone, _, seen = choose_action(single, features, luck, COLD)
        assert torch.equal(alone.work[env], together.work[env])
        assert torch.equal(alone.message[env], together.message[env])
        torch.testing.assert_close(seen.odds[env], own.odds[env])
    assert len({tuple(work) for work in together.work.tolist()}) > 1
    assert (together.message > 0).any()


def test_both_of_a_pair_meet_the_same_luck():
    group = group_of("complex", 3, 4, seed=1)
    stage = evolution(group, noise=0.0)
    group.restart(9, twins=True)
    first, second = group.batch.workflow_index[:2], group.batch.workflow_index[2:]
    assert first.tolist() == second.tolist()
    assert first[0] != first[1]
    returns = stage._returns(group, stage._noise(7, 2))  # without noise both halves do the same
    assert torch.equal(returns[:2], returns[2:])
    assert returns[0] != returns[1]


def test_what_an_episode_returns_is_the_reward_of_all_its_steps():
    group = group_of("simple", 3, 2, seed=4)
    stage = evolution(group, noise=0.0)
    group.restart(5, twins=True)
    returns = stage._returns(group, stage._noise(1, 1))
    again, total = group_of("simple", 3, 2, seed=4), 0.0
    again.restart(5, twins=True)
    for step in range(SHORT.horizon):
        choice, _, _ = choose_action(stage.actor, again.features(), likeliest(again, 2), COLD)
        rewards, _, truncated = again.step(choice)
        assert truncated.all() == (step + 1 == SHORT.horizon)
        total += rewards[0].mean().item()
    assert returns[0].item() == pytest.approx(total, abs=1e-5)
    assert group.env_steps == again.env_steps == 2 * SHORT.horizon


def test_weights_go_where_returns_rise(monkeypatch):
    """With the sum of the noise of one weight as the return, that one rises, and the others hardly move."""
    stage = evolution(group_of("simple", 2, 256, seed=1))

    def returns(_, noise):
        rise = noise["nobody.weight"][:, 0, 3]
        return torch.cat((rise, -rise))

    monkeypatch.setattr(stage, "_returns", returns)
    ascent, _ = stage._ascent(stage.groups[0], 0)
    found = ascent["nobody.weight"][0]
    assert found.argmax() == 3
    assert found[3] > 0.4  # the mean of |normal number| x its rank
    assert all(part.abs().max() < 0.25 for name, part in ascent.items() if name != "nobody.weight")
    before = stage.actor.nobody.weight.detach().clone()
    stage.update(0)
    size = before.square().mean().sqrt().item()  # of the layer's weights; those of the plan count twice
    rise = stage.actor.nobody.weight[0, 3].item() - before[0, 3].item()
    assert rise == pytest.approx(2.0 * size * stage.config.learning_rate, rel=1e-4)


def test_noise_has_the_size_of_the_layer_s_weights_and_both_signs(monkeypatch):
    group = group_of("simple", 2, 4)
    stage, seen = evolution(group, noise=0.25), []

    def played(actor, *_):
        seen.append(actor.own_weights)
        raise InterruptedError

    monkeypatch.setattr("training.learning.learners.evolution.choose_action", played)
    noise = stage._noise(7, 2)
    with pytest.raises(InterruptedError):
        stage._returns(group, noise)
    for name, factor in (("nobody.weight", 2.0), ("silence.weight", 1.0), ("kind.2.bias", 1.0)):
        layer = stage.actor.get_submodule(name.rpartition(".")[0])
        size = 0.25 * factor * layer.weight.square().mean().sqrt()
        first, second = (seen[0][name] - stage.weights[name]).chunk(2)
        torch.testing.assert_close(first, size * noise[name], atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(second, -first, atol=1e-6, rtol=1e-4)


def test_whoever_has_finished_plays_no_more():
    """An episode that ends early takes no steps from there on, and its return no longer changes."""
    group = Group("simple", 2, 4, seed=1)
    stage = evolution(group)
    with torch.no_grad():
        stage.actor.silence.bias += 40.0
    group.restart(3, twins=True)
    stage._returns(group, stage._noise(1, 2))
    lengths = [round(episode["completion_time"] / group.batch.config.dt) for episode in group.episodes]
    assert len(set(lengths)) > 1
    assert group.env_steps == sum(lengths)


def test_the_same_update_gives_the_same_weights():
    found = []
    for _ in range(2):
        stage = evolution(group_of("simple", 2, 4, seed=1), group_of("medium", 3, 2, seed=2))
        stage.update(0)
        found.append(torch.cat([weight.detach().flatten() for weight in stage.weights.values()]))
    assert torch.equal(*found)


def test_a_group_that_begins_later_is_left_out_before():
    groups = [group_of("simple", 2, 2, seed=1), group_of("simple", 3, 2, seed=2, begin=1)]
    stage = evolution(*groups)
    stage.update(0)
    assert [len(group.episodes) for group in groups] == [2, 0]
    stage.update(1)
    assert [len(group.episodes) for group in groups] == [4, 2]  # of both updates


def test_some_environments_are_played_while_the_others_wait():
    group = group_of("simple", 3, 4, seed=2)
    rows = np.array([0, 3])
    time = group.batch.state.t.copy()
    choice, _, _ = choose_action(actor(), group.features(rows), likeliest(group, 2), COLD)
    rewards, _, _ = group.step(choice, rows)
    assert rewards.shape == (2, 3)
    assert (group.batch.state.t - time).tolist() == [1, 0, 0, 1]
    assert group.env_steps == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[evolution_groups]]\nnum_envs = 3", r"evolution_groups\[0\].num_envs is 3, expected an even number"),
        ("[evolution]\nnoize = 1.0", "evolution.*noize.*did you mean 'noise'"),
        ("[network]\nvocab_size = 2\n[evolution]\nupdates = 2", "evolution.updates is 2, expected 0: it teaches"),
        ("[[evolution_groups]]\nbegin = 2", r"evolution_groups\[0\].begin is 2, expected 0"),
    ],
)
def test_faults_of_a_recipe_are_named(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))
