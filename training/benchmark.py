"""The benchmark: policies x workflows x team sizes x seeds, in parallel, and safe to interrupt at any moment.

Every finished cell is a file under ``OUT/cells`` (see `training.cells`); ``OUT/results.csv`` is put together from
them. Running the same command again does what is missing and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import c2c_env
from agents.prompted.options import Options
from c2c_env import METRICS, TEST_SEEDS
from c2c_env.errors import ConfigError, MissingExtraError
from training import cluster, plan, prompted, report
from training.cells import Cell, CorruptCellError, Row, make_batch, policy_file, read_cell, source_digest, write_whole
from training.workers import Executor, LocalPool, Report, run_cells

COLUMNS = ["policy", "tier", "workflow", "split", "team_size", "seed", *METRICS]
STALE_SECONDS = 600.0
Opener = Callable[[Sequence[Cell]], AbstractContextManager[Executor]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("--policies", metavar="A,B,C", help=f"policies of the registry (default: {', '.join(plan.DEFAULT_POLICIES)})")
    add(
        "--workflows",
        metavar="A,B,C",
        help="names of built-ins, tiers (simple, medium, complex: its built-ins), paths of TOML files"
        " (default: built-in, all 15), or none (with --generated)",
    )
    add(
        "--generated",
        metavar="M",
        type=int,
        default=0,
        help="in addition M generated test workflows per tier, each with one seed (default: 0)",
    )
    add("--team-sizes", metavar="N,N", help="numbers of agents, the manager included (default: 5,8,17)")
    add("--seeds", metavar="S", type=int, help="play each workflow with the seeds 0 to S-1 (default: 4)")
    add("--workers", metavar="W", type=int, help="processes (default: one a core); results do not depend on it")
    add(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="local",
        help="run on a Ray cluster: auto (the one that this machine belongs to), HOST:PORT, ray://HOST:PORT (from"
        " outside), or local (start Ray here; default without an ADDRESS); results do not depend on it",
    )
    add("--out", metavar="FOLDER", default="results/benchmark", help="folder for everything (default: %(default)s)")
    add(
        "--config",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="fields of EnvConfig, for example dt=0.25 chat.richness=0.5 relations=index",
    )
    prompted.add_llm_arguments(parser)
    add("--estimate", action="store_true", help="say what prompted teams could cost, and stop")
    add("--quick", action="store_true", help="one workflow a tier, 5 agents, 2 seeds, unless given")
    add("--no-figures", action="store_true", help="table only")


def run(args: argparse.Namespace) -> int:
    """Run what is missing, then write and show the results; the exit status."""
    if args.workers is not None and args.workers < 1:
        raise ConfigError(f"--workers is {args.workers}, expected an integer >= 1")
    if args.ray is not None:
        cluster.check(args.ray)
    cells = plan.make_plan(args)
    console, errors = Console(width=report.WIDTH), Console(stderr=True, soft_wrap=True, highlight=False)
    if args.estimate:
        print(prompted.describe_estimate([cell for cell in cells if cell.prompted]))
        return 0
    out = plan.output_folder(args.out)
    write_whole(out / "run.json", json.dumps(describe_run(args, cells), indent=2) + "\n")
    faults = complete(cells, out / "cells", partial(open_executor, args.ray, args.workers), errors)
    results = write_results(cells, out)
    if len(results):
        report.show(results, console, out / "report.txt")
        console.print(f"\nEpisodes: {out / 'results.csv'}   configuration: {out / 'run.json'}", highlight=False)
        counted, _ = prompted.split_failed(results)
        if not args.no_figures and len(counted):
            draw_figures(counted, [cell for cell in cells if cell.name not in faults], out, console)
    if faults:
        errors.print(describe_faults(cells, faults), markup=False)
    return 1 if faults else 0


def complete(cells: Sequence[Cell], folder: Path, opener: Opener, errors: Console) -> dict[str, str]:
    """Run the cells that have no file yet; faults by the name of the cell."""
    remove_leftovers(folder)
    missing = [cell for cell in cells if not is_finished(cell, folder, errors)]
    if len(missing) < len(cells):
        errors.print(f"{len(cells) - len(missing)} of {len(cells)} cells are there already")
    if not missing:
        return {}
    make_batch(missing[0])  # compiles the simulator once, where its message can be seen, and not in every process
    missing.sort(key=lambda cell: -cell.cost)
    asking = [cell for cell in missing if cell.prompted]
    computing = [cell for cell in missing if not cell.prompted]
    faults: dict[str, str] = {}
    if computing:
        with opener(computing) as executor, progress_bar(computing, errors) as on_done:
            faults |= run_cells(computing, folder, executor, on_done)
    if asking:
        errors.print(prompted.describe_estimate(asking), markup=False)
        with progress_bar(asking, errors) as on_done:
            faults |= run_cells(asking, folder, prompted.open_threads(asking), on_done)
        errors.print(prompted.describe_totals(asking), markup=False)
    return faults


@contextmanager
def open_executor(address: str | None, workers: int | None, cells: Sequence[Cell]) -> Iterator[Executor]:
    """What runs the cells: a Ray cluster where an address is given, processes of this machine otherwise."""
    if address is None:
        yield LocalPool(workers or os.cpu_count() or 1)
        return
    files = {str(path) for cell in cells if (path := policy_file(cell.policy))}
    with cluster.connect(address, workers, sorted(files)) as connected:
        yield connected


def is_finished(cell: Cell, folder: Path, errors: Console) -> bool:
    """Whether a good file of the cell is there; a bad one is moved aside."""
    path = folder / f"{cell.name}.json"
    if not path.exists():
        return False
    try:
        return not any(row.get("failed") for row in read_cell(path, cell))  # what failed is tried again
    except CorruptCellError as error:
        aside = path.with_name(path.name + ".corrupt")
        os.replace(path, aside)
        errors.print(f"warning: {path} is damaged: {error}; moved to {aside.name}, the cell is run again", markup=False)
        return False


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left half written; young ones may belong to a run beside this one."""
    for leftover in folder.glob("*.tmp"):
        if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
            leftover.unlink(missing_ok=True)


