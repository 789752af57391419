"""The global state as a vector, put together once more from a snapshot and the workflow, with plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from simulate import random_env, random_snapshot

from c2c_env.workflows import DOMAINS


def marked(size, index):
    return [float(n == index) for n in range(size)]


def expected(env):
    """The vector of an environment without padding, part by part."""
    now, workflow, team = env.snapshot(), env.batch.workflow(), env.team.skills
    n, k, horizon = len(team), len(workflow.subtasks), int(env.batch.params.horizon[0])
    weights = env.config.facet_weights
    parts = [[now["t"] / horizon], *team, [1.0] * k]
    parts += [marked(3, status) for status in now["status"]]
    parts.append([left / (s.effort or 1.0) for left, s in zip(now["remaining"], workflow.subtasks, strict=True)])
    parts.append([s.effort / (s.effort + 5.0) for s in workflow.subtasks])
    parts.append([s.complexity / 2.5 for s in workflow.subtasks])
    parts += [marked(len(workflow.domains), workflow.domains.index(s.domain)) for s in workflow.subtasks]
    parts += [s.weights(weights) for s in workflow.subtasks]
    parts += [[float(q in wanted) for q in range(k)] for wanted in workflow.prerequisite_indices()]
    parts += [marked(n, owner) for owner in now["owner"]]
    parts += [now["understanding"].ravel(), [debt / (debt + 5.0) for debt in now["debt"]]]
    parts += [marked(k, work) for work in now["last_work"]]
    parts.append((now["request_topic"].ravel() + 1) / k)
    ages = now["request_age"].ravel()
    parts.append([(age + 1) / (env.config.request_expiry + 2) if age >= 0 else 0.0 for age in ages])
    mail = now["mailbox"].ravel()
    parts += [marked(6, message["speech"] - 1) for message in mail]
    parts.append([(message["recipient"] + 1) / (n + 1) if message["speech"] else 0.0 for message in mail])
    parts.append([(message["topic"] + 1) / k if message["speech"] else 0.0 for message in mail])
    parts += [message["facets"] * (message["speech"] > 0) for message in mail]
    parts.append(marked(len(now["mailbox"]), int(now["t"]) % len(now["mailbox"])))
    if facts := env.config.hidden_facts:
        parts += [*(marked(facts, fact) for fact in now["fact"]), now["knows"]]
    return np.clip(np.concatenate([np.ravel(part) for part in parts]), 0.0, 1.0)


@pytest.mark.parametrize("facts", [0, 3])
@pytest.mark.parametrize("domains", [DOMAINS, ("x",), tuple("gfedcba")], ids=len)
@pytest.mark.parametrize("seed", range(12))
def test_every_part_says_what_the_snapshot_says(seed, facts, domains):
    rng = np.random.default_rng(seed)
    env = random_env(rng, agents=int(rng.integers(1, 6)), subtasks=9, hidden_facts=facts, domains=domains)
    for _ in range(5):
        env.restore(random_snapshot(env, rng))
        np.testing.assert_allclose(env.state(), expected(env), rtol=0, atol=1e-6)
        assert env.state_space.contains(env.state())


def test_milestones_have_nothing_left():
    env = random_env(np.random.default_rng(5), agents=3, subtasks=9, milestones=0.6)
    assert 0.0 in [subtask.effort for subtask in env.batch.workflow().subtasks]
    np.testing.assert_allclose(env.state(), expected(env), rtol=0, atol=1e-6)
