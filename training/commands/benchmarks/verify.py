"""The command ``verify``: check that a submission is what it says, by simulating every episode of it again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from c2c_env.disk import write_whole
from training.arguments import file_ending, output_folder
from training.benchmark.protocol.protocol_tables import reported_table
from training.benchmark.protocol.submission import count_recorded, entry_of
from training.benchmark.protocol.verification import verify_submission
from training.benchmark.tables import REPORT_WIDTH
from training.progress import pulse

EXAMPLES = """\
examples:
  c2c-env verify submissions/mine
  c2c-env verify submissions/mine --ask-again --entry docs/leaderboard/mine.json

Nothing of the submission is run. Its episodes are simulated from what was decided, and the answers of language
models are read again from its transcripts. Who gave the answers, nobody can verify.
Exit status: 0 it is what it says, 2 it is not; all that is wrong is named.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the folder."""
    parser.add_argument("folder", help="of the submission")
    again = "also ask the policies that this package knows whether they decide what was recorded"
    parser.add_argument("--ask-again", action="store_true", help=again)
    entry = "write what the leaderboard keeps of it"
    parser.add_argument("--entry", type=file_ending(".json"), metavar="FILE", help=entry)


def run(args: argparse.Namespace) -> int:
    """Verify it, and show its figures; return the exit status."""
    console, errors = Console(width=REPORT_WIDTH, highlight=False), Console(stderr=True, highlight=False)
    folder = Path(args.folder)
    if args.entry:
        output_folder(args.entry.parent)  # what cannot be written is better known before
    with pulse(errors, "episodes", count_recorded(folder)) as bar:
        verified = verify_submission(folder, ask_again=args.ask_again, on_episode=lambda done, _: bar.show(done))
    console.print(reported_table(verified.figures, console.encoding == "utf-8"))
    asked = f", {verified.asked} of them from the answers of language models" if verified.asked else ""
    console.print(f"\nVerified: {verified.episodes} episodes came out as they were recorded{asked}.")
    if args.entry:
        entry = entry_of(verified.submission, verified.figures.to_dict("records"))
        write_whole(args.entry, json.dumps(entry, indent=1) + "\n")
    return 0
