"""The command ``content``: what the symbols of a learned team mean, and whether they are acted on."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from training.arguments import split_list, whole

TABLE_WIDTH = 150

EXAMPLES = """\
examples:
  c2c-env content results/train/communication/attention/seed-1/policy.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("policies", metavar="FILE", nargs="+", help="policy.safetensors that has learned with symbols and hidden facts")
    add("--groups", default="simple:5", metavar="TIER:SIZE,...", help="who plays what (default: %(default)s)")
    add("--workflows", type=whole(1, 10_000), default=64, help="of the validation range (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Print the tables; return the exit status."""
    from training.learning.analysis.content_table import show_content  # needs torch

    policies, console = [Path(name) for name in args.policies], Console(width=TABLE_WIDTH)
    show_content(policies, split_list(args.groups), args.workflows, console)
    return 0
