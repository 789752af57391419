"""Runs side by side: several seeds or recipes, on the processes of this machine or on a Ray cluster.

A job is a chunk of a run, from one checkpoint to the next. It gets the files of the run and gives the new ones back,
so that whoever works on it shares no files and keeps nothing: whatever is killed, at most a chunk is lost, and the
same command with `--resume` comes to the same weights.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from c2c_env.disk import read_bounded, write_whole
from c2c_env.errors import ConfigError
from training.arguments import parse_seeds, split_list, unique
from training.executors.base import Executor
from training.learning.log import headline, read_table, write_scalars
from training.learning.recipe import Recipe, load_recipe
from training.learning.run import (
    CHECKPOINT_FILE,
    GRAPH_FILE,
    LATEST_FILE,
    METRICS_FILE,
    POLICY_FILE,
    Ending,
    Training,
    sole_run,
)

RUN_FILES = (CHECKPOINT_FILE, METRICS_FILE, LATEST_FILE, POLICY_FILE, GRAPH_FILE)
DEFAULT_OUT = "results/train"
LARGEST_RUN_FILE = 2**31  # bytes
NO_CHUNK = object()  # there is no further chunk


def choose_runs(args: argparse.Namespace) -> dict[Path, Recipe]:
    """The recipes that are to be trained, with each of the seeds, by the folders of their runs.

    Raises:
        ConfigError: a recipe or seed is wrong, two runs would have one folder, or several are to share a device.
    """
    if args.seed is not None and args.seeds is not None:
        raise ConfigError(f"got --seed {args.seed} and --seeds {args.seeds}, expected one of them")
    seeds = [args.seed] if args.seeds is None else parse_seeds(args.seeds)
    threads = {} if args.threads is None else {"threads": args.threads}
    recipes = [
        replace(recipe, seed=recipe.seed if seed is None else seed, **threads)
        for recipe in map(load_recipe, unique(split_list(args.recipe))) for seed in seeds
    ]  # fmt: skip
    alone = len(recipes) == 1 and args.ray is None
    if not alone and args.device != "cpu":
        raise ConfigError(f"--device is {args.device!r}, expected cpu, since runs side by side share no other device")
    out = Path(args.out or DEFAULT_OUT)
    runs = {out / recipe.name / f"seed-{recipe.seed}": recipe for recipe in recipes}
    if len(runs) < len(recipes):
        raise ConfigError(f"several of the recipes have the name {recipes[0].name!r}; give each a name of its own")
    return {out: recipes[0]} if alone and args.out else runs


@dataclass(frozen=True)
class Chunk:
    """A part of a run.

    Attributes:
        folder: of the run, where whoever began it keeps its files.
        recipe: of the run.
        files: of its folder, by name; none if it begins.
        ending: how the policy is written.
    """

    folder: Path
    recipe: Recipe
    files: Mapping[str, bytes]
    ending: Ending


def train_chunk(chunk: Chunk) -> dict[str, bytes]:
    """Train from a checkpoint to the next, or from the last one to the policy; return the files of the run."""
    quiet = Console(file=io.StringIO())
    with tempfile.TemporaryDirectory(prefix="c2c-train-") as name:
        folder = Path(name)
        for file, content in chunk.files.items():
            write_whole(folder / file, content)
        training = Training(chunk.recipe, folder, torch.device("cpu"))
        if chunk.files:
            training.load()
        chunks = training.chunks(quiet)
        if next(chunks, NO_CHUNK) is NO_CHUNK:
            training.write_policy(quiet, chunk.ending)
        chunks.close()
        return files_of(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a run that are there."""
    paths = [folder / name for name in RUN_FILES]
    return {p.name: read_bounded(p, "file", ConfigError, LARGEST_RUN_FILE) for p in paths if p.exists()}


def train_all(
    runs: Mapping[Path, Recipe], executor: Executor, console: Console, *, resume: bool, ending: Ending
) -> dict[Path, str]:
    """Train all runs to their ends; return the faults of those that could not, by folder.

    Args:
        runs: recipes by the folders of their runs.
        executor: what trains a chunk.
        console: for progress.
        resume: go on from the folders' checkpoints.
        ending: how policies are written.

    Raises:
        ConfigError: a folder is in use, or holds a run that is not to go on.
    """
    faults: dict[Path, str] = {}
    with ExitStack() as stack:
        for folder, recipe in runs.items():
            stack.enter_context(sole_run(folder))
            Training(recipe, folder, torch.device("cpu")).begin(resume, console)
        jobs = deque(Chunk(folder, recipe, files_of(folder), ending) for folder, recipe in runs.items())
        for job, files, fault in executor.run(train_chunk, jobs):
            if fault:
                faults[job.folder] = fault
                continue
            _take_in(job.folder, files, console)
            if POLICY_FILE not in files:
                jobs.append(replace(job, files=files))
    return faults


def _take_in(folder: Path, files: Mapping[str, bytes], console: Console) -> None:
    """Write what a chunk gave back, the checkpoint last, and say how far the run is."""
    known = len(read_table(folder / METRICS_FILE))
    for name in sorted(files, key=lambda name: name == CHECKPOINT_FILE):
        write_whole(folder / name, files[name], durable=True)
    rows = read_table(folder / METRICS_FILE)
    write_scalars(folder, rows[known:])
    if POLICY_FILE in files:
        (folder / LATEST_FILE).unlink(missing_ok=True)
        console.print(f"{folder}: policy written", soft_wrap=True)
    elif rows:
        console.print(f"{folder}: {rows[-1]['stage']} {rows[-1]['update']}  {headline(rows[-1])}", soft_wrap=True)
