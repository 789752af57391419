"""The entity network: legal actions only, nothing of padding, order or team-mates' rows, and hand-worked pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.learned.actions import (
    Inputs,
    choose_action,
    entropy_of,
    join_parts,
    log_prob_of,
    read,
    sample_index,
    split_parts,
)
from agents.learned.features import Reader, hours
from agents.learned.learned_team import LearnedTeam
from agents.learned.memory import Memory
from agents.learned.network import FAR_AWAY, NUM_SPOKEN, Actor, Critic, affine, attend, masked_mean, pair_scores
from agents.play import play
from agents.policy import PolicyContext
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core.constants import ASSIGN, CHAT_ASK, CHAT_TELL, EMAIL_TELL, MEET
from c2c_env.errors import ConfigError

TEAM_SIZE, NUM_ENVS = 4, 3


def make_batch(num_envs=NUM_ENVS, team_size=TEAM_SIZE, tier="simple", seed=0, **changes):
    changes = {"relations": "index", **changes}
    batch = Batch(Generated(tier), Team.default(team_size), EnvConfig(**changes), num_envs=num_envs)
    batch.reset(range(seed, seed + num_envs))
    return batch


def walk(batch, steps, seed=0):
    """Random play, the same whatever the padding, so that the board, requests and mail are no longer empty."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        batch.step(rng.integers(0, [6, 7, batch.num_agents, 5], size=(batch.num_envs, batch.num_agents, 4)))
        batch.autoreset()


@pytest.fixture(scope="module")
def actor():
    torch.manual_seed(0)
    made = Actor(hidden=16, rounds=2, own=8, key=4)
    with torch.no_grad():  # far from the prior, so that it speaks
        made.silence.bias -= 5.0
    return made


def inputs_of(batch, told=None, pace=None):
    reader = Reader(batch.layout)
    observations = torch.from_numpy(batch.observations.copy())
    envs, agents, subtasks = batch.num_envs, batch.max_agents, batch.max_subtasks
    told = torch.zeros(envs, batch.num_agents, agents, subtasks) if told is None else told
    pace = torch.zeros(envs, agents, subtasks) if pace is None else pace
    masks = torch.from_numpy(batch.action_masks.copy())
    board, own = observations[:, 0, : reader.split], observations[..., reader.split :]
    return reader, Inputs(board, own, masks, told, pace)


# --- pieces by hand --------------------------------------------------------------------------------------------


def test_hours_of_a_saturated_scale():
    assert torch.allclose(hours(torch.tensor([0.0, 0.5, 0.75])), torch.tensor([0.0, 5.0, 15.0]))


def test_masked_mean_leaves_padding_out():
    tokens = torch.tensor([[1.0], [3.0], [100.0]])
    assert masked_mean(tokens, torch.tensor([True, True, False])) == 2.0
    assert masked_mean(tokens, torch.tensor([False, False, False])) == 0.0


def test_attention_by_hand():
    scores = torch.tensor([[0.0, 0.0], [float(np.log(3.0)), 0.0], [50.0, 50.0]])  # three tokens, two heads
    values = torch.tensor([[4.0, 2.0], [8.0, 6.0], [1e3, 1e3]])  # a number for each head
    out = attend(scores, values, torch.tensor([True, True, False]), dim=0)
    assert torch.allclose(out, torch.tensor([0.25 * 4 + 0.75 * 8, 0.5 * 2 + 0.5 * 6]))


def test_affine_is_the_layer_of_its_inputs_side_by_side():
    layer = torch.nn.Linear(5, 3)
    many, one = torch.randn(2, 4, 3), torch.randn(2, 1, 2)
    whole = layer(torch.cat((many, one.expand(2, 4, 2)), dim=-1))
    assert torch.allclose(affine(layer, many, one), whole, atol=1e-6)


def test_pair_scores_are_dot_products():
    edges, query = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 6, NUM_SPOKEN * 5)  # [E, K, A, C], [E, K, N, S C]
    scores = pair_scores(edges, query)
    assert scores.shape == (2, 6, 4, 3, NUM_SPOKEN)
    e, n, a, k, s = 1, 4, 2, 0, 3
    assert torch.allclose(scores[e, n, a, k, s], edges[e, k, a] @ query[e, k, n, s * 5 : s * 5 + 5], atol=1e-5)


def test_draw_by_the_inverse_of_the_distribution():
    logits = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().clamp(min=FAR_AWAY)
    uniform = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 1.0 - 1e-7])
    assert sample_index(logits.expand(6, 4), uniform).tolist() == [0, 0, 2, 2, 3, 3]
    assert sample_index(logits.expand(6, 4), uniform, temperature=0.0).tolist() == [2] * 6
    cold = sample_index(logits.expand(6, 4), uniform, temperature=0.1)  # 0.5 against 0.3 to the tenth power
    assert cold.tolist() == [0, 2, 2, 2, 2, 3]


