"""Measures the tables of the throughput, prints them and saves them with all that is needed to measure them again."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

import c2c_env
from c2c_env.disk import write_whole
from training.files import source_digest
from training.printing import show_and_save
from training.program import command_line
from training.throughput import tables
from training.throughput.figure import save_figure, save_growth_figure
from training.throughput.rows import (
    GROWTH_COLUMNS,
    OWN,
    PEER,
    ROW_COLUMNS,
    ThroughputConfig,
    available_cores,
    growth_jobs,
    growth_row,
    measure_in_turn,
    measured_row,
    own_jobs,
    peer_jobs,
)
from training.throughput.startup import measure_startup
from training.throughput.tables import FAILED


def measure_rows(config: ThroughputConfig, out: Path, console: Console, errors: Console) -> int:
    """Measure the main table: our own rows and those of peers."""
    jobs = [(job, OWN, config.pythons[:1]) for job in own_jobs(config)]
    jobs += [(job, PEER, config.pythons) for job in peer_jobs(config)]
    found = measure_in_turn([(job, pythons) for job, _, pythons in jobs], config.rounds, errors)
    rows = [measured_row(job, kind, one) for (job, kind, _), one in zip(jobs, found, strict=True)]
    results = pd.DataFrame(rows, columns=ROW_COLUMNS)
    save(config, out, "results", results)
    show_and_save(tables.rows_table(results), console, out / "table.txt", tables.THROUGHPUT_WIDTH)
    save_figure(results, out / "throughput.png")
    console.print(f"\nSaved in {out}: table.txt, results.csv, run.json, throughput.png", soft_wrap=True)
    return failures(results["note"], errors)


def failures(notes: Any, errors: Console) -> int:
    """Say how many rows failed; return the exit status."""
    failed = sum(note.startswith(FAILED) for note in notes)
    if failed:
        errors.print(f"error: {failed} of {len(notes)} rows failed, see their notes", markup=False)
    return 1 if failed else 0


# --- growth and startup --------------------------------------------------------------------------------------


def measure_growth(config: ThroughputConfig, out: Path, console: Console, errors: Console) -> int:
    """Measure the tables of team sizes, subtasks and batches, their exponents and their figure."""
    jobs = list(growth_jobs(config))
    found = measure_in_turn([(job, config.pythons[:1]) for job in jobs], config.rounds, errors)
    rows = [growth_row(job, one) for job, one in zip(jobs, found, strict=True)]
    results = pd.DataFrame(rows, columns=GROWTH_COLUMNS)
    save(config, out, "growth", results)
    show_and_save(tables.growth_tables(results), console, out / "growth.txt", tables.THROUGHPUT_WIDTH)
    save_growth_figure(results, out / "growth.png")
    console.print(f"\nSaved in {out}: growth.txt, growth.csv, growth.json, growth.png", soft_wrap=True)
    return failures(results["note"], errors)


def show_startup(config: ThroughputConfig, out: Path, console: Console, errors: Console) -> int:
    """Measure the table of seconds until the first step."""
    with errors.status("starting") as status:
        seconds = measure_startup(config.rounds * config.runs, status.update)
    results = pd.DataFrame(
        [(name, statistics.median(runs), min(runs), max(runs), len(runs)) for name, runs in seconds.items()],
        columns=["what", "seconds", "lowest", "highest", "runs"],
    )
    save(config, out, "startup", results)
    show_and_save(tables.startup_table(results), console, out / "startup.txt", tables.THROUGHPUT_WIDTH)
    console.print(f"\nSaved in {out}: startup.txt, startup.csv, startup.json", soft_wrap=True)
    return 0


# --- saving --------------------------------------------------------------------------------------------------


def save(config: ThroughputConfig, out: Path, name: str, results: pd.DataFrame) -> None:
    """Save the numbers, and all that is needed to measure them again."""
    write_whole(out / f"{name}.csv", results.to_csv(index=False, lineterminator="\n"))
    described = "run" if name == "results" else name
    write_whole(out / f"{described}.json", json.dumps(describe_measurement(config), indent=2) + "\n")


def describe_measurement(config: ThroughputConfig) -> dict[str, Any]:
    """Describe the command, the settings, the versions and the machine."""
    libraries = ("numpy", "numba", "gymnasium", "pettingzoo")
    return {
        "command": command_line(),
        "config": asdict(config),
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
    """The model of the processor, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
