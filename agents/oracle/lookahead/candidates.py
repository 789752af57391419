"""Joint actions that differ from the rule's in one thing: what somebody works on, or what somebody says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agents.oracle.scratch import Scratch
from agents.policy import Array
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.core.alignment import gap_closed

SOON = 1.5  # hours; who will work on what starts later is too uncertain for a message
LEAST_NEWS = 0.05  # of weighted understanding that a message must be able to add


def variations(batch: Batch, row: int, scratch: Scratch, actions: Array) -> list[Array]:
    """Joint actions [N, parts] around one of them, each once; `scratch` is that of the rule in this state."""
    found = {actions.tobytes(): actions}
    for makers in (silenced(actions), reassigned(batch, row, actions), messaged(batch, row, scratch, actions)):
        for one in makers:
            found.setdefault(one.tobytes(), one)
    del found[actions.tobytes()]
    return list(found.values())


def silenced(actions: Array) -> Iterator[Array]:
    """Yield joint actions in which somebody does not say what it would say."""
    for i in np.flatnonzero(actions[:, c.SPEECH]).tolist():
        yield with_speech(actions, i, c.SILENT, 0, 0)


def reassigned(batch: Batch, row: int, actions: Array) -> Iterator[Array]:
    """Yield joint actions in which somebody works on another ready subtask, trading places with its worker."""
    ready = np.flatnonzero(batch.state.status[row] == c.READY)
    for i in range(batch.num_agents):
        for k in ready:
            if actions[i, c.WORK] == k + 1:
                continue
            changed = actions.copy()
            changed[actions[:, c.WORK] == k + 1, c.WORK] = actions[i, c.WORK]
            changed[i, c.WORK] = k + 1
            if batch.params.hidden_facts:
                changed[:, -1] = np.where(changed[:, c.WORK] > 0, batch.state.fact[row, changed[:, c.WORK] - 1], 0)
            yield changed


def messaged(batch: Batch, row: int, scratch: Scratch, actions: Array) -> Iterator[Array]:
    """Yield joint actions in which somebody who knows more tells or meets the worker of a subtask that starts soon."""
    state, params = batch.state, batch.params
    w = int(state.workflow[row])
    num = int(params.num_subtasks[w])
    for k in range(num):
        if state.status[row, k] == c.DONE or scratch.start[k] > SOON:
            continue
        j = int(scratch.worker[k])
        gaps = gap_closed(1.0, state.understanding[row, : batch.num_agents, k], scratch.known[j, k])
        for i in np.flatnonzero(gaps @ params.weights[w, k] > LEAST_NEWS).tolist():
            yield with_speech(actions, i, c.CHAT_TELL, j, k)
            told = with_speech(actions, i, c.EMAIL_TELL, j, k)
            yield told
            yield with_speech(told, j, c.CHAT_ASK, i, k)
            yield with_speech(actions, j, c.MEET, i, k)
        if j != c.MANAGER:
            yield with_speech(actions, j, c.CHAT_ASK, c.MANAGER, k)


def with_speech(actions: Array, speaker: int, speech: int, recipient: int, topic: int) -> Array:
    """Copy the joint action with something else for one agent to say."""
    changed = actions.copy()
    changed[speaker, c.SPEECH], changed[speaker, c.RECIPIENT], changed[speaker, c.TOPIC] = speech, recipient, topic
    return changed
