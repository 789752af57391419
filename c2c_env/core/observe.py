"""What each agent sees: the board, which is the same for all, then its own part."""

from __future__ import annotations

from c2c_env.core.alignment import alignment
from c2c_env.core.constants import (
    CHANNEL_OF_SPEECH,
    CHAT_TELL,
    DONE,
    EFFORT_SCALE,
    INTERFACE,
    MANAGER,
    MAX_COMPLEXITY,
    NOBODY,
    NUM_DOMAINS,
    NUM_FACETS,
    NUM_HOLDERS,
    NUM_SPEECHES,
    NUM_STATUSES,
    OBS_ASKED,
    OBS_ASKS_ME,
    OBS_COMPLEXITY,
    OBS_CRITICAL_PATH,
    OBS_DEPENDENTS_LEFT,
    OBS_DOMAIN,
    OBS_EFFORT,
    OBS_INTERFACE_HOLDERS,
    OBS_INTERFACE_WEIGHT,
    OBS_MESSAGE_RECENCY,
    OBS_MESSAGE_SPEECH,
    OBS_MESSAGE_SYMBOL,
    OBS_MESSAGE_TOPIC,
    OBS_OWN_ALIGNMENT,
    OBS_OWN_DEBT,
    OBS_OWN_INDEX,
    OBS_OWN_ROLE,
    OBS_OWN_SKILL,
    OBS_OWN_SKILLS,
    OBS_OWN_UNDERSTANDING,
    OBS_OWN_WORK,
    OBS_OWNER,
    OBS_PREREQUISITES_LEFT,
    OBS_REMAINING,
    OBS_REQUEST_BY_ME,
    OBS_REQUEST_TO_ME,
    OBS_ROLES,
    OBS_SELF,
    OBS_SKILLS,
    OBS_STATUS,
    OBS_TIME_USED,
    OBS_WORKING_ON,
    SILENT,
)
from c2c_env.core.layout import Array, Outputs, Params, State
from c2c_env.core.messages import is_ask


def write_observations(p: Params, s: State, out: Outputs, b: int) -> None:
    """Write the observation of every agent; the board is written once and copied."""
    obs = out.observation
    obs[b] = 0.0
    write_board(p, s, obs, b)
    for i in range(1, p.num_agents):
        for x in range(p.obs_board[0]):
            obs[b, i, x] = obs[b, 0, x]
    for i in range(p.num_agents):
        write_self(p, s, obs, b, i)
        write_own_subtasks(p, s, obs, b, i)
        write_contacts(p, s, obs, b, i)


def saturate(hours: float) -> float:
    """Hours on a bounded scale: h / (h + 5)."""
    return hours / (hours + EFFORT_SCALE)


def write_relation(p: Params, obs: Array, b: int, i: int, field: int, k: int, j: int) -> None:
    """A pair (subtask k, agent j) whose compact form is one subtask per agent."""
    o = p.obs_offset[field]
    if p.index_relations:
        obs[b, i, o + j] = (k + 1) / p.max_subtasks
    else:
        obs[b, i, o + k * p.max_agents + j] = 1.0


def write_board(p: Params, s: State, obs: Array, b: int) -> None:
    """The public part, into the observation of agent 0."""
    w, at = s.workflow[b], p.obs_offset
    obs[b, 0, at[OBS_TIME_USED]] = min(1.0, s.t[b] / p.horizon[w])
    obs[b, 0, at[OBS_ROLES] + MANAGER] = 1.0
    for j in range(p.num_agents):
        for d in range(NUM_DOMAINS):
            obs[b, 0, at[OBS_SKILLS] + j * NUM_DOMAINS + d] = p.skill[j, d]
        if s.last_work[b, j] >= 0:
            write_relation(p, obs, b, 0, OBS_WORKING_ON, s.last_work[b, j], j)
    for k in range(p.num_subtasks[w]):
        write_board_subtask(p, s, obs, b, k)


