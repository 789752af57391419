"""Metrics of one episode, computed from the sums that the simulator keeps. `METRICS` says what each one means."""

from __future__ import annotations

import math

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, Params, State

METRICS = {
    "success": "1 if every subtask was done before the horizon",
    "steps": "steps taken",
    "completion_time": "hours until the end of the episode",
    "score": "lower bound / completion time, or 0 without success",
    "progress": "finished share of the effort",
    "work_hours": "person-hours of work",
    "communication_hours": "person-hours paid for sending, reading and meeting",
    "wasted_hours": "person-hours on a subtask on which somebody else worked, or in a variant that is not wanted",
    "efficiency": "finished effort / (work + communication + wasted hours)",
    "mean_alignment": "mean Alignment Factor of the hours worked",
    "messages": "messages sent and meetings held",
    "messages_chat": "messages sent by chat",
    "messages_email": "messages sent by email",
    "messages_meeting": "meetings held",
    **{f"speech_{name}": f"messages of the kind {name}" for name in c.SPEECHES[1:]},
    "manager_share": "share of the manager in all message ends (sent and received)",
    "highest_share": "share of the agent with the most message ends",
    "degree_centralisation": "0 if all agents have equally many message ends, 1 for a star",
    "synchronous_share": "share of meetings in the communication hours",
    "requests": "questions read",
    "answered_share": "share of the questions that was answered before expiring",
    "answer_delay": "mean hours from reading a question to the answer",
    "reworks": "times a subtask came back",
    "requirement_changes": "times a subtask's requirements changed",
    "invalid_actions": "actions that the mask forbade",
}


def episode_metrics(params: Params, state: State, out: Outputs, row: int) -> dict[str, float]:
    """Return the metrics of the environment of a row so far; NaN where nothing happened that could be measured."""
    w = int(state.workflow[row])
    tally, speech = state.tally[row], state.speech_count[row]
    hours = float(state.t[row]) * params.dt
    spent = float(tally[c.WORK_HOURS] + tally[c.COMMUNICATION_HOURS] + tally[c.WASTED_HOURS])
    shares = message_shares(params, state, row)
    finished = float(params.total_effort[w] - state.remaining[row].sum())
    effort, success = float(params.total_effort[w]), float(out.terminated[row])
    by_channel = [speech[np.equal(c.CHANNEL_OF_SPEECH, channel)].sum() for channel in range(len(c.CHANNELS))]
    highest = float(shares.max())
    return {
        "success": success,
        "steps": float(state.t[row]),
        "completion_time": hours,
        "score": success * float(params.lower_bound[w]) / hours if hours else 0.0,
        "progress": finished / effort,
        "work_hours": float(tally[c.WORK_HOURS]),
        "communication_hours": float(tally[c.COMMUNICATION_HOURS]),
        "wasted_hours": float(tally[c.WASTED_HOURS]),
        "efficiency": _ratio(finished, spent),
        "mean_alignment": _ratio(tally[c.ALIGNED_HOURS], tally[c.WORK_HOURS]),
        "messages": float(speech[1:].sum()),
        **{f"messages_{name}": float(n) for name, n in zip(c.CHANNELS, by_channel, strict=True)},
        **{f"speech_{name}": float(speech[n]) for n, name in enumerate(c.SPEECHES) if n},
        "manager_share": float(shares[c.MANAGER]),
        "highest_share": highest,
        "degree_centralisation": degree_centralisation(shares),
        "synchronous_share": _ratio(tally[c.MEETING_HOURS], tally[c.COMMUNICATION_HOURS]),
        "requests": float(tally[c.REQUESTS]),
        "answered_share": _ratio(tally[c.ANSWERS], tally[c.REQUESTS]),
        "answer_delay": _ratio(tally[c.ANSWER_DELAY], tally[c.ANSWERS]) * params.dt,
        "reworks": float(tally[c.REWORKS]),
        "requirement_changes": float(tally[c.REQUIREMENT_CHANGES]),
        "invalid_actions": float(tally[c.INVALID_ACTIONS]),
    }


def message_shares(params: Params, state: State, row: int) -> Array:
    """Share [N] of each agent in all ends of messages that were read; NaN if there were no messages."""
    graph = state.message_graph[row, : params.num_agents, : params.num_agents]
    ends = graph.sum(axis=0) + graph.sum(axis=1)
    total = ends.sum()
    return ends / total if total else ends * math.nan


def degree_centralisation(shares: Array) -> float:
    """Freeman's centralisation of the weighted message graph, which is 1 for a star.

    It is the sum of all gaps to the largest degree, divided by the same sum for a star. The degree of an agent is the
    share of messages that it sent or received, so the hub of a star has 1. It is NaN for fewer than three agents.
    """
    n = len(shares)
    if n < 3:
        return math.nan
    degree = 2.0 * shares
    return float((degree.max() - degree).sum() / (n - 2))


def longest_chain(params: Params, state: State, row: int) -> set[int]:
    """Find the unfinished subtasks of the longest chain that is left, at the best skills and Alignment Factor 1."""
    w = int(state.workflow[row])
    real = slice(int(params.num_subtasks[w]))
    hours = state.remaining[row, real] / params.best_skill[w, real] + params.path_after[w, real]
    unfinished = [k for k in range(len(hours)) if state.status[row, k] != c.DONE]
    path: set[int] = set()
    while unfinished:
        k = max(unfinished, key=lambda k: float(hours[k]))
        path.add(k)
        first, count = params.first_dependent[w, k], params.num_dependents[w, k]
        unfinished = params.dependents[w, first : first + count].tolist()
    return path


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else math.nan
