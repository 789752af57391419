"""A workflow as data: a directed acyclic graph of subtasks with a tier, and the check that finds all its faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from c2c_env.checks import (
    LEAST_QUANTITY,
    MOST_QUANTITY,
    NOT_NEGATIVE,
    TEXT,
    Check,
    choice_fault,
    fault,
    is_number,
    number_in,
    only_faults,
    plain,
)
from c2c_env.errors import WorkflowError, nearest, raise_faults, unknown_name

DOMAINS = ("backend", "frontend", "data", "infrastructure", "quality")  # of workflows that name none
MAX_DOMAINS = 64
FACETS = ("intent", "interface", "constraints", "context")
TIERS = ("simple", "medium", "complex")
MIN_COMPLEXITY, MAX_COMPLEXITY = 0.75, 2.5
SUGGESTIONS = 20  # of the nearest name for so many unknown ones; finding one takes long among thousands of names
_EFFORT: Check = (
    lambda x: is_number(x) and (x == 0 or LEAST_QUANTITY < x <= MOST_QUANTITY),
    f"hours in ({LEAST_QUANTITY:g}, {MOST_QUANTITY:g}], or 0 for a milestone",
)
_COMPLEXITY = number_in(MIN_COMPLEXITY, MAX_COMPLEXITY)


@dataclass(frozen=True)
class Subtask:
    """One piece of work.

    Attributes:
        id: unique in its workflow.
        domain: one of the domains of its workflow.
        effort: hours for an agent of skill 1 at Alignment Factor 1, in (1e-6, 1e6]; or 0, which makes it a milestone:
            it is done as soon as its prerequisites are, by nobody and for nothing.
        complexity: kappa in [0.75, 2.5]; lean channels lose more on complex subtasks.
        prerequisites: ids of the subtasks that must be done before.
        facet_weights: the weight of each facet of `FACETS` in the Alignment Factor, as a mapping by name or as four
            numbers in [0, 1e6]; None takes the configuration's.
        title: a line for people and language models.
        facts: one or two sentences for each facet, shown to agents who understand it.
    """

    id: str
    domain: str
    effort: float
    complexity: float
    prerequisites: tuple[str, ...] = ()
    facet_weights: tuple[float, ...] | Mapping[str, float] | None = field(default=None, hash=False)
    title: str = ""
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("effort", "complexity"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        if isinstance(self.prerequisites, Sequence) and not isinstance(self.prerequisites, str):
            object.__setattr__(self, "prerequisites", tuple(self.prerequisites))
        weights = self.facet_weights
        if isinstance(weights, Mapping):
            object.__setattr__(self, "facet_weights", {name: plain(w) for name, w in weights.items()})
        elif isinstance(weights, Sequence) and not isinstance(weights, str):
            object.__setattr__(self, "facet_weights", tuple(map(plain, weights)))

    def weights(self, default: Sequence[float]) -> tuple[float, ...]:
        """Facet weights in the order of `FACETS` with the sum 1; the interface has 0 without prerequisites."""
        given = default if self.facet_weights is None else self.facet_weights
        if isinstance(given, Mapping):
            given = [given.get(name, 0.0) for name in FACETS]
        return normalised_weights(given, interface=bool(self.prerequisites))


@dataclass(frozen=True)
class Workflow:
    """A directed acyclic graph of subtasks; construction raises one `WorkflowError` that lists every fault.

    Attributes:
        name: for errors, results and the options of a reset.
        tier: simple, medium or complex: how often requirements change.
        subtasks: at least one.
        title, brief: words for people and language models.
        domains: names of 1 to 64 kinds of work, all different. A team has a skill for each, in this order.
    """

    name: str
    tier: str
    subtasks: tuple[Subtask, ...]
    title: str = ""
    brief: str = ""
    domains: tuple[str, ...] = DOMAINS

    def __post_init__(self) -> None:
        for name in ("subtasks", "domains"):
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(value))
        raise_faults(WorkflowError, f"bad workflow {self.name!r}", workflow_faults(vars(self)))

    @property
    def total_effort(self) -> float:
        """Hours of all subtasks at skill 1 and Alignment Factor 1."""
        return sum(subtask.effort for subtask in self.subtasks)

    def domain_indices(self) -> list[int]:
        """Return the index of the domain of each subtask."""
        return [self.domains.index(subtask.domain) for subtask in self.subtasks]

    def prerequisite_indices(self) -> list[list[int]]:
        """Return the indices of the prerequisites of each subtask, in ascending order."""
        index = {subtask.id: k for k, subtask in enumerate(self.subtasks)}
        return [sorted(index[p] for p in subtask.prerequisites) for subtask in self.subtasks]

    def dependent_indices(self) -> list[list[int]]:
        """Return the indices of the subtasks that need each subtask, in ascending order."""
        dependents: list[list[int]] = [[] for _ in self.subtasks]
        for k, wanted in enumerate(self.prerequisite_indices()):
            for p in wanted:
                dependents[p].append(k)
        return dependents


def normalised_weights(given: Sequence[float], interface: bool) -> tuple[float, ...]:
    """Scale facet weights to the sum 1; without `interface`, the weight of the interface is 0."""
    raw = [float(w) for w in given]
    if not interface:
        raw[FACETS.index("interface")] = 0.0
    return tuple(w / sum(raw) for w in raw)


def workflow_faults(values: Mapping[str, Any]) -> list[str]:
    """List every fault in the attributes of a `Workflow`, each with the subtask's id and the nearest valid name."""
    faults = [_name_fault("name", values["name"])]
    faults += [fault(key, values[key], TEXT) for key in ("title", "brief")]
    faults.append(choice_fault("tier", values["tier"], TIERS))
    wrong_domains = domain_faults(values["domains"])
    domains = () if wrong_domains else values["domains"]
    faults += wrong_domains
    subtasks = values["subtasks"]
    if not isinstance(subtasks, tuple) or not all(isinstance(s, Subtask) for s in subtasks):
        faults.append(f"subtasks is of type {type(subtasks).__name__}, expected a list of Subtask")
        return only_faults(faults)
    if not subtasks:
        faults.append("subtasks is empty, expected at least one")
    for subtask in subtasks:
        faults += [f"subtask {subtask.id!r}: {wrong}" for wrong in only_faults(_subtask_faults(subtask, domains))]
    if subtasks and all(subtask.effort == 0 for subtask in subtasks):
        faults.append("every subtask is a milestone (effort 0), expected at least one with effort")
    return only_faults(faults + _graph_faults(subtasks))