def test_log_probability_and_entropy():
    logits = torch.tensor([[0.0, np.log(3.0), FAR_AWAY]], dtype=torch.float32)
    assert torch.allclose(log_prob_of(logits, torch.tensor([1])).exp(), torch.tensor([0.75]))
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert torch.allclose(entropy_of(logits), torch.tensor([expected], dtype=torch.float32), atol=1e-6)


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_message_numbers_and_parts_are_each_others_inverse(agents, subtasks, data):
    message = data.draw(st.integers(0, (agents + 1) * subtasks * NUM_SPOKEN))
    work = data.draw(st.integers(0, subtasks))
    parts = join_parts(torch.tensor([work]), torch.tensor([message]), subtasks)
    assert (parts >= 0).all()
    assert (parts[0] <= torch.tensor([subtasks, NUM_SPOKEN, agents, subtasks - 1])).all()
    back = split_parts(parts, subtasks)
    assert (back[0].item(), back[1].item()) == (work, message)


def test_parts_of_a_message_by_hand():
    # 5 subtasks: silence is 0, then recipient 2, topic 3, kind 4 is number 1 + (2 * 5 + 3) * 6 + 4 = 83
    assert join_parts(torch.tensor([1, 0]), torch.tensor([83, 0]), 5).tolist() == [[1, 5, 2, 3], [0, 0, 0, 0]]


# --- features --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 7, 25])
def test_both_ways_to_write_relations_read_the_same(steps):
    read_both = []
    for relations in ("index", "onehot"):
        batch = make_batch(relations=relations, team_size=3)
        walk(batch, steps)
        reader, inputs = inputs_of(batch)
        read_both.append(read(reader, inputs))
    for name in ("board", "own", "legal"):
        for one, other in zip(*(getattr(features, name) for features in read_both), strict=True):
            assert torch.allclose(one.float(), other.float(), atol=1e-6)


def test_features_of_a_fresh_board():
    batch = make_batch(num_envs=1)
    reader, inputs = inputs_of(batch)
    board, own, _ = read(reader, inputs)
    workflow, params = batch.workflow(), batch.params
    count = len(workflow.subtasks)
    assert board.is_subtask[0].sum() == count
    assert board.is_agent.all()
    facts = reader.facts(inputs.board)
    np.testing.assert_allclose(facts.rest[0, :count], [task.effort for task in workflow.subtasks], rtol=1e-5)
    np.testing.assert_allclose(facts.complexity[0, :count], [task.complexity for task in workflow.subtasks], rtol=1e-5)
    np.testing.assert_allclose(
        facts.skill[0, :, :count], params.skill[:, params.domain[batch.state.workflow[0], :count]], rtol=1e-6
    )
    assert own.me[0].tolist() == list(range(TEAM_SIZE))
    assert own.scalars[0, :, 0].tolist() == [1.0, 0.0, 0.0, 0.0]  # the manager


# --- what must not matter -----------------------------------------------------------------------------------------


def test_padding_changes_nothing(actor):
    outputs = []
    for padding in ({}, {"max_agents": 7, "max_subtasks": 12}):
        batch = make_batch(**padding)
        walk(batch, 9)
        reader, inputs = inputs_of(batch)
        features = read(reader, inputs)
        encoded = actor.encode(features.board, features.own)
        work = actor.work_logits(encoded, features.legal)
        message = actor.message_logits(encoded, features, torch.ones_like(work[..., 0], dtype=torch.long))
        say = message[..., 1:].unflatten(-1, (batch.max_agents + 1, batch.max_subtasks, NUM_SPOKEN))
        agents = [*range(TEAM_SIZE), batch.max_agents]
        outputs.append((work[..., :6], say[:, :, agents, :5], message[..., 0]))
        if padding:
            assert (work[..., 9:] == FAR_AWAY).all()
            assert (say[:, :, 4:7] == FAR_AWAY).all()
    for one, other in zip(*outputs, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_critic_does_not_see_padding():
    torch.manual_seed(1)
    critic = Critic(hidden=16, rounds=2)
    values = []
    for padding in ({}, {"max_agents": 7, "max_subtasks": 12}):
        batch = make_batch(**padding)
        walk(batch, 9)
        reader, inputs = inputs_of(batch)
        features = read(reader, inputs)
        values.append(critic(features.board, features.own))
    assert torch.allclose(*values, atol=1e-4)


def test_central_critic_sees_everybody_and_a_lone_one_does_not():
    torch.manual_seed(1)
    critic = Critic(hidden=16, rounds=2)
    batch = make_batch()
    walk(batch, 9)
    reader, inputs = inputs_of(batch)
    features = read(reader, inputs)
    own = features.own._replace(subtasks=features.own.subtasks.clone())
    own.subtasks[:, 2] += 0.5  # what agent 2 alone knows
    moved = critic(features.board, own) - critic(features.board, features.own)
    assert (moved[:, 0].abs() > 1e-6).all()
    alone = [type(o)(*(part[:, :1] for part in o)) for o in (own, features.own)]
    assert torch.equal(critic(features.board, alone[0]), critic(features.board, alone[1]))


def test_each_agent_alone_acts_as_in_the_batch(actor):
    batch = make_batch()
    context = PolicyContext.of(batch, seed=3)
    together, alone = LearnedTeam(context, actor), LearnedTeam(context, actor)
    rows = np.arange(NUM_ENVS * TEAM_SIZE)
    for policy in (together, alone):
        policy.reset(rows)
    for _ in range(6):
        observations = batch.observations.reshape(len(rows), -1).copy()
        masks = batch.action_masks.reshape(len(rows), -1).copy()
        actions = together.act(observations, masks, rows)
        one_by_one = [alone.act(observations[[r]], masks[[r]], rows[[r]])[0] for r in rows[::-1]]
        np.testing.assert_array_equal(actions, one_by_one[::-1])
        batch.step(actions.reshape(NUM_ENVS, TEAM_SIZE, 4))


# --- legality -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    tier=st.sampled_from(["simple", "medium"]), team_size=st.integers(1, 6), seed=st.integers(0, 999),
    temperature=st.sampled_from([0.0, 1.0, 5.0]),
)  # fmt: skip
def test_whole_episodes_are_legal(actor, tier, team_size, seed, temperature):
    batch = make_batch(2, team_size, tier, seed, horizon=40)
    metrics = play(batch, LearnedTeam(PolicyContext.of(batch, seed), actor, temperature))
    assert [one["invalid_actions"] for one in metrics] == [0.0, 0.0]


