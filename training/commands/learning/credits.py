"""The command ``credits``: how well each credit tells what a message of a learned team is worth."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from training.arguments import split_list, whole

TABLE_WIDTH = 150

EXAMPLES = """\
examples:
  c2c-env credits results/train/scratch/seed-1/policy.safetensors
  c2c-env credits results/train/scratch_all/seed-1       with what its critic makes of messages
  c2c-env credits early.safetensors late.safetensors --groups simple:5 --messages 500 -o credits.csv
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    what = "policy.safetensors of any stage of training, or the folder of a run of PPO, whose critic is looked at, too"
    add("policies", metavar="FILE", nargs="+", help=what)
    add("--groups", default="simple:5,complex:8", metavar="TIER:SIZE,...", help="who plays what (default: %(default)s)")
    add("--messages", type=whole(1, 100_000), default=200, help="that are looked at in each (default: %(default)s)")
    add("--lucks", type=whole(2, 1000), default=16, help="under which each is compared with silence (default: 16)")
    add("--num-envs", type=whole(1, 4096), default=16, help="side by side (default: %(default)s)")
    add("--seed", type=whole(0, 2**53), default=0, help="of the workflows and of the luck (default: %(default)s)")
    add("-o", "--out", metavar="FILE.csv", help="write the table there, too")


def run(args: argparse.Namespace) -> int:
    """Print the table; return the exit status."""
    from training.learning.analysis.credit_table import show_credits  # needs torch

    policies, out = [Path(name) for name in args.policies], Path(args.out) if args.out else None
    show_credits(policies, split_list(args.groups), args, Console(width=TABLE_WIDTH), out)
    return 0
