"""Data of the page from episodes that are really played, written from the description of the format."""

from __future__ import annotations

import copy

import numpy as np

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import METRICS
from c2c_env.core import constants as c
from c2c_env.make import make_batch
from c2c_env.trace import Trace

KEPT = ("remaining", "status", "owner", "debt", "alignment", "understanding")


def example(*policies, workflow="password-reset-flow", team_size=3, seed=3):
    """The data of one episode for each policy."""
    batch = make_batch(workflow, team_size)
    episodes = [episode_of(batch, policy, seed) for policy in policies]
    params, flow, w = batch.params, batch.workflow(0), int(batch.state.workflow[0])
    places = {subtask.id: k for k, subtask in enumerate(flow.subtasks)}
    domains = list(batch.pool.domains)
    return {
        "format": 1,
        "workflow": {"name": flow.name, "title": flow.title, "tier": flow.tier},
        "agents": list(batch.team.agents),
        "skills": params.skill[: batch.num_agents].round(3).tolist(),
        "domains": domains,
        "subtasks": [
            {
                "id": s.id,
                "title": s.title,
                "domain": domains.index(s.domain),
                "effort": s.effort,
                "complexity": s.complexity,
                "needs": [places[name] for name in s.prerequisites],
            }
            for s in flow.subtasks
        ],
        "dt": params.dt,
        "lower_bound": float(params.lower_bound[w]),
        "horizon": int(params.horizon[w]),
        "seed": seed,
        "channels": list(c.CHANNELS),
        "facets": ["intent", "interface", "constraints", "context"],
        "reward_terms": list(c.REWARD_TERMS[:4]),
        "speeches": list(c.SPEECHES),
        "metric_meanings": dict(METRICS),
        "episodes": episodes,
    }


def episode_of(batch, policy, seed):
    player = make_policy(policy, PolicyContext.of(batch, seed, None))
    batch.reset([seed])
    trace, moments = Trace(batch), []

    def look():
        moments.append({name: getattr(batch.state, name)[0].copy() for name in KEPT})

    def record():
        trace.record()
        look()

    look()
    metrics = play(batch, player, on_step=record)[0]
    return written(batch, policy, trace, moments, metrics)


def written(batch, policy, trace, moments, metrics):
    n, k, steps = batch.num_agents, trace.remaining.shape[1], trace.length
    kept = {name: np.stack([moment[name] for moment in moments]) for name in KEPT}
    spoken = np.concatenate([[0.0], trace.spoken_hours.sum(axis=1).cumsum()])
    factors = kept["alignment"][:, :n, :k]
    return {
        "policy": policy,
        "steps": steps,
        "success": bool((kept["status"][-1, :k] == c.DONE).all()),
        "metrics": {name: None if np.isnan(value) else float(value) for name, value in metrics.items()},
        "remaining": kept["remaining"][:, :k].round(4).tolist(),
        "status": kept["status"][:, :k].tolist(),
        "owner": kept["owner"][:, :k].tolist(),
        "critical": [longest_chain(batch.workflow(0), left[:k]) for left in kept["remaining"]],
        "alignment": (1000 * factors).round().astype(int).tolist(),
        "debt": kept["debt"][:, :n].round(3).tolist(),
        "progress": [0.0, *trace.progress.round(5).tolist()],
        "mean_alignment": factors.max(axis=1).mean(axis=1).round(5).tolist(),
        "communication_hours": spoken.round(4).tolist(),
        "wanted": trace.work[:, :n].tolist(),
        "work": trace.worked[:, :n].tolist(),
        "hours": hours_of(batch, trace, kept["debt"][:, :n]),
        "reward_terms": trace.reward_terms[:, :n, :4].mean(axis=1).round(5).tolist(),
        "actions": np.stack([trace.work, trace.speech, trace.recipient, trace.topic], axis=-1)[:, :n].tolist(),
        "events": events_of(trace),
        "messages": messages_of(batch, trace, kept["understanding"]),
        "texts": [],
    }


def longest_chain(flow, left):
    """The subtasks of the longest chain of hours that are left."""
    best = {}
    for k, subtask in enumerate(flow.subtasks):
        before = [best[i] for i, other in enumerate(flow.subtasks) if other.id in subtask.prerequisites]
        hours, chain = max(before, default=(0.0, []))
        best[k] = (hours + float(left[k]), [*chain, k])
    return [k for k in max(best.values())[1] if left[k] > 0]


