"""Turns the words of the command line into the cells of a benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agents.policy import PolicyContext
from agents.registry import BASELINE, make_policy
from c2c_env import TEST_SEEDS, Workflow, builtin_names, generate, load_builtin, load_real, load_team, real_names
from c2c_env.errors import C2CError, ConfigError, WorkflowError, nearest, raise_faults
from c2c_env.interventions import Intervention
from c2c_env.make import make_batch
from c2c_env.workflows import TIERS, load_workflow
from training.arguments import parse_config, parse_sizes, read_options, split_list, unique
from training.benchmark.cell import Cell
from training.benchmark.protocol.protocol_arguments import cells_of_arguments, refuse_without_protocol
from training.benchmark.run_folders import store_of

DEFAULT_POLICIES = (
    BASELINE, "fixed_steps", "unconstrained", "broadcast", "cost_aware", "proactive", "learned", "solo", "random",
)  # fmt: skip
BUILT_IN, REAL, GENERATED, FROM_FILE = "built-in", "real", "generated", "file"
NO_WORKFLOW = "none"  # beside --generated
WorkflowSet = tuple[str, str, tuple[Workflow, ...], tuple[int, ...]]  # label, split, workflows, seeds
QUICK_WORKFLOWS = ("csv-import-tool", "customer-churn-model", "realtime-fraud-detection")  # one a tier


def choose_cells(args: argparse.Namespace) -> list[Cell]:
    """Return the cells of a benchmark in the order of its results.

    Raises:
        C2CError: a name or value that is wrong, before anything is run.
    """
    if args.protocol is None:
        refuse_without_protocol(args)
        plain = free_cells(args)
    else:
        plain = cells_of_arguments(args)
    options, transcripts = read_options(args.llm, args.llm_file), str(store_of(args.out) / "transcripts")
    cells = [replace(cell, options=options, transcripts=transcripts) if cell.asks_model else cell for cell in plain]
    check_cells(cells, connect=not args.estimate)
    return [replace(cell, record=str(store_of(args.out) / "episodes")) for cell in cells] if args.record else cells


def free_cells(args: argparse.Namespace) -> list[Cell]:
    """Return the cells of a benchmark that follows no protocol.

    Raises:
        C2CError: a name or value that is wrong.
    """
    faults = [
        f"{flag} is {text!r}, expected at least one word"
        for flag, text in (
            ("--policies", args.policies),
            ("--team-sizes", args.team_sizes),
            ("--workflows", args.workflows),
            ("--intervene", args.intervene),
        )
        if text is not None and not split_list(text)
    ]
    raise_faults(ConfigError, "bad arguments", faults)
    policies = unique(split_list(args.policies)) if args.policies else list(DEFAULT_POLICIES)
    team = None if args.team is None else load_team(args.team)
    sizes = [team.size] if team else parse_sizes(args.team_sizes or ("5" if args.quick else "5,8,17"))
    count = args.seeds if args.seeds is not None else 2 if args.quick else 4
    seeds = tuple(range(count))
    config = parse_config(args.config)
    wanted = split_list(args.workflows) if args.workflows else list(QUICK_WORKFLOWS if args.quick else [BUILT_IN])
    sets: list[WorkflowSet] = [(w.name, split, (w,), seeds) for w, split in choose_workflows(wanted)]
    sets += generated_sets(args.generated)
    if not sets:
        raise ConfigError(f"--workflows {NO_WORKFLOW} needs --generated M with M >= 1, got 0")
    sets.sort(key=lambda one: (one[1] == GENERATED, TIERS.index(one[2][0].tier)))
    kinds = [Intervention.parse(word) for word in unique(split_list(args.intervene))] if args.intervene else []
    changed = [("", config), *((str(kind), kind.constants(config)) for kind in kinds)]
    cells = [
        Cell(policy, label, split, workflows[0].tier, workflows, size, chosen, constants, intervention)
        for label, split, workflows, chosen in sets
        for size in sizes
        for policy in policies
        for intervention, constants in (changed if policy != BASELINE else changed[:1])
    ]
    return [replace(cell, team=team, team_label=Path(args.team).stem) for cell in cells] if team else cells


def choose_workflows(wanted: Sequence[str]) -> list[tuple[Workflow, str]]:
    """Find workflows and their splits: names, tiers (their built-ins), ``built-in``, ``real``, ``none`` and paths."""
    library = [load_builtin(name) for name in builtin_names()]
    chosen: dict[str, tuple[Workflow, str]] = {}
    for word in wanted:
        if word == NO_WORKFLOW:
            found: list[tuple[Workflow, str]] = []
        elif word == BUILT_IN or word in TIERS:
            found = [(w, BUILT_IN) for w in library if word in (BUILT_IN, w.tier)]
        elif word in builtin_names():
            found = [(load_builtin(word), BUILT_IN)]
        elif word == REAL or word in real_names():
            found = [(load_real(name), REAL) for name in (real_names() if word == REAL else [word])]
        elif word.endswith(".toml") or "/" in word:
            found = [(load_workflow(word), FROM_FILE)]
        else:
            valid = [BUILT_IN, REAL, *TIERS, *builtin_names(), *real_names()]
            raise WorkflowError(
                f"unknown workflow {word!r}{nearest(word, valid)}; expected {BUILT_IN}, a tier ({', '.join(TIERS)}),"
                f" a built-in ({', '.join(builtin_names())}), {REAL}, one of these"
                f" ({', '.join(real_names())}) or a path ending in .toml"
            )
        for workflow, split in found:
            known = chosen.setdefault(workflow.name, (workflow, split))
            if known[0] != workflow:
                raise WorkflowError(f"two different workflows are named {workflow.name!r}, the second from {word!r}")
    return list(chosen.values())


def generated_sets(count: int) -> list[WorkflowSet]:
    """Generate `count` workflows of the test range per tier, the m-th with environment seed m."""
    if count > len(TEST_SEEDS):
        raise ConfigError(f"--generated is {count}, expected at most {len(TEST_SEEDS)} (the test range)")
    if count == 0:
        return []
    seeds = tuple(range(count))
    return [
        (f"generated-{tier}", GENERATED, tuple(generate(tier, TEST_SEEDS[m]) for m in seeds), seeds) for tier in TIERS
    ]


def check_cells(cells: Sequence[Cell], connect: bool) -> None:
    """Make every policy once for every team size and every list of domains, so that a wrong name costs no waiting.

    Args:
        cells: whose policies are made.
        connect: reach the servers of language models too.

    Raises:
        ConfigError: a policy that cannot be made, or the team has other domains than a workflow.
    """
    made: set[tuple[str, int, tuple[str, ...]]] = set()
    for cell in cells:
        needs = (cell.policy, cell.team_size, cell.workflows[0].domains)
        if needs in made:
            continue
        made.add(needs)
        batch = make_batch(list(cell.workflows), cell.team_size, team=cell.team, config=cell.config)
        try:
            make_policy(cell.policy, PolicyContext.of(batch, options=cell.options), connect)
        except C2CError:
            raise
        except Exception as error:
            raise ConfigError(f"policy {cell.policy!r} cannot be made: {type(error).__name__}: {error}") from error
