"""How the words of ``import`` become settings, and what is told of what was imported."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from c2c_env.checks import NOT_NEGATIVE, Check, fault, number_in, only_faults
from c2c_env.errors import ConfigError, raise_faults
from c2c_env.workflows.importers import Imported, ImportSettings
from c2c_env.workflows.importers.convert import DEFAULT_COMPLEXITY
from c2c_env.workflows.schema import DOMAINS, MAX_COMPLEXITY, MIN_COMPLEXITY


def import_settings(args: argparse.Namespace) -> ImportSettings:
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


def check_import_place(args: argparse.Namespace) -> None:
    """Refuse to replace a file that nobody said to replace.

    Raises:
        ConfigError: the workflow is there already, or is the task graph itself.
    """
    if os.path.exists(args.out) and os.path.exists(args.file) and os.path.samefile(args.out, args.file):
        raise ConfigError(f"--out is {args.out!r}, which is the task graph itself; expected another file")
    if not args.force and os.path.lexists(args.out):
        raise ConfigError(f"--out is {args.out!r}, which is there already; --force replaces it")


def describe_import(imported: Imported) -> list[str]:
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


def import_command(args: argparse.Namespace) -> str:
    """The command that makes the same workflow, with files by their names alone."""
    words = ["c2c-env", "import", Path(args.file).name, "-o", Path(args.out).name]
    single = {"--format": args.format, "--hours-per-unit": args.hours_per_unit, "--tier": args.tier}
    single |= {"--complexity": args.complexity, "--name": args.name, "--domains": args.domains}
    words += [word for flag, value in single.items() if value is not None for word in (flag, value)]
    words += [word for pair in args.map for word in ("--map", pair)]
    return shlex.join(words)
