"""Trains with every library that is listed here, each by its script: `python tests/consumers/run.py [NAME ...]`.

Libraries that get along share a virtual environment; the others have their own. All see what is installed beside the
interpreter that runs this file (torch above all), and are kept in .venv-consumers under a key of their pins.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import time
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / ".venv-consumers"
TORCH = "torch==2.13.0"  # exactly the one that is there, so that no other one is fetched
LONGEST = 600  # seconds of a script


@dataclass(frozen=True)
class Environment:
    """Pins that fit together, and the scripts that need them."""

    pins: tuple[str, ...]
    scripts: tuple[str, ...]


ENVIRONMENTS = {
    "shared": Environment(
        ("torchrl==0.14.1", "tensordict==0.14.3", "SuperSuit==3.11.0", "minari[create,hdf5]==0.5.4"),
        ("cleanrl_ppo", "gymnasium_vector", "minari_dataset", "sb3_masked", "sb3_supersuit", "torchrl_ppo"),
    ),
    "rllib": Environment(("ray[rllib]==2.60.0",), ("rllib_ppo",)),  # wants gymnasium 1.2.2
    "benchmarl": Environment(("benchmarl==1.5.2", "torchvision==0.28.0"), ("benchmarl_mappo",)),  # torchrl below 0.12
    "tianshou": Environment(("tianshou==2.0.1",), ("tianshou_dqn",)),  # pandas below 3
}


def built(name: str, environment: Environment) -> Path:
    """The interpreter of an environment, which is made if it is not there."""
    base = sysconfig.get_path("purelib")
    key = hashlib.sha256("\n".join((*environment.pins, TORCH, base, sys.version)).encode()).hexdigest()[:10]
    folder = KEPT / f"{name}-{key}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        print(f"installing {', '.join(environment.pins)} ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        places = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        (Path(places.stdout.strip()) / "base.pth").write_text(f"{base}\n", encoding="utf-8")
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TORCH, *environment.pins]
        subprocess.run(install, check=True)
        ready.touch()
    return python


def run(python: Path, script: str) -> tuple[bool, str]:
    """Whether a script went well, and the last line that it printed."""
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MINARI_DATASETS_PATH": str(KEPT / "minari")}
    try:
        done = subprocess.run(
            [python, HERE / f"{script}.py"], cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True,
            timeout=LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, f"not done after {LONGEST} s"
    said = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).strip().splitlines() or [""]
    return done.returncode == 0, said[-1]


def main(names: list[str]) -> int:
    """Run the scripts of these names, all if there are none; return the exit status."""
    every = [script for environment in ENVIRONMENTS.values() for script in environment.scripts]
    if unknown := sorted(set(names) - set(every)):
        print(f"unknown: {', '.join(unknown)}; expected {', '.join(every)}", file=sys.stderr)
        return 2
    failed = []
    for name, environment in ENVIRONMENTS.items():
        for script in environment.scripts:
            if names and script not in names:
                continue
            python, began = built(name, environment), time.monotonic()
            well, said = run(python, script)
            print(f"{'ok    ' if well else 'FAILED'} {script:18} {time.monotonic() - began:4.0f} s  {said}", flush=True)
            failed += [] if well else [script]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
