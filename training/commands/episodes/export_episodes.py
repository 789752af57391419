"""The command ``export``: recorded episodes as tables for studies of one's own, or as a log of language models."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from rich.console import Console

from c2c_env.errors import ConfigError
from training.arguments import file_ending
from training.episodes.episode_tables import MESSAGE_COLUMNS, STEP_COLUMNS, column_table, export_tables
from training.episodes.inspect_log import INSPECT_SUFFIX, write_inspect_log
from training.episodes.show import known_values
from training.episodes.sources import load_episodes

EXAMPLES = """\
examples:
  c2c-env export results/episodes -o episodes.parquet
  c2c-env export one.episode.json.gz two.episode.json.gz -o episodes.csv
  c2c-env export --columns                      what the columns mean

  c2c-env export results/transcripts -o logs/team.eval    what language models were asked and answered

The steps are in the file that is named, the messages beside it, in one whose name has _messages in it. A log (.eval) is
for the viewer of inspect_ai: inspect view --log-dir logs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the episodes and the file."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="episodes, transcripts, or folders of them")
    endings = file_ending(".parquet", ".csv", INSPECT_SUFFIX)
    usual = Path("episodes.parquet")
    out = f"a .parquet or .csv, or a {INSPECT_SUFFIX} (a log for inspect_ai) (default: %(default)s)"
    parser.add_argument("-o", "--out", type=endings, default=usual, metavar="FILE", help=out)
    values = "work out what each message was worth as well, where its policy can be asked again; this takes time"
    parser.add_argument("--values", action="store_true", help=values)
    parser.add_argument("--columns", action="store_true", help="say what the columns mean, and stop")


def run(args: argparse.Namespace) -> int:
    """Simulate the episodes and write both tables, or the log."""
    console = Console(highlight=False, soft_wrap=True)
    if args.columns:
        for title, columns in (("Steps", STEP_COLUMNS), ("Messages", MESSAGE_COLUMNS)):
            console.print(column_table(title, columns))
        return 0
    log = args.out.suffix.lower() == INSPECT_SUFFIX
    if log and args.values:
        raise ConfigError(f"got --values and a log ({INSPECT_SUFFIX}), which has no such column; expected a table")
    episodes = load_episodes(args.files)
    if log:
        samples, asked = write_inspect_log(episodes, args.out)
        console.print(f"{args.out}: {samples} samples of {asked} of {len(episodes)} episodes", markup=False)
        return 0
    valued = partial(known_values, errors=Console(stderr=True, highlight=False)) if args.values else None
    for path, lines in export_tables(episodes, args.out, valued):
        console.print(f"{path}: {lines} lines", markup=False)
    return 0
