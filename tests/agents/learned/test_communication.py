"""Learned content: symbols reach their readers alone, weights by hand, and gradients from readers to senders."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from agents.learned import features as f
from agents.learned.actions import choose_action, judge_content, view_board, view_own
from agents.learned.card import Manner
from agents.learned.communication import FIRST_SPEECH, METHODS, WITH_SYMBOLS, Content, is_subtask, straight_through
from agents.learned.learned_team import LearnedTeam
from agents.learned.network import Actor, Critic
from agents.learned.torch_decider import TorchDecider
from agents.learned.weights import NetworkConfig, load_policy, save_policy, size_faults
from agents.policy import PolicyContext
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core.constants import CHAT_TELL, SPEECH, SYMBOL, VARIANT
from c2c_env.errors import ConfigError
from training.__main__ import main
from training.learning.credit import CreditConfig
from training.learning.learners.environments import Group
from training.learning.learners.mappo import PPO, PPOConfig, take_all, turned_out

SMALL = NetworkConfig(hidden=16, own=8, key=4)
VOCAB, FACTS = 3, 2


def sizes_of(method):
    vocab = VOCAB if method in WITH_SYMBOLS else 0
    return replace(SMALL, vocab_size=vocab, hidden_facts=FACTS, communication=method)


def make_actor(method, seed=0, talkative=8.0):
    torch.manual_seed(seed)
    actor = Actor(**asdict(sizes_of(method)))
    with torch.no_grad():
        actor.silence.bias -= talkative
    return actor


def make_group(actor, num_envs=4, team_size=3, seed=5):
    config = EnvConfig(vocab_size=actor.vocab_size, hidden_facts=actor.hidden_facts)
    return Group("simple", team_size, num_envs, seed, config)


def play(group, actor, steps):
    """Play; return what was decided at each step, with the symbols that were read before it."""
    decided = []
    for _ in range(steps):
        features, sent = group.features(), group.sent_steps()
        choice, _, _ = choose_action(actor, features, group.luck(), torch.ones(()))
        decided.append((features, sent, choice))
        group.step(choice)
        group.renew()
    return decided


# --- by hand ---------------------------------------------------------------------------------------------------


def test_what_is_worked_on_as_flags():
    assert is_subtask(torch.tensor([0, 2, 3]), 3).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_symbol_is_sent_as_it_is_and_learned_by_its_probability():
    logits = torch.tensor([0.0, float(np.log(3.0))], requires_grad=True)
    sent = straight_through(logits, torch.tensor(0))
    assert sent.tolist() == [1.0, 0.0]
    sent[0].backward()  # d p0 / d logit: p0 (1 - p0), -p0 p1
    assert torch.allclose(logits.grad, torch.tensor([3 / 16, -3 / 16]))


def read_weights(method, symbols, read):
    torch.manual_seed(0)
    content, agents = Content(method, VOCAB, FACTS, hidden=8, own=4, key=2), len(read)
    values = torch.randn(1, 1, agents, 8)
    about, context = torch.randn(1, 1, 4), torch.randn(1, 1, 8)
    chosen = torch.nn.functional.one_hot(torch.tensor([[symbols]]), VOCAB).float()
    weights = content._weights(chosen, torch.tensor([[read]]), values, about, context)
    return content, weights[0, 0], (values, about, context)


def test_the_mean_counts_what_was_read():
    _, weights, _ = read_weights("mean", [0, 1, 2, 1], [1.0, 1.0, 0.0, 0.0])
    assert weights.tolist() == [0.5, 0.5, 0.0, 0.0]
    _, weights, _ = read_weights("mean", [0, 0], [0.0, 0.0])
    assert weights.tolist() == [0.0, 0.0]


def test_the_gate_leaves_out_what_says_nothing():
    _, weights, _ = read_weights("gate", [0, 1, 2, 1], [1.0, 1.0, 1.0, 0.0])
    assert weights.tolist() == [0.0, 0.5, 0.5, 0.0]


def test_attention_compares_the_readers_need_with_signatures():
    content, weights, (values, about, context) = read_weights("attention", [0, 1, 2], [1.0, 0.0, 1.0])
    query = content.query(torch.cat((context, about), -1))[0, 0]
    scores = content.signature(values)[0, 0] @ query / 2**0.5
    shares = torch.cat((scores[[0, 2]], torch.zeros(1))).softmax(0)  # nothing is worth 0
    assert torch.allclose(weights, torch.stack((shares[0], torch.zeros(()), shares[1])))


# --- in the environment ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_plays_and_silence_is_silent(method):
    actor = make_actor(method)
    group = make_group(actor)
    assert (actor.content is None) == (method not in WITH_SYMBOLS)
    decided = play(group, actor, 12)
    spoke = torch.stack([choice.message > 0 for _, _, choice in decided])
    assert spoke.any() == (method != "silent")
    symbols = torch.stack([choice.content[..., 0] for _, _, choice in decided])
    assert (symbols[~spoke] == 0).all()
    assert (symbols[spoke].unique().numel() > 1) == (method in WITH_SYMBOLS)
    variants = torch.stack([choice.content[..., 1] for _, _, choice in decided])
    assert set(variants.unique().tolist()) == set(range(FACTS))


def test_symbols_are_sent_without_facts_as_well():
    actor = Actor(16, 2, 8, 4, vocab_size=VOCAB, communication="gate")
    with torch.no_grad():
        actor.silence.bias -= 8.0
    group = Group("simple", 3, 4, 5, EnvConfig(vocab_size=VOCAB))
    decided = play(group, actor, 10)
    assert len(torch.stack([choice.content[..., 0] for _, _, choice in decided]).unique()) == VOCAB
    assert not torch.stack([choice.content[..., 1] for _, _, choice in decided]).any()


def test_what_is_read_is_what_was_sent_that_many_steps_ago():
    actor = make_actor("mean")
    decided, seen = play(make_group(actor), actor, 20), 0
    for now, (features, ago, _) in enumerate(decided):
        for env, reader, sender in zip(*np.nonzero(ago.numpy() >= 0), strict=True):
            choice = decided[now - ago[env, reader, sender]][2]
            assert choice.message[env, sender] > 0
            assert features.symbols[env, reader, sender].argmax() == choice.content[env, sender, 0]
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("method", WITH_SYMBOLS)
def test_symbols_of_others_change_the_variant_and_nothing_unread_does(method):
    actor = make_actor(method)
    group = make_group(actor)
    play(group, actor, 10)
    features = group.features()
    seen = view_board(actor, features.board)
    plan = torch.ones_like(features.board.is_agent, dtype=torch.long)

    def variants(symbols):
        own = view_own(actor, features._replace(symbols=symbols), seen, plan)
        return actor.variant_logits(own.encoded, plan[:, : group.team_size])

    read = features.own.contacts[..., FIRST_SPEECH:].sum(-1) > 0
    assert read.any()
    assert (~read).any()
    other = features.symbols.roll(1, dims=-1)
    before = variants(features.symbols)
    assert not torch.allclose(variants(torch.where(read[..., None], other, features.symbols)), before)
    assert torch.equal(variants(torch.where(read[..., None], features.symbols, torch.rand_like(other))), before)


def test_content_is_judged_by_its_probability():
    actor = make_actor("attention")
    group = make_group(actor, num_envs=64)
    play(group, actor, 6)
    features = group.features()
    luck = group.luck()
    chances = []
    for symbol in range(VOCAB):
        choice, _, own = choose_action(actor, features, luck, torch.ones(()))
        fixed = torch.stack((torch.full_like(choice.message, symbol), choice.content[..., 1]), dim=-1)
        nobody_works = choice._replace(content=fixed, work=torch.zeros_like(choice.work))
        chances.append(judge_content(actor, own, nobody_works).exp())
    spoke = choice.message > 0
    assert spoke.any()
    assert torch.allclose(torch.stack(chances).sum(0)[spoke], torch.ones(int(spoke.sum())), atol=1e-5)
    assert (torch.stack(chances)[:, ~spoke] == 1.0).all()


def test_a_reader_teaches_the_sender_within_a_rollout():
    actor = make_actor("attention")
    group = make_group(actor, num_envs=6)
    ppo = PPO(PPOConfig(steps=8, minibatches=2), actor, Critic(SMALL.hidden), [group])
    rollout = ppo.play(0)
    parts = ppo._minibatches(rollout, torch.Generator().manual_seed(0))
    assert sorted(torch.cat(parts).tolist()) == list(range(8 * 6))
    batch = take_all(rollout, parts[0])
    choice, features = batch.steps.choice, batch.steps.features
    seen = view_board(actor, features.board)
    encoded = actor.encode(features.board, features.own, seen.tokens, seen.scores, choice.plan.work)
    symbols = ppo._symbols(batch.steps, encoded)
    assert torch.equal(symbols, features.symbols)  # the same numbers, with a gradient
    symbols.pow(2).sum().backward()
    assert actor.content.say[0].weight.grad.abs().sum() > 0.0


def test_probabilities_of_a_rollout_are_found_again_when_it_is_learned_from():
    actor = make_actor("gate")
    config = PPOConfig(steps=8, minibatches=2, entropy=0.0)
    ppo = PPO(config, actor, Critic(SMALL.hidden), [make_group(actor, num_envs=6)])
    rollout = ppo.play(0)
    for rows in ppo._minibatches(rollout, torch.Generator().manual_seed(0)):
        _, scalars = ppo._loss(take_all(rollout, rows), train_actor=True)
        assert scalars["kl"] == pytest.approx(0.0, abs=1e-6)
        assert scalars["clipped"] == 0.0


def test_what_turned_out_to_be_wanted_is_told_before_it_is_known_and_within_an_episode():
    """One subtask, two variants: the first agent knows of variant 1 at step 1, of variant 0 of the next at step 4."""
    known = torch.zeros(5, 1, 2, 1, 2)  # [T, E, N, K, F]
    known[1, 0, 0, 0, 1] = known[4, 0, 0, 0, 0] = 1.0
    ends = torch.tensor([False, False, True, False, False])[:, None]
    none = torch.zeros(5, 1, 2, 1, f.NUM_OWN_SUBTASK_FEATURES)
    own = type("Own", (), {"subtasks": torch.cat((none, known), dim=-1)})
    for work, wanted in (([1] * 5, [1, -1, -1, 0, -1]), ([0] * 5, [-1] * 5)):
        choice = type("Choice", (), {"work": torch.tensor(work)[:, None, None].expand(-1, 1, 2)})
        features = type("Features", (), {"own": own})
        steps = type("Steps", (), {"features": features, "choice": choice})
        first, second = turned_out(steps, ends)[:, 0].unbind(dim=1)
        assert first.tolist() == wanted
        assert second.tolist() == [-1] * 5  # what the other has found out shows nothing


def test_hindsight_is_learned_from_with_its_weight():
    losses = {}
    for weight in (0.0, 0.5, 1.0):
        actor = make_actor("mean")
        config = PPOConfig(steps=8, minibatches=1, hindsight=weight)
        ppo = PPO(config, actor, Critic(SMALL.hidden), [make_group(actor, num_envs=6)])
        rollout = ppo.play(0)
        batch = take_all(rollout, ppo._minibatches(rollout, torch.Generator().manual_seed(0))[0])
        loss, scalars = ppo._loss(batch, train_actor=True)
        losses[weight] = loss.item()
        assert ("hindsight_loss" in scalars) == (weight > 0.0)
    assert (rollout.turned_out >= 0).any()
    assert losses[0.5] - losses[0.0] == pytest.approx(scalars["hindsight_loss"] / 2, rel=1e-4)
    assert losses[1.0] - losses[0.0] == pytest.approx(scalars["hindsight_loss"], rel=1e-4)


def test_who_knows_the_wanted_variant_builds_it():
    actor = make_actor("plain")
    group = make_group(actor)
    with torch.no_grad():
        decided, seen = play(group, actor, 30), 0
    for features, _, choice in decided:
        known = features.own.subtasks[..., f.NUM_OWN_SUBTASK_FEATURES :]
        for env, agent in choice.work.nonzero().tolist():
            flags = known[env, agent, choice.work[env, agent] - 1]
            if flags.any():
                seen += agent > 0
                assert choice.content[env, agent, 1] == flags.argmax()
    assert seen > 50


def test_messages_with_symbols_can_be_compared_with_silence(tmp_path):
    actor = make_actor("attention")
    config = PPOConfig(updates=1, steps=4, minibatches=2, credit=CreditConfig(counterfactual=1.0, messages=2))
    ppo = PPO(config, actor, Critic(SMALL.hidden), [make_group(actor)])
    assert all(np.isfinite(value) for value in ppo.update(0).values())
    path = tmp_path / "policy.safetensors"
    save_policy(path, actor, sizes_of("attention"), {})
    words = ["--groups", "simple:3", "--messages", "4", "--lucks", "2", "--num-envs", "2"]
    assert main(["credits", str(path), *words]) == 0


# --- as a policy -----------------------------------------------------------------------------------------------


def policy_in(config, actor):
    batch = Batch(Generated("simple"), Team.default(3), config, num_envs=4)
    batch.reset(range(4))
    return batch, LearnedTeam(PolicyContext.of(batch), TorchDecider(actor), Manner(0.0, 1.0))


def test_a_saved_policy_sends_its_symbols_and_chooses_variants(tmp_path):
    actor, sizes = make_actor("attention"), sizes_of("attention")
    save_policy(tmp_path / "x.safetensors", actor, sizes, {})
    loaded, _ = load_policy(tmp_path / "x.safetensors")
    batch, team = policy_in(EnvConfig(relations="index", vocab_size=VOCAB, hidden_facts=FACTS), loaded)
    seen = np.zeros((VOCAB, FACTS))
    rows = np.arange(12)
    for _ in range(20):
        actions = team.act(batch.observations.reshape(12, -1), batch.action_masks.reshape(12, -1), rows)
        assert actions.shape == (12, 6)
        np.add.at(seen, (actions[:, SYMBOL], actions[:, VARIANT]), actions[:, SPEECH] == CHAT_TELL)
        batch.step(actions.reshape(4, 3, 6))
        batch.autoreset()
    assert (seen.sum(1) > 0).all()
    assert (seen.sum(0) > 0).all()


def test_weights_without_content_play_where_there_is_some():
    torch.manual_seed(0)
    batch, team = policy_in(EnvConfig(relations="index", vocab_size=VOCAB, hidden_facts=FACTS), Actor(16, 2, 8, 4))
    actions = team.act(batch.observations.reshape(12, -1), batch.action_masks.reshape(12, -1), np.arange(12))
    assert actions.shape == (12, 6)
    assert (actions[:, SYMBOL] == 0).all()


@pytest.mark.parametrize(("name", "given"), [("vocab_size", VOCAB + 1), ("hidden_facts", FACTS + 1)])
def test_weights_with_content_say_where_they_can_play(name, given):
    config = EnvConfig(relations="index", **{"vocab_size": VOCAB, "hidden_facts": FACTS, name: given})
    with pytest.raises(ConfigError, match=f"learned with {name}={given - 1}, but the environment has {given}"):
        policy_in(config, make_actor("mean"))


def test_sizes_that_make_no_sense_are_refused():
    sizes = asdict(SMALL)
    assert size_faults(sizes) == []
    assert "vocab_size of 0; expected at least 2" in size_faults(sizes | {"communication": "mean"})[0]
    assert "vocab_size of 3" in size_faults(sizes | {"vocab_size": 3})[0]
    assert "hidden_facts is 1" in size_faults(sizes | {"hidden_facts": 1})[0]
    assert "communication is 'tarmac'" in size_faults(sizes | {"communication": "tarmac"})[0]


def test_features_without_variants_have_todays_length():
    batch = Batch(Generated("simple"), Team.default(3), EnvConfig(relations="index", hidden_facts=2), num_envs=1)
    batch.reset([0])
    for with_variants, extra in ((False, 0), (True, 2)):
        reader = f.Reader(batch.layout, with_variants)
        own = batch.observations[..., reader.split :]
        assert reader.own(own, np.zeros((1, 3, 3, 8))).subtasks.shape[-1] == f.NUM_OWN_SUBTASK_FEATURES + extra
