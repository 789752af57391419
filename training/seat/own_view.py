"""What a person sees: what stands in the observation of that agent, and the words of the workflow. Nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from c2c_env import Workflow
from c2c_env.core import constants as c
from c2c_env.text.names import WorkflowWords, agent_name, subtask_name
from c2c_env.text.observation_text import FACT_THRESHOLD, Sight
from c2c_env.workflows.schema import FACETS
from training.seat.choices import missing_prerequisites


def describe_sight(sight: Sight, workflow: Workflow, words: WorkflowWords, horizon: int, dt: float) -> dict[str, Any]:
    """Put what an agent sees into plain data.

    Args:
        sight: what stands in its observation.
        workflow: for what needs what, which everybody knows.
        words: of the workflow.
        horizon: steps after which the episode ends.
        dt: hours of a step.
    """
    step = round(sight.time_used * horizon)
    return {
        "me": sight.name,
        "manager": sight.manager,
        "step": step,
        "horizon": horizon,
        "hours": step * dt,
        "dt": dt,
        "debt": float(sight.debt),
        "facets": list(FACETS),
        "subtasks": [_subtask(sight, workflow, words, k, dt) for k in range(len(sight.status))],
        "team": [_teammate(sight, words, i) for i in range(len(sight.skills))],
        "to_me": _requests(sight.asks_me, sight.ask_age),
        "by_me": _requests(sight.asked, sight.asked_age),
    }


def _subtask(sight: Sight, workflow: Workflow, words: WorkflowWords, subtask: int, dt: float) -> dict[str, Any]:
    k, owner = subtask, int(sight.owner[subtask])
    status, skill, alignment = int(sight.status[k]), float(sight.own_skill[k]), float(sight.alignment[k])
    left = float(sight.remaining[k])
    return {
        "name": subtask_name(k),
        "title": words.titles[k],
        "status": c.STATUSES[status],
        "left": left,
        "effort": float(sight.effort[k]),
        "complexity": float(sight.complexity[k]),
        "domain": words.domains[sight.domain[k]],
        "owner": agent_name(owner) if owner >= 0 else "",
        "mine": owner == sight.me,
        "workers": [agent_name(int(i)) for i in np.flatnonzero(sight.working == k)],
        "knowing": [agent_name(int(i)) for i in np.flatnonzero(sight.holders[k])],
        "skill": skill,
        "alignment": alignment,
        "steps": int(np.ceil(left / (dt * skill * alignment) - 1e-6)),
        "understanding": [float(value) for value in sight.understanding[k]],
        "counts": [f != c.INTERFACE or bool(sight.interface_weight[k] > 0) for f in range(c.NUM_FACETS)],
        "needs": [subtask_name(n) for n in missing_prerequisites(sight, workflow, k)],
        "waiting": int(sight.dependents_left[k]),
        "variant": int(sight.known_fact[k]),
        "facts": _facts(sight, words, k),
    }


def _facts(sight: Sight, words: WorkflowWords, subtask: int) -> list[str]:
    """The sentences of the workflow on a subtask, each only where the agent understands its facet."""
    known = sight.understanding[subtask] >= FACT_THRESHOLD
    return [
        f"{facet}: {words.facts[subtask][facet]}"
        for f, facet in enumerate(FACETS)
        if known[f] and facet in words.facts[subtask]
    ]


def _teammate(sight: Sight, words: WorkflowWords, agent: int) -> dict[str, Any]:
    working = int(sight.working[agent])
    return {
        "name": agent_name(agent),
        "you": agent == sight.me,
        "skills": {words.domains[d]: round(float(skill), 2) for d, skill in enumerate(sight.skills[agent])},
        "working": subtask_name(working) if working >= 0 else "",
    }


def _requests(topics: Any, ages: Any) -> list[dict[str, Any]]:
    """Open requests, the oldest first."""
    order = [int(j) for j in np.argsort(-ages, kind="stable") if topics[j] >= 0]
    return [{"who": agent_name(j), "topic": subtask_name(int(topics[j])), "age": int(ages[j])} for j in order]
