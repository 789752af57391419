"""Workflows of GitHub Actions: jobs that need each other, in YAML.

The format is described at https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax. A job is a
task, whose kind is the first word of its id (``build`` of ``build-wheels``). The file has no durations, so
all are the same. It is parsed into YAML's own nodes, and no value is ever made of them, so that tags have no effect,
``on`` stays a word, a job that is listed twice is seen, and every fault has its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from c2c_env.errors import WorkflowError, needs_extra
from c2c_env.workflows.importers.task_graph import Task, TaskGraph, list_names, show

_CARRIED = ("name", "needs")
_MEANINGS = {
    "if": "conditions (if); the jobs are always done",
    "uses": "jobs of other workflows that they stand for (uses)",
    "strategy": "variants (strategy.matrix); all of a job are one subtask",
}


def read_github_actions(text: str) -> TaskGraph:
    """Read the jobs of a workflow of GitHub Actions, with all that is wrong with it.

    Raises:
        WorkflowError: it is not YAML.
        MissingExtraError: the library that reads YAML is not installed.
    """
    graph = TaskGraph()
    top = dict(_pairs(_parse(text), "the file", graph))
    if "name" in top:
        graph.title = _word(top["name"], "name", graph)
    if "jobs" not in top:
        graph.faults += [] if graph.faults else ["the file has no key 'jobs', which workflows of GitHub Actions have"]
        return graph
    found = list(_pairs(top["jobs"], "jobs", graph))
    jobs = [(id_, node, dict(_pairs(node, f"job {show(id_)}", graph))) for id_, node in found]
    graph.tasks = [_task(id_, node, keys, graph) for id_, node, keys in jobs]
    graph.losses += _lost_keys({id_: keys for id_, _, keys in jobs})
    if others := [key for key in top if key not in ("name", "jobs")]:
        graph.losses.append(f"of the whole workflow: {list_names(others)}")
    return graph


def _parse(text: str) -> Any:
    """The node of a YAML document.

    Raises:
        WorkflowError: it is not YAML, nested too deep or empty.
        MissingExtraError: pyyaml is not installed.
    """
    with needs_extra("reading YAML", "import"):
        import yaml
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise WorkflowError(f"the file is not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise WorkflowError("the file is not valid YAML: it is nested too deep") from error
    if node is None:
        raise WorkflowError("the file is empty, expected a mapping with the key 'jobs'")
    return node


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}"


def _pairs(node: Any, what: str, graph: TaskGraph) -> Iterator[tuple[str, Any]]:
    """Keys and nodes of a mapping; a key that is no word or stands twice is a fault."""
    if node.id != "mapping":
        graph.faults.append(f"{_line(node)}: {what} is a {node.id}, expected a mapping")
        return
    seen: dict[str, str] = {}
    for key, value in node.value:
        name = _word(key, f"a key of {what}", graph)
        if name in seen:
            graph.faults.append(f"{_line(key)}: {what} has the key {show(name)} twice, first on {seen[name]}")
        else:
            seen[name] = _line(key)
            yield name, value


def _word(node: Any, what: str, graph: TaskGraph) -> str:
    if node.id == "scalar":
        return str(node.value)
    graph.faults.append(f"{_line(node)}: {what} is a {node.id}, expected a word")
    return ""


def _task(id_: str, node: Any, keys: dict[str, Any], graph: TaskGraph) -> Task:
    title = _word(keys["name"], f"name of job {show(id_)}", graph) if "name" in keys else id_
    return Task(id_, None, tuple(_needs(id_, keys.get("needs"), graph)), _kind(id_), title, None, _line(node))


def _needs(id_: str, node: Any, graph: TaskGraph) -> list[str]:
    """What a job needs: a word or a list of words."""
    if node is None or (node.id == "scalar" and not node.value):
        return []
    nodes = node.value if node.id == "sequence" else [node]
    return [_word(one, f"needs of job {show(id_)}", graph) for one in nodes]


def _kind(id_: str) -> str:
    return re.split(r"[-_]", id_.strip("-_"))[0].lower()


def _lost_keys(jobs: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each key of jobs that is not carried over, with the jobs that have it."""
    keys = dict.fromkeys(key for job in jobs.values() for key in job if key not in _CARRIED)
    return [f"{_MEANINGS.get(key, key)}: {list_names([id_ for id_ in jobs if key in jobs[id_]])}" for key in keys]
