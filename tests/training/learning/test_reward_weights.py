"""Weights of the reward that change in the course of PPO."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from agents.learned.weights import NetworkConfig
from c2c_env import EnvConfig
from c2c_env.core.constants import INFORMATION
from training.learning.learners.environments import Group
from training.learning.learners.mappo import PPOConfig
from training.learning.recipe import GroupConfig, Recipe, load_recipe
from training.learning.run import Training

RECIPE = Recipe(
    network=NetworkConfig(hidden=16, rounds=1, own=8, key=4),
    imitation=replace(Recipe().imitation, updates=0),
    ppo=PPOConfig(updates=6, steps=2, minibatches=1),
    ppo_groups=(GroupConfig("simple", 2, 2), GroupConfig("medium", 3, 1)),
    ppo_chunk=2,
    reward_weights=(1.0, 2.0, 0.5, 0.5, 0.0, 0.0),
    last_reward_weights=(1.0, 0.5, 0.2, 0.5, 0.0, 0.3),
)
BY_HAND = {  # after 0, 1 and 2 thirds of the updates
    0: (1.0, 2.0, 0.5, 0.5, 0.0, 0.0),
    2: (1.0, 1.5, 0.4, 0.5, 0.0, 0.1),
    4: (1.0, 1.0, 0.3, 0.5, 0.0, 0.2),
}


def weights_at_updates(training, monkeypatch, resume=False):
    """The weights of both groups at every update that a run makes from where it stands.

    Episodes must have begun with them: what counts has been kept account of from their first state on.
    """
    found = {}

    def make_stage(self, config, groups):
        stage = original(self, config, groups)
        update = stage.update

        def noted(number):
            found[number] = [tuple(group.batch.params.reward_weights) for group in groups]
            for group in groups:
                counts = group.batch.params.reward_weights[INFORMATION] > 0.0
                assert (group.batch.state.information_value != 0.0).all() == counts
            return update(number)

        stage.update = noted
        return stage

    original = Training.make_stage
    monkeypatch.setattr(Training, "make_stage", make_stage)
    console = Console(quiet=True)
    training.begin(resume, console)
    for _ in training.chunks(console):
        if not resume:
            return found
    return found


def test_weights_go_from_the_first_to_the_last_from_checkpoint_to_checkpoint(tmp_path, monkeypatch):
    cpu = torch.device("cpu")
    begun = weights_at_updates(Training(RECIPE, tmp_path, cpu), monkeypatch)
    assert set(begun) == {0, 1}
    rest = weights_at_updates(Training(RECIPE, tmp_path, cpu), monkeypatch, resume=True)  # goes on where they were
    assert set(rest) == {2, 3, 4, 5}
    for update, groups in (begun | rest).items():
        for weights in groups:
            assert weights == pytest.approx(BY_HAND[update - update % 2])


def test_without_last_weights_they_stay(tmp_path, monkeypatch):
    recipe = replace(RECIPE, last_reward_weights=None)
    found = weights_at_updates(Training(recipe, tmp_path, torch.device("cpu")), monkeypatch)
    assert found[1] == [RECIPE.reward_weights] * 2


def test_the_reward_has_the_weights_that_it_was_given():
    """Also of terms that did not count at first, and of which the environment kept no account."""
    weights = (1.0, 2.0, 0.5, 0.5, 0.7, 0.3)
    given = Group("simple", 3, 4, seed=5)
    given.weigh_rewards(np.array(weights))
    given.restart(5)
    made = Group("simple", 3, 4, seed=5, config=EnvConfig(reward_weights=weights))
    generator = np.random.default_rng(0)
    for _ in range(12):
        actions = generator.integers(0, [2, 7, 3, 2], size=(4, 3, 4)).astype(np.int32)
        for group in (given, made):
            group.batch.step(actions)
        np.testing.assert_array_equal(given.batch.reward_terms, made.batch.reward_terms)
    assert given.batch.reward_terms[..., 4:].any()


def test_scratch_counts_alignment_more_at_first_and_goes_towards_the_reward_of_the_environment():
    recipe, plain = load_recipe("scratch"), load_recipe("scratch_plain")
    assert plain.reward_weights == recipe.last_reward_weights == EnvConfig().reward_weights
    assert plain.last_reward_weights is None
    assert recipe.reward_weights[1] > EnvConfig().reward_weights[1]
    assert recipe.network == plain.network
