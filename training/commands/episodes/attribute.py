"""The command ``attribute``: what each message of a played episode was worth, and which steps decided it."""

from __future__ import annotations

import argparse

from rich.console import Console

from training.arguments import file_ending
from training.attribution.attribution_report import show_attribution

EXAMPLES = """\
examples:
  c2c-env attribute my.episode.json.gz
  c2c-env attribute my.episode.json.gz --decisive --json values.json
  c2c-env attribute human.episode.json.gz --with proactive

The value of a message is the completion time of the episode without it minus that with it: its sender is silent
in that step, and from there the same policies decide again, under the same random numbers. An episode that is
not finished counts with its horizon. Policies that cannot be asked again, such as people and language models,
need --with NAME: that policy plays on for them from the step that is changed, with the message as well as
without it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the file, and what is to be worked out."""
    parser.add_argument("file", help="a recorded episode (.episode.json.gz), or a transcript")
    parser.add_argument(
        "--with", dest="continued_by", metavar="NAME", help="policy that plays on for agents who cannot be asked again"
    )
    parser.add_argument(
        "--decisive",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="look for steps where the planner would have acted otherwise (default: if the episode failed, or took "
        "longer than the planner by more than a fifth)",
    )
    parser.add_argument("--json", type=file_ending(".json"), metavar="FILE", help="write the numbers there, too")
    parser.add_argument("--no-colour", action="store_true", help="plain text")


def run(args: argparse.Namespace) -> int:
    """Work it out and print it; return the exit status."""
    console = Console(color_system=None if args.no_colour else "auto", highlight=False)
    show_attribution(args.file, args.continued_by, args.decisive, args.json, console)
    return 0
