"""The command ``results``: list the benchmarks that were run."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from c2c_env.errors import ConfigError
from training.benchmark.run_folders import RESULTS, describe_run, finished_runs

EXAMPLES = """\
examples:
  c2c-env results
  c2c-env results my/results
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to look."""
    parser.add_argument("folder", metavar="FOLDER", nargs="?", default=str(RESULTS), help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Print the list; return the exit status."""
    folder = Path(args.folder)
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {args.folder!r}; expected one in which benchmarks have left results")
    console, runs = Console(highlight=False, soft_wrap=True), finished_runs(folder)
    for found in runs:
        console.print(describe_run(found), markup=False)
    if not runs:
        console.print(f"no benchmark has left results in {folder}", markup=False)
    return 0
