"""After any number of steps an observation that was written change by change equals one written from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from simulate import random_env, sample_legal, sample_space, step

from c2c_env import Batch, Channel, EnvConfig, Team
from c2c_env.core import constants as c

FORMATS = {
    "onehot": {},
    "index": {"relations": "index"},
    "discrete": {"action_format": "discrete"},
    "padded": {"max_agents": 9, "max_subtasks": 14, "vocab_size": 3},
    "facts": {"hidden_facts": 2},
    "index_facts": {"relations": "index", "hidden_facts": 3, "max_subtasks": 14},
    "slow_mail": {"email": Channel(send_hours=0.1, read_hours=0.05, latency=4, richness=0.6), "request_expiry": 3},
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FORMATS)
def test_written_change_by_change_or_from_nothing(name, seed):
    rng = np.random.default_rng([seed, len(name)])
    env = random_env(rng, agents=int(rng.integers(1, 8)), volatility=0.05, rework_probability=1.0, **FORMATS[name])
    twin = Batch(env.batch.workflow(), env.team, env.config)
    while env.agents:
        step(env, sample_space(env, rng) if rng.random() < 0.2 else sample_legal(env, rng))
        twin.restore(env.snapshot())
        np.testing.assert_array_equal(env.batch.observations, twin.observations)
        np.testing.assert_array_equal(env.batch.action_masks, twin.action_masks)


def test_more_changes_than_can_be_listed():
    """A requirement change of every subtask at once touches more than the list of changes holds."""
    config = EnvConfig(volatility=1.0)
    batch, twin = (Batch("complex", Team.default(5), config) for _ in range(2))
    batch.reset([0])
    batch.step(np.zeros_like(batch.action_buffer))
    assert batch.state.num_changed[0] > batch.state.changed.shape[1]
    twin.reset([0])
    twin.restore(batch.snapshot())
    np.testing.assert_array_equal(batch.observations, twin.observations)


def test_more_contacts_than_can_be_listed():
    """Questions of everybody to everybody by email open 30 requests at once, each of them seen from both ends."""
    batch, twin = (Batch("complex", Team.default(6), EnvConfig()) for _ in range(2))
    for one in (batch, twin):
        one.reset([0])
    listed = []
    for speech in (c.EMAIL_ASK, c.SILENT, c.SILENT, c.CHAT_TELL, c.SILENT):
        batch.step(np.array([[[0, speech, 6, 0]] * 6]))
        listed.append(int(batch.state.num_contacts[0]))
        twin.restore(batch.snapshot())
        np.testing.assert_array_equal(batch.observations, twin.observations)
    # 30 sent; after two steps 30 read, with two ends of a request each; 30 answers sent; read, with two ends each
    assert listed == [30, 0, 90, 30, 90]
    assert 30 < batch.state.contacts.shape[1] == 48 < 90


def test_an_age_has_no_end():
    """1 / (1 + age), whatever the age: a message that was read 2,000 steps ago differs from one of 1,999."""
    config = EnvConfig(horizon=5_000, relations="index")
    batch = Batch("simple", Team.default(2), config)
    batch.reset([0])
    batch.step(np.array([[[0, c.CHAT_TELL, 1, 0], [0, c.SILENT, 0, 0]]]))
    for age in range(2_001):
        batch.step(np.zeros_like(batch.action_buffer))
        shown = batch.layout.get(batch.observations[0, 1], "message_recency")
        np.testing.assert_array_equal(shown, np.array([1 / (1 + age), 0], dtype=np.float32))


def test_what_is_shown_cannot_be_overwritten():
    batch = Batch("simple", Team.default(3), EnvConfig())
    batch.reset([0])
    for shown in (batch.observations, batch.action_masks):
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = 1
