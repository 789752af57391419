"""What an agent may do, and what its choice means.

Short names: p are the parameters, s is the state, b is the row of an environment, i is an agent, j is another agent
and k is a subtask.
"""

from __future__ import annotations

from c2c_env.compiled import compiled, merged
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, Params, State


@compiled
def may_work(p: Params, s: State, b: int, k: int) -> bool:
    """Whether subtask k exists and is ready."""
    return 0 <= k < p.num_subtasks[s.workflow[b]] and s.status[b, k] == c.READY


@compiled
def may_say(p: Params, s: State, b: int, i: int, speech: int) -> bool:
    """Whether agent i may speak that way: there is somebody to talk to and work left; only the manager assigns."""
    if speech == c.SILENT:
        return True
    if speech < 0 or speech >= c.NUM_SPEECHES or p.num_agents < 2 or s.subtasks_left[b] == 0:
        return False
    return speech != c.ASSIGN or i == c.MANAGER


@compiled
def may_address(p: Params, i: int, j: int) -> bool:
    """Whether agent i may address j: everybody but oneself, and the whole team (index `max_agents`)."""
    return j == p.max_agents or (0 <= j < p.num_agents and j != i)


@compiled
def may_discuss(p: Params, s: State, b: int, k: int) -> bool:
    """Whether subtask k may be a topic: it is unfinished; when none is left, index 0 stands for all."""
    if s.subtasks_left[b] == 0:
        return k == 0
    return 0 <= k < p.num_subtasks[s.workflow[b]] and s.status[b, k] != c.DONE


@compiled
def own_subtask(p: Params, s: State, b: int, i: int) -> int:
    """The subtask worked on in the last step if unfinished, else the first unfinished one owned, else -1."""
    last = s.last_work[b, i]
    if last >= 0 and s.status[b, last] != c.DONE:
        return int(last)
    for k in range(p.num_subtasks[s.workflow[b]]):
        if s.owner[b, k] == i and s.status[b, k] != c.DONE:
            return k
    return c.NOBODY


@compiled
def tell_topic(p: Params, s: State, b: int, j: int, i: int, own: int) -> int:
    """What i would tell j: j's request, j's own subtask, one that j is the best for and nobody owns, i's own.

    The rules about the recipient need a single one: the whole team is told about one's own subtask.
    """
    if j == p.max_agents:
        return own
    asked = s.request_topic[b, j, i]
    if asked >= 0 and s.status[b, asked] != c.DONE:
        return int(asked)
    theirs = own_subtask(p, s, b, j)
    if theirs >= 0:
        return theirs
    w = s.workflow[b]
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] != c.DONE and s.owner[b, k] < 0 and p.best_agent[w, k] == j:
            return k
    return own


@compiled
def inferred_topic(p: Params, s: State, b: int, i: int, speech: int, j: int) -> int:
    """The topic of a speech of the discrete catalogue, or -1 where there is none and the entry is masked."""
    if not may_say(p, s, b, i, speech) or not may_address(p, i, j):
        return c.NOBODY
    own = own_subtask(p, s, b, i)
    if c.ASKS[speech]:
        return own
    if speech == c.MEET:
        return own if own >= 0 or j == p.max_agents else own_subtask(p, s, b, j)
    return tell_topic(p, s, b, j, i, own)


@compiled
def first_assign(p: Params) -> int:
    """Index of the first assign entry of the discrete catalogue."""
    return 1 + p.max_subtasks + (c.ASSIGN - c.CHAT_TELL) * (p.max_agents + 1)


