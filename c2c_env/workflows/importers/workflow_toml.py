"""Writes a workflow as TOML, such that whatever its texts hold, it is read as the same workflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from c2c_env.workflows.schema import DOMAINS, Subtask, Workflow

_SUBTASK_KEYS = ("id", "title", "domain", "effort", "complexity", "prerequisites")


def write_workflow(workflow: Workflow, comments: Iterable[str] = ()) -> str:
    """Write a workflow as TOML.

    Args:
        workflow: which `load_workflow` makes of the text again.
        comments: lines for the top; characters that would end a comment are escaped.
    """
    lines = [f"# {_shown(line)}".rstrip() for line in comments]
    lines += [f"{key} = {_value(getattr(workflow, key))}" for key in ("name", "tier", "title", "brief")]
    if workflow.domains != DOMAINS:
        lines.append(f"domains = {_value(workflow.domains)}")
    for subtask in workflow.subtasks:
        lines += ["", "[[subtasks]]", *_subtask_lines(subtask)]
    return "\n".join(lines) + "\n"


def _subtask_lines(subtask: Subtask) -> list[str]:
    values = {key: getattr(subtask, key) for key in _SUBTASK_KEYS}
    if subtask.facet_weights is not None:
        values["facet_weights"] = subtask.facet_weights
    if subtask.facts:
        values["facts"] = subtask.facts
    return [f"{key} = {_value(value)}" for key, value in values.items()]


def _value(value: Any) -> str:
    """A value in TOML, of which JSON's texts, numbers and lists are a part, but for one character."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _shown(line: str) -> str:
    return "".join(ch if ch.isprintable() else f"\\u{ord(ch):04x}" for ch in line)
