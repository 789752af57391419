"""What each agent sees: the board, which is the same for all, then its own part.

An observation is written from nothing when an episode starts. After a step only what changed is written: the
one-hot relations alone are half of an observation, and next to none of them changes. `Outputs.shown_*` remember
what the observation says at present.

Short names: p are the parameters, s is the state, b is the row of an environment, i is an agent, j is another agent,
k is a subtask, o is where a field begins and x is an index.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, Params, State


@compiled
def blank_observations(p: Params, s: State, out: Outputs, b: int) -> None:
    """Leave in the observation of every agent only what an episode does not change."""
    out.shown_left[b] = c.NOTHING_SHOWN
    if not p.write_observations:
        return
    out.observation[b] = 0.0
    forget_shown(p, out, b)
    write_static_board(p, s, out.observation, b)
    for i in range(p.num_agents):
        write_static_own(p, s, out.observation, b, i)


@compiled
def forget_shown(p: Params, out: Outputs, b: int) -> None:
    """Note that the observation shows nobody and nothing yet."""
    for k in range(p.max_subtasks):
        out.shown_owner[b, k] = c.NOBODY
    for i in range(p.num_agents):
        out.shown_work[b, i] = c.NOBODY
        for j in range(p.num_agents):
            for relation in range(c.NUM_RELATIONS):
                out.shown_topic[b, i, j, relation] = c.NOBODY
        for x in range(out.shown_since.shape[2]):
            out.shown_since[b, i, x] = c.NO_STEP


@compiled
def update_observations(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write what has changed since the observation was written last."""
    update_board(p, s, out, b)
    update_workers(p, s, out, b)
    update_own(p, s, out.observation, b)
    update_contacts(p, s, out, b)


@compiled
def saturate(hours: float) -> float:
    """Hours h on the bounded scale h / (h + 5)."""
    return hours / (hours + c.EFFORT_SCALE)


@compiled
def tell_all(p: Params, obs: Array, b: int, x: int, value: float) -> None:
    """Write a number of the board, which is the same for all agents, wherever the board stands."""
    for i in range(p.num_boards):
        tell_one(p, obs, b, i, x, value)


@compiled
def tell_one(p: Params, obs: Array, b: int, i: int, x: int, value: float) -> None:
    """Write a number of an agent's own part; see `core.observation.forms` for its place."""
    obs[b, i * p.row_stride + int(x)] = value


# --- what an episode does not change -------------------------------------------------------------------------


@compiled
def write_static_board(p: Params, s: State, obs: Array, b: int) -> None:
    """Write who is in the team and what there is to do."""
    w, at, num_domains = s.workflow[b], p.obs_offset, p.skill.shape[1]
    tell_all(p, obs, b, at[c.OBS_ROLES] + c.MANAGER, 1.0)
    for j in range(p.num_agents):
        for d in range(num_domains):
            tell_all(p, obs, b, at[c.OBS_SKILLS] + j * num_domains + d, p.skill[j, d])
    for k in range(p.num_subtasks[w]):
        tell_all(p, obs, b, at[c.OBS_EFFORT] + k, saturate(p.effort[w, k]))
        tell_all(p, obs, b, at[c.OBS_COMPLEXITY] + k, p.complexity[w, k] / c.MAX_COMPLEXITY)
        tell_all(p, obs, b, at[c.OBS_DOMAIN] + k * num_domains + p.domain[w, k], 1.0)
        tell_all(p, obs, b, at[c.OBS_INTERFACE_WEIGHT] + k, p.weights[w, k, c.INTERFACE])


