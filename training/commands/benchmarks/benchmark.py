"""The command ``benchmark``: compare policies."""

from __future__ import annotations

import argparse
import json
from functools import partial

from rich.console import Console

from c2c_env.disk import write_whole
from training import arguments
from training.benchmark import choose_cells, model_costs, tables
from training.benchmark.figures.every_figure import draw_figures
from training.benchmark.protocol.protocol_arguments import USUAL_POLICIES
from training.benchmark.protocol.protocol_tables import write_reported
from training.benchmark.results import describe_benchmark, describe_unplayed, split_failed, write_results
from training.benchmark.run_cells import complete, describe_faults, executor_for
from training.benchmark.run_folders import Places
from training.executors import ray_cluster
from training.files import Claims
from training.report.talk_table import talk_tables

EXAMPLES = """\
examples:
  c2c-env benchmark --quick
  c2c-env benchmark --policies no_communication,cost_aware --workflows complex --seeds 16
  c2c-env benchmark --workflows csv-import-tool,my/workflow.toml --team-sizes 3,5
  c2c-env benchmark --workflows none --generated 64 --out results/generated
  c2c-env benchmark --quick --record          each episode as a file, for c2c-env replay
  c2c-env benchmark --workflows real --team-sizes 5       task graphs that people have
  c2c-env benchmark --protocol c2c-generated-v2 --policies proactive,learned
  c2c-env benchmark --ray auto                on the Ray cluster that this machine belongs to
  c2c-env benchmark --policies cost_aware,prompted:c2c@MODEL --llm budget_tokens=2000000
  c2c-env benchmark --config dt=0.25 chat.richness=0.6 relations=index --out results/richer-chat

It may be interrupted at any moment; the same command then does what is missing and nothing else.
Exit status: 0 all finished, 1 some cells or episodes failed (named at the end), 2 wrong arguments or no cluster,
130 interrupted, 143 terminated.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add(
        "--policies",
        metavar="A,B,C",
        help="names, as c2c-env list shows them, and own policies as MODULE:NAME or FILE.py:NAME (default:"
        f" {', '.join(choose_cells.DEFAULT_POLICIES)}; of a protocol: {', '.join(USUAL_POLICIES)})",
    )
    add(
        "--protocol",
        metavar="ID",
        help="play exactly what a published protocol prescribes (c2c-env protocol lists them); workflows,"
        " team sizes, seeds and constants are then fixed, and no_communication always plays as well",
    )
    add(
        "--split",
        metavar="SPLIT",
        help="of the protocol: test to report (the default), validation to develop with",
    )
    add("--tracks", metavar="A,B", help="of the protocol (default: all)")
    add(
        "--workflows",
        metavar="A,B,C",
        help="names of built-ins, tiers (simple, medium, complex: its built-ins), paths of TOML files"
        " (default: built-in, all 15), real (task graphs that people have), or none (with --generated)",
    )
    add(
        "--generated",
        metavar="M",
        type=arguments.whole(0),
        default=0,
        help="in addition M generated test workflows per tier, each with one seed (default: 0)",
    )
    add(
        "--intervene",
        metavar="A,B",
        help="play every team also with its messages tampered with: off, without:ask+meet, free,"
        " delayed:STEPS, lossy:SHARE, shuffled, scrambled, unheard (see c2c_env.interventions); figures show the teams"
        " as they are",
    )
    team = parser.add_mutually_exclusive_group()
    team.add_argument("--team-sizes", metavar="N,N", help="numbers of agents, the manager included (default: 5,8,17)")
    team.add_argument("--team", metavar="FILE", help="TOML file of a team that plays instead of the default ones")
    add("--seeds", metavar="S", type=arguments.whole(1), help="play each workflow with the seeds 0 to S-1 (default: 4)")
    add(
        "--workers",
        metavar="W",
        type=arguments.whole(1, 4096),
        help="processes (default: one per core); results do not depend on it",
    )
    add(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="local",
        help="run on a Ray cluster: auto (the one that this machine belongs to), HOST:PORT, ray://HOST:PORT (from"
        " outside), or local (start Ray here; default without an ADDRESS); results do not depend on it",
    )
    add(
        "--out",
        metavar="FOLDER",
        help="folder for everything (default: one below results for every question, which share what was played)",
    )
    add(
        "--config",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="fields of EnvConfig, for example dt=0.25 chat.richness=0.5 relations=index",
    )
    keep = "keep every episode as a file in the folder episodes, for replay, attribute and export"
    add("--record", action="store_true", help=keep)
    arguments.add_llm_arguments(parser)
    add("--estimate", action="store_true", help="say what prompted teams would cost, and stop; asks nobody")
    add("--quick", action="store_true", help="one workflow per tier, 5 agents, 2 seeds, unless given")
    arguments.add_figures_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Run what is missing, then write and show the results; return the exit status."""
    if args.ray is not None:
        ray_cluster.check(args.ray)
    cells = choose_cells.choose_cells(args)
    if args.estimate:
        print(model_costs.describe_estimate([cell for cell in cells if cell.asks_model]))
        return 0
    console, errors = Console(width=tables.REPORT_WIDTH), Console(stderr=True, soft_wrap=True, highlight=False)
    places = Places.of(args.out, cells)
    out, store = (arguments.output_folder(place) for place in (places.out, places.store))
    console.print(f"Results: {out}\n", highlight=False, soft_wrap=True)
    with Claims(store) as claims:
        claims.sweep(out, out / "figures", *(store / name for name in ("", "cells", "episodes", "transcripts")))
        write_whole(out / "run.json", json.dumps(describe_benchmark(args, cells), indent=2) + "\n")
        opener = partial(executor_for, args.ray, args.workers)
        faults = complete(cells, arguments.output_folder(store / "cells"), opener, errors, claims)
        results = write_results(cells, store / "cells", out)
        counted, failed = split_failed(results)
        if len(results):
            unicode = console.encoding == "utf-8"
            more = [*write_reported(results, out, unicode), *talk_tables(counted, unicode)]
            tables.show_report(results, console, out / "report.txt", more)
            if len(counted):
                shown = [cell for cell in cells if cell.name not in faults and not cell.intervention]
                of_shown = counted[counted["policy"].isin({cell.player for cell in shown})]
                draw_figures(of_shown, shown, out, args.figures, console)
        if faults:
            errors.print(describe_faults(cells, faults), markup=False)
        for line in describe_unplayed(results):
            errors.print(line, markup=False)
        console.print(f"\nResults: {out} (results.csv, run.json, report.txt)", highlight=False, soft_wrap=True)
        return 1 if faults or len(failed) else 0
