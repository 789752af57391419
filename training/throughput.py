"""How fast the environment is here, beside other environments: every row in a fresh process, pinned and warmed up.

Actions are random and legal and drawn outside the clock; ended episodes are started anew inside it. Peers that are
not installed are left out and named; `training.peers` tells how to install them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shlex
import shutil
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

import c2c_env
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from training import growth, throughput_report
from training.cells import source_digest, write_whole
from training.peers import NAMES, peer_rows
from training.plan import output_folder
from training.startup import measure_startup
from training.throughput_figure import save_figure
from training.throughput_report import BATCH, FACE, FAILED, SKIPPED
from training.throughput_worker import Job, measure_apart

OWN, PEER = "own", "peer"
ALL_PEERS, NO_PEERS = "all", "none"
SIMPLE = {"tier": "simple", "team_size": 5}
COMPLEX = {"tier": "complex", "team_size": 17}
LARGE_BATCH = 1024  # environments of the rows that are measured at one size
DEFAULTS = {"batch_sizes": "1,16,256,1024,4096,65536", "runs": 5, "seconds": 0.3}
QUICK = {"batch_sizes": "1,64", "runs": 2, "seconds": 0.02}
COLUMNS = [
    "row", "kind", "envs", "agents", "cores", "observations", "steps_per_second", "lowest", "highest",
    "agent_steps_per_second", "observation_mb_per_second", "memory_mb", "versions", "note",
]  # fmt: skip
GROWTH_COLUMNS = [
    "relations", "observations", "agents", "subtasks", "envs", "ns_per_agent_step", "lowest", "highest", "note",
]  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add("--batch-sizes", metavar="B,B", help=f"environments of the batches (default: {DEFAULTS['batch_sizes']})")
    add("--cores", metavar="C,C", help="cores of the batches, one thread each (default: 1 and all)")
    add("--runs", type=int, help=f"that are timed of each row, after one that warms up (default: {DEFAULTS['runs']})")
    add("--seconds", type=float, help=f"inside the clock, of each run (default: {DEFAULTS['seconds']})")
    add("--peers", metavar="A,B", default=ALL_PEERS, help=f"of {', '.join(NAMES)}; all (default) or none")
    add("--peers-python", metavar="PATH", nargs="+", default=[], help="interpreters in which peers are installed, too")
    instead = parser.add_mutually_exclusive_group().add_argument
    instead(
        "--growth", action="store_true", help="instead: cost of an agent-step for teams and workflows of many sizes"
    )
    instead("--startup", action="store_true", help="instead: seconds to import, to compile, and to start when compiled")
    add("--agents", metavar="N,N", default=_words(growth.AGENTS), help="with --growth (default: %(default)s)")
    add("--subtasks", metavar="K,K", default=_words(growth.SUBTASKS), help="with --growth (default: %(default)s)")
    add("--quick", action="store_true", help="two small batches and two short runs, unless given")
    add("--out", metavar="FOLDER", default="results/throughput", help="folder for everything (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure, print and save; the exit status."""
    fill_in(args)
    console, errors = Console(width=throughput_report.WIDTH, highlight=False), Console(stderr=True, highlight=False)
    if args.growth:
        return run_growth(args, console, errors)
    if args.startup:
        return run_startup(args, console, errors)
    return run_rows(args, console, errors)


