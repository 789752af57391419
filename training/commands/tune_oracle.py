"""The command ``tune_oracle``: tune the numbers of the oracle's rule."""

from __future__ import annotations

import argparse
from pathlib import Path

from agents.oracle.rule import PATH
from c2c_env.errors import ConfigError
from training.learning.tune_oracle import tune


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("--generations", type=int, default=40, help="default: %(default)s")
    add("--population", type=int, default=32, help="rules tried per generation (default: %(default)s)")
    add("--workflows", type=int, default=256, help="training workflows a rule plays (default: %(default)s)")
    add("--spread", type=float, default=0.15, help="first spread, as a share of each range (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the search (default: %(default)s)")
    add("--out", metavar="FILE", default=str(PATH), help="rules to start from, if there, and to write")


def run(args: argparse.Namespace) -> int:
    """Tune, and write the file; return the exit status."""
    if args.population < 8 or args.workflows < 1 or args.generations < 1:
        raise ConfigError("expected --population >= 8, --workflows >= 1 and --generations >= 1")
    tune(Path(args.out), args)
    return 0
