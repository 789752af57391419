"""Cost-to-go: which messages are tried, that luck is shared, and that probabilities move to what costs less."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learned.actions import view_board, view_own, without_content
from agents.learned.drawing import FAR_AWAY
from agents.learned.network import Actor
from agents.learned.plan import Plan
from training.learning.learners.cost_to_go import CostToGo, CostToGoConfig
from training.learning.learners.environments import Group

SMALL = {"hidden": 16, "rounds": 1, "own": 8, "key": 4}


@pytest.fixture
def stage():
    torch.manual_seed(0)
    actor = Actor(**SMALL)
    with torch.no_grad():
        actor.silence.bias -= 6.0
    return CostToGo(CostToGoConfig(updates=100, candidates=3, agents=2), actor, [Group("simple", 3, 4, seed=1)])


def decide(stage):
    group = stage.groups[0]
    features = group.features()
    seen = view_board(stage.actor, features.board)
    nothing = torch.zeros_like(features.board.is_agent, dtype=torch.long)
    view = view_own(stage.actor, features, seen, nothing)
    silent = torch.zeros(features.own.me.shape, dtype=torch.long)
    return features, view, without_content(silent, silent, Plan(nothing, nothing))


def test_candidates_are_silence_the_teacher_s_and_the_likeliest_and_none_twice(stage):
    features, view, _ = decide(stage)
    env, agent = torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1])
    pairs = view.pairs[env, agent].topk(3, dim=-1).indices
    kinds = stage.actor.kind_logits(view.encoded, features.legal, view.pairs.topk(3, dim=-1).indices)
    likeliest = 1 + pairs * 6 + kinds[env, agent].argmax(dim=-1)
    teacher = torch.zeros(4, 3, dtype=torch.long)
    teacher[1, 2] = likeliest[1, 1]
    teacher[2, 1] = 1 + pairs[2, 0] * 6 + (likeliest[2, 0] % 6) % 5  # as the likeliest, by another channel
    messages, log_probs = stage._candidates(features, view, teacher, env, agent, pairs)
    assert messages[:, 0].tolist() == [0, 0, 0]
    assert messages[:, 1].tolist() == [0, likeliest[1, 1].item(), teacher[2, 1].item()]
    assert messages[:, 2:].tolist() == likeliest.tolist()
    left_out = log_probs == FAR_AWAY
    assert left_out.tolist() == [[False, True, False, False, False], [False, False, False, True, False], [False] * 5]
    assert (log_probs[~left_out] < 0.0).all()


def test_the_same_message_costs_the_same_and_others_meet_the_same_luck(stage):
    _, _, own = decide(stage)
    env, agent = torch.tensor([0, 0, 3]), torch.tensor([0, 1, 2])
    tried = torch.tensor([[0, 0, 5], [0, 5, 0], [7, 7, 7]])
    cost = stage._play(0, own, env, agent, tried)
    assert cost.shape == (3, 3)
    assert cost[0, 0] == cost[0, 1]
    assert cost[1, 0] == cost[1, 2]
    assert (cost[2] == cost[2, 0]).all()
    assert (cost > 0.0).all()


def test_agents_that_are_looked_at_differ_and_are_rather_the_unsure(stage):
    features, view, own = decide(stage)
    odds = torch.full_like(view.odds, -20.0)
    odds[:, 1] = 0.0  # agent 1 alone does not know whether to speak
    env, agent = stage._unsure(stage.groups[0], view._replace(odds=odds), own)
    assert env.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    chosen = agent.reshape(4, 2)
    assert (chosen[:, 0] != chosen[:, 1]).all()
    assert (chosen == 1).any(dim=1).all()
    assert features.own.me.shape == (4, 3)


def test_probabilities_move_towards_what_costs_less(stage, monkeypatch):
    """Where silence costs an hour more than anything else, the actor comes to speak, and the other way round."""
    for dearer, direction in (("silence", 1.0), ("speech", -1.0)):
        torch.manual_seed(0)
        config = CostToGoConfig(updates=40, learning_rate=1e-2, cloning=0.0, candidates=3)
        actor = Actor(**SMALL)
        with torch.no_grad():
            actor.silence.bias -= 3.3
        learner = CostToGo(config, actor, [Group("simple", 3, 8, seed=1)])
        monkeypatch.setattr(
            learner, "_play",
            lambda place, own, env, agent, tried, dearer=dearer: ((tried == 0) == (dearer == "silence")).float(),
        )  # fmt: skip
        before = decide(learner)[1].odds.mean().item()
        for number in range(40):
            learner.update(number)
        assert direction * (decide(learner)[1].odds.mean().item() - before) > 0.5


def test_regret_is_logged_and_finite(stage):
    logged = [stage.update(number) for number in range(3)]
    assert all(np.isfinite(row["regret"]) and row["regret"] >= -1e-6 for row in logged)