def domain_faults(domains: object) -> list[str]:
    """List every fault in names of domains, which should be a tuple of different texts."""
    if not isinstance(domains, tuple) or not 1 <= len(domains) <= MAX_DOMAINS:
        return [f"domains is {domains!r}, expected a list of 1 to {MAX_DOMAINS} names"]
    faults = [_name_fault(f"domains[{d}]", name) for d, name in enumerate(domains)]
    counts = Counter(name for name in domains if isinstance(name, str))
    return only_faults(faults) + [
        f"domains has {name!r} {n} times, expected once" for name, n in counts.items() if n > 1
    ]


def _name_fault(key: str, value: object) -> str:
    return fault(key, value, TEXT) or ("" if value else f"{key} is empty, expected a name")


def _subtask_faults(subtask: Subtask, domains: Sequence[str]) -> list[str]:
    """List the faults of a subtask; its domain is not checked without names of domains, which are faulty then."""
    faults = [_name_fault("id", subtask.id), fault("title", subtask.title, TEXT)]
    faults.append(choice_fault("domain", subtask.domain, domains) if domains else "")
    faults.append(fault("effort", subtask.effort, _EFFORT))
    faults.append(fault("complexity", subtask.complexity, _COMPLEXITY))
    prerequisites = subtask.prerequisites
    if not isinstance(prerequisites, tuple) or not all(isinstance(p, str) for p in prerequisites):
        faults.append(f"prerequisites is {prerequisites!r}, expected a list of subtask ids")
    return faults + _weight_faults(subtask) + _fact_faults(subtask.facts)


