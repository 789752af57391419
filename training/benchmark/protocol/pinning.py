"""Pins: what a protocol prescribes and a few exact results, written down when it is published.

A pin holds digests of the workflows, all constants, sizes and seeds, and the steps and hours of two scripted teams on
some episodes. The simulator gives the same bits on every machine, so they are compared exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env import EnvConfig, Team, generate
from c2c_env.disk import parse_json, read_bounded, write_whole
from c2c_env.errors import ConfigError, raise_faults
from c2c_env.workflows.pack import pack
from c2c_env.workflows.schema import Workflow
from training.benchmark.play_cell import run_cell
from training.benchmark.protocol.definition import SPLITS, TEST, Protocol, Track
from training.benchmark.protocol.prescribed_cells import prescribed_cells
from training.files import digest
from training.program import program_name

PIN_FOLDER = Path(__file__).parent / "pins"
PINNED_POLICIES = ("no_communication", "proactive")
PINNED_EPISODES = 4  # of the generated workflows of a tier; of each built-in one, one
PINNED_TRAIN_WORKFLOWS = 64  # of a tier, the first of the range
RULES, FIGURES, CONSTANTS = "rules", "figures", "constants"


def write_pin(protocol: Protocol) -> Path:
    """Write the pin of a protocol that is published; return its path.

    Raises:
        ConfigError: it is pinned already, with something else: published numbers do not change.
    """
    path, found = pin_path(protocol), _plain({RULES: rules_of(protocol), FIGURES: figures_of(protocol)})
    if path.exists():
        _raise_changes(protocol, found)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps(found, indent=1) + "\n")
    return path


def check_pin(protocol: Protocol) -> None:
    """Compute everything that is pinned again.

    Raises:
        ConfigError: names everything that has changed, or there is no pin.
    """
    _raise_changes(protocol, _plain({RULES: rules_of(protocol), FIGURES: figures_of(protocol)}))


def check_rules(protocol: Protocol) -> None:
    """Compute the digests, constants, sizes and seeds again, and no episode; see `check_pin`."""
    _raise_changes(protocol, _plain({RULES: rules_of(protocol)}))


def read_pin(protocol: Protocol) -> dict[str, Any]:
    """The pin of a protocol.

    Raises:
        ConfigError: there is none, or its file is damaged.
    """
    path = pin_path(protocol)
    if not path.exists():
        raise ConfigError(f"{protocol.id} is not pinned; expected {path}, written by {_command(protocol.id)}")
    pin: dict[str, Any] = parse_json(read_bounded(path, "pin", ConfigError), f"the pin {path}", ConfigError)
    return pin


def pin_path(protocol: Protocol) -> Path:
    """The file of a protocol's pin."""
    return PIN_FOLDER / f"{protocol.id}.json"


def _command(name: str) -> str:
    return f"`{program_name()} protocol {name} --pin`"


def _raise_changes(protocol: Protocol, found: dict[str, Any]) -> None:
    pinned = {part: value for part, value in read_pin(protocol).items() if part in found}
    following = protocol.next_id
    title = (
        f"{protocol.id} is not what was published. If that is intended, its numbers do not compare with new ones:"
        f" add {following} to training/benchmark/protocol/published.py, write its pin with {_command(following)},"
        f" and retire {protocol.id}, or keep what it plays as it was"
    )
    raise_faults(ConfigError, title, changes(pinned, found))


def changes(pinned: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Name what differs between a pin and what was found, in words.

    A constant that the pin does not know is no change: it is newer, and the figures tell whether it is off.
    """
    before, now = dict(_leaves(pinned)), dict(_leaves(found))
    new = [name for name in now if name not in before and not name.startswith(f"{RULES}.{CONSTANTS}.")]
    changed = [name for name, value in before.items() if now.get(name, value) != value]
    return [
        *(f"{name} is gone, pinned {value!r}" for name, value in before.items() if name not in now),
        *(f"{name} is {now[name]!r}, which is not pinned" for name in new),
        *(f"{name} is {now[name]!r}, pinned {before[name]!r}" for name in changed),
    ]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Pairs (dotted name, value) of all that is no dict."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _plain(value: Any) -> Any:
    """The same as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(value))


# --- what is pinned ----------------------------------------------------------------------------------------------


def rules_of(protocol: Protocol) -> dict[str, Any]:
    """The constants, the digests of workflows and teams, sizes, partners and seeds."""
    sizes = sorted({size for track in protocol.tracks for size in track.team_sizes})
    return {
        CONSTANTS: asdict(protocol.config),
        "train": {
            "seeds": _ends(protocol.train_seeds),
            "team_sizes": protocol.train_team_sizes,
            "partners": protocol.train_partners,
            "workflows": train_digests(protocol),
        },
        **{split: _rules_of_split(protocol, split) for split in SPLITS},
        "tracks": {track.name: _rules_of_track(track) for track in protocol.tracks},
        "teams": {str(size): digest([np.array(Team.default(size).skills).tobytes()]) for size in sizes},
    }


def _rules_of_split(protocol: Protocol, split: str) -> dict[str, Any]:
    choice = protocol.played(split)
    return {"seeds": _ends(choice.seeds), "episodes": choice.episodes, "workflows": split_digests(protocol, split)}


def _rules_of_track(track: Track) -> dict[str, Any]:
    return {name: value for name, value in asdict(track).items() if name not in ("name", "summary")}


def _ends(seeds: range | None) -> list[int] | None:
    return None if seeds is None else [seeds.start, seeds.stop]


def train_digests(protocol: Protocol) -> dict[str, str]:
    """Digest by tier of the first workflows to learn from."""
    seeds = protocol.train_seeds[:PINNED_TRAIN_WORKFLOWS]
    return {tier: content_digest([generate(tier, seed) for seed in seeds], protocol.config) for tier in protocol.tiers}


def split_digests(protocol: Protocol, split: str) -> dict[str, str]:
    """Digest by tier of all workflows that a split plays."""
    groups = {tier: protocol.played(split).groups(tier, split) for tier in protocol.tiers}
    return {
        tier: content_digest([workflow for group in listed for workflow in group.workflows], protocol.config)
        for tier, listed in groups.items()
    }


def content_digest(workflows: Sequence[Workflow], config: EnvConfig) -> str:
    """Hash workflows as the simulator gets them, packed for a default team of five; names and texts do not count."""
    parts: list[bytes] = []
    for workflow in workflows:
        for name, row in pack(workflow, Team.default(5), config).items():
            wide = row.astype("<f8" if row.dtype.kind == "f" else "<i8")
            parts += [f"{name} {wide.shape}".encode(), wide.tobytes()]
    return digest(parts)


def figures_of(protocol: Protocol) -> dict[str, Any]:
    """The steps and hours of communication of `PINNED_POLICIES` on the first episodes, by track, tier and policy.

    Each track is played with its smallest teams.
    """
    most = PINNED_EPISODES if protocol.test.seeds is not None else 1
    figures: dict[str, Any] = {}
    for cell in prescribed_cells(protocol, PINNED_POLICIES, TEST, [_smallest(t) for t in protocol.tracks], most):
        place = figures.setdefault(cell.split, {}).setdefault(f"{cell.tier}, {cell.team_size} agents", {})
        own = place.setdefault(cell.policy, {"steps": [], "communication_hours": []})
        for row in run_cell(cell):
            own["steps"].append(int(row["steps"]))
            own["communication_hours"].append(row["communication_hours"])
    return figures


def _smallest(track: Track) -> Track:
    return replace(track, team_sizes=track.team_sizes[:1])
