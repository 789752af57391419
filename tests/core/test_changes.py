"""After any number of steps an observation that was written change by change equals one written from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from simulate import random_env, sample_legal, sample_space, step

from c2c_env import Batch, Channel, EnvConfig, Team

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


def test_what_is_shown_cannot_be_overwritten():
    batch = Batch("simple", Team.default(3), EnvConfig())
    batch.reset([0])
    for shown in (batch.observations, batch.action_masks):
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = 1