@merged
def update_masks(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write the masks after a step; those of multi-discrete actions change only when a subtask is done."""
    if p.discrete or s.subtasks_left[b] != out.shown_left[b]:
        write_masks(p, s, out, b)


@compiled
def write_masks(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write the legal actions of every agent in the configured action format."""
    for i in range(p.num_agents):
        if p.discrete:
            write_catalogue_mask(p, s, out.action_mask, b, i)
        else:
            write_parts_mask(p, s, out.action_mask, b, i)


@compiled
def write_parts_mask(p: Params, s: State, mask: Array, b: int, i: int) -> None:
    """Write the masks of all parts side by side: work, speech, recipient, topic, symbol, variant."""
    mask[b, i, 0] = 1
    o = 1
    for k in range(p.max_subtasks):
        mask[b, i, o + k] = may_work(p, s, b, k)
    o += p.max_subtasks
    for speech in range(c.NUM_SPEECHES):
        mask[b, i, o + speech] = may_say(p, s, b, i, speech)
    o += c.NUM_SPEECHES
    for j in range(p.max_agents + 1):
        mask[b, i, o + j] = may_address(p, i, j)
    o += p.max_agents + 1
    for k in range(p.max_subtasks):
        mask[b, i, o + k] = may_discuss(p, s, b, k)
    o += p.max_subtasks
    for v in range(p.vocab_size + p.hidden_facts):
        mask[b, i, o + v] = 1


@compiled
def write_catalogue_mask(p: Params, s: State, mask: Array, b: int, i: int) -> None:
    """Write the mask of the discrete catalogue: wait, work on k, each speech to each recipient, assign k to j."""
    mask[b, i, 0] = 1
    for k in range(p.max_subtasks):
        mask[b, i, 1 + k] = may_work(p, s, b, k)
    o = 1 + p.max_subtasks
    for speech in range(c.CHAT_TELL, c.ASSIGN):
        for j in range(p.max_agents + 1):
            mask[b, i, o] = inferred_topic(p, s, b, i, speech, j) >= 0
            o += 1
    manager = may_say(p, s, b, i, c.ASSIGN)
    for k in range(p.max_subtasks):
        assignable = manager and may_discuss(p, s, b, k)
        for j in range(p.max_agents):
            mask[b, i, o] = assignable and may_address(p, i, j)
            o += 1


@compiled
def take_actions(p: Params, s: State, b: int, actions: Array) -> None:
    """Turn the chosen actions [B, N, parts] (or [B, N, 1] catalogue entries) into what each agent really does.

    What the mask forbids is left out and flagged: illegal work is no work, an illegal message is silence.
    """
    for i in range(p.num_agents):
        s.invalid[b, i] = 0
        if p.discrete:
            take_entry(p, s, b, i, actions[b, i, 0])
        else:
            take_parts(p, s, b, i, actions)
        if p.exclusive and s.action[b, i, c.SPEECH] != c.SILENT:
            s.action[b, i, c.WORK] = 0
            s.action[b, i, c.VARIANT] = 0
        if s.invalid[b, i] != 0:
            s.tally[b, c.INVALID_ACTIONS] += 1.0


@compiled
def act(
    s: State, b: int, i: int, work: int, speech: int, recipient: int, topic: int, symbol: int, variant: int
) -> None:
    """Set what agent i does."""
    s.action[b, i, c.WORK] = work
    s.action[b, i, c.SPEECH] = speech
    s.action[b, i, c.RECIPIENT] = recipient
    s.action[b, i, c.TOPIC] = topic
    s.action[b, i, c.SYMBOL] = symbol
    s.action[b, i, c.VARIANT] = variant


@compiled
def take_parts(p: Params, s: State, b: int, i: int, actions: Array) -> None:
    """Take a multi-discrete action, whose last column is the variant if there are any."""
    work, speech = actions[b, i, c.WORK], actions[b, i, c.SPEECH]
    recipient, topic = actions[b, i, c.RECIPIENT], actions[b, i, c.TOPIC]
    symbol = actions[b, i, c.SYMBOL] if p.vocab_size > 0 else 0
    variant = actions[b, i, actions.shape[2] - 1] if p.hidden_facts > 0 else 0
    if work != 0 and not (may_work(p, s, b, work - 1) and 0 <= variant <= max(0, p.hidden_facts - 1)):
        s.invalid[b, i] = 1
        work = 0
    if work == 0:
        variant = 0
    speaks = may_say(p, s, b, i, speech) and may_address(p, i, recipient) and may_discuss(p, s, b, topic)
    if speech != c.SILENT and not (speaks and 0 <= symbol <= max(0, p.vocab_size - 1)):
        s.invalid[b, i] = 1
        speech = c.SILENT
    if speech == c.SILENT:
        recipient, topic, symbol = 0, 0, 0
    act(s, b, i, work, speech, recipient, topic, symbol, variant)


@compiled
def take_entry(p: Params, s: State, b: int, i: int, entry: int) -> None:
    """Take an entry of the discrete catalogue; whoever speaks goes on with its own subtask if that is ready."""
    act(s, b, i, 0, c.SILENT, 0, 0, 0, 0)
    if entry == 0:
        return
    k = entry - 1
    if 0 <= k < p.max_subtasks:
        if may_work(p, s, b, k):
            s.action[b, i, c.WORK] = entry
        else:
            s.invalid[b, i] = 1
        return
    place = entry - first_assign(p)
    if place < 0:
        o = entry - 1 - p.max_subtasks
        speech, j = c.CHAT_TELL + o // (p.max_agents + 1), o % (p.max_agents + 1)
        topic = inferred_topic(p, s, b, i, speech, j) if entry > 0 else c.NOBODY
    else:
        speech, j, topic = c.ASSIGN, place % p.max_agents, place // p.max_agents
        if not (may_say(p, s, b, i, c.ASSIGN) and may_address(p, i, j) and may_discuss(p, s, b, topic)):
            topic = c.NOBODY
    if topic < 0:
        s.invalid[b, i] = 1
        return
    own = own_subtask(p, s, b, i)
    act(s, b, i, own + 1 if may_work(p, s, b, own) else 0, speech, j, topic, 0, 0)
