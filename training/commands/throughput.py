"""The command ``throughput``: measure how fast the environment is, beside others."""

from __future__ import annotations

import argparse

from rich.console import Console

from c2c_env.config import MAX_SIZE
from training.arguments import join_numbers, output_folder, whole
from training.throughput import gpu, scaling, tables
from training.throughput.measure import measure_growth, measure_rows, show_startup
from training.throughput.peer_loops import PEER_NAMES
from training.throughput.rows import ALL_PEERS, DEFAULTS, read_config

EXAMPLES = """\
examples:
  c2c-env throughput --quick --peers none
  c2c-env throughput                          own rows, and peers that are installed here; some minutes
  c2c-env throughput --peers-python ../venv-peers/bin/python ../venv-jaxmarl/bin/python
  c2c-env throughput --growth                 teams of 5 to 256 agents, workflows of 8 to 128 subtasks,
                                              and batches: tables, and a figure with exponents
  c2c-env throughput --startup                import, compile, start
  c2c-env throughput --gpu --team-size 8      the batch on a CUDA device (extra cuda)

training/throughput/peer_loops.py tells how peers are installed; one that is not is named and left out.
Exit status: 0 everything measured or not installed, 1 some rows failed, 2 wrong arguments, 130 interrupted,
143 terminated.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add = parser.add_argument
    add(
        "--batch-sizes",
        metavar="B,B",
        help=f"environments of the batches (default: {DEFAULTS['batch_sizes']})",
    )
    add("--cores", metavar="C,C", help="cores of the batches, one thread each (default: 1 and all)")
    add(
        "--rounds",
        type=int,
        help=f"that measure every row once, so that a slow spell meets them all (default: {DEFAULTS['rounds']})",
    )
    add(
        "--runs",
        type=int,
        help=f"that are timed of each row in a round, after one that warms up (default: {DEFAULTS['runs']})",
    )
    add("--seconds", type=float, help=f"inside the clock, of each run (default: {DEFAULTS['seconds']})")
    add("--peers", metavar="A,B", default=ALL_PEERS, help=f"of {', '.join(PEER_NAMES)}; all (default) or none")
    add("--peers-python", metavar="PATH", nargs="+", default=[], help="interpreters in which peers are installed, too")
    instead = parser.add_mutually_exclusive_group().add_argument
    instead(
        "--growth",
        action="store_true",
        help="instead: cost of an agent-step for teams, workflows and batches of many sizes",
    )
    instead("--startup", action="store_true", help="instead: seconds to import, to compile, and to start when compiled")
    instead("--gpu", action="store_true", help="instead: the batch on a CUDA device; prints, and saves nothing")
    add("--agents", metavar="N,N", default=join_numbers(scaling.AGENTS), help="with --growth (default: %(default)s)")
    add(
        "--subtasks", metavar="K,K", default=join_numbers(scaling.SUBTASKS), help="with --growth (default: %(default)s)"
    )
    add("--tier", default="simple", help="with --gpu: workflows, generated as they start (default: %(default)s)")
    add("--team-size", type=whole(1, MAX_SIZE), default=5, help="with --gpu: agents (default: %(default)s)")
    add("--num-envs", type=whole(1), default=65536, help="with --gpu: environments of the batch (default: %(default)s)")
    add("--steps", type=whole(1), default=200, help="with --gpu: steps of a run (default: %(default)s)")
    add("--quick", action="store_true", help="two small batches and two short runs, unless given")
    add("--out", metavar="FOLDER", default="results/throughput", help="folder for everything (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure, print and save; return the exit status."""
    if args.gpu:
        for line in gpu.describe_device(args.tier, args.team_size, args.num_envs, args.steps):
            print(line, flush=True)
        return 0
    config, out = read_config(args), output_folder(args.out)
    console, errors = Console(width=tables.THROUGHPUT_WIDTH, highlight=False), Console(stderr=True, highlight=False)
    measure = measure_growth if args.growth else show_startup if args.startup else measure_rows
    return measure(config, out, console, errors)
