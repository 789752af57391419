"""Episodes for tests of attribution: recorded while policies or given actions play, and replayed plainly."""

from __future__ import annotations

import numpy as np

from agents.policy import PolicyContext, SeesState
from agents.registry import make_policy
from c2c_env import TEST_SEEDS, Batch, EnvConfig, Generated, Team
from c2c_env.core import constants as c
from c2c_env.episodes.recorder import EpisodeRecorder


def record(names, workflow="simple", seed=0, change=None, number=0, **config):
    """The episode that policies play, one name for each agent; `change` is (step, agent, action).

    `number` is which of the seed's episodes it is.
    """
    source = Generated(workflow, seeds=TEST_SEEDS[seed : seed + 1]) if isinstance(workflow, str) else workflow
    batch = Batch(source, Team.default(len(names)), EnvConfig(**config))
    batch.reset([seed])
    for _ in range(number):
        batch.reset()
    kept = []
    recorder = EpisodeRecorder(batch, kept.append, names)
    for actions in decisions(batch, names):
        if change is not None and batch.state.t[0] + 1 == change[0]:
            actions[change[1]] = change[2]
        batch.action_buffer[0] = actions
        batch.step_written()
        recorder.record()
    return kept[0]


def record_actions(workflow, names, actions, factors=None, **config):
    """The episode in which given actions [T, N, parts] are taken, and the last ones until it ends.

    `factors` [N] is how much the words of each agent count in all steps.
    """
    batch = Batch(workflow, Team.default(len(names)), EnvConfig(**config))
    batch.reset([0])
    kept = []
    recorder = EpisodeRecorder(batch, kept.append, names)
    while not kept:
        if factors is not None:
            batch.message_factors[0] = factors
        batch.action_buffer[0] = actions[min(int(batch.state.t[0]), len(actions) - 1)]
        batch.step_written()
        recorder.record()
    return kept[0]


def decisions(batch, names):
    """What fresh policies decide in the one environment of a batch, step by step until it ends: [N, parts]."""
    context, rows = PolicyContext.of(batch), np.arange(batch.num_agents)
    policies = {name: make_policy(name, context) for name in names}
    for policy in policies.values():
        policy.reset(rows)
    while not (batch.terminated[0] or batch.truncated[0]):
        actions = np.zeros(batch.action_buffer.shape[1:], dtype=int)
        for name, policy in policies.items():
            mine = np.array([row for row in rows if names[row] == name])
            if isinstance(policy, SeesState):
                actions[mine] = policy.act_batch(batch, np.array([0]))[0, mine]
            else:
                actions[mine] = policy.act(batch.observations[0, mine], batch.action_masks[0, mine], mine)
        yield actions


def hours_without(episode, message, names=None, silent=True):
    """When an episode ends without a message: one environment, fresh policies, the recorded actions until then.

    `names` are other policies that decide after it, and if not `silent` the message is said.
    """
    batch = episode.batch()
    for actions in decisions(batch, names or episode.policies):
        t = int(batch.state.t[0]) + 1
        if t <= message.step:
            actions = episode.actions[t - 1].copy()
        if silent and t == message.step:
            actions[message.sender, c.SPEECH :] = 0
        batch.action_buffer[0] = actions
        batch.step_written()
    return batch.state.t[0] * batch.config.dt
