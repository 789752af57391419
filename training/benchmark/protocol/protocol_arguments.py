"""What ``benchmark --protocol ID`` plays, and the options that it goes with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from agents.registry import BASELINE
from c2c_env.errors import ConfigError, raise_faults
from training.arguments import split_list, unique
from training.benchmark.cell import Cell
from training.benchmark.protocol.definition import TEST
from training.benchmark.protocol.pinning import check_rules
from training.benchmark.protocol.prescribed_cells import prescribed_cells
from training.benchmark.protocol.published import find_protocol

USUAL_POLICIES = (BASELINE, "cost_aware", "proactive", "learned")
# what a protocol fixes, by the flag of the command line
FIXED = {
    "workflows": "--workflows",
    "generated": "--generated",
    "intervene": "--intervene",
    "team": "--team",
    "team_sizes": "--team-sizes",
    "seeds": "--seeds",
    "config": "--config",
    "quick": "--quick",
}


def cells_of_arguments(args: argparse.Namespace) -> list[Cell]:
    """Return the cells that ``benchmark --protocol`` plays.

    Raises:
        ConfigError: an unknown id, track or split, an option that the protocol fixes, or constants and workflows that
            are not those that were published.
    """
    protocol = find_protocol(args.protocol)
    given = [flag for name, flag in FIXED.items() if getattr(args, name)]
    faults = [f"{flag} is given, expected nothing: {protocol.id} fixes it" for flag in given]
    raise_faults(ConfigError, "bad arguments beside --protocol", faults)
    if protocol.retired:
        raise ConfigError(f"{protocol.id} is retired: {protocol.retired}")
    split = TEST if args.split is None else args.split
    protocol.played(split)
    names = None if args.tracks is None else split_list(args.tracks)
    if names == []:
        raise ConfigError(f"--tracks is {args.tracks!r}, expected at least one word")
    tracks = protocol.tracks_of(split, names)
    check_rules(protocol)
    policies = unique([BASELINE, *(split_list(args.policies) if args.policies else USUAL_POLICIES)])
    return prescribed_cells(protocol, policies, split, tracks)


def refuse_without_protocol(args: argparse.Namespace) -> None:
    """Refuse options that mean something beside ``--protocol`` alone.

    Raises:
        ConfigError: names them.
    """
    given = [flag for flag, value in (("--split", args.split), ("--tracks", args.tracks)) if value is not None]
    raise_faults(ConfigError, "bad arguments", [f"{flag} needs --protocol ID" for flag in given])


def describe_prescribed(args: argparse.Namespace, cells: Sequence[Cell]) -> dict[str, Any]:
    """What ``run.json`` says of the protocol; nothing without one."""
    if args.protocol is None:
        return {}
    protocol, split = find_protocol(args.protocol), args.split or TEST
    seeds = protocol.played(split).seeds
    return {
        "protocol": {
            "id": protocol.id,
            "split": split,
            "tracks": unique([cell.split for cell in cells]),
            "partners": unique([cell.partners for cell in cells if cell.partners]),
        },
        "first_generated_seed": None if seeds is None else seeds[0],
    }
