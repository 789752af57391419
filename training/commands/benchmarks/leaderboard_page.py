"""The command ``leaderboard``: write the table of verified submissions."""

from __future__ import annotations

import argparse
from pathlib import Path

from c2c_env.disk import write_whole
from training.arguments import file_ending
from training.benchmark.protocol.leaderboard import leaderboard_text, read_entries

EXAMPLES = """\
examples:
  c2c-env verify submissions/mine --entry docs/leaderboard/mine.json
  c2c-env leaderboard docs/leaderboard -o LEADERBOARD.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the entries and the file."""
    parser.add_argument("folder", help="of the entries that verify --entry has written")
    usual = Path("LEADERBOARD.md")
    out = "file to write (default: %(default)s)"
    parser.add_argument("-o", "--out", type=file_ending(".md"), default=usual, metavar="FILE", help=out)


def run(args: argparse.Namespace) -> int:
    """Write it; return the exit status."""
    command = f"c2c-env leaderboard {args.folder} -o {args.out}"
    write_whole(args.out, leaderboard_text(read_entries(Path(args.folder)), command))
    print(f"{args.out}: written")
    return 0
