"""What the replay page shows, as plain data for its script, which only draws it: every number is the simulator's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.episodes.episode import Episode, ModelText
from c2c_env.episodes.history import History
from c2c_env.episodes.message_log import MessageRecord
from c2c_env.episodes.trace import Trace
from c2c_env.errors import ConfigError
from c2c_env.metrics import METRICS
from c2c_env.render.page import MOST_COMPARED, PAGE_FORMAT
from c2c_env.text.names import without_controls
from c2c_env.workflows.schema import FACETS

_HOUR_DIGITS, _SHARE_DIGITS = 4, 4

Values = Sequence[float | None]


def page_data(histories: Sequence[History], values: Sequence[Values] | None = None) -> dict[str, Any]:
    """Everything that the page shows of one episode, or of two that are compared.

    Args:
        histories: of episodes with the same workflow, team and seed.
        values: for each episode the hours that each of its messages saved the team, None where that is not known.

    Raises:
        ConfigError: there are more than two episodes, or two that cannot be compared.
    """
    first = histories[0].episode
    _check_comparable([history.episode for history in histories])
    params, workflow = histories[0].batch.params, first.workflow
    row = int(histories[0].batch.state.workflow[0])
    terms = _weighted(histories)
    given = values if values is not None else [[None] * len(history.messages) for history in histories]
    return {
        "format": PAGE_FORMAT,
        "workflow": {
            "name": without_controls(workflow.name),
            "title": without_controls(workflow.title or workflow.name),
            "tier": workflow.tier,
        },
        "agents": first.team.agents,
        "skills": _lists(np.array(first.team.for_domains(workflow.domains, "the workflow").skills), 3),
        "domains": list(map(without_controls, workflow.domains)),
        "subtasks": _subtasks(first),
        "dt": params.dt,
        "lower_bound": float(params.lower_bound[row]),
        "horizon": int(params.horizon[row]),
        "seed": str(first.seed),  # as a number, a browser would round it
        "channels": list(c.CHANNELS),
        "facets": list(FACETS),
        "reward_terms": [c.REWARD_TERMS[n] for n in terms],
        "speeches": list(c.SPEECHES),
        "metric_meanings": METRICS,
        "episodes": [_episode(history, worth, terms) for history, worth in zip(histories, given, strict=True)],
    }


def _weighted(histories: Sequence[History]) -> list[int]:
    """The terms of the reward that count in some episode."""
    weights = [history.episode.config.reward_weights for history in histories]
    return [n for n in range(len(c.REWARD_TERMS)) if any(one[n] for one in weights)]


def _check_comparable(episodes: Sequence[Episode]) -> None:
    if not 1 <= len(episodes) <= MOST_COMPARED:
        raise ConfigError(f"got {len(episodes)} episodes, expected one or two")
    first, last = episodes[0], episodes[-1]
    for what in ("workflow", "team", "seed", "number"):
        if getattr(first, what) != getattr(last, what):
            shown = [getattr(one, what).name if what == "workflow" else getattr(one, what) for one in (first, last)]
            detail = "" if what == "team" else f": {shown[0]} and {shown[1]}"
            raise ConfigError(f"the two episodes have different values of {what}{detail}; only equal ones are compared")
    if first.config.dt != last.config.dt:
        lengths = f"{first.config.dt} and {last.config.dt} hours"
        raise ConfigError(f"the two episodes have steps of {lengths}; only equal ones are compared on one clock")


def _subtasks(episode: Episode) -> list[dict[str, Any]]:
    needs, domains = episode.workflow.prerequisite_indices(), episode.workflow.domain_indices()
    return [
        {
            "id": without_controls(subtask.id),
            "title": without_controls(subtask.title or subtask.id),
            "domain": int(domain),
            "effort": subtask.effort,
            "complexity": subtask.complexity,
            "needs": list(map(int, needed)),
        }
        for subtask, domain, needed in zip(episode.workflow.subtasks, domains, needs, strict=True)
    ]


def _episode(history: History, values: Values, terms: list[int]) -> dict[str, Any]:
    moments, trace, episode = history.moments, history.trace, history.episode
    return {
        "policy": without_controls(episode.player),
        "steps": episode.length,
        "success": bool(history.metrics["success"]),
        "metrics": {name: None if math.isnan(x) else x for name, x in history.metrics.items()},
        "remaining": _lists(moments.remaining, _HOUR_DIGITS),
        "status": moments.status.tolist(),
        "owner": moments.owner.tolist(),
        "critical": [np.flatnonzero(flags).tolist() for flags in moments.critical],
        "alignment": np.rint(1000.0 * moments.alignment).astype(int).tolist(),
        "debt": _lists(moments.debt, _HOUR_DIGITS),
        "progress": _lists(moments.progress, _SHARE_DIGITS),
        "mean_alignment": _lists(moments.mean_alignment, _SHARE_DIGITS),
        "communication_hours": _lists(moments.communication_hours, _HOUR_DIGITS),
        "wanted": trace.work.tolist(),
        "work": trace.worked.tolist(),
        "hours": _lists(history.hours, _HOUR_DIGITS),
        "reward_terms": _lists(trace.reward_terms.mean(axis=1)[:, terms], 6),
        "actions": _decisions(trace).tolist(),
        "events": [vars(event) for event in history.events],
        "messages": [
            _message(history, message, value) for message, value in zip(history.messages, values, strict=True)
        ],
        "texts": [_text(text) for text in episode.texts],
    }


def _decisions(trace: Trace) -> Array:
    """What the actions [T, N, parts] meant, in every format: the team follows the agents, and silence says nothing."""
    recipient = np.where(trace.recipient == trace.team, trace.batch.num_agents, trace.recipient)
    parts = (trace.work + 1, trace.speech, recipient, trace.topic, trace.symbol, trace.variant)
    return np.stack(parts, axis=-1)


def _message(history: History, message: MessageRecord, value: float | None) -> dict[str, Any]:
    return {
        "sent": message.step,
        "sender": message.sender,
        "recipient": message.recipient,
        "speech": c.SPEECHES[message.speech],
        "channel": message.channel,
        "topic": message.topic,
        "symbol": message.symbol if history.episode.config.vocab_size else None,
        "hours": round(message.hours, _HOUR_DIGITS),
        "answers": any(reading.answers for reading in message.readings),
        "refused": message.refused,
        "value": value,
        "readings": [
            {
                "agent": reading.agent,
                "step": reading.step,
                "hours": round(reading.hours, _HOUR_DIGITS),
                "before": [round(x, _SHARE_DIGITS) for x in reading.before],
                "after": [round(x, _SHARE_DIGITS) for x in reading.after],
            }
            for reading in message.readings
        ],
    }


def _text(text: ModelText) -> dict[str, Any]:
    return {
        "step": text.step,
        "agents": list(text.agents),
        "prompt": [{"role": role, "content": content} for role, content in text.prompt],
        "answer": text.answer,
        "label": ", ".join(dict.fromkeys(text.labels)),
        "prompt_tokens": text.prompt_tokens,
        "answer_tokens": text.answer_tokens,
        "money": text.money,
    }


def _lists(values: Array, digits: int) -> Any:
    """Nested lists of rounded numbers; -0.0, which rounding may leave, is 0."""
    return (np.round(values, digits) + 0.0).tolist()