def _weight_faults(subtask: Subtask) -> list[str]:
    given = subtask.facet_weights
    if given is None:
        return []
    if isinstance(given, Mapping):
        unknown = [unknown_name("facet", name, FACETS) for name in given if name not in FACETS]
        if unknown:
            return [f"facet_weights: {wrong}" for wrong in unknown]
        values = [given.get(name, 0.0) for name in FACETS]
    elif isinstance(given, tuple) and len(given) == len(FACETS):
        values = list(given)
    else:
        return [f"facet_weights is {given!r}, expected four numbers or a table with {', '.join(FACETS)}"]
    if not all(map(NOT_NEGATIVE[0], values)):
        return [f"facet_weights is {given!r}, expected numbers in [0, {MOST_QUANTITY:g}]"]
    effective = sum(w for f, w in enumerate(values) if subtask.prerequisites or FACETS[f] != "interface")
    if effective < LEAST_QUANTITY:
        return [f"facet_weights is {given!r}, expected a sum of at least {LEAST_QUANTITY:g} without unused facets"]
    return []


def _fact_faults(facts: object) -> list[str]:
    if not isinstance(facts, Mapping):
        return [f"facts is {facts!r}, expected a table with {', '.join(FACETS)}"]
    faults = [f"facts: {unknown_name('facet', name, FACETS)}" for name in facts if name not in FACETS]
    return faults + [fault(f"facts.{name}", text, TEXT) for name, text in facts.items() if name in FACETS]


def _graph_faults(subtasks: Sequence[Subtask]) -> list[str]:
    ids = [subtask.id for subtask in subtasks if isinstance(subtask.id, str)]
    counts = Counter(ids)
    faults = [f"subtask {id_!r}: duplicate id, used {n} times" for id_, n in counts.items() if n > 1]
    graph: dict[str, list[str]] = {}
    suggestions = SUGGESTIONS
    for subtask in subtasks:
        wanted = subtask.prerequisites if isinstance(subtask.prerequisites, tuple) else ()
        names = [p for p in wanted if isinstance(p, str)]
        for unknown in (p for p in names if p not in counts):
            hint = nearest(unknown, counts) if suggestions > 0 else ""
            faults.append(f"subtask {subtask.id!r}: unknown prerequisite {unknown!r}{hint}")
            suggestions -= 1
        twice = [p for p, n in Counter(names).items() if n > 1]
        faults += [f"subtask {subtask.id!r}: prerequisite {p!r} is listed twice" for p in twice]
        # of subtasks with the same id, the first counts
        graph.setdefault(str(subtask.id), [p for p in names if p in counts])
    return faults + _cycle_faults(graph)


def _cycle_faults(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Find the cycles: remove subtasks that wait for nothing; when none is left, walk to a cycle and remove that."""
    left = dict(graph)
    waits_for = {id_: len(wanted) for id_, wanted in graph.items()}
    dependents: dict[str, list[str]] = {id_: [] for id_ in graph}
    for id_, wanted in graph.items():
        for p in wanted:
            dependents[p].append(id_)
    free = [id_ for id_, count in waits_for.items() if not count]
    faults = []
    while left:
        if not free:
            free = _walk_to_cycle(left)
            faults.append(f"subtask {free[0]!r}: prerequisites form a cycle: {' -> '.join([*free, free[0]])}")
        removed = free.pop()
        if left.pop(removed, None) is None:  # it was in a cycle, and is free now that others of it are gone
            continue
        for dependent in dependents[removed]:
            waits_for[dependent] -= 1
            if not waits_for[dependent]:
                free.append(dependent)
    return faults


def _walk_to_cycle(left: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the first cycle on the way from the first subtask; every subtask of `left` has a prerequisite in it."""
    path = {next(iter(left)): 0}
    while True:
        following = next(p for p in left[next(reversed(path))] if p in left)
        if following in path:
            return list(path)[path[following] :]
        path[following] = len(path)
