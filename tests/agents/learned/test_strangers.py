"""What managers of a learned team assign to those who do not keep to the common plan.

One environment, with a manager (agent 0) and three workers, and five subtasks.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learned import features as f
from agents.learned.card import Manner
from agents.learned.features import Board, Features, LegalMasks, Own
from agents.learned.learned_team import (
    ASSIGN_AFTER,
    EXPLAINED,
    LearnedTeam,
    TeamDecision,
    help_strangers,
    needs_of_strangers,
)
from agents.learned.network import Actor
from agents.learned.torch_decider import TorchDecider
from agents.policy import PolicyContext, no_actions
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core import constants as c

AGENTS, SUBTASKS = 4, 5
PLAN = np.array([[1, 3, 4, 0]])  # the manager has subtask 0, worker 1 has 2, worker 2 has 3, worker 3 has nothing


def make_features(follows=(True, True, True, True), owner=(), works=(), told=0.0):
    """Features with owners and workers as pairs (agent, subtask), and what the manager told everybody of everything."""
    pairs = np.zeros((1, AGENTS, SUBTASKS, f.NUM_PAIR_FEATURES), dtype=np.float32)
    for place, given in ((f.OWNER, owner), (f.WORKED_ON, works)):
        for agent, subtask in given:
            pairs[0, agent, subtask, place] = 1.0
    own_pairs = np.zeros((1, AGENTS, AGENTS, SUBTASKS, f.NUM_OWN_PAIR_FEATURES), dtype=np.float32)
    own_pairs[0, c.MANAGER, ..., f.TOLD_BY_ME] = told
    speech = np.ones((1, AGENTS, 1 + f.NUM_SPOKEN), dtype=bool)
    speech[0, 1:, c.ASSIGN] = False
    recipient = np.concatenate((~np.eye(AGENTS, dtype=bool), np.ones((AGENTS, 1), dtype=bool)), axis=1)[None]
    legal = LegalMasks(speech, recipient, np.ones((1, AGENTS, SUBTASKS), dtype=bool))
    board = Board(*[np.zeros(0)] * len(Board._fields))._replace(pairs=pairs, follows=np.array([follows]))
    own = Own(*[np.zeros(0)] * len(Own._fields))._replace(pairs=own_pairs)
    return Features(board, own, legal, np.zeros(0))


def assigned(features, strayed):
    """Who assigns which subtask to whom, if everything that should be assigned is."""
    topic, needs = needs_of_strangers(PLAN, features, np.array([strayed]))
    assert needs.shape == (1, AGENTS, AGENTS)
    return [(int(me), int(to), int(topic[0, to])) for _, me, to in np.argwhere(needs)]


def test_the_manager_assigns_planned_work_that_is_left_lying():
    assert assigned(make_features(), (0, ASSIGN_AFTER - 1, 0, 0)) == []
    assert assigned(make_features(), (0, ASSIGN_AFTER, 0, 0)) == [(0, 1, 2)]
    assert assigned(make_features(), (0, ASSIGN_AFTER, ASSIGN_AFTER + 1, 0)) == [(0, 1, 2), (0, 2, 3)]


def test_nobody_is_assigned_what_it_owns_or_nothing_and_no_manager_itself():
    away = (ASSIGN_AFTER,) * AGENTS  # the manager as well, and worker 3, for whom nothing is planned
    assert assigned(make_features(owner=[(1, 2), (2, 0)]), away) == [(0, 2, 3)]


def test_what_those_planned_around_work_on_is_explained_until_they_were_told_enough():
    around = (True, True, True, False)
    out = (0, 0, 0, ASSIGN_AFTER + 9)
    alone = {"follows": around, "owner": [(3, 4)], "works": [(3, 4)]}
    assert assigned(make_features(**alone), out) == [(0, 3, 4)]
    assert assigned(make_features(**alone, told=EXPLAINED - 0.01), out) == [(0, 3, 4)]
    assert assigned(make_features(**alone, told=EXPLAINED), out) == []
    # an idle one has nothing that could be explained, and who keeps to the plan is the network's to teach
    assert assigned(make_features(follows=around), out) == []
    assert assigned(make_features(owner=[(1, 2)], works=[(1, 2)]), (0, ASSIGN_AFTER, 0, 0)) == []


@pytest.mark.parametrize("part", ["speech", "recipient", "topic"])
def test_nothing_illegal_is_assigned(part):
    features = make_features()
    place = {"speech": c.ASSIGN, "recipient": 1, "topic": 2}[part]
    getattr(features.legal, part)[0, c.MANAGER, place] = False
    assert assigned(features, (0, ASSIGN_AFTER, ASSIGN_AFTER, 0)) == ([] if part == "speech" else [(0, 2, 3)])


def test_an_assignment_takes_the_place_of_what_was_to_be_said_and_leaves_work_alone():
    said = [[[1, c.EMAIL_TELL, 3, 1], [3, c.CHAT_ASK, 0, 2], [4, 0, 0, 0], [0, 0, 0, 0]]]
    decision = TeamDecision(np.array(said, dtype=np.int32), PLAN, np.zeros((1, AGENTS, 2), dtype=np.int32))
    help_strangers(decision, make_features(), np.array([(0, 0, ASSIGN_AFTER, 0)]))
    assert decision.actions[0, 0].tolist() == [1, c.ASSIGN, 2, 3]
    assert decision.actions[0, 1:].tolist() == said[0][1:]


@pytest.mark.parametrize("communication", ["plain", "silent"])
def test_weights_that_learned_in_silence_assign_nothing(communication):
    """Two of three members never act, so they stray at every step; a threshold of 1 leaves the network silent."""
    torch.manual_seed(0)
    actor = Actor(hidden=16, rounds=1, own=8, key=4, communication=communication).requires_grad_(False)
    batch = Batch(Generated("simple"), Team.default(3), EnvConfig(), num_envs=1)
    batch.reset([0])
    team = LearnedTeam(PolicyContext.of(batch), TorchDecider(actor), Manner(1.0))
    spoken = []
    for _ in range(2 * ASSIGN_AFTER):
        actions = no_actions(batch.config, 3)
        actions[0] = team.act(batch.observations[0, :1], batch.action_masks[0, :1], np.array([0]))[0]
        spoken.append(int(actions[0, c.SPEECH]))
        batch.step(actions[None])
    # nobody has strayed before the first step; after `ASSIGN_AFTER` steps the first is assigned what is planned for it
    assert spoken[:ASSIGN_AFTER] == [c.SILENT] * ASSIGN_AFTER
    assert spoken[ASSIGN_AFTER] == (c.ASSIGN if communication == "plain" else c.SILENT)
    assert set(spoken) <= ({c.SILENT, c.ASSIGN} if communication == "plain" else {c.SILENT})
