"""Learned teams that read the public schedule: their files, their graphs, their teacher, and copies that play on."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from agents.learned import onnx_decider
from agents.learned.card import Manner
from agents.learned.learned_team import LearnedTeam
from agents.learned.network import Actor
from agents.learned.torch_decider import TorchDecider, load_decider
from agents.learned.weights import NetworkConfig, load_policy, read_tensors, save_policy, size_faults, write_tensors
from agents.oracle.oracle_team import OracleRule
from agents.play import play
from agents.policy import PolicyContext
from c2c_env import Batch, EnvConfig, Generated, Team
from training.learning.credit import Rehearsal
from training.learning.export import export_policy
from training.learning.learners.environments import Group
from training.learning.learners.imitation import Imitation, ImitationConfig

SIZES = NetworkConfig(hidden=16, rounds=1, own=8, key=4, schedule=True)
CARD = {"threshold": 0.3, "temperature": 0.0, "rise": 0.0}


def make_actor(sizes=SIZES):
    torch.manual_seed(3)
    actor = Actor(**asdict(sizes)).requires_grad_(False)
    actor.silence.bias -= 5.0
    return actor


def actions_of(decider, relations="index"):
    config = EnvConfig(relations=relations, horizon=40)
    batch = Batch(Generated("medium"), Team.default(4), config, num_envs=2)
    batch.reset(range(2))
    taken, team = [], LearnedTeam(PolicyContext.of(batch, 5), decider, Manner(0.3, 0.0))
    play(batch, team, on_step=lambda: taken.append(batch.action_buffer.copy()))
    return np.stack(taken)


def test_weights_say_whether_they_read_it(tmp_path):
    path = tmp_path / "policy.safetensors"
    save_policy(path, make_actor(), SIZES, CARD)
    decider, _ = load_decider(path)
    assert decider.schedule
    np.testing.assert_array_equal(actions_of(decider), actions_of(TorchDecider(make_actor())))
    assert actions_of(decider)[..., 1].any()


def test_files_that_say_nothing_of_it_are_played_without(tmp_path):
    path, sizes = tmp_path / "policy.safetensors", NetworkConfig(hidden=16, rounds=1, own=8, key=4)
    save_policy(path, make_actor(sizes), sizes, CARD)
    tensors, about = read_tensors(path, "policy")
    del about["network"]["schedule"]
    write_tensors(path, tensors, about)
    actor, _ = load_policy(path)
    assert not actor.schedule
    np.testing.assert_array_equal(actions_of(TorchDecider(actor)), actions_of(TorchDecider(make_actor(sizes))))


def test_a_size_that_is_neither_true_nor_false_is_refused():
    assert "schedule is 1, expected True or False" in size_faults(asdict(SIZES) | {"schedule": 1})[0]


@pytest.mark.parametrize("relations", ["index", "onehot"])
def test_what_is_scheduled_changes_what_is_decided(relations):
    """The weights of the schedule's features count, whichever way the observation is written."""
    actor = make_actor()
    before = actions_of(TorchDecider(actor), relations)
    for exchange in actor.encoder.rounds:
        exchange.from_pair.weight[:, -3:] *= -5.0
    assert (actions_of(TorchDecider(actor), relations) != before).any()


def test_what_is_said_depends_on_the_schedule_itself():
    """Beside the plan, which reads it, too: with the plan blind for it, messages still change."""
    actor = make_actor()
    for exchange in actor.encoder.rounds:
        exchange.from_pair.weight[:, -3:] = 0.0
    before = actions_of(TorchDecider(actor))[:1]
    actor.pair_edge.weight[:, -3:] *= -20.0
    after = actions_of(TorchDecider(actor))[:1]
    np.testing.assert_array_equal(after[..., 0], before[..., 0])
    assert (after != before).any()


@pytest.mark.slow
def test_its_graph_acts_as_the_weights_do(tmp_path):
    path = tmp_path / "policy.onnx"
    export_policy(path, make_actor(), CARD)
    decider, _ = onnx_decider.load_decider(path)
    assert decider.schedule
    np.testing.assert_array_equal(actions_of(decider), actions_of(TorchDecider(make_actor())))


def test_its_teacher_goes_by_the_schedule():
    group = Group("complex", 5, 6, seed=4, with_schedule=True)
    learner = Imitation(ImitationConfig(updates=4, teacher_updates=0), make_actor().requires_grad_(True), [group])
    for number in range(3):
        learner.update(number)
    group.features()
    taught = learner._taught(0)
    schedule = group.memory.scheduler.schedule
    rule = OracleRule().act_batch(group.batch, schedule=schedule)
    np.testing.assert_array_equal(taught.work.numpy(), rule[..., 0])
    own = OracleRule().act_batch(group.batch)
    assert (rule != own).any()
    spoken = rule[rule[..., 1] > 0]
    assert len(spoken) > 0


def test_copies_go_on_with_the_schedule_of_their_environment():
    """Played on in copies, a team does what it would have done, since nothing was changed."""
    group, actor = Group("simple", 3, 4, seed=5, with_schedule=True), make_actor()
    learner = Imitation(ImitationConfig(updates=9), actor.requires_grad_(True), [group])
    for number in range(4):
        learner.update(number)
    group.features()
    memory = Rehearsal(group, actor, 0.9)._memory_of(np.array([2, 0]))
    features = memory.remembered().schedule
    np.testing.assert_array_equal(features, group.memory.remembered().schedule[[2, 0]])
    assert features[..., 0].any()
    np.testing.assert_array_equal(memory.scheduler.worked, group.memory.scheduler.worked[[2, 0]])