@compiled
def write_static_own(p: Params, s: State, obs: Array, b: int, i: int) -> None:
    """Write who the agent is and what it is good at."""
    w, at = s.workflow[b], p.obs_offset
    tell_one(p, obs, b, i, at[c.OBS_SELF] + i, 1.0)
    tell_one(p, obs, b, i, at[c.OBS_OWN_INDEX], (i + 1) / p.max_agents)
    tell_one(p, obs, b, i, at[c.OBS_OWN_ROLE], 1.0 if i == c.MANAGER else 0.0)
    for d in range(p.skill.shape[1]):
        tell_one(p, obs, b, i, at[c.OBS_OWN_SKILLS] + d, p.skill[i, d])
    for k in range(p.num_subtasks[w]):
        tell_one(p, obs, b, i, at[c.OBS_OWN_SKILL] + k, p.skill[i, p.domain[w, k]])


# --- the board ------------------------------------------------------------------------------------------------


@compiled
def update_board(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write the time, and what has changed about every subtask."""
    w, obs = s.workflow[b], out.observation
    tell_all(p, obs, b, p.obs_offset[c.OBS_TIME_USED], min(1.0, s.t[b] / p.horizon[w]))
    finished = s.subtasks_left[b] != out.shown_left[b]
    for k in range(p.num_subtasks[w]):
        if finished:
            write_status(p, s, obs, b, k)
            write_holders(p, s, obs, b, k)
            write_remaining(p, s, obs, b, k)
        if s.owner[b, k] != out.shown_owner[b, k]:
            write_owner(p, obs, b, k, out.shown_owner[b, k], s.owner[b, k])
            out.shown_owner[b, k] = s.owner[b, k]
    for i in range(p.num_agents):
        if s.last_work[b, i] >= 0:
            write_remaining(p, s, obs, b, s.last_work[b, i])


@compiled
def write_status(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """Write the status of subtask k, and how many others it waits for and holds up."""
    at = p.obs_offset
    for status in range(c.NUM_STATUSES):
        tell_all(p, obs, b, at[c.OBS_STATUS] + k * c.NUM_STATUSES + status, 1.0 if s.status[b, k] == status else 0.0)
    tell_all(p, obs, b, at[c.OBS_PREREQUISITES_LEFT] + k, s.prerequisites_left[b, k] / p.max_subtasks)
    tell_all(p, obs, b, at[c.OBS_DEPENDENTS_LEFT] + k, s.dependents_left[b, k] / p.max_subtasks)


@compiled
def write_remaining(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """Write what is left of subtask k (of a milestone: 0) and of the critical path from it on."""
    w, at = s.workflow[b], p.obs_offset
    tell_all(p, obs, b, at[c.OBS_REMAINING] + k, s.remaining[b, k] / max(p.effort[w, k], c.DONE_TOLERANCE))
    path = 0.0
    if s.status[b, k] != c.DONE:
        path = s.remaining[b, k] / p.best_skill[w, k] + p.path_after[w, k]
    tell_all(p, obs, b, at[c.OBS_CRITICAL_PATH] + k, min(1.0, path / p.lower_bound[w]))


@compiled
def write_owner(p: Params, obs: Array, b: int, k: int, before: int, owner: int) -> None:
    """Write the new owner of subtask k in the place of the one before (-1 is nobody)."""
    o = p.obs_offset[c.OBS_OWNER]
    if p.index_relations:
        tell_all(p, obs, b, o + k, (owner + 1) / p.max_agents)
        return
    if before >= 0:
        tell_all(p, obs, b, o + k * p.max_agents + before, 0.0)
    if owner >= 0:
        tell_all(p, obs, b, o + k * p.max_agents + owner, 1.0)


@compiled
def write_holders(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """Write who finished a prerequisite of subtask k; what is done stays done, so nobody is removed."""
    if p.index_relations:
        write_latest_holders(p, s, obs, b, k)
        return
    w, o = s.workflow[b], p.obs_offset[c.OBS_INTERFACE_HOLDERS] + k * p.max_agents
    first = p.first_prerequisite[w, k]
    for n in range(first, first + p.num_prerequisites[w, k]):
        q = p.prerequisites[w, n]
        if was_finished(p, s, b, q):
            tell_all(p, obs, b, o + s.owner[b, q], 1.0)


@compiled
def was_finished(p: Params, s: State, b: int, k: int) -> bool:
    """Whether subtask k was finished by somebody; a milestone is done by nobody."""
    return s.status[b, k] == c.DONE and p.effort[s.workflow[b], k] > 0.0


@compiled
def write_latest_holders(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """Write up to three distinct agents who finished a prerequisite of k, latest first (ties: lowest subtask)."""
    first = second = c.NOBODY
    for place in range(c.NUM_HOLDERS):
        latest = latest_holder(p, s, b, k, first, second)
        if latest < 0:
            return
        tell_all(
            p, obs, b, p.obs_offset[c.OBS_INTERFACE_HOLDERS] + k * c.NUM_HOLDERS + place, (latest + 1) / p.max_agents
        )
        first, second = latest, first


@compiled
def latest_holder(p: Params, s: State, b: int, k: int, taken: int, taken_too: int) -> int:
    """The agent, other than those taken, who finished a prerequisite of k last; -1 if there is none."""
    w, latest, step = s.workflow[b], c.NOBODY, -1
    first = p.first_prerequisite[w, k]
    for n in range(first, first + p.num_prerequisites[w, k]):
        q = p.prerequisites[w, n]
        agent = s.owner[b, q]
        if was_finished(p, s, b, q) and agent != taken and agent != taken_too and s.finished_step[b, q] > step:
            latest, step = int(agent), int(s.finished_step[b, q])
    return latest


@compiled
def update_workers(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write what each agent worked on in the last step, for all agents and once more for the agent itself."""
    obs, o, own = out.observation, p.obs_offset[c.OBS_WORKING_ON], p.obs_offset[c.OBS_OWN_WORK]
    for j in range(p.num_agents):
        before, k = out.shown_work[b, j], s.last_work[b, j]
        if before == k:
            continue
        out.shown_work[b, j] = k
        tell_one(p, obs, b, j, own + max(0, before), 0.0)
        tell_one(p, obs, b, j, own + max(0, k), 1.0 if k >= 0 else 0.0)
        tell_all(p, obs, b, o + j + max(0, before) * p.topic_stride, 0.0)
        tell_all(p, obs, b, o + j + max(0, k) * p.topic_stride, p.topic_value[k + 1])


# --- one's own part -------------------------------------------------------------------------------------------


@compiled
def update_own(p: Params, s: State, obs: Array, b: int) -> None:
    """Write the debt of everybody, and what has changed in what each agent understands."""
    for i in range(p.num_agents):
        tell_one(p, obs, b, i, p.obs_offset[c.OBS_OWN_DEBT], saturate(s.debt[b, i]))
    if s.num_changed[b] <= s.changed.shape[1]:
        for n in range(s.num_changed[b]):
            write_understanding(p, s, obs, b, s.changed[b, n, 0], s.changed[b, n, 1])
        return
    for i in range(p.num_agents):
        for k in range(p.num_subtasks[s.workflow[b]]):
            write_understanding(p, s, obs, b, i, k)


@compiled
def write_understanding(p: Params, s: State, obs: Array, b: int, i: int, k: int) -> None:
    """Write what agent i understands of subtask k, and which variant of it is wanted if it knows that."""
    o = p.obs_offset[c.OBS_OWN_UNDERSTANDING] + k * c.NUM_FACETS
    for f in range(c.NUM_FACETS):
        tell_one(p, obs, b, i, o + f, s.understanding[b, i, k, f])
    tell_one(p, obs, b, i, p.obs_offset[c.OBS_OWN_ALIGNMENT] + k, s.alignment[b, i, k])
    if p.hidden_facts > 0:
        tell_one(p, obs, b, i, p.obs_offset[c.OBS_KNOWN_FACT] + k * p.hidden_facts + s.fact[b, k], s.knows[b, i, k])


@compiled
def update_contacts(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write the requests and messages between every two agents, as each of them sees them.

    Every age grows with every step, while little else changes. So only what was listed is worked out anew, and the
    ages are written in one pass.
    """
    if out.shown_left[b] == c.NOTHING_SHOWN or s.num_contacts[b] > s.contacts.shape[1]:
        for i in range(p.num_agents):
            for j in range(p.num_agents):
                for relation in range(c.NUM_RELATIONS):
                    show_contact(p, s, out, b, i, j, relation)
    else:
        for n in range(s.num_contacts[b]):
            show_contact(p, s, out, b, s.contacts[b, n, 0], s.contacts[b, n, 1], s.contacts[b, n, 2])
    write_ages(p, s, out, b)


@compiled
def show_contact(p: Params, s: State, out: Outputs, b: int, i: int, j: int, relation: int) -> None:
    """Write what a relation of agent i to agent j is about, and note from when its age is counted."""
    t = s.t[b]
    if relation == c.LAST_READ:
        k, step = s.read_topic[b, i, j], s.read_step[b, i, j]
        write_last_message(p, s, out.observation, b, i, j)
    elif relation == c.ASKS_ME:
        k, step = s.request_topic[b, j, i], s.request_step[b, j, i]
        if s.answer_due[b, i, j] > t:
            k = c.NOBODY
    else:
        k, step = s.request_topic[b, i, j], s.request_step[b, i, j]
        if s.asking_due[b, i, j] > t:  # under way, and new until it is read, which `write_ages` sees to
            k, step = s.asking_topic[b, i, j], s.asking_due[b, i, j]
    show_topic(p, out, b, i, j, relation, k)
    out.shown_since[b, i, relation * p.max_agents + j] = step if k >= 0 else c.NO_STEP


@compiled
def show_topic(p: Params, out: Outputs, b: int, i: int, j: int, relation: int, k: int) -> None:
    """Write that a relation between agents i and j is about subtask k now (-1: none).

    The fields stand in the order of the relations. Nothing is written as a 0 for the first subtask.
    """
    o, before = p.obs_offset[c.OBS_ASKS_ME + relation] + j, out.shown_topic[b, i, j, relation]
    tell_one(p, out.observation, b, i, o + max(0, before) * p.topic_stride, 0.0)
    tell_one(p, out.observation, b, i, o + max(0, k) * p.topic_stride, p.topic_value[k + 1])
    out.shown_topic[b, i, j, relation] = k


@compiled
def write_last_message(p: Params, s: State, obs: Array, b: int, i: int, j: int) -> None:
    """Write what the last message was that i read from j."""
    speech, o = s.read_speech[b, i, j], p.obs_offset[c.OBS_MESSAGE_SPEECH] + j * (c.NUM_SPEECHES - 1)
    for n in range(c.NUM_SPEECHES - 1):
        tell_one(p, obs, b, i, o + n, 1.0 if speech - c.CHAT_TELL == n else 0.0)
    o = p.obs_offset[c.OBS_MESSAGE_SYMBOL] + j * p.vocab_size
    for v in range(p.vocab_size):
        tell_one(p, obs, b, i, o + v, 1.0 if speech != c.SILENT and s.read_symbol[b, i, j] == v else 0.0)


@compiled
def write_ages(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write ages in steps on the scale 1 / (1 + age), and 0 for what never happened.

    The three fields stand beside each other in the order of the relations. What lies ahead is new.
    """
    first, after = p.obs_offset[c.OBS_REQUEST_TO_ME], 1.0 + s.t[b]
    for i in range(p.num_agents):
        for x in range(c.NUM_RELATIONS * p.max_agents):
            since = out.shown_since[b, i, x]
            scaled = 1.0 / max(1.0, after - since)
            tell_one(p, out.observation, b, i, first + x, 0.0 if since == c.NO_STEP else scaled)