def write_board_subtask(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """What everybody sees of subtask k."""
    w, at = s.workflow[b], p.obs_offset
    obs[b, 0, at[OBS_STATUS] + k * NUM_STATUSES + s.status[b, k]] = 1.0
    obs[b, 0, at[OBS_REMAINING] + k] = s.remaining[b, k] / p.effort[w, k]
    obs[b, 0, at[OBS_EFFORT] + k] = saturate(p.effort[w, k])
    obs[b, 0, at[OBS_COMPLEXITY] + k] = p.complexity[w, k] / MAX_COMPLEXITY
    obs[b, 0, at[OBS_DOMAIN] + k * NUM_DOMAINS + p.domain[w, k]] = 1.0
    obs[b, 0, at[OBS_PREREQUISITES_LEFT] + k] = s.prerequisites_left[b, k] / p.max_subtasks
    obs[b, 0, at[OBS_DEPENDENTS_LEFT] + k] = s.dependents_left[b, k] / p.max_subtasks
    if s.status[b, k] != DONE:
        path = s.remaining[b, k] / p.best_skill[w, k] + p.path_after[w, k]
        obs[b, 0, at[OBS_CRITICAL_PATH] + k] = min(1.0, path / p.lower_bound[w])
    obs[b, 0, at[OBS_INTERFACE_WEIGHT] + k] = p.weights[w, k, INTERFACE]
    owner = s.owner[b, k]
    if p.index_relations:
        obs[b, 0, at[OBS_OWNER] + k] = (owner + 1) / p.max_agents
        write_latest_holders(p, s, obs, b, k)
    else:
        if owner >= 0:
            write_relation(p, obs, b, 0, OBS_OWNER, k, owner)
        for n in range(p.num_prerequisites[w, k]):
            q = p.prerequisites[w, k, n]
            if s.status[b, q] == DONE:
                write_relation(p, obs, b, 0, OBS_INTERFACE_HOLDERS, k, s.owner[b, q])


def write_latest_holders(p: Params, s: State, obs: Array, b: int, k: int) -> None:
    """Up to three distinct agents who finished a prerequisite of k, latest first (ties: lowest subtask)."""
    first = second = NOBODY
    for place in range(NUM_HOLDERS):
        latest = latest_holder(p, s, b, k, first, second)
        if latest < 0:
            return
        obs[b, 0, p.obs_offset[OBS_INTERFACE_HOLDERS] + k * NUM_HOLDERS + place] = (latest + 1) / p.max_agents
        first, second = latest, first


def latest_holder(p: Params, s: State, b: int, k: int, taken: int, taken_too: int) -> int:
    """The agent, other than those taken, who finished a prerequisite of k last; -1 if there is none."""
    w, latest, step = s.workflow[b], NOBODY, -1
    for n in range(p.num_prerequisites[w, k]):
        q = p.prerequisites[w, k, n]
        agent = s.owner[b, q]
        if s.status[b, q] == DONE and agent != taken and agent != taken_too and s.finished_step[b, q] > step:
            latest, step = int(agent), int(s.finished_step[b, q])
    return latest


def write_self(p: Params, s: State, obs: Array, b: int, i: int) -> None:
    """Who I am."""
    at = p.obs_offset
    obs[b, i, at[OBS_SELF] + i] = 1.0
    obs[b, i, at[OBS_OWN_INDEX]] = (i + 1) / p.max_agents
    obs[b, i, at[OBS_OWN_ROLE]] = 1.0 if i == MANAGER else 0.0
    for d in range(NUM_DOMAINS):
        obs[b, i, at[OBS_OWN_SKILLS] + d] = p.skill[i, d]
    obs[b, i, at[OBS_OWN_DEBT]] = saturate(s.debt[b, i])


def write_own_subtasks(p: Params, s: State, obs: Array, b: int, i: int) -> None:
    """What I understand of every subtask."""
    w, at = s.workflow[b], p.obs_offset
    for k in range(p.num_subtasks[w]):
        for f in range(NUM_FACETS):
            obs[b, i, at[OBS_OWN_UNDERSTANDING] + k * NUM_FACETS + f] = s.understanding[b, i, k, f]
        obs[b, i, at[OBS_OWN_ALIGNMENT] + k] = alignment(p, s, b, i, k)
        obs[b, i, at[OBS_OWN_SKILL] + k] = p.skill[i, p.domain[w, k]]
    if s.last_work[b, i] >= 0:
        obs[b, i, at[OBS_OWN_WORK] + s.last_work[b, i]] = 1.0


def write_contacts(p: Params, s: State, obs: Array, b: int, i: int) -> None:
    """Requests and messages between me and every teammate."""
    for j in range(p.num_agents):
        asked = s.request_topic[b, j, i]
        if asked >= 0 and not answer_under_way(p, s, b, i, j, asked):
            write_request(p, obs, b, i, OBS_REQUEST_TO_ME, OBS_ASKS_ME, j, asked, s.t[b] - s.request_step[b, j, i])
        asked = s.request_topic[b, i, j]
        if asked >= 0 and question_under_way(p, s, b, i, j) < 0:
            write_request(p, obs, b, i, OBS_REQUEST_BY_ME, OBS_ASKED, j, asked, s.t[b] - s.request_step[b, i, j])
        if s.read_speech[b, i, j] != SILENT:
            write_last_message(p, s, obs, b, i, j)
    write_questions_under_way(p, s, obs, b, i)


def write_request(
    p: Params, obs: Array, b: int, i: int, age_field: int, topic_field: int, j: int, k: int, age: int
) -> None:
    """A request between me and j about k, by its age in steps."""
    obs[b, i, p.obs_offset[age_field] + j] = 1.0 / (1.0 + age)
    write_relation(p, obs, b, i, topic_field, k, j)


def write_last_message(p: Params, s: State, obs: Array, b: int, i: int, j: int) -> None:
    """The last message that I read from j."""
    at = p.obs_offset
    obs[b, i, at[OBS_MESSAGE_SPEECH] + j * (NUM_SPEECHES - 1) + s.read_speech[b, i, j] - CHAT_TELL] = 1.0
    obs[b, i, at[OBS_MESSAGE_RECENCY] + j] = 1.0 / (1.0 + s.t[b] - s.read_step[b, i, j])
    write_relation(p, obs, b, i, OBS_MESSAGE_TOPIC, s.read_topic[b, i, j], j)
    if p.vocab_size > 0:
        obs[b, i, at[OBS_MESSAGE_SYMBOL] + j * p.vocab_size + s.read_symbol[b, i, j]] = 1.0


def write_questions_under_way(p: Params, s: State, obs: Array, b: int, i: int) -> None:
    """What I asked counts as asked from the moment I sent it; the newest question to each teammate is shown."""
    for age in range(p.max_latency - 1, -1, -1):
        place = mail_place(p, s, b, age)
        speech, recipient = s.mail_speech[b, place, i], s.mail_recipient[b, place, i]
        if not is_ask(speech) or p.latency[CHANNEL_OF_SPEECH[speech]] <= age:
            continue
        everybody = recipient == p.max_agents
        for j in range(0 if everybody else recipient, p.num_agents if everybody else recipient + 1):
            if j != i and question_under_way(p, s, b, i, j) == s.mail_topic[b, place, i]:
                write_request(p, obs, b, i, OBS_REQUEST_BY_ME, OBS_ASKED, j, s.mail_topic[b, place, i], 0)


def mail_place(p: Params, s: State, b: int, age: int) -> int:
    """Where the mailbox holds what was sent `age` steps ago."""
    return int((s.t[b] - age) % p.max_latency)


def under_way(p: Params, s: State, b: int, i: int, j: int, place: int, age: int) -> bool:
    """What i sent `age` steps ago (at `place`) is addressed to j and not read yet."""
    speech, recipient = s.mail_speech[b, place, i], s.mail_recipient[b, place, i]
    if speech == SILENT or i == j or (recipient != j and recipient != p.max_agents):
        return False
    return p.latency[CHANNEL_OF_SPEECH[speech]] > age


def question_under_way(p: Params, s: State, b: int, i: int, j: int) -> int:
    """Topic of the newest question from i to j that is under way, -1 for none."""
    for age in range(p.max_latency):
        place = mail_place(p, s, b, age)
        if is_ask(s.mail_speech[b, place, i]) and under_way(p, s, b, i, j, place, age):
            return int(s.mail_topic[b, place, i])
    return NOBODY


def answer_under_way(p: Params, s: State, b: int, i: int, j: int, k: int) -> bool:
    """A tell about k from i to j is under way."""
    for age in range(p.max_latency):
        place = mail_place(p, s, b, age)
        told = s.mail_topic[b, place, i] == k and not is_ask(s.mail_speech[b, place, i])
        if told and under_way(p, s, b, i, j, place, age):
            return True
    return False
