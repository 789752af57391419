"""How fast the environment is here, beside other environments: every row in a fresh process, pinned and warmed up.

Actions are random and legal and drawn outside the clock; ended episodes are started anew inside it. Peers that are
not installed are left out and named; `training.throughput.peer_loops` tells how to install them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from c2c_env.errors import ConfigError, raise_faults, unknown_name
from training.arguments import join_numbers, read_integers
from training.throughput import scaling
from training.throughput.peer_loops import PEER_NAMES, peer_rows
from training.throughput.tables import BATCH, FACE, FAILED, OF_BATCHES, OF_SIZES, SHARED, SKIPPED
from training.throughput.worker import Measurement, measure_apart

OWN, PEER = "own", "peer"
SIMPLE = {"tier": "simple", "team_size": 5}
COMPLEX = {"tier": "complex", "team_size": 17}
ALL_PEERS, NO_PEERS = "all", "none"
DEFAULTS: dict[str, Any] = {"batch_sizes": "1,16,256,1024,4096,65536", "rounds": 3, "runs": 3, "seconds": 0.3}
QUICK: dict[str, Any] = {"batch_sizes": "1,64", "rounds": 1, "runs": 2, "seconds": 0.02}
LARGE_BATCH = 1024  # environments of the rows that are measured at one size
ROW_COLUMNS = [
    "row", "kind", "envs", "agents", "cores", "observations", "steps_per_second", "lowest", "highest",
    "agent_steps_per_second", "observation_mb_per_second", "memory_mb", "versions", "note",
]  # fmt: skip
GROWTH_COLUMNS = [
    "grows", "relations", "observations", "agents", "subtasks", "envs", "ns_per_agent_step", "lowest", "highest",
    "note",
]  # fmt: skip


@dataclass(frozen=True)
class ThroughputConfig:
    """What is measured.

    Attributes:
        batch_sizes: environments of the batches, ascending.
        cores: that a batch may use, one thread each, ascending.
        rounds: in each of which every row is measured once, in a process of its own.
        runs: that are timed of each row in a round, after one that warms up.
        seconds: inside the clock, of each run.
        peers: names of the other environments.
        pythons: interpreters in which rows are measured, in this order of preference; the first is ours.
        agents, subtasks: sizes of the table of growth.
    """

    batch_sizes: tuple[int, ...]
    cores: tuple[int, ...]
    rounds: int
    runs: int
    seconds: float
    peers: tuple[str, ...]
    pythons: tuple[str, ...]
    agents: tuple[int, ...]
    subtasks: tuple[int, ...]


def available_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_config(args: argparse.Namespace) -> ThroughputConfig:
    """Read what the command ``throughput`` is to measure, with defaults where nothing is given.

    Raises:
        ConfigError: arguments that cannot be used; all of them are named.
    """
    defaults = {"cores": join_numbers({1, available_cores()})} | (QUICK if args.quick else DEFAULTS)
    given = {
        name: getattr(args, name) if getattr(args, name) is not None else value for name, value in defaults.items()
    }
    peers = {ALL_PEERS: list(PEER_NAMES), NO_PEERS: []}.get(args.peers, args.peers.split(","))
    highest = {"rounds": 1000, "runs": 10_000, "seconds": 3600}
    faults = [
        f"--{name} is {given[name]}, expected more than 0 and at most {high}"
        for name, high in highest.items()
        if not 0 < given[name] <= high
    ]
    numbers: dict[str, Any] = {}
    for name, text in (*((name, given[name]) for name in ("batch_sizes", "cores")), ("agents", args.agents),
                       ("subtasks", args.subtasks)):  # fmt: skip
        numbers[name], fault = read_integers(f"--{name.replace('_', '-')}", text)
        faults += fault
    if numbers["cores"] and numbers["cores"][-1] > available_cores():
        faults.append(f"--cores is {numbers['cores'][-1]}, but only {available_cores()} can be used here")
    faults += [unknown_name("peer", name, PEER_NAMES) for name in peers if name not in PEER_NAMES]
    found = {path: shutil.which(path) for path in args.peers_python}
    faults += [f"--peers-python is {path!r}, which cannot be run" for path, there in found.items() if not there]
    raise_faults(ConfigError, "nothing can be measured", faults)
    pythons = (sys.executable, *(os.path.abspath(str(path)) for path in found.values()))
    return ThroughputConfig(peers=tuple(peers), pythons=pythons, **{name: given[name] for name in highest}, **numbers)


def own_jobs(config: ThroughputConfig) -> Iterator[Measurement]:
    """The package's own rows."""
    yield own_job(config, FACE, "one_environment", 1, **SIMPLE)
    for cores in config.cores:
        for observed in (True, False):
            for num_envs in config.batch_sizes:
                if num_envs >= cores:
                    yield batch_job(config, BATCH, cores, num_envs, observed, **SIMPLE)
        num_envs = min(LARGE_BATCH, config.batch_sizes[-1])
        yield batch_job(config, f"{BATCH}, {SHARED}", cores, num_envs, True, **SIMPLE, shared_board=True)
        for observed in (True, False):
            yield batch_job(config, "batch, complex", cores, num_envs, observed, **COMPLEX)
        yield batch_job(config, f"batch, complex, {SHARED}", cores, num_envs, True, **COMPLEX, shared_board=True)


def own_job(config: ThroughputConfig, label: str, maker: str, cores: int, **arguments: Any) -> Measurement:
    """A row made by `training.throughput.own_loops`."""
    return Measurement(label, f"training.throughput.own_loops:{maker}", arguments, cores, config.seconds, config.runs)