def fill_in(args: argparse.Namespace) -> None:
    """Defaults where nothing is given, and numbers and lists for words.

    Raises:
        ConfigError: arguments that cannot be used; all of them are named.
    """
    for name, value in ({"cores": _words({1, available_cores()})} | (QUICK if args.quick else DEFAULTS)).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    args.peers = {ALL_PEERS: list(NAMES), NO_PEERS: []}.get(args.peers, args.peers.split(","))
    faults = [f"--{name} is {getattr(args, name)}, expected more than 0" for name in ("runs", "seconds")
              if not getattr(args, name) > 0]  # fmt: skip
    for name in ("batch_sizes", "cores", "agents", "subtasks"):
        faults += _read_integers(args, name)
    if isinstance(args.cores, list) and args.cores[-1] > available_cores():
        faults.append(f"--cores is {args.cores[-1]}, but only {available_cores()} can be used here")
    faults += [unknown_name("peer", name, NAMES) for name in args.peers if name not in NAMES]
    faults += [f"--peers-python is {path!r}, which cannot be run" for path in args.peers_python
               if not shutil.which(path)]  # fmt: skip
    raise_faults(ConfigError, "nothing can be measured", faults)
    args.peers_python = [os.path.abspath(str(shutil.which(path))) for path in args.peers_python]


def _read_integers(args: argparse.Namespace, name: str) -> list[str]:
    """Put the ascending integers in the place of their text, or return the fault."""
    text = getattr(args, name)
    words = text.split(",")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        return [f"--{name.replace('_', '-')} is {text!r}, expected integers >= 1 between commas"]
    setattr(args, name, sorted({int(word) for word in words}))
    return []


