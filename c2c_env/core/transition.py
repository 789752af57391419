"""The order of things: one reset, one step, and the loop over a batch that environments call.

Short names: p are the parameters, s is the state and b is the row of an environment.
"""

from __future__ import annotations

from c2c_env.compiled import compiled, merged
from c2c_env.core import constants as c
from c2c_env.core.actions import take_actions, update_masks
from c2c_env.core.alignment import realign_all, team_alignment
from c2c_env.core.arrays import Array, Outputs, Params, State
from c2c_env.core.events import change_requirements
from c2c_env.core.mailbox import note_mailbox
from c2c_env.core.messages import deliver_messages, expire_requests, hold_meetings, send_messages
from c2c_env.core.observation.writing import blank_observations, update_observations
from c2c_env.core.rewards import note_potentials, write_rewards
from c2c_env.core.rng import uniform
from c2c_env.core.work import choose_workers, complete_subtasks, do_work, pass_milestones, spend_time


@compiled
def reset_row(p: Params, s: State, b: int) -> None:
    """Start an episode; `seed`, `episode`, `key` and `workflow` of the row are already set."""
    w = s.workflow[b]
    clear_episode(s, b)
    s.subtasks_left[b] = p.num_subtasks[w]
    for k in range(p.num_subtasks[w]):
        s.remaining[b, k] = p.effort[w, k]
        s.prerequisites_left[b, k] = p.num_prerequisites[w, k]
        s.dependents_left[b, k] = p.num_dependents[w, k]
        s.status[b, k] = c.READY if p.num_prerequisites[w, k] == 0 and p.effort[w, k] > 0.0 else c.BLOCKED
        for i in range(p.num_agents):
            s.understanding[b, i, k, c.INTENT] = p.manager_intent if i == c.MANAGER else p.initial_intent
            s.understanding[b, i, k, c.INTERFACE] = p.initial_interface
            s.understanding[b, i, k, c.CONSTRAINTS] = p.expertise[i, p.domain[w, k]]
            s.understanding[b, i, k, c.CONTEXT] = p.initial_context
    draw_facts(p, s, b)
    pass_milestones(p, s, b)


@compiled
def draw_facts(p: Params, s: State, b: int) -> None:
    """Draw which variant of each subtask is wanted, which the manager knows, if there are hidden facts."""
    if p.hidden_facts == 0:
        return
    for k in range(p.num_subtasks[s.workflow[b]]):
        s.fact[b, k] = int(uniform(s.key[b], c.STREAM_FACT, 0, k) * p.hidden_facts)
        s.knows[b, c.MANAGER, k] = 1


@compiled
def clear_episode(s: State, b: int) -> None:
    """Forget the last episode."""
    s.t[b] = 0
    s.understanding[b] = 0.0
    s.alignment[b] = 0.0
    s.remaining[b] = 0.0
    s.status[b] = c.BLOCKED
    s.prerequisites_left[b] = 0
    s.dependents_left[b] = 0
    s.owner[b] = c.NOBODY
    s.finished_step[b] = -1
    s.finish_alignment[b] = 0.0
    s.fact[b] = 0
    s.knows[b] = 0
    s.worked_hours[b] = 0.0
    s.aligned_hours[b] = 0.0
    s.debt[b] = 0.0
    s.last_work[b] = c.NOBODY
    s.request_topic[b] = c.NOBODY
    s.request_step[b] = 0
    s.asking_topic[b] = c.NOBODY
    s.asking_due[b] = 0
    s.answer_due[b] = 0
    s.mail_speech[b] = 0
    s.mail_recipient[b] = 0
    s.mail_topic[b] = 0
    s.mail_symbol[b] = 0
    s.mail_facets[b] = 0.0
    s.mail_factor[b] = 1.0
    s.read_speech[b] = 0
    s.read_topic[b] = c.NOBODY
    s.read_symbol[b] = 0
    s.read_step[b] = 0
    s.forecast_value[b] = 0.0
    s.information_value[b] = 0.0
    s.judged[b] = 1.0
    s.action[b] = 0
    s.invalid[b] = 0
    s.spoken_hours[b] = 0.0
    s.in_meeting[b] = 0
    s.num_changed[b] = 0
    s.changed[b] = 0
    s.num_contacts[b] = 0
    s.contacts[b] = 0
    s.participants[b] = 0
    s.best_facets[b] = 0.0
    s.work_hours[b] = 0.0
    s.worker[b] = c.NOBODY
    s.chain_hours[b] = 0.0
    s.progress_credit[b] = 0.0
    s.alignment_credit[b] = 0.0
    s.tally[b] = 0.0
    s.speech_count[b] = 0
    s.message_graph[b] = 0


@compiled
def derive(p: Params, s: State, b: int, task: int) -> None:
    """Work out what follows from the rest of a state; at a reset also the alignment that gains are counted from."""
    realign_all(p, s, b)
    note_mailbox(p, s, b)
    note_potentials(p, s, b)
    if task == c.RESET:
        s.alignment_value[b] = team_alignment(p, s, b)


@merged
def step_row(p: Params, s: State, out: Outputs, b: int, actions: Array) -> None:
    """One step, in the order of the stages (see the package)."""
    take_actions(p, s, b, actions)
    s.t[b] += 1
    s.num_changed[b] = 0
    s.num_contacts[b] = 0
    for i in range(p.num_agents):
        s.spoken_hours[b, i] = 0.0
        s.progress_credit[b, i] = 0.0
        s.alignment_credit[b, i] = 0.0
    change_requirements(p, s, b)
    deliver_messages(p, s, b)
    expire_requests(p, s, b)
    hold_meetings(p, s, b)
    send_messages(p, s, b)
    spend_time(p, s, b)
    choose_workers(p, s, b)
    do_work(p, s, b)
    complete_subtasks(p, s, b)
    write_rewards(p, s, out, b)
    out.terminated[b] = s.subtasks_left[b] == 0
    out.truncated[b] = s.subtasks_left[b] > 0 and s.t[b] >= p.horizon[s.workflow[b]]


@merged
def run_row(p: Params, s: State, out: Outputs, actions: Array, b: int, task: int) -> None:
    """Do a task in one environment: `RESET`, `STEP` with actions [B, N, parts], or `SHOW` a state put into it.

    Then write what its agents see and may do: after a step what has changed, else from nothing. A reset leaves the
    rewards of the last step as they are: they belong to it.
    """
    if task == c.STEP:
        step_row(p, s, out, b, actions)
    else:
        if task == c.RESET:
            reset_row(p, s, b)
        derive(p, s, b, task)
        blank_observations(p, s, out, b)
    update_masks(p, s, out, b)
    if p.write_observations:
        update_observations(p, s, out, b)
    out.shown_left[b] = s.subtasks_left[b]


@compiled
def run_rows(p: Params, s: State, out: Outputs, actions: Array, rows: Array, task: int) -> None:
    """Do a task in each of the rows [R]; one entry point for all tasks, so that what they share is compiled once."""
    for n in range(rows.shape[0]):
        run_row(p, s, out, actions, rows[n], task)
