"""The entity network: legal actions only, nothing of padding, order or team-mates' rows, and hand-worked pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.learned.actions import (
    Luck,
    choose_action,
    join_parts,
    judge_message,
    log_probs_of,
    split_parts,
    view_board,
    view_own,
)
from agents.learned.card import Manner
from agents.learned.drawing import FAR_AWAY, draw_category, entropy_of, log_prob_of, split_index
from agents.learned.features import NUM_SPOKEN, Features, Reader, hours
from agents.learned.learned_team import LearnedTeam, teams_of
from agents.learned.memory import LONGEST_STRAY, NO_PLAN, TIME_OUT, Memory, count_strayed
from agents.learned.network import Actor, Critic, affine, attend, masked_mean, possible_pairs, with_team
from agents.learned.torch_decider import TorchDecider, to_tensors
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
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


def read(batch):
    """The reader of a batch, the board, and the features as tensors, with nothing remembered."""
    reader = Reader(batch.layout)
    memory = Memory(reader, batch.config, batch.num_envs, batch.num_agents)
    board, own = batch.observations[:, 0, : reader.split].copy(), batch.observations[..., reader.split :]
    return reader, board, to_tensors(reader.read(board, own, batch.action_masks, memory.remembered()))


def draw_luck(features, seed=0):
    generator = torch.Generator().manual_seed(seed)
    envs, agents = features.own.me.shape
    return Luck(*(torch.rand(shape, generator=generator) for shape in (
        (envs, features.board.is_agent.shape[1]), (envs, agents), (envs, agents, 2), (envs, agents, 2)
    )))  # fmt: skip


def views(actor, features, work=None):
    seen = view_board(actor, features.board)
    plan = torch.zeros_like(features.board.is_agent, dtype=torch.long) if work is None else work
    return seen, view_own(actor, features, seen, plan)


# --- pieces by hand --------------------------------------------------------------------------------------------


def test_hours_of_a_saturated_scale():
    assert torch.allclose(hours(torch.tensor([0.0, 0.5, 0.75])), torch.tensor([0.0, 5.0, 15.0]))


def test_masked_mean_leaves_padding_out():
    tokens = torch.tensor([[1.0], [3.0], [100.0]])
    assert masked_mean(tokens, torch.tensor([True, True, False])) == 2.0
    assert masked_mean(tokens, torch.tensor([False, False, False])) == 0.0


def test_the_whole_team_is_the_mean_of_its_agents():
    parts = torch.tensor([[[[1.0]], [[3.0]], [[100.0]]]])  # one environment, three agents, one subtask
    assert with_team(parts, torch.tensor([[True, True, False]])).flatten().tolist() == [1.0, 3.0, 100.0, 2.0]


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


def test_draw_by_the_inverse_of_the_distribution():
    logits = torch.tensor([0.2, 0.0, 0.5, 0.3]).log().clamp(min=FAR_AWAY)
    uniform = torch.tensor([0.0, 0.19, 0.21, 0.69, 0.71, 1.0 - 1e-7])
    assert draw_category(logits.expand(6, 4), uniform, torch.tensor(1.0)).tolist() == [0, 0, 2, 2, 3, 3]
    assert draw_category(logits.expand(6, 4), uniform, torch.tensor(0.0)).tolist() == [2] * 6
    cold = draw_category(logits.expand(6, 4), uniform, torch.tensor(0.1))  # 0.5 against 0.3 to the tenth power
    assert cold.tolist() == [0, 2, 2, 2, 2, 3]


def test_log_probability_and_entropy():
    logits = torch.tensor([[0.0, np.log(3.0), FAR_AWAY]], dtype=torch.float32)
    assert torch.allclose(log_prob_of(logits, torch.tensor([1])).exp(), torch.tensor([0.75]))
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert torch.allclose(entropy_of(logits), torch.tensor([expected], dtype=torch.float32), atol=1e-6)


def test_index_of_a_flattened_matrix():
    row, column = split_index(torch.tensor([0, 6, 7, 20]), 7)
    assert (row.tolist(), column.tolist()) == ([0, 0, 1, 2], [0, 6, 0, 6])


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


def same(one, other, tolerance=1e-6):
    return all(
        torch.allclose(a.float(), b.float(), atol=tolerance)
        for parts in zip(one, other, strict=True) for a, b in zip(*parts, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("steps", [0, 7, 25])
def test_both_ways_to_write_relations_read_the_same(steps):
    found = []
    for relations in ("index", "onehot"):
        batch = make_batch(relations=relations, team_size=3)
        walk(batch, steps)
        found.append(read(batch)[2])
    assert same(*found)


def test_numpy_and_torch_read_the_same():
    batch = make_batch()
    walk(batch, 9)
    reader, board, features = read(batch)
    memory = Memory(reader, batch.config, NUM_ENVS, TEAM_SIZE).remembered()
    arrays = (board, batch.observations[..., reader.split :], batch.action_masks, *memory)
    tensors = [torch.from_numpy(array.copy()) for array in arrays]
    again = reader.read(*tensors[:3], type(memory)(*tensors[3:]))
    assert same(features, again, 0.0)
    assert {part.dtype for parts in again for part in parts} == {torch.float32, torch.bool, torch.int64}


def test_features_of_a_fresh_board():
    batch = make_batch(num_envs=1)
    reader, seen, (board, own, legal, _) = read(batch)
    workflow, params = batch.workflow(), batch.params
    count = len(workflow.subtasks)
    assert board.is_subtask[0].sum() == count
    assert board.is_agent.all()
    assert board.ready[0, :count].tolist() == (batch.state.status[0, :count] == 1).tolist()
    ready = int(board.ready.sum())
    assert board.situation[0].tolist() == pytest.approx([0.0, 1 / TEAM_SIZE, ready / TEAM_SIZE, count / TEAM_SIZE])
    facts = reader.facts(seen)
    np.testing.assert_allclose(facts.rest[0, :count], [task.effort for task in workflow.subtasks], rtol=1e-5)
    np.testing.assert_allclose(facts.complexity[0, :count], [task.complexity for task in workflow.subtasks], rtol=1e-5)
    np.testing.assert_allclose(
        facts.skill[0, :, :count], params.skill[:, params.domain[batch.state.workflow[0], :count]], rtol=1e-6
    )
    assert own.me[0].tolist() == list(range(TEAM_SIZE))
    assert own.scalars[0, :, 0].tolist() == [1.0, 0.0, 0.0, 0.0]  # the manager
    sides = legal.speech, legal.recipient, legal.topic
    assert torch.cat(sides, dim=-1).tolist() == (batch.action_masks[..., 1 + batch.max_subtasks :] > 0).tolist()


# --- what must not matter -----------------------------------------------------------------------------------------


def test_padding_changes_nothing(actor):
    outputs = []
    for padding in ({}, {"max_agents": 7, "max_subtasks": 12}):
        batch = make_batch(**padding)
        walk(batch, 9)
        _, _, features = read(batch)
        seen, own = views(actor, features)
        pairs = own.pairs.unflatten(-1, (batch.max_agents + 1, batch.max_subtasks))
        agents = [*range(TEAM_SIZE), batch.max_agents]
        outputs.append((seen.scores[:, agents, :5], own.odds, pairs[:, :, agents, :5]))
        if padding:
            assert (seen.scores[:, 4:7] == FAR_AWAY).all()
            assert (pairs[:, :, 4:7] == FAR_AWAY).all()
            assert not possible_pairs(features.board).agents[:, 4:].any()
    for one, other in zip(*outputs, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("central", [True, False])
def test_critic_does_not_see_padding(actor, central):
    torch.manual_seed(1)
    critic, values = Critic(16, central), []
    for padding in ({}, {"max_agents": 7, "max_subtasks": 12}):
        batch = make_batch(**padding)
        walk(batch, 9)
        seen, own = views(actor, read(batch)[2])
        values.append(critic(own.encoded, seen.tokens))
    assert torch.allclose(*values, atol=1e-4)


def test_central_critic_sees_everybody_and_a_lone_one_does_not(actor):
    torch.manual_seed(1)
    batch = make_batch()
    walk(batch, 9)
    _, _, features = read(batch)
    moved = features.own._replace(subtasks=features.own.subtasks.clone())
    moved.subtasks[:, 2] += 0.5  # what agent 2 alone knows
    for central in (True, False):
        critic = Critic(16, central)
        before, after = (
            critic(own.encoded, seen.tokens)
            for seen, own in (views(actor, features._replace(own=one)) for one in (features.own, moved))
        )
        changed = ((after - before).abs() > 1e-6).all(dim=0)
        assert changed.tolist() == ([True] * 4 if central else [False, False, True, False])


def test_each_agent_alone_acts_as_in_the_batch(actor):
    batch = make_batch()
    context = PolicyContext.of(batch, seed=3)
    together, alone = (LearnedTeam(context, TorchDecider(actor), Manner(None, 1.0)) for _ in range(2))
    rows = np.arange(NUM_ENVS * TEAM_SIZE)
    for policy in (together, alone):
        policy.reset(rows)
    for step in range(6):
        observations = batch.observations.reshape(len(rows), -1).copy()
        masks = batch.action_masks.reshape(len(rows), -1).copy()
        actions = together.act(observations, masks, rows)
        shuffled = np.random.default_rng(step).permutation(rows)
        found = alone.act(observations[shuffled], masks[shuffled], shuffled)
        np.testing.assert_array_equal(actions[shuffled], found)
        batch.step(actions.reshape(NUM_ENVS, TEAM_SIZE, 4))


def test_a_part_of_a_team_acts_as_the_whole_one_does(actor):
    """Rows of some agents only, uneven over the environments, as in a team of several policies."""
    batch = make_batch()
    context = PolicyContext.of(batch, seed=3)
    whole, part = (LearnedTeam(context, TorchDecider(actor), Manner(0.5, 0.0)) for _ in range(2))
    rows, some = np.arange(NUM_ENVS * TEAM_SIZE), np.array([1, 3, 0, 6, 9, 8, 11])
    whole.reset(rows)
    part.reset(some)
    for _ in range(6):
        observations = batch.observations.reshape(len(rows), -1).copy()
        masks = batch.action_masks.reshape(len(rows), -1).copy()
        actions = whole.act(observations, masks, rows)
        np.testing.assert_array_equal(actions[some], part.act(observations[some], masks[some], some))
        batch.step(actions.reshape(NUM_ENVS, TEAM_SIZE, 4))


def test_rows_are_grouped_by_environment():
    envs, places = teams_of(np.array([2, 0, 2, 2, 5]))
    assert envs.tolist() == [0, 2, 5]
    assert places.tolist() == [[1, 1, 1], [0, 2, 3], [4, 4, 4]]  # the first row stands for those that are missing


# --- legality -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=20)
@given(
    tier=st.sampled_from(["simple", "medium"]), team_size=st.integers(1, 6), seed=st.integers(0, 999),
    temperature=st.sampled_from([0.0, 1.0, 5.0]), threshold=st.sampled_from([None, 0.1]),
)  # fmt: skip
def test_whole_episodes_are_legal(actor, tier, team_size, seed, temperature, threshold):
    batch = make_batch(2, team_size, tier, seed, horizon=40)
    team = LearnedTeam(PolicyContext.of(batch, seed), TorchDecider(actor), Manner(threshold, temperature))
    metrics = play(batch, team)
    assert [one["invalid_actions"] for one in metrics] == [0.0, 0.0]


def test_symbols_change_nothing_for_a_team_that_does_not_use_them():
    metrics = []
    for vocab_size in (0, 3):
        batch = make_batch(horizon=60, vocab_size=vocab_size)
        metrics.append(play(batch, make_policy("learned", PolicyContext.of(batch))))
    assert metrics[0] == metrics[1]
    assert min(one["messages"] for one in metrics[0]) > 0


def test_threshold_decides_who_speaks(actor):
    said = []
    for threshold in (0.0, None, 1.0):
        batch = make_batch(horizon=40)
        metrics = play(batch, LearnedTeam(PolicyContext.of(batch), TorchDecider(actor), Manner(threshold, 1.0)))
        said.append(min(one["messages"] for one in metrics))
    assert said[0] > said[1] > said[2] == 0


def test_catalogue_is_refused():
    batch = make_batch(action_format="discrete")
    with pytest.raises(ConfigError, match="action_format='multi_discrete', got 'discrete'"):
        make_policy("learned", PolicyContext.of(batch))


# --- probabilities ---------------------------------------------------------------------------------------------------


def test_probabilities_of_all_messages_add_up_to_one(actor):
    batch = make_batch(num_envs=1)
    walk(batch, 5)
    _, _, features = read(batch)
    _, own = views(actor, features)
    count = own.pairs.shape[-1]
    every = torch.arange(1 + count * NUM_SPOKEN).expand(1, TEAM_SIZE, -1)
    pairs, _ = split_index((every - 1).clamp(min=0), NUM_SPOKEN)
    kinds = actor.kind_logits(own.encoded, features.legal, pairs)
    total = log_probs_of(own, kinds, every).exp().sum(dim=-1)
    assert torch.allclose(total, torch.ones(1, TEAM_SIZE), atol=1e-5)


def test_what_is_chosen_is_as_frequent_as_its_probability(actor):
    batch = make_batch(num_envs=1)
    walk(batch, 5)
    _, _, one = read(batch)
    many = Features(*(type(part)(*(x.repeat_interleave(4000, dim=0) for x in part)) for part in one))
    choice, _, own = choose_action(actor, many, draw_luck(many), torch.tensor(1.0))
    first = choice.plan.work[0]
    alike = (choice.plan.work == first).all(dim=1)  # with one plan, the same probabilities
    judged = judge_message(actor, own, many.legal, choice.message)
    for agent in range(TEAM_SIZE):
        said = choice.message[alike, agent]
        common = said.mode().values
        expected = judged.log_prob[alike, agent][said == common].exp().mean()
        assert (said == common).float().mean() == pytest.approx(expected.item(), abs=0.05)


# --- memory ----------------------------------------------------------------------------------------------------------


def make_memory(num_envs=1, team_size=3):
    batch = make_batch(num_envs, team_size, exclusive_actions=False)
    reader, board, _ = read(batch)
    return batch, reader, board, Memory(reader, batch.config, num_envs, team_size)


EVERYBODY = np.array([0]), np.array([[0, 1, 2]])  # of one environment


def test_memory_of_messages_by_hand():
    _, reader, board, memory = make_memory()
    kappa = reader.facts(board).complexity[0]
    actions = np.zeros((1, 3, 4), dtype=np.int32)
    actions[0, 0] = [0, CHAT_TELL, 2, 1]  # agent 0 tells agent 2 about subtask 1
    actions[0, 1] = [0, EMAIL_TELL, 3, 0]  # agent 1 tells all about subtask 0
    actions[0, 2] = [0, CHAT_ASK, 0, 1]  # a question carries nothing
    memory.say(actions, board, *EVERYBODY)
    memory.say(actions, board, *EVERYBODY)
    told = memory.told[0]
    once, mail = 0.45 ** kappa[1], 0.6 ** kappa[0]
    assert told[0, 2, 1] == pytest.approx(float(1 - (1 - once) ** 2), abs=1e-5)
    assert told[1, :, 0].tolist() == pytest.approx([float(1 - (1 - mail) ** 2)] * 3, abs=1e-5)
    assert (told > 0).sum() == 4
    for speech in (MEET, ASSIGN):
        actions[0, 2] = [0, speech, 0, 1]
        memory.say(actions, board, *EVERYBODY)
        assert memory.told[0, 2, 0, 1] > 0
        memory.forget([0])
        assert not memory.told.any()


def test_memory_of_pace_is_the_worker_s_alignment():
    batch, reader, board, memory = make_memory()
    memory.see(board)
    ready = int(np.flatnonzero(batch.state.status[0] == 1)[0])
    actions = np.zeros((1, 3, 4), dtype=np.int32)
    actions[0, 1, 0] = ready + 1
    alignment = batch.state.alignment[0, 1, ready]
    batch.step(actions)
    for _ in range(2):  # the same board once more changes nothing
        memory.see(batch.observations[:, 0, : reader.split])
        assert memory.pace[0, 1, ready] == pytest.approx(alignment, abs=1e-5)
        assert (memory.pace > 0).sum() == 1


def test_who_does_not_keep_to_the_plan_is_planned_around():
    batch, reader, board, memory = make_memory()
    memory.see(board)
    ready = int(np.flatnonzero(batch.state.status[0] == 1)[0])
    actions = np.zeros((1, 3, 4), dtype=np.int32)
    actions[0, 1, 0] = ready + 1
    for step in range(LONGEST_STRAY):
        assert memory.remembered().follows.all()
        memory.agree(np.array([[ready + 1, 0, 0]]))  # it was agent 0's, and agent 1 takes it every time
        batch.step(actions)
        for _ in range(2):  # a board that is seen twice counts once
            memory.see(batch.observations[:, 0, : reader.split])
        if step < LONGEST_STRAY - 1:
            assert memory.strayed[0].tolist() == [step + 1, step + 1, 0]
    assert memory.remembered().follows[0].tolist() == [False, False, True]
    board = to_tensors(
        reader.read(
            batch.observations[:, 0, : reader.split].copy(), batch.observations[..., reader.split :],
            batch.action_masks, memory.remembered(),
        )
    ).board  # fmt: skip
    possible = possible_pairs(board)
    assert possible.agents[0].tolist() == [False, False, True]
    assert board.ready[0, ready]
    assert not possible.subtasks[0, ready]  # agent 1 has it in hand
    memory.agree(np.array([[0, ready + 1, 0]]))
    batch.step(actions)
    memory.see(batch.observations[:, 0, : reader.split])
    assert memory.remembered().follows[0].tolist() == [False, True, True]


def test_count_of_straying_by_hand():
    def after(count, plan, work):
        return count_strayed(np.array([[count]]), np.array([[plan]]), np.array([[work]])).item()

    assert after(3, 2, 2) == 0  # it works as planned
    assert after(3, 2, 1) == after(3, 2, 0) == after(3, 0, 1) == 4  # it does not
    assert after(3, 0, 0) == 2  # nothing was planned for it, and it did nothing
    assert after(0, 0, 0) == 0
    assert after(LONGEST_STRAY - 1, 2, 0) == LONGEST_STRAY + TIME_OUT
    assert after(LONGEST_STRAY + TIME_OUT, 0, 0) == LONGEST_STRAY + TIME_OUT - 1
    assert after(LONGEST_STRAY + 3, 0, 5) == LONGEST_STRAY + TIME_OUT  # it goes its own way
    assert after(5, NO_PLAN, 1) == 5
