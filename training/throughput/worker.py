"""A row of the throughput table in a process of its own: pinned, warmed up, timed.

``python -m training.throughput.worker MEASUREMENT`` takes a `Measurement` as JSON and prints what it measured as a line
of JSON. It needs the standard library and what the row's maker imports, nothing else, so that peers can have an
interpreter of their own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from training.throughput.clock import Loop, rate

ROOT = Path(__file__).parents[2]
TIMEOUT = 600.0  # seconds of one row
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Measurement:
    """What is measured in one process.

    Attributes:
        label: the row's name.
        maker: ``module:function`` that returns a `Loop`.
        arguments: of that function.
        cores: that the process may use.
        seconds: inside the clock, of each run.
        runs: that count; one more before them warms up.
        packages: distributions whose versions are told.
        max_calls: most calls of a run.
    """

    label: str
    maker: str
    arguments: dict[str, Any]
    cores: int
    seconds: float
    runs: int
    packages: tuple[str, ...] = ("c2c-env", "numpy", "numba")
    max_calls: int | None = None


def measure_apart(job: Measurement, python: str = sys.executable) -> dict[str, Any]:
    """What `measure_here` returns, from a fresh process; ``{"fault": why}`` if that fails, whatever happens in it."""
    command = [python, "-m", "training.throughput.worker", json.dumps(asdict(job))]
    environment = os.environ | dict.fromkeys(THREAD_LIMITS, str(job.cores))
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return {"fault": f"not finished after {TIMEOUT:.0f} s"}
    if done.returncode < 0:
        return {"fault": f"its process was ended by {signal.Signals(-done.returncode).name}"}
    if done.returncode:
        return {"fault": (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]}
    try:
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"fault": f"its answer cannot be read: {done.stdout[-100:]!r}"}
    return measured


def measure_here(job: Measurement) -> dict[str, Any]:
    """Rates of all runs and what belongs to them; ``{"skipped": why}`` if a library is not installed."""
    pin(job.cores)
    module, _, function = job.maker.partition(":")
    try:
        loop: Loop = getattr(importlib.import_module(module), function)(**job.arguments)
    except ModuleNotFoundError as error:
        return {"skipped": f"{error.name} is not installed"}
    rates = [rate(loop, job.seconds, job.max_calls) for _ in range(job.runs + 1)][1:]
    return {
        "rates": rates,
        "agents": loop.agents,
        "envs": loop.envs,
        "observation_bytes": loop.observation_bytes,
        "memory_mb": peak_memory(),
        "versions": {name: version(name) for name in job.packages},
    }


def pin(cores: int) -> None:
    """Keep this process to its first so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def peak_memory() -> float | None:
    """The most resident memory of this process in MB (10^6 bytes), where the system tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def version(package: str) -> str:
    """The version of an installed distribution; the source tree need not be installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "source"


if __name__ == "__main__":
    print(json.dumps(measure_here(Measurement(**json.loads(sys.argv[1])))))
