"""The command ``import``: a workflow from a task graph."""

from __future__ import annotations

import argparse

from c2c_env.disk import write_whole
from c2c_env.text.names import without_controls
from c2c_env.workflows.importers import FORMATS, import_graph
from c2c_env.workflows.importers.convert import DEFAULT_COMPLEXITY, MEDIAN_HOURS
from c2c_env.workflows.importers.workflow_toml import write_workflow
from c2c_env.workflows.schema import DOMAINS, TIERS
from training.task_graphs import check_import_place, describe_import, import_command, import_settings

EXAMPLES = f"""\
examples:
  c2c-env import j301_1.sm -o j301-1.toml
  c2c-env import run.json -o run.toml --map align=data --map report=frontend
  c2c-env import .github/workflows/ci.yml -o ci.toml --hours-per-unit 3 --tier medium
  c2c-env import tasks.csv -o tasks.toml

hours per unit, unless given: psplib 1 (periods); csv 1 (its durations are hours); wfcommons (seconds) and github (no
durations, all tasks are alike) such that the median task takes {MEDIAN_HOURS} hours, as in the built-in workflows.

columns of CSV: id, duration, needs (ids between semicolons), kind, title, complexity; only id must be there.

domains of kinds, unless given: a kind named like a domain belongs there; the others are spread over the domains, the
most frequent first. Kinds are: the resource a job needs most of (psplib), the category or the name without its number
(wfcommons), the first word of a job's id (github), the column kind (csv).

Exit status: 0 written, 1 the disk refuses, 2 something is wrong with the file or the arguments.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line takes."""
    add = parser.add_argument
    add("file", metavar="FILE", help="the task graph")
    add("-o", "--out", metavar="FILE", required=True, help="the workflow, in TOML")
    add("--format", metavar="NAME", help=f"of FILE: {', '.join(FORMATS)} (default: by the end of its name)")
    add("--map", metavar="KIND=DOMAIN", action="append", default=[], help="domain of tasks of a kind; repeatable")
    add("--domains", metavar="NAME[,...]", help=f"of the workflow (default: {','.join(DOMAINS)})")
    add("--hours-per-unit", metavar="H", help="hours of effort for a unit of duration (default: see below)")
    add("--tier", metavar="TIER", help=f"{', '.join(TIERS)} (default: by the number of tasks)")
    add("--complexity", metavar="K", help=f"of tasks for which FILE has none (default: {DEFAULT_COMPLEXITY})")
    add("--name", help="of the workflow (default: the name of FILE)")
    add("--note", metavar="TEXT", action="append", default=[], help="a line for the head of the workflow; repeatable")
    add("--force", action="store_true", help="replace the workflow if it is there")


def run(args: argparse.Namespace) -> int:
    """Import a file, write it, and say what could not be carried over; return the exit status."""
    settings = import_settings(args)
    check_import_place(args)
    imported = import_graph(args.file, settings, args.format)
    report = [*describe_import(imported), *(f"not carried over: {loss}" for loss in imported.losses)]
    head = [f"Made by: {import_command(args)}", *args.note, *report]
    write_whole(args.out, write_workflow(imported.workflow, head))
    print(without_controls("\n".join([f"{args.out}: {report[0]}", *report[1:]])))
    return 0
