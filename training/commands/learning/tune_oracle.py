"""The command ``tune_oracle``: tune the numbers of the oracle's rule."""

from __future__ import annotations

import argparse
from pathlib import Path

from agents.oracle.rule import PATH
from training.arguments import LARGEST_SEED, output_folder, positive, whole
from training.learning.learners.tune_oracle import tune

EXAMPLES = """\
examples:
  c2c-env tune_oracle --out rules.toml
  c2c-env tune_oracle --generations 2 --population 8 --workflows 16 --out rules.toml     a try, in a minute
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("--generations", type=whole(1), default=40, help="default: %(default)s")
    add("--population", type=whole(8, 2**20), default=32, help="rules tried per generation (default: %(default)s)")
    add("--workflows", type=whole(1, 2**16), default=256, help="training workflows a rule plays (default: %(default)s)")
    add(
        "--spread", type=positive(1), default=0.15, help="first spread, as a share of each range (default: %(default)s)"
    )
    add("--seed", type=whole(0, LARGEST_SEED), default=0, help="of the search (default: %(default)s)")
    add("--out", metavar="FILE", default=str(PATH), help="rules to start from, if there, and to write")


def run(args: argparse.Namespace) -> int:
    """Tune, and write the file; return the exit status."""
    out = Path(args.out)
    output_folder(out.parent)
    tune(out, args)
    return 0