def test_it_does_speak(actor):
    batch = make_batch(horizon=40)
    metrics = play(batch, LearnedTeam(PolicyContext.of(batch), actor))
    assert min(one["messages"] for one in metrics) > 0


def test_catalogue_is_refused(actor):
    batch = make_batch(action_format="discrete")
    with pytest.raises(ConfigError, match="action_format='multi_discrete', got 'discrete'"):
        LearnedTeam(PolicyContext.of(batch), actor)


# --- memory ----------------------------------------------------------------------------------------------------------


def make_memory(num_envs=1, team_size=3):
    batch = make_batch(num_envs, team_size, exclusive_actions=False)
    reader, inputs = inputs_of(batch)
    return batch, reader, inputs, Memory(reader, batch.config, num_envs, team_size)


def test_memory_of_messages_by_hand():
    _, reader, inputs, memory = make_memory()
    kappa = reader.facts(inputs.board).complexity[0]
    actions = torch.zeros(1, 3, 4, dtype=torch.int32)
    actions[0, 0] = torch.tensor([0, CHAT_TELL, 2, 1])  # agent 0 tells agent 2 about subtask 1
    actions[0, 1] = torch.tensor([0, EMAIL_TELL, 3, 0])  # agent 1 tells all about subtask 0
    actions[0, 2] = torch.tensor([0, CHAT_ASK, 0, 1])  # a question carries nothing
    memory.say(actions, inputs.board)
    memory.say(actions, inputs.board)
    told = memory.told[0].float()
    once, mail = 0.45 ** kappa[1], 0.6 ** kappa[0]
    assert told[0, 2, 1] == pytest.approx(float(1 - (1 - once) ** 2), abs=2e-3)
    assert told[1, :, 0].tolist() == pytest.approx([float(1 - (1 - mail) ** 2)] * 3, abs=2e-3)
    assert (told > 0).sum() == 4
    for speech in (MEET, ASSIGN):
        actions[0, 2] = torch.tensor([0, speech, 0, 1])
        memory.say(actions, inputs.board)
        assert memory.told[0, 2, 0, 1] > 0
        memory.forget([0])
        assert not memory.told.any()


def test_memory_of_pace_is_the_worker_s_alignment():
    batch, _, inputs, memory = make_memory()
    memory.see(inputs.board)
    ready = int(np.flatnonzero(batch.state.status[0] == 1)[0])
    actions = np.zeros((1, 3, 4), dtype=np.int32)
    actions[0, 1, 0] = ready + 1
    alignment = batch.state.alignment[0, 1, ready]
    batch.step(actions)
    _, after = inputs_of(batch)
    memory.see(after.board)
    assert memory.pace[0, 1, ready] == pytest.approx(alignment, abs=2e-3)
    assert (memory.pace > 0).sum() == 1
    memory.see(after.board)  # the same board once more
    assert memory.pace[0, 1, ready] == pytest.approx(alignment, abs=2e-3)


def test_choice_has_the_probability_of_its_parts(actor):
    batch = make_batch()
    reader, inputs = inputs_of(batch)
    features = read(reader, inputs)
    choice = choose_action(actor, features, torch.rand(NUM_ENVS, TEAM_SIZE, 2))
    encoded = actor.encode(features.board, features.own)
    work = actor.work_logits(encoded, features.legal).log_softmax(-1)
    message = actor.message_logits(encoded, features, choice.work).log_softmax(-1)
    expected = work.gather(-1, choice.work[..., None]) + message.gather(-1, choice.message[..., None])
    assert torch.allclose(choice.log_prob, expected.squeeze(-1), atol=1e-5)
