"""The command ``compare``: report a benchmark's results as the field expects it."""

from __future__ import annotations

import argparse

from rich.console import Console

from training import arguments
from training.benchmark.results import describe_failed, describe_unplayed, split_failed
from training.benchmark.run_folders import latest_run
from training.benchmark.tables import REPORT_WIDTH
from training.report.comparison import compare_splits, draw_splits, show_splits
from training.report.exports import write_exports
from training.report.read_results import find_results, read_results
from training.report.score_matrices import with_tasks
from training.report.standings import Draws, choose_rival

EXAMPLES = """\
examples:
  c2c-env benchmark --policies no_communication,proactive,learned
  c2c-env compare
  c2c-env compare games results/generated
  c2c-env compare results/generated --against cost_aware --resamples 10000

Exit status: 0 all compared, 1 some episodes had failed (named below the tables), 2 wrong arguments or no such results.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add(
        "results", metavar="RUN", nargs="*",
        help="folder of a benchmark or of games, or its results.csv; several are put together (default: the latest"
        " below results)",
    )  # fmt: skip
    add(
        "--against", metavar="POLICY",
        help="whom the others are to improve on (default: proactive if it has played, else the best scripted one)",
    )  # fmt: skip
    add(
        "--out", metavar="FOLDER",
        help="for tables, figures and scores (default: comparison, beside the first results.csv)",
    )  # fmt: skip
    add(
        "--resamples", metavar="N", type=arguments.whole(1), default=500,
        help="of the bootstrap (default: %(default)s, which takes minutes for a large benchmark)",
    )  # fmt: skip
    add("--seed", metavar="S", type=arguments.whole(0), default=0, help="of the bootstrap (default: %(default)s)")
    arguments.add_figures_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Compare; return the exit status."""
    paths = [find_results(place) for place in args.results or [latest_run()]]
    results = read_results(*paths)
    counted, failed = split_failed(results)
    episodes = with_tasks(counted)
    rival, draws = choose_rival(episodes, args.against), Draws(args.resamples, args.seed)
    out = arguments.output_folder(args.out or paths[0].parent / "comparison")
    console, errors = Console(width=REPORT_WIDTH), Console(stderr=True, soft_wrap=True, highlight=False)
    with errors.status("drawing resamples"):
        parts = compare_splits(episodes, rival, draws)
    show_splits(parts, rival, draws, describe_failed(failed), console, out / "comparison.txt")
    written = write_exports({part.split: part.episodes for part in parts}, out)
    written += draw_splits(parts, rival, out, args.figures)
    names = ", ".join(["comparison.txt", *(file.name for file in written)])
    console.print(f"\n{names} in {out}", highlight=False)
    for line in describe_unplayed(results):
        errors.print(line, markup=False)
    return 1 if len(failed) else 0
