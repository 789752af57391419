"""Projects of PSPLIB, the library of Kolisch and Sprecher (1997): files that end in ``.sm``, or ``.mm`` with modes.

R. Kolisch, A. Sprecher: PSPLIB - A project scheduling problem library. European Journal of Operational Research 96 (1),
1997, pages 205-216, https://doi.org/10.1016/S0377-2217(96)00170-1. A job is a task, its first mode counts, and its kind
is the resource that it needs most of, such as ``R1``; without any it is ``none``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from c2c_env.workflows.importers.task_graph import Task, TaskGraph, read_number, show

HOURS_PER_PERIOD = 1.0  # durations are 1 to 10 periods, which is the size of built-in subtasks
_PRECEDENCE, _DURATIONS = "PRECEDENCE RELATIONS:", "REQUESTS/DURATIONS:"
_LOST = {
    "RESOURCEAVAILABILITIES": "how much there is of resources and how much of them jobs need; agents are scarce",
    "PROJECT INFORMATION": "release date, due date and cost of tardiness of the project",
}
_Rows = list[tuple[int, list[str]]]  # numbers of lines and their words


def read_psplib(text: str) -> TaskGraph:
    """Read the jobs of a PSPLIB file, with all that is wrong with it."""
    graph = TaskGraph(hours_per_unit=HOURS_PER_PERIOD, title="PSPLIB project")
    lines = text.splitlines()
    needs, places = _read_precedence(_section(lines, _PRECEDENCE, graph), graph)
    durations, kinds = _read_durations(_section(lines, _DURATIONS, graph), _resources(lines), graph)
    graph.faults += [f"job {id_!r} has no row in {_DURATIONS[:-1]}" for id_ in needs if id_ not in durations]
    graph.faults += [f"job {id_!r} has no row in {_PRECEDENCE[:-1]}" for id_ in durations if id_ not in needs]
    graph.tasks = [
        Task(id_, durations.get(id_), tuple(needs[id_]), kinds.get(id_, ""), f"Job {id_}", None, places[id_])
        for id_ in needs
    ]
    graph.losses += [lost for header, lost in _LOST.items() if any(line.startswith(header) for line in lines)]
    return graph


def _section(lines: list[str], header: str, graph: TaskGraph) -> _Rows:
    """The rows of a section: those that begin with a digit or a sign, up to the next line of stars."""
    starts = [number for number, line in enumerate(lines) if line.strip() == header]
    if len(starts) != 1:
        graph.faults.append(f"the line {header!r} stands {len(starts)} times in the file, expected once")
        return []
    rows: _Rows = []
    for number, line in enumerate(lines[starts[0] + 1 :], start=starts[0] + 2):
        if line.startswith("***"):
            break
        words = line.split()
        if words and words[0] != "jobnr." and set(line.strip()) != {"-"}:
            rows.append((number, words))
    return rows


def _resources(lines: list[str]) -> list[str]:
    """Names of resources, from the line of the durations' columns."""
    header = next((line for line in lines if line.split()[:3] == ["jobnr.", "mode", "duration"]), "")
    return ["".join(pair) for pair in re.findall(r"([RND])\s*(\d+)", header)]


def _read_precedence(rows: _Rows, graph: TaskGraph) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What each job needs, and where it stands, by job."""
    followers: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for number, words in rows:
        if fault := _row_fault(words):
            graph.faults.append(f"line {number}: {fault}")
        elif words[0] in followers:
            graph.faults.append(f"line {number}: job {words[0]!r} is listed twice, first on {places[words[0]]}")
        else:
            followers[words[0]], places[words[0]] = words[3:], f"line {number}"
    return _turn_round(followers, places, graph), places


def _row_fault(words: list[str]) -> str:
    odd = [word for word in words if not word.isascii() or not word.isdecimal()]
    if odd:
        return f"{show(odd[0])} is no number of a job, expected digits"
    if len(words) < 3 or words[2].lstrip("0") != str(len(words) - 3).lstrip("0"):
        return f"{show(' '.join(words))} is no job, its modes, its number of successors, and as many successors"
    return ""


def _turn_round(followers: dict[str, list[str]], places: dict[str, str], graph: TaskGraph) -> dict[str, list[str]]:
    """What each job needs, from what follows each."""
    needs: dict[str, list[str]] = {id_: [] for id_ in followers}
    for id_, after in followers.items():
        for follower in after:
            if follower in needs:
                needs[follower].append(id_)
            else:
                graph.faults.append(f"{places[id_]}: job {id_!r} has the unknown successor {follower!r}")
    return needs


def _read_durations(
    rows: _Rows, resources: list[str], graph: TaskGraph
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Duration and kind of each job, by its first mode."""
    durations: dict[str, float | None] = {}
    kinds: dict[str, str] = {}
    for number, words in _first_modes(rows, 3 + len(resources), graph):
        if words[0] in durations:
            graph.faults.append(f"line {number}: job {words[0]!r} has a second duration")
        else:
            durations[words[0]] = read_number(words[2], f"line {number}: duration of job {words[0]!r}", graph.faults)
            kinds[words[0]] = _kind(list(_demands(words[3:], number, graph)), resources)
    return durations, kinds


def _first_modes(rows: _Rows, columns: int, graph: TaskGraph) -> _Rows:
    """The rows that begin with a job; one that leaves it out is another mode of the job above."""
    wrong = [(number, words) for number, words in rows if len(words) not in (columns - 1, columns)]
    graph.faults += [f"line {number}: {len(words)} columns, expected {columns}" for number, words in wrong]
    modes = sum(len(words) == columns - 1 for _, words in rows)
    graph.losses += [f"modes of jobs beside the first: {modes}"] if modes else []
    return [(number, words) for number, words in rows if len(words) == columns]


def _demands(words: list[str], number: int, graph: TaskGraph) -> Iterator[float]:
    for word in words:
        yield read_number(word, f"line {number}: a demand", graph.faults) or 0.0


def _kind(demands: list[float], resources: list[str]) -> str:
    most = max(demands, default=0.0)
    return resources[demands.index(most)] if most > 0 else "none"
