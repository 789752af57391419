"""The command ``import``: a workflow from a task graph."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from c2c_env.checks import NOT_NEGATIVE, Check, fault, number_in, only_faults
from c2c_env.disk import write_whole
from c2c_env.errors import ConfigError, raise_faults
from c2c_env.text.names import without_controls
from c2c_env.workflows.importers import FORMATS, Imported, ImportSettings, import_graph
from c2c_env.workflows.importers.convert import DEFAULT_COMPLEXITY, MEDIAN_HOURS
from c2c_env.workflows.importers.workflow_toml import write_workflow
from c2c_env.workflows.schema import DOMAINS, MAX_COMPLEXITY, MIN_COMPLEXITY, TIERS

_EPILOG = f"""\
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
    parser.epilog = _EPILOG
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
    settings = _settings(args)
    _check_place(args)
    imported = import_graph(args.file, settings, args.format)
    report = [*_describe(imported), *(f"not carried over: {loss}" for loss in imported.losses)]
    head = [f"Made by: {_command(args)}", *args.note, *report]
    write_whole(args.out, write_workflow(imported.workflow, head))
    print(without_controls("\n".join([f"{args.out}: {report[0]}", *report[1:]])))
    return 0


def _settings(args: argparse.Namespace) -> ImportSettings:
    """How to import, as the arguments say.

    Raises:
        ConfigError: lists every argument that is wrong.
    """
    kinds, faults = _read_map(args.map)
    domains = DOMAINS if args.domains is None else tuple(name.strip() for name in args.domains.split(","))
    hours, wrong_hours = _read_setting("--hours-per-unit", args.hours_per_unit, _HOURS)
    complexity, wrong_complexity = _read_setting("--complexity", args.complexity, _COMPLEXITY)
    raise_faults(ConfigError, "bad arguments", only_faults([*faults, wrong_hours, wrong_complexity]))
    return ImportSettings(args.name, args.tier, kinds, domains, hours, complexity or DEFAULT_COMPLEXITY)


_HOURS: Check = (lambda x: NOT_NEGATIVE[0](x) and x > 0, "a number in (0, 1e+06]")
_COMPLEXITY = number_in(MIN_COMPLEXITY, MAX_COMPLEXITY)


def _read_setting(flag: str, word: str | None, check: Check) -> tuple[float | None, str]:
    """A number of the command line, and what is wrong with it."""
    if word is None:
        return None, ""
    try:
        value: object = float(word)
    except ValueError:
        value = word
    return (value if isinstance(value, float) else None), fault(flag, value, check)


def _read_map(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Domains by kind, and what is wrong with the words; the last equals sign counts, since kinds may have some."""
    pairs = [(word, *word.rpartition("=")) for word in words]
    faults = [f"--map is {word!r}, expected KIND=DOMAIN" for word, _, equals, _ in pairs if not equals]
    return {kind: domain for _, kind, equals, domain in pairs if equals}, faults


def _check_place(args: argparse.Namespace) -> None:
    """Refuse to replace a file that nobody said to replace.

    Raises:
        ConfigError: the workflow is there already, or is the task graph itself.
    """
    if os.path.exists(args.out) and os.path.exists(args.file) and os.path.samefile(args.out, args.file):
        raise ConfigError(f"--out is {args.out!r}, which is the task graph itself; expected another file")
    if not args.force and os.path.lexists(args.out):
        raise ConfigError(f"--out is {args.out!r}, which is there already; --force replaces it")


def _describe(imported: Imported) -> list[str]:
    subtasks = imported.workflow.subtasks
    milestones = sum(subtask.effort == 0 for subtask in subtasks)
    edges = sum(len(subtask.prerequisites) for subtask in subtasks)
    size = f"subtasks: {len(subtasks)}, milestones among them: {milestones}, prerequisites: {edges}"
    kinds = ", ".join(f"{kind or 'none'}={domain}" for kind, domain in imported.kinds.items())
    return [
        f"{size}, tier: {imported.workflow.tier}, hours: {imported.workflow.total_effort:g},"
        f" hours per unit of duration: {imported.hours_per_unit:g}",
        f"domains of kinds: {kinds}",
    ]


def _command(args: argparse.Namespace) -> str:
    """The command that makes the same workflow, with files by their names alone."""
    words = ["c2c-env", "import", Path(args.file).name, "-o", Path(args.out).name]
    single = {"--format": args.format, "--hours-per-unit": args.hours_per_unit, "--tier": args.tier}
    single |= {"--complexity": args.complexity, "--name": args.name, "--domains": args.domains}
    words += [word for flag, value in single.items() if value is not None for word in (flag, value)]
    words += [word for pair in args.map for word in ("--map", pair)]
    return shlex.join(words)