def _words(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# --- rows ----------------------------------------------------------------------------------------------------


def run_rows(args: argparse.Namespace, console: Console, errors: Console) -> int:
    """The main table: own rows and peers."""
    out = output_folder(args.out)
    rows = []
    for job in own_jobs(args):
        rows.append(measured_row(job, OWN, measured(job, [sys.executable], errors)))
    for job in peer_jobs(args):
        rows.append(measured_row(job, PEER, measured(job, [sys.executable, *args.peers_python], errors)))
    results = pd.DataFrame(rows, columns=COLUMNS)
    save(args, out, "results", results)
    throughput_report.show(throughput_report.rows_table(results), console, out / "table.txt")
    save_figure(results, out / "throughput.png")
    console.print(f"\nSaved in {out}: table.txt, results.csv, run.json, throughput.png", soft_wrap=True)
    return failures(results["note"], errors)


def own_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """The package's own rows."""
    yield own_job(args, FACE, "one_environment", 1, **SIMPLE)
    for cores in args.cores:
        for observed in (True, False):
            for num_envs in args.batch_sizes:
                if num_envs >= cores:
                    yield batch_job(args, BATCH, cores, num_envs, observed, **SIMPLE)
        num_envs = min(LARGE_BATCH, args.batch_sizes[-1])
        for observed in (True, False):
            yield batch_job(args, "batch, complex", cores, num_envs, observed, **COMPLEX)


def own_job(args: argparse.Namespace, label: str, maker: str, cores: int, **arguments: Any) -> Job:
    """A row made by `training.loops`."""
    return Job(label, f"training.loops:{maker}", arguments, cores, args.seconds, args.runs)


def batch_job(args: argparse.Namespace, label: str, cores: int, num_envs: int, observed: bool, **arguments: Any) -> Job:
    """A batch's row: a thread a core."""
    arguments |= {"num_envs": num_envs, "num_threads": cores, "write_observations": observed}
    return own_job(args, label, "batch", cores, **arguments)


def peer_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """The peers' rows: one environment on one core, batches on as many as ours."""
    for name, peer in peer_rows():
        if name in args.peers:
            for cores in args.cores if peer.arguments.get("num_envs", 1) > 1 else [1]:
                yield Job(
                    peer.label, f"training.peers:{peer.maker}", peer.arguments, cores, args.seconds, args.runs,
                    peer.packages,
                )  # fmt: skip


def measured(job: Job, pythons: Sequence[str], errors: Console) -> dict[str, Any]:
    """What the first interpreter measures that has the libraries."""
    found: dict[str, Any] = {}
    for python in pythons:
        with errors.status(f"{job.label} (cores: {job.cores})"):
            found = measure_apart(job, python)
        if "skipped" not in found:
            break
    return found


def measured_row(job: Job, kind: str, found: dict[str, Any]) -> dict[str, Any]:
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
    """Why a row has no numbers; "" if it has."""
    if "fault" in found:
        return f"{FAILED}{found['fault']}"
    return f"{SKIPPED}{found['skipped']}" if "skipped" in found else ""


def failures(notes: Any, errors: Console) -> int:
    """Exit status; says how many rows failed."""
    failed = sum(note.startswith(FAILED) for note in notes)
    if failed:
        errors.print(f"error: {failed} of {len(notes)} rows failed, see their notes", markup=False)
    return 1 if failed else 0


# --- growth and startup --------------------------------------------------------------------------------------


def run_growth(args: argparse.Namespace, console: Console, errors: Console) -> int:
    """The table of N x K and its exponents."""
    out = output_folder(args.out)
    rows = [growth_row(job, measured(job, [sys.executable], errors)) for job in growth_jobs(args)]
    results = pd.DataFrame(rows, columns=GROWTH_COLUMNS)
    save(args, out, "growth", results)
    throughput_report.show(throughput_report.growth_tables(results), console, out / "growth.txt")
    console.print(f"\nSaved in {out}: growth.txt, growth.csv, growth.json", soft_wrap=True)
    return failures(results["note"], errors)


def growth_jobs(args: argparse.Namespace) -> Iterator[Job]:
    """Every cell."""
    for (relations, observed), agents, subtasks in itertools.product(growth.FORMS, args.agents, args.subtasks):
        yield Job(
            f"{agents} agents, {subtasks} subtasks",
            "training.growth:growth_loop",
            {"agents": agents, "subtasks": subtasks, "relations": relations, "write_observations": observed},
            cores=1,
            seconds=args.seconds,
            runs=args.runs,
            max_calls=growth.MAX_CALLS,
        )


def growth_row(job: Job, found: dict[str, Any]) -> dict[str, Any]:
    """A cell as a row."""
    arguments = dict(job.arguments)
    row = {"observations": arguments.pop("write_observations"), "note": note_of(found), **arguments}
    if row["note"]:
        return row
    costs = [1e9 / (steps * found["agents"]) for steps in found["rates"]]
    ends = {"ns_per_agent_step": statistics.median(costs), "lowest": min(costs), "highest": max(costs)}
    return row | {"envs": found["envs"]} | ends


def run_startup(args: argparse.Namespace, console: Console, errors: Console) -> int:
    """The table of seconds until the first step."""
    out = output_folder(args.out)
    with errors.status("starting") as status:
        seconds = measure_startup(args.runs, status.update)
    results = pd.DataFrame(
        [(name, statistics.median(runs), min(runs), max(runs), len(runs)) for name, runs in seconds.items()],
        columns=["what", "seconds", "lowest", "highest", "runs"],
    )
    save(args, out, "startup", results)
    throughput_report.show(throughput_report.startup_table(results), console, out / "startup.txt")
    console.print(f"\nSaved in {out}: startup.txt, startup.csv, startup.json", soft_wrap=True)
    return 0


# --- saving --------------------------------------------------------------------------------------------------


def save(args: argparse.Namespace, out: Path, name: str, results: pd.DataFrame) -> None:
    """The numbers, and all that is needed to measure them again."""
    write_whole(out / f"{name}.csv", results.to_csv(index=False, lineterminator="\n"))
    described = "run" if name == "results" else name
    write_whole(out / f"{described}.json", json.dumps(describe_run(args), indent=2) + "\n")


def describe_run(args: argparse.Namespace) -> dict[str, Any]:
    """Command, settings, versions and machine."""
    libraries = ("numpy", "numba", "gymnasium", "pettingzoo")
    return {
        "command": "python -m training " + shlex.join(sys.argv[1:]),
        "arguments": {name: value for name, value in vars(args).items() if not callable(value)},
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in libraries},
            "c2c_env": c2c_env.__version__,
            "sources": source_digest(),
        },
        "platform": platform.platform(),
        "processor": processor(),
        "cores": available_cores(),
    }


def processor() -> str:
    """Model of the processor, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
