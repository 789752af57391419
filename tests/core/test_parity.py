"""The compiled simulator beside the plain reference, over whole random episodes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate import random_env, reference_of, sample_legal, sample_space, sample_useful, step

from c2c_env.core.constants import NUM_SPEECHES, REWARD_TERMS

CALM = {"volatility": 0.0, "rework_probability": 0.0}
ROUGH = {"volatility": 0.05, "rework_probability": 1.0}
PADDED = {"max_agents": 11, "max_subtasks": 14}
DISCRETE = {"action_format": "discrete"}
CASES = {
    "calm": CALM,
    "rough": ROUGH,
    "individual": {**ROUGH, "reward_sharing": "individual"},
    "mixed": {**ROUGH, "reward_sharing": 0.3},
    "exclusive": {**ROUGH, "exclusive_actions": True},
    "padded": {**ROUGH, **PADDED, "reward_sharing": "individual"},
    "short": {**ROUGH, "horizon": 7, "dt": 0.25, "reward_weights": (2.0, 0.3, 0.7, 0.1)},
    "milestones": {**ROUGH, "milestones": 0.4, "reward_sharing": "individual"},
    "discrete_milestones": {**CALM, **DISCRETE, "milestones": 0.4},
    "index_milestones": {**ROUGH, "milestones": 0.4, "relations": "index"},
    "potentials": {**ROUGH, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.8, 0.3)},
    "calm_potentials": {**CALM, "reward_weights": (0.0, 0.0, 0.0, 0.0, 1.5, 0.7), "reward_sharing": "individual"},
    "forecast_milestones": {**ROUGH, "milestones": 0.4, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.6),
                            "reward_sharing": 0.4, "exclusive_actions": True},
    "information_padded": {**ROUGH, **PADDED, "reward_weights": (1.0, 0.0, 0.5, 0.0, 0.0, -0.4), "dt": 0.25},
    "discrete_potentials": {**ROUGH, **DISCRETE, "milestones": 0.3, "reward_weights": (0.0, 0.0, 0.0, 0.0, 0.9, 0.4)},
    "fine": {**ROUGH, "dt": 12.0},
    "facts": {**ROUGH, "hidden_facts": 3},
    "facts_symbols": {**CALM, **PADDED, "hidden_facts": 2, "vocab_size": 3, "milestones": 0.3,
                      "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.8, 0.3), "reward_sharing": "individual"},
    "facts_exclusive": {**ROUGH, "hidden_facts": 2, "exclusive_actions": True, "reward_sharing": 0.3},
    "discrete": {**CALM, **DISCRETE},
    "discrete_rough": {**ROUGH, **DISCRETE, "reward_sharing": "individual", "exclusive_actions": True},
    "discrete_padded": {**ROUGH, **DISCRETE, **PADDED},
}  # fmt: skip
SEEDS = range(14)


class Pair:
    """An environment and the reference, stepped with the same actions and compared after every step."""

    def __init__(self, rng, **fields):
        self.env = random_env(rng, agents=int(rng.integers(1, 10)), subtasks=12, **fields)
        self.reference = reference_of(self.env)
        self.rng, self.discrete = rng, fields.get("action_format") == "discrete"
        self.max_agents, self.max_subtasks = self.env.batch.max_agents, self.env.batch.max_subtasks
        self.usefulness = rng.choice([0.0, 0.7, 1.0])
        self.compare_state()
        self.compare_masks(self.env.batch.action_masks[0])

    def play(self):
        ended = False
        while not ended:
            ended = self.step(self.choose())
        return self.env.episode_metrics()

    def choose(self):
        env, rng = self.env, self.rng
        samples = [sample_space(env, rng), sample_legal(env, rng), self.useful()]
        left = (1.0 - self.usefulness) / 2
        style = rng.choice(3, size=len(env.agents), p=[left, left, self.usefulness])
        return np.choose(style[:, None], samples)

    def useful(self):
        if not self.discrete:
            return sample_useful(self.env, self.reference, self.rng)
        entries = sample_legal(self.env, self.rng)
        if self.rng.random() < 0.7:
            ready = [k for k in self.reference.topics if self.reference.is_ready(k)]
            entries[:, 0] = 1 + self.rng.choice(ready, size=len(entries))
        return entries

    def step(self, actions):
        reference, agents = self.reference, self.env.agents
        catalogues = [self.catalogue(i) for i in reference.agents]
        if self.discrete:
            meant = [catalogues[i][entry] for i, entry in enumerate(actions[:, 0])]
        else:
            meant = [self.in_reference_terms(action) for action in actions[:, :4].tolist()]
        ends = reference.step([action or (0, 0, 0, 0) for action in meant], actions[:, -1].tolist())
        invalid = [flag or action is None for flag, action in zip(reference.invalid, meant, strict=True)]
        _, rewards, terminated, truncated, infos = step(self.env, actions)
        assert [infos[agent]["invalid_action"] for agent in agents] == invalid
        assert list(zip(terminated.values(), truncated.values(), strict=True)) == [ends] * len(agents)
        self.compare_state()
        self.compare_rewards(rewards, infos)
        self.compare_masks([np.hstack(info["action_mask"]) for info in infos.values()])
        return any(ends)

    def in_reference_terms(self, action):
        work, speech, recipient, topic = action
        if recipient == self.max_agents:
            return work, speech, self.reference.team, topic
        return work, speech, recipient if recipient < self.reference.team else -1, topic

    def compare_state(self):
        snapshot, reference = self.env.snapshot(), self.reference
        assert snapshot["t"] == reference.t
        for name in ("understanding", "remaining", "debt"):
            np.testing.assert_allclose(snapshot[name], getattr(reference, name), rtol=0, atol=1e-6, err_msg=name)
        facts = ("fact", "knows") if reference.hidden_facts else ()
        for name in ("done", "owner", "request_topic", "request_age", "last_work", *facts):
            np.testing.assert_array_equal(snapshot[name], getattr(reference, name), err_msg=name)

    def compare_rewards(self, rewards, infos):
        reference, own = self.reference, self.env.config.sharing
        wanted = (1 - own) * np.array(reference.team_terms) + own * np.array(reference.individual_terms)
        got = [[info["reward_terms"][name] for name in REWARD_TERMS] for info in infos.values()]
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5)
        np.testing.assert_allclose(list(rewards.values()), wanted.sum(axis=1), rtol=0, atol=1e-5)

    def compare_masks(self, masks):
        np.testing.assert_array_equal(masks, [self.mask(i) for i in self.reference.agents])

    def mask(self, i):
        if self.discrete:
            return [int(action is not None) for action in self.catalogue(i)]
        work, speech, recipient, topic = self.reference.mask(i)
        recipient = pad(recipient[:-1], self.max_agents) + recipient[-1:]
        free = [1] * (self.env.config.vocab_size + self.env.config.hidden_facts)
        return pad(work, 1 + self.max_subtasks) + speech + recipient + pad(topic, self.max_subtasks) + free

    def catalogue(self, i):
        """The reference's catalogue spread over the padded one."""
        entries = iter(self.reference.catalogue(i))
        n, count = self.reference.n_agents, len(self.reference.topics)
        spread = take(entries, 1 + count, 1 + self.max_subtasks)
        for _ in range(NUM_SPEECHES - 2):
            spread += take(entries, n, self.max_agents) + take(entries, 1, 1)
        for _ in self.reference.topics:
            spread += take(entries, n, self.max_agents)
        assert next(entries, "end") == "end"
        return spread + [None] * self.max_agents * (self.max_subtasks - count)


