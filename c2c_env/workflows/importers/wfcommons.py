"""Recorded runs of scientific workflows in the JSON format of WfCommons: versions 1.4 and 1.5, and the older form.

T. Coleman, H. Casanova, L. Pottier, M. Kaushik, E. Deelman, R. Ferreira da Silva: WfCommons: A framework for enabling
scientific workflow research and development. Future Generation Computer Systems 128, 2022, pages 16-27,
https://doi.org/10.1016/j.future.2021.09.043. A task's kind is its category, or the last part
of its name without the number. Seconds of clusters say nothing of hours of people, so the median is scaled to that of
the built-in subtasks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from c2c_env.disk import parse_json
from c2c_env.errors import WorkflowError, nearest
from c2c_env.workflows.importers.task_graph import Task, TaskGraph, list_names, read_number, show

_CARRIED = {"id", "name", "parents", "children", "category", "runtime", "runtimeInSeconds"}
_RUNTIMES = ("runtimeInSeconds", "runtime")
_Record = Mapping[str, Any]


def read_wfcommons(text: str) -> TaskGraph:
    """Read the tasks of a WfCommons file, with all that is wrong with it.

    Raises:
        WorkflowError: it is not JSON.
    """
    graph = TaskGraph()
    document = parse_json(text, "the file", WorkflowError)
    workflow = _table(document, "workflow", "the file", graph)
    if graph.faults:
        return graph
    if isinstance(document.get("name"), str):
        graph.title = document["name"]
    inner = workflow["specification"] if isinstance(workflow.get("specification"), Mapping) else workflow
    records = [*_records(inner, "workflow", graph)]
    runs = _runs(workflow, graph)
    _add_tasks(records, runs, graph)
    _add_losses(workflow, [record for _, record in records], list(runs.values()), graph)
    return graph


def _table(document: Any, key: str, where: str, graph: TaskGraph) -> Any:
    keys = document if isinstance(document, Mapping) else {}
    found = keys.get(key)
    if not isinstance(found, Mapping):
        graph.faults.append(f"{where} has no object {key!r}, which WfCommons files have{nearest(key, keys)}")
    return found


def _records(table: _Record, where: str, graph: TaskGraph) -> Iterator[tuple[str, _Record]]:
    """The tasks of a list as objects, with their places."""
    tasks = table.get("tasks", table.get("jobs"))
    if not isinstance(tasks, list):
        graph.faults.append(f"{where} has tasks of type {type(tasks).__name__}, expected a list of objects")
        return
    for number, record in enumerate(tasks):
        place = f"{where}.tasks[{number}]"
        if isinstance(record, Mapping):
            yield place, record
        else:
            graph.faults.append(f"{place} is {show(record)}, expected an object")


def _runs(workflow: _Record, graph: TaskGraph) -> dict[str, _Record]:
    """What was measured of each task, by id; the older form has it in the tasks themselves."""
    execution = workflow.get("execution")
    if not isinstance(execution, Mapping):
        return {}
    return {str(run.get("id")): run for _, run in _records(execution, "execution", graph)}


def _add_tasks(records: list[tuple[str, _Record]], runs: dict[str, _Record], graph: TaskGraph) -> None:
    ids = [_id(place, record, graph) for place, record in records]
    names = _names(ids, records)
    needs = _needs(ids, records, names, graph)
    for id_, wanted, (place, record) in zip(ids, needs, records, strict=True):
        duration = _duration({**record, **runs.get(id_, {})}, f"{place}: runtime of {show(id_)}", graph)
        title = str(record.get("name", id_))
        graph.tasks.append(Task(id_, duration, tuple(wanted), _kind(record, title), title, None, place))


def _names(ids: list[str], records: list[tuple[str, _Record]]) -> dict[str, str]:
    """Ids by what parents may be called: newer files give ids, older ones names, which must be of one task alone."""
    given = [str(record.get("name")) for _, record in records]
    counts = Counter(given)
    unique = {name: id_ for name, id_ in zip(given, ids, strict=True) if counts[name] == 1}
    return unique | {id_: id_ for id_ in ids}


def _id(place: str, record: _Record, graph: TaskGraph) -> str:
    id_ = record.get("id", record.get("name"))
    if isinstance(id_, str) and id_:
        return id_
    graph.faults.append(f"{place}: id is {show(id_)}, expected text")
    return place


def _needs(
    ids: list[str], records: list[tuple[str, _Record]], names: dict[str, str], graph: TaskGraph
) -> list[list[str]]:
    """What each task needs: its parents, and those whose child it is."""
    needs = [_links(*record, "parents", names, graph) for record in records]
    rows = {id_: row for row, id_ in reversed(list(enumerate(ids)))}
    for id_, record in zip(ids, records, strict=True):
        for child in _links(*record, "children", names, graph):
            if child in rows:
                needs[rows[child]].append(id_)
            else:
                graph.faults.append(f"{record[0]}: unknown child {show(child)}{nearest(child, names)}")
    return [list(dict.fromkeys(wanted)) for wanted in needs]


def _links(place: str, record: _Record, key: str, names: dict[str, str], graph: TaskGraph) -> list[str]:
    given = record.get(key, [])
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        return [str(names.get(name, name)) for name in given]
    graph.faults.append(f"{place}: {key} is {show(given)}, expected a list of names")
    return []


def _duration(run: _Record, what: str, graph: TaskGraph) -> float | None:
    given = next((run[key] for key in _RUNTIMES if key in run), None)
    return None if given is None else read_number(given, what, graph.faults)


def _kind(record: _Record, name: str) -> str:
    category = record.get("category")
    if isinstance(category, str) and category:
        return category
    return re.sub(r"[-_.]?(ID)?\d+$", "", name).rpartition(".")[2] or name


def _add_losses(workflow: _Record, records: list[_Record], runs: list[_Record], graph: TaskGraph) -> None:
    inner = workflow.get("specification")
    files = inner.get("files") if isinstance(inner, Mapping) else None
    if files:
        graph.losses.append(f"files that tasks exchange: {len(files)}")
    if machines := workflow.get("machines") or _machines(workflow):
        graph.losses.append(f"machines that ran the tasks: {len(machines)}")
    keys = sorted({str(key) for record in (*records, *runs) for key in record} - _CARRIED)
    if keys:
        graph.losses.append(f"of tasks: {list_names(keys)}")


def _machines(workflow: _Record) -> Any:
    execution = workflow.get("execution")
    return execution.get("machines") if isinstance(execution, Mapping) else None
