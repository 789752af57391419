"""How long it takes to begin: import, first environment with nothing compiled, and with a warm cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from training.throughput.worker import ROOT

IMPORT = "import c2c_env"
BEGIN = (
    "import c2c_env; env = c2c_env.parallel_env('simple'); env.reset(seed=0);"
    " env.step({agent: env.action_space(agent).sample() for agent in env.agents})"
)
CODE = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds_of(statement: str, cache: Path) -> float:
    """Time a statement in a fresh interpreter that keeps its compiled code in `cache`."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(statement)], cwd=ROOT, env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def measure_startup(runs: int, say: Callable[[str], object]) -> dict[str, list[float]]:
    """Return the seconds of each run by what was measured; compiling from nothing is measured once."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        say("compiling with an empty cache")
        rows = {"import, make, reset, step: everything compiled": [seconds_of(BEGIN, cache)]}
        say("starting with a warm cache")
        rows["import, make, reset, step: cached"] = [seconds_of(BEGIN, cache) for _ in range(runs)]
        rows["import alone"] = [seconds_of(IMPORT, cache) for _ in range(runs)]
    return rows
