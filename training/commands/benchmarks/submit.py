"""The command ``submit``: make the run of a protocol a submission that others can verify."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from training.benchmark.protocol.submission import SUBMISSION_FILE, recorded_protocol, write_submission
from training.benchmark.protocol.verification import match_episodes

EXAMPLES = """\
examples:
  c2c-env benchmark --protocol c2c-builtin-v2 --policies learned --record --out mine
  c2c-env submit mine --name "learned, shipped" --by "The authors"
  c2c-env verify mine

It writes a manifest into the folder, with a digest of every file. A folder in which an earlier run has left episodes is
refused.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the run and what the leaderboard says of it."""
    parser.add_argument("folder", help="of a run by a protocol with --record and --out")
    parser.add_argument("--name", required=True, help="of the entry")
    parser.add_argument("--by", required=True, help="who submits it")
    parser.add_argument("--link", default="", metavar="URL", help="where more is said about it (https)")


def run(args: argparse.Namespace) -> int:
    """Write the manifest; return the exit status."""
    folder = Path(args.folder)
    match_episodes(folder, *recorded_protocol(folder))
    submission = write_submission(folder, args.name, args.by, args.link)
    said = f"{folder / SUBMISSION_FILE}: {submission.protocol}, {len(submission.files)} files, {submission.digest[:12]}"
    Console(highlight=False, soft_wrap=True).print(said, markup=False)
    return 0
