"""The command ``replay``: play a transcript again without a model, and check every bit of it."""

from __future__ import annotations

import argparse

from rich.console import Console

from agents.prompted.replay import replay
from agents.prompted.transcript import read_transcript
from c2c_env.text.names import one_line
from training.episodes.timeline import print_episode

EXAMPLES = """\
examples:
  c2c-env replay results/transcripts/FILE.jsonl.gz

Exit status: 0 every step as it was, 2 the transcript is damaged, or the simulator is another one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the transcript."""
    parser.add_argument("file", help="a transcript (.jsonl.gz, or .jsonl) that a prompted team left")
    parser.add_argument("--no-colour", action="store_true", help="plain text")


def run(args: argparse.Namespace) -> int:
    """Replay and print the episode."""
    transcript = read_transcript(args.file)
    trace = replay(transcript)
    console = Console(color_system=None if args.no_colour else "auto", highlight=False)
    head = transcript.head
    how = f"{one_line(head['policy'])}, {len(head['team'])} agents, seed {head['seed']}, from its transcript"
    print_episode(console, trace, trace.batch.metrics(), how)
    columns = transcript.end["columns"]
    labels = ", ".join(f"{columns[f'answers_{label}']:.0f} {label}" for label in ("valid", "repaired", "invalid"))
    console.print(f"{len(transcript.actions)} steps replayed, every one as it was. Answers: {labels}.")
    if columns["failed"]:
        console.print(f"The episode failed: {one_line(columns['failure'])}", markup=False)
    return 0