def hours_of(batch, trace, debt):
    """Hours [T, N, 6] by use; of communication, what the meeting took, and the rest as reading and sending."""
    meeting = np.where(trace.in_meeting, float(batch.params.send_hours[c.MEETING]), 0.0)
    sends = np.array([0.0, *(batch.params.send_hours[channel] for channel in c.CHANNEL_OF_SPEECH[1:])])
    sends[c.MEET] = 0.0
    sending = sends[trace.speech]
    reading = np.maximum(trace.spoken_hours - meeting - sending, 0.0)
    worked = np.where(trace.worked >= 0, trace.work_hours, 0.0)
    wasted = np.where((trace.worked < 0) & (trace.work >= 0), trace.work_hours, 0.0)
    idle = np.where(trace.work < 0, trace.work_hours, 0.0)
    return np.stack([worked, sending, reading, meeting, wasted, idle], axis=-1).round(3).tolist()


def events_of(trace):
    events = []
    for n in range(trace.length):
        step = int(trace.t[n])
        for kind, flags in (("finished", trace.finished), ("rework", trace.reworked)):
            for k in np.flatnonzero(flags[n]).tolist():
                who = np.flatnonzero(trace.worked[n] == k).tolist()
                events.append({"step": step, "kind": kind, "subtask": k, "agent": who[0] if who else -1})
        for i in np.flatnonzero(trace.speech[n] == c.MEET).tolist():
            kind = "meeting" if trace.meeting_host[n, i] == i else "refused"
            events.append({"step": step, "kind": kind, "subtask": int(trace.topic[n, i]), "agent": i})
    return events


def messages_of(batch, trace, understanding):
    messages = []
    for n, i in np.argwhere(trace.speech != c.SILENT).tolist():
        speech, topic, to = (int(part[n, i]) for part in (trace.speech, trace.topic, trace.recipient))
        channel = c.CHANNEL_OF_SPEECH[speech]
        refused = speech == c.MEET and trace.meeting_host[n, i] != i
        read = n + int(batch.params.latency[channel])
        if speech == c.MEET:
            readers = [] if refused else np.flatnonzero(trace.meeting_host[n] == i).tolist()
        else:
            readers = [j for j in range(batch.num_agents) if j != i and to in (j, batch.num_agents)]
        hours = float(batch.params.read_hours[channel]) or float(batch.params.send_hours[channel])
        readings = [
            {
                "agent": j,
                "step": int(trace.t[read]),
                "hours": hours,
                **{
                    name: understanding[m, j, topic].round(3).tolist()
                    for name, m in (("before", read), ("after", read + 1))
                },
            }
            for j in readers
            if read < trace.length
        ]
        paid = 0.0 if speech == c.MEET else float(batch.params.send_hours[channel])
        messages.append(
            {
                "sent": int(trace.t[n]),
                "sender": i,
                "recipient": to if to < batch.num_agents else -1,
                "speech": c.SPEECHES[speech],
                "channel": channel,
                "topic": topic,
                "symbol": None,
                "hours": paid,
                "answers": False,
                "refused": bool(refused),
                "value": None,
                "readings": readings,
            }
        )
    return messages


def stretched(data, steps):
    """The same data with episodes repeated until they have that many steps, for sizes that are seldom played."""
    data = copy.deepcopy(data)
    data["episodes"] = [_repeated(episode, steps) for episode in data["episodes"]]
    return data


def _repeated(episode, steps):
    length, times = episode["steps"], -(-steps // episode["steps"])
    after = ("remaining", "status", "owner", "critical", "alignment", "debt", "progress", "mean_alignment")
    longer = {name: episode[name][:1] + (episode[name][1:] * times)[:steps] for name in (*after, "communication_hours")}
    longer |= {name: (episode[name] * times)[:steps] for name in ("wanted", "work", "hours", "reward_terms", "actions")}
    longer["events"] = [
        event | {"step": event["step"] + n * length}
        for n in range(times)
        for event in episode["events"]
        if event["step"] + n * length <= steps
    ]
    longer["messages"] = [
        message
        | {"sent": message["sent"] + n * length}
        | {"readings": [r | {"step": r["step"] + n * length} for r in message["readings"]]}
        for n in range(times)
        for message in episode["messages"]
        if message["sent"] + n * length <= steps
    ]
    return episode | longer | {"steps": steps}
