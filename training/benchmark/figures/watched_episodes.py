"""Some figures need more than an episode's sums: a few episodes are played again and watched.

The same seed gives the same episode, so these are episodes of the benchmark, not others like them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import Batch
from c2c_env.episodes.trace import Trace
from training.benchmark.cell import Cell
from training.benchmark.play_cell import cell_batch, policy_seed

EPISODES = 40  # at most, of a tier


def merge_cells(cells: Sequence[Cell], policy: str, tier: str, size: int) -> Cell | None:
    """Make one cell of the episodes of all workflows of a tier, the first seed of each before all second ones."""
    chosen = [c for c in cells if (c.policy, c.tier, c.team_size) == (policy, tier, size)]
    if not chosen:
        return None
    episodes = [
        (place, cell.workflows[place if len(cell.workflows) > 1 else 0], seed)
        for cell in chosen
        for place, seed in enumerate(cell.seeds)
    ]
    episodes = sorted(episodes, key=lambda episode: episode[0])[:EPISODES]
    return replace(chosen[0], workflows=tuple(w for _, w, _ in episodes), seeds=tuple(s for *_, s in episodes))


def watch(cell: Cell) -> tuple[Batch, list[Trace]]:
    """Play a cell and keep what happened, in a trace for each environment."""
    batch = cell_batch(cell)
    traces = [Trace(batch, row=row) for row in range(batch.num_envs)]

    def record() -> None:
        for trace in traces:
            trace.record()

    play(batch, make_policy(cell.policy, PolicyContext.of(batch, seed=policy_seed(cell))), on_step=record)
    return batch, traces
