"""The command ``dataset``: examples for fine-tuning a language model, with the answers of a teacher."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from training.arguments import file_ending, parse_sizes, positive, split_list, whole

EXAMPLES = """\
examples:
  c2c-env dataset --episodes 100 -o teach.jsonl.gz
  c2c-env dataset --teacher learned --tiers simple --team-sizes 3,5 --seats worker_1 --episodes 50 -o worker.jsonl

  c2c-env dataset --strategy terse --disturbed 0.1 --tiers simple --episodes 600 -o lessons.jsonl.gz

A line is one step of one agent, in chat form: the prompt of a strategy, and what the teacher does.
The same arguments give the same file. An episode of five agents takes some 3 MB, compressed 70 kB.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is played, and where the examples go."""
    add = parser.add_argument
    add("--teacher", metavar="POLICY", default="oracle", help="who plays the whole team (default: %(default)s)")
    add("--split", choices=("train", "validation"), default="train", help="of the workflows (default: %(default)s)")
    add("--episodes", type=whole(1, 10**7), default=100, help="how many (default: %(default)s)")
    add("--first", type=whole(0), default=0, help="number of the first workflow of the split (default: %(default)s)")
    add("--tiers", default="simple,medium,complex", metavar="A,B", help="which take turns (default: %(default)s)")
    add("--team-sizes", default="5", metavar="N,N", help="which take turns (default: %(default)s)")
    add("--strategy", default="direct", help="whose prompts are written (default: %(default)s)")
    add(
        "--disturbed", type=positive(1), default=0.0, metavar="SHARE",
        help="of decisions, in place of which any legal action is taken; answers stay the teacher's (default: 0)",
    )  # fmt: skip
    add("--seats", default="all", metavar="A,B", help="agents whose turns are kept (default: %(default)s)")
    out = "a .jsonl, or compressed a .jsonl.gz"
    add("-o", "--out", type=file_ending(".jsonl", ".gz"), required=True, metavar="FILE", help=out)


def run(args: argparse.Namespace) -> int:
    """Play, and write the examples; return the exit status."""
    from training.learning.teaching import write_examples  # needs pydantic

    seats = args.seats if args.seats == "all" else split_list(args.seats)
    count = write_examples(
        Path(args.out), args.teacher, args.split, args.episodes, seats=seats, tiers=split_list(args.tiers),
        team_sizes=parse_sizes(args.team_sizes), first=args.first, strategy=args.strategy,
        disturbed=args.disturbed, errors=Console(stderr=True, highlight=False),
    )  # fmt: skip
    print(f"{args.out}: {count} examples of {args.episodes} episodes")
    return 0
