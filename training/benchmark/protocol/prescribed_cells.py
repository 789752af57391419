"""The cells that a protocol prescribes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from c2c_env.errors import ConfigError, raise_faults
from training.arguments import unique
from training.benchmark.cell import Cell
from training.benchmark.protocol.definition import TEST, Protocol, Track, WorkflowGroup


def prescribed_cells(
    protocol: Protocol, policies: Sequence[str], split: str, tracks: Sequence[Track], most: int | None = None
) -> list[Cell]:
    """Return cells in the order of the results.

    Args:
        protocol: what prescribes them.
        policies: who plays.
        split: "test" or "validation".
        tracks: of the protocol.
        most: episodes of each group of workflows, from the first on; None for all.

    Raises:
        ConfigError: a policy cannot play one member of a team.
    """
    cells = [
        Cell(
            policy, part.label, track.name if split == TEST else f"{split}-{track.name}", tier, part.workflows, size,
            part.seeds, protocol.config, partners=partners, role=track.role, protocol=protocol.id,
        )
        for track in tracks
        for tier in protocol.tiers
        for group in protocol.played(split).groups(tier, split, most)
        for size in track.team_sizes
        for policy in policies
        for partners, part in _among(track, group)
    ]  # fmt: skip
    asking = unique([cell.policy for cell in cells if cell.asks_model and cell.partners])
    faults = [f"{policy} asks a language model, which plays whole teams only" for policy in asking]
    raise_faults(ConfigError, f"{protocol.id} has a policy play one member of a team", faults)
    return cells


def _among(track: Track, group: WorkflowGroup) -> Iterator[tuple[str, WorkflowGroup]]:
    """The partners of a track, each with its part of the episodes."""
    count = len(track.partners)
    if not count:
        yield "", group
    for number, partners in enumerate(track.partners):
        part = group.part(number, count)
        if part.seeds:
            yield partners, part
