"""The command ``curves``: draw what training runs have logged."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from c2c_env.errors import ConfigError
from training.arguments import split_list, unique

EXAMPLES = """\
examples:
  c2c-env train scratch --seeds 1,2,3         curve_workflows in a recipe has validation workflows played
  c2c-env curves results/train/scratch -o curves.pdf
  c2c-env curves results/train/scratch results/train/mine --scalars simple-5/reduction,simple-5/talk
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("folders", metavar="FOLDER", nargs="+", help="of runs; runs that lie side by side are seeds of one curve")
    add("--scalars", metavar="NAME[,NAME ...]", help="columns of metrics.csv (default: all that end in /reduction)")
    add("--stage", help="whose rows are drawn (default: the last that the first run has come to)")
    add("--across", default="env_steps", metavar="NAME", help="scalar of the horizontal axis (default: %(default)s)")
    add("-o", "--out", default="results/curves.png", metavar="FILE", help=".png, .pdf or .svg (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Draw; return the exit status."""
    from training.learning.analysis.learning_curves import (  # needs torch, for what a run consists of
        find_runs,
        last_stage,
        save_curves,
    )

    path = Path(args.out)
    if path.suffix not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"--out is {args.out!r}, expected a name that ends in .png, .pdf or .svg")
    runs = find_runs([Path(folder) for folder in args.folders])
    found = sorted({name for run in runs for row in run.rows for name in row if name.endswith("/reduction")})
    names = unique(split_list(args.scalars)) if args.scalars else found
    if not names:
        raise ConfigError("the runs have logged no reduction; set curve_workflows in the recipe, or name --scalars")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_curves(runs, names, args.stage or last_stage(runs), args.across, path)
    Console(stderr=True).print(f"figure: {path}", soft_wrap=True)
    return 0