def batch_job(
    config: ThroughputConfig, label: str, cores: int, num_envs: int, observed: bool, **arguments: Any
) -> Measurement:
    """The row of a batch that has a thread for each core."""
    arguments |= {"num_envs": num_envs, "num_threads": cores, "write_observations": observed}
    return own_job(config, label, "batch", cores, **arguments)


def peer_jobs(config: ThroughputConfig) -> Iterator[Measurement]:
    """The peers' rows: one environment on one core, batches on as many as ours."""
    for name, peer in peer_rows():
        if name in config.peers:
            for cores in config.cores if peer.arguments.get("num_envs", 1) > 1 else [1]:
                maker = f"training.throughput.peer_loops:{peer.maker}"
                yield Measurement(peer.label, maker, peer.arguments, cores, config.seconds, config.runs, peer.packages)


def measure_in_turn(
    jobs: Sequence[tuple[Measurement, Sequence[str]]], rounds: int, errors: Console
) -> list[dict[str, Any]]:
    """Measure rows, each with the interpreters it may have, in several rounds; a row that fails is left out then.

    Minutes lie between the first row and the last, and a shared machine is slow for some of them. Taken in turn, the
    rows that are compared have all met the same spells.
    """
    found: list[dict[str, Any]] = [{} for _ in jobs]
    for number in range(1, rounds + 1):
        for place, (job, pythons) in enumerate(jobs):
            if not note_of(found[place]):
                label = f"round {number} of {rounds}: {job.label} (cores: {job.cores})"
                found[place] = joined(found[place], measured(job, pythons, errors, label))
    return found


def joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What was found of a row in all rounds so far; only the fault, if there was one."""
    if not before or note_of(now):
        return now
    return now | {
        "rates": before["rates"] + now["rates"],
        "memory_mb": max(before["memory_mb"], now["memory_mb"]),
    }


def measured(job: Measurement, pythons: Sequence[str], errors: Console, label: str) -> dict[str, Any]:
    """Return what the first interpreter measures that has the libraries; the label says what is going on."""
    found: dict[str, Any] = {}
    for python in pythons:
        with errors.status(label):
            found = measure_apart(job, python)
        if "skipped" not in found:
            break
    return found


def measured_row(job: Measurement, kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """A row of the table; without numbers, but a note, if there was nothing to measure."""
    row: dict[str, Any] = {"row": job.label, "kind": kind, "cores": job.cores, "envs": job.arguments.get("num_envs", 1)}
    row["observations"] = bool(job.arguments.get("write_observations", True))
    row["note"] = note_of(found)
    if row["note"]:
        return row
    median = statistics.median(found["rates"])
    return row | {
        "envs": found["envs"],
        "agents": found["agents"],
        "steps_per_second": median,
        "lowest": min(found["rates"]),
        "highest": max(found["rates"]),
        "agent_steps_per_second": median * found["agents"],
        "observation_mb_per_second": median * found["observation_bytes"] / 1e6,
        "memory_mb": found["memory_mb"],
        "versions": ", ".join(f"{name} {version}" for name, version in found["versions"].items()),
    }


def note_of(found: dict[str, Any]) -> str:
    """Say why a row has no numbers; "" if it has."""
    if "fault" in found:
        return f"{FAILED}{found['fault']}"
    return f"{SKIPPED}{found['skipped']}" if "skipped" in found else ""


def growth_jobs(config: ThroughputConfig) -> Iterator[Measurement]:
    """The measurements of every team size and number of subtasks, then of every size of a batch."""
    for (relations, observed), agents, subtasks in itertools.product(scaling.FORMS, config.agents, config.subtasks):
        yield growth_job(config, scaling.MAX_CALLS, agents, subtasks, relations, observed)
    for (relations, observed), num_envs in itertools.product(scaling.FORMS, config.batch_sizes):
        sizes = scaling.SMALL_TEAM, scaling.SMALL_WORKFLOW
        yield growth_job(config, None, *sizes, relations, observed, num_envs=num_envs)


def growth_job(
    config: ThroughputConfig, max_calls: int | None, agents: int, subtasks: int, relations: str, observed: bool,
    **given: int,
) -> Measurement:  # fmt: skip
    """A measurement made by `scaling.growth_loop`."""
    sizes = {"agents": agents, "subtasks": subtasks, "relations": relations, "write_observations": observed}
    label = ", ".join(f"{size} {name}" for name, size in {"agents": agents, "subtasks": subtasks, **given}.items())
    maker = "training.throughput.scaling:growth_loop"
    return Measurement(label, maker, sizes | given, 1, config.seconds, config.runs, max_calls=max_calls)


def growth_row(job: Measurement, found: dict[str, Any]) -> dict[str, Any]:
    """Make a row of what was found for a team size, a number of subtasks and a size of the batch."""
    arguments = dict(job.arguments)
    row = {"grows": OF_BATCHES if "num_envs" in arguments else OF_SIZES, "envs": arguments.pop("num_envs", None)}
    row |= {"observations": arguments.pop("write_observations"), "note": note_of(found), **arguments}
    if row["note"]:
        return row
    costs = [1e9 / (steps * found["agents"]) for steps in found["rates"]]
    ends = {"ns_per_agent_step": statistics.median(costs), "lowest": min(costs), "highest": max(costs)}
    return row | {"envs": found["envs"]} | ends