@contextmanager
def progress_bar(cells: Sequence[Cell], errors: Console) -> Iterator[Report]:
    """A bar over the cost of the cells, since a count would promise too much; yields what is called for each."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    done, failed = 0, 0
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("benchmark", total=sum(cell.cost for cell in cells), count=f"0/{len(cells)} cells")

        def on_done(cell: Cell, fault: str) -> None:
            nonlocal done, failed
            done, failed = done + 1, failed + bool(fault)
            count = f"{done}/{len(cells)} cells" + (f", {failed} failed" if failed else "")
            progress.update(task, advance=cell.cost, count=count)

        yield on_done


def describe_faults(cells: Sequence[Cell], faults: dict[str, str]) -> str:
    """One error that names every failed cell and why."""
    lines = [f"  - {cell.title}: {faults[cell.name]}" for cell in cells if cell.name in faults]
    head = f"error: {len(faults)} of {len(cells)} cells failed; the same command runs these again and only these:"
    return "\n".join([head, *lines])


def write_results(cells: Sequence[Cell], out: Path) -> pd.DataFrame:
    """``results.csv`` from the cells that are there, in the order of the plan."""
    rows: list[Row] = []
    for cell in cells:
        path = out / "cells" / f"{cell.name}.json"
        if path.exists():
            same = {"policy": cell.policy, "tier": cell.tier, "split": cell.split, "team_size": cell.team_size}
            rows += [same | row for row in read_cell(path, cell)]
    results = pd.DataFrame(rows, columns=[*COLUMNS, *prompted.columns_of(rows)])
    write_whole(out / "results.csv", results.to_csv(index=False, lineterminator="\n"))
    return results


def describe_run(args: argparse.Namespace, cells: Sequence[Cell]) -> dict[str, Any]:
    """All that is needed to run it again."""
    libraries = ["numpy", "numba", "gymnasium", "pettingzoo", *(["ray"] if args.ray is not None else [])]
    return {
        "command": "python -m training " + shlex.join(sys.argv[1:]),
        "arguments": {key: value for key, value in vars(args).items() if isinstance(value, str | int | list | None)},
        "policies": plan.unique([cell.policy for cell in cells]),
        "workflows": plan.unique([workflow.name for cell in cells for workflow in cell.workflows]),
        "team_sizes": sorted({cell.team_size for cell in cells}),
        "seeds": sorted({seed for cell in cells if cell.split != plan.GENERATED for seed in cell.seeds}),
        "first_generated_seed": TEST_SEEDS[0] if any(cell.split == plan.GENERATED for cell in cells) else None,
        "config": asdict(cells[0].config),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in libraries},
            "c2c_env": c2c_env.__version__,
            "sources": source_digest(),
        },
        "options": next((Options.of(cell.options).identity for cell in cells if cell.prompted), None),
        "platform": platform.platform(),
    }


def draw_figures(results: pd.DataFrame, cells: Sequence[Cell], out: Path, console: Console) -> None:
    """The pictures; matplotlib is loaded only here."""
    try:
        from training import figures
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"figures need {error.name}, which is not installed; install the extra: pip install -e '.[bench]',"
            " or give --no-figures"
        ) from error
    with console.status("drawing figures"):
        paths = figures.draw_all(results, cells, out / "figures")
    console.print(f"Figures: {', '.join(path.name for path in paths)} in {out / 'figures'}", highlight=False)
