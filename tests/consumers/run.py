"""Trains with every library that is listed here, each by its script: `python tests/consumers/run.py [NAME ...]`.

The scripts of what is published in `integrations` run its tests.

Libraries that get along share a virtual environment; the others have their own. As many environments as there are
processors are made and used side by side. All see what is installed beside the interpreter that runs this file (torch
above all), and are kept in .venv-consumers under a key of their pins.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / ".venv-consumers"
TORCH = "torch==2.13.0"  # exactly the one that is there, so that no other one is fetched
LONGEST = 600  # seconds of a script


@dataclass(frozen=True)
class Environment:
    """Pins that fit together, and the scripts that need them.

    Attributes:
        checkouts: the environment variable that names a checkout, for scripts whose library is no package.
        projects: folders of this repository that are installed too, as they stand there and without what they need.
    """

    pins: tuple[str, ...]
    scripts: tuple[str, ...]
    checkouts: Mapping[str, str] = field(default_factory=dict)
    projects: tuple[str, ...] = ()


# fmt: off
ENVIRONMENTS = {
    "shared": Environment(
        ("torchrl==0.14.1", "tensordict==0.14.3", "SuperSuit==3.11.0", "minari[create,hdf5]==0.5.4", "skrl==2.1.1"),
        (
            "cleanrl_ppo", "gymnasium_vector", "minari_dataset", "sb3_masked", "sb3_supersuit", "skrl_mappo",
            "torchrl_ppo",
        ),
    ),
    "video": Environment(("moviepy==2.2.1",), ("gymnasium_video",)),  # pillow below 12
    "rllib": Environment(("ray[rllib]==2.60.0",), ("rllib_ppo",)),  # wants gymnasium 1.2.2
    "benchmarl": Environment(("benchmarl==1.5.2", "torchvision==0.28.0"), ("benchmarl_mappo",)),  # torchrl below 0.12
    "tianshou": Environment(("tianshou==2.0.1",), ("tianshou_dqn",)),  # pandas below 3
    "xuance": Environment(("xuance==1.4.4", "torchvision==0.28.0"), ("xuance_mappo",)),  # numpy below 2
    "agilerl": Environment(("agilerl==2.58.0", "peft==0.21.2"), ("agilerl_maddpg",)),  # pettingzoo below 1.27
    "trl": Environment(("trl==1.16.0", "transformers==5.24.0"), ("trl_grpo",)),
    "checkouts": Environment(  # what these two repositories import
        (
            "sacred==0.8.7", "einops==0.8.2", "setuptools==79.0.1", "wandb==0.31.0", "tensorboardX==2.6.5",
            "setproctitle==1.3.8", "imageio==2.38.1", "absl-py==2.5.1", "gym==0.26.2",
        ),
        ("epymarl_qmix", "onpolicy_mappo"),
        {"epymarl_qmix": "EPYMARL", "onpolicy_mappo": "ONPOLICY"},
    ),
    "openenv": Environment(("openenv==0.10.0",), ("openenv_server",), projects=("integrations/openenv",)),
    "llama.cpp": Environment(("xllamacpp==2026.10.11549",), ("llama_server",)),
    "inspect": Environment(("inspect-ai==0.3.285",), ("inspect_logs",)),  # fsspec below 2026.7
    "verifiers": Environment(  # openai below 3
        ("verifiers==0.4.0",), ("verifiers_team",), projects=("integrations/verifiers",)
    ),
}
# fmt: on


def built(name: str, environment: Environment) -> Path:
    """The interpreter of an environment, which is made if it is not there."""
    base = sysconfig.get_path("purelib")
    key = hashlib.sha256(
        "\n".join((*environment.pins, *environment.projects, TORCH, base, sys.version)).encode()
    ).hexdigest()[:10]
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
        install(python, TORCH, *environment.pins)
        for project in environment.projects:
            install(python, "--no-deps", "--editable", str(ROOT / project))
        ready.touch()  # what pip says of other pins beside is expected
    return python


def install(python: Path, *what: str) -> None:
    """Have pip install something into the environment of an interpreter."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def run(python: Path, script: str) -> tuple[bool, str]:
    """Whether a script went well, and the last line that it printed."""
    own = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "OMP_NUM_THREADS": "1",
        "MINARI_DATASETS_PATH": str(KEPT / "minari"),
    }
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
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        went_well = side_by_side.map(lambda name: run_all(name, ENVIRONMENTS[name], names), ENVIRONMENTS)
        return 0 if all(list(went_well)) else 1  # as a list, since whoever stops to listen calls off the others


def run_all(name: str, environment: Environment, wanted: list[str]) -> bool:
    """Run the scripts of an environment that are wanted (all if none is named), and say whether all went well."""
    all_well = True
    for script in environment.scripts:
        if wanted and script not in wanted:
            continue
        if (variable := environment.checkouts.get(script)) and not os.environ.get(variable):
            print(f"skipped {script:18} {variable} names no checkout of its library", flush=True)
            continue
        python, began = built(name, environment), time.monotonic()
        well, said = run(python, script)
        print(f"{'ok    ' if well else 'FAILED'} {script:18} {time.monotonic() - began:4.0f} s  {said}", flush=True)
        all_well &= well
    return all_well


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
