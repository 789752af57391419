"""Workflows from TOML, the built-in library, real task graphs and files of the user. Loading does not execute code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from c2c_env.checks import choice_fault
from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import WorkflowError, raise_faults, unknown_name
from c2c_env.workflows.schema import DOMAINS, Subtask, Workflow, domain_faults, workflow_faults

_WORKFLOW_KEYS = {"name", "tier", "subtasks", "title", "brief", "domains"}
_SUBTASK_KEYS = {"id", "domain", "effort", "complexity", "prerequisites", "facet_weights", "title", "facts"}
_REQUIRED = {"workflow": ("name", "tier", "subtasks"), "subtask": ("id", "domain", "effort", "complexity")}


def builtin_names() -> tuple[str, ...]:
    """Names of the built-in workflows, sorted."""
    return _names_in("library")


def real_names() -> tuple[str, ...]:
    """Names of the real task graphs that come with the package, sorted; they are no built-ins."""
    return _names_in("real")


@cache
def _names_in(folder: str) -> tuple[str, ...]:
    entries = (resources.files("c2c_env.workflows") / folder).iterdir()
    return tuple(sorted(entry.name[: -len(".toml")] for entry in entries if entry.name.endswith(".toml")))


def load_builtin(name: str) -> Workflow:
    """Load a built-in workflow by name; an unknown name is a `WorkflowError` with the nearest valid one."""
    return _load_known(name, "library", "built-in")


def load_real(name: str) -> Workflow:
    """Load a real task graph by name; an unknown name is a `WorkflowError` with the nearest valid one."""
    return _load_known(name, "real", "real graph")


def _load_known(name: str, folder: str, called: str) -> Workflow:
    if wrong := choice_fault("workflow", name, _names_in(folder)):
        raise WorkflowError(wrong)
    return _load_packaged(name, folder, called)


@cache
def _load_packaged(name: str, folder: str, called: str) -> Workflow:
    text = (resources.files("c2c_env.workflows") / folder / f"{name}.toml").read_text(encoding="utf-8")
    return parse_workflow(text, where=f"{called} {name}")


def load_workflow(path: str | os.PathLike[str]) -> Workflow:
    """Load a workflow from a TOML file; every fault of the file stands in one `WorkflowError`."""
    if not isinstance(path, str | os.PathLike):
        raise WorkflowError(f"path is {path!r}, expected a path to a TOML file")
    text = read_text(path, "workflow file", WorkflowError)
    return parse_workflow(text, where=str(path))


def parse_workflow(text: str, where: str) -> Workflow:
    """Build a workflow from TOML text; `where` names the source in errors."""
    document = parse_toml(text, where, WorkflowError)
    faults = _key_faults("workflow", document, _WORKFLOW_KEYS)
    tables = document.get("subtasks", [])
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        faults.append("subtasks is not an array of tables; write each as [[subtasks]]")
        tables = []
    domains = document.get("domains", DOMAINS)
    domains = tuple(domains) if isinstance(domains, list) else domains
    domain = DOMAINS[0] if domain_faults(domains) else domains[0]
    lenient = () if document.get("subtasks") == [] else (_subtask({}, 0, domain),)
    for position, table in enumerate(tables):
        label = f"subtask {table.get('id', f'number {position + 1}')!r}"
        faults += [f"{label}: {fault}" for fault in _key_faults("subtask", table, _SUBTASK_KEYS)]
    values: dict[str, Any] = {
        "name": document.get("name", "?"),
        "tier": document.get("tier", "simple"),
        "title": document.get("title", ""),
        "brief": document.get("brief", ""),
        "domains": domains,
        "subtasks": tuple(_subtask(table, position, domain) for position, table in enumerate(tables)) or lenient,
    }
    faults += workflow_faults(values)
    raise_faults(WorkflowError, f"bad workflow file {where}", faults)
    return Workflow(**values)


def _key_faults(kind: str, table: Mapping[str, Any], valid: Iterable[str]) -> list[str]:
    missing = [f"missing key {key!r}" for key in _REQUIRED[kind] if key not in table]
    return missing + [unknown_name("key", key, valid) for key in table if key not in set(valid)]


def _subtask(table: Mapping[str, Any], position: int, domain: str) -> Subtask:
    """Build a subtask leniently: missing keys get a valid stand-in, since their absence is already a fault."""
    stand_in: dict[str, Any] = {"id": f"number {position + 1}", "domain": domain, "effort": 1.0, "complexity": 1.0}
    return Subtask(**{**stand_in, **{key: value for key, value in table.items() if key in _SUBTASK_KEYS}})