class JudgedPair(Pair):
    """A judge says how much each message counts; the reference is told the same."""

    def choose(self):
        factors = self.rng.choice([0.0, 0.35, 1.0], size=len(self.env.agents))
        self.env.batch.message_factors[0] = self.reference.judged[:] = factors
        return super().choose()


def pad(part, length):
    return [*part, *[0] * (length - len(part))]


def take(entries, real, length):
    return [next(entries) for _ in range(real)] + [None] * (length - real)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", CASES)
def test_episode_equals_the_reference(case, seed):
    Pair(np.random.default_rng([seed, len(case)]), **CASES[case]).play()


@pytest.mark.parametrize("seed", SEEDS)
def test_judged_messages_equal_the_reference(seed):
    weights = (1.0, 0.5, 0.5, 0.5, 0.2, 0.2)
    JudgedPair(np.random.default_rng([seed, 99]), **ROUGH, reward_sharing="individual", reward_weights=weights).play()


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    facts=st.integers(2, 5),
    symbols=st.integers(0, 3),
    fields=st.sampled_from([CALM, ROUGH]),
)
def test_hidden_facts_of_any_number_equal_the_reference(seed, facts, symbols, fields):
    rng = np.random.default_rng(seed)
    Pair(rng, **fields, hidden_facts=facts, vocab_size=symbols, horizon=60).play()


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 8), case=st.sampled_from(sorted(CASES)))
def test_any_number_of_domains_equals_the_reference(seed, count, case):
    domains = tuple(f"domain {d}" for d in range(count))
    Pair(np.random.default_rng(seed), domains=domains, **{"horizon": 60, **CASES[case]}).play()


def test_episodes_with_hidden_facts_meet_wrong_variants_and_ends():
    seen = Counter()
    for seed in SEEDS:
        metrics = Pair(np.random.default_rng(seed), **CALM, hidden_facts=3).play()
        seen.update({name: value for name, value in metrics.items() if value > 0})
    assert seen["wasted_hours"] > 10
    assert seen["success"] > 2


def test_such_episodes_meet_every_event():
    seen = Counter()
    for seed in SEEDS:
        seen.update({k: v for k, v in Pair(np.random.default_rng(seed), **ROUGH).play().items() if v > 0})
    rare = ("answered_share", "reworks", "requirement_changes", "wasted_hours", "invalid_actions")
    spoken = ("messages_meeting", "speech_assign", "speech_chat_ask", "speech_email_tell")
    assert all(seen[name] > 0 for name in (*rare, *spoken))
    assert seen["success"] > 2
