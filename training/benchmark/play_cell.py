"""How a cell is played: its environments, its policy, and a row of metrics for every episode."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from agents.mixed_team import MixedTeam
from agents.play import play
from agents.policy import Accounting, Policy, PolicyContext, Transcribing
from agents.registry import make_policy
from c2c_env import Batch
from c2c_env.bounds import lower_bound
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.episode_file import pack_episode
from c2c_env.episodes.recorder import EpisodeRecorder
from c2c_env.errors import ConfigError
from c2c_env.interventions import Intervention
from c2c_env.make import make_batch
from training.benchmark.cell import Cell, Row
from training.episodes.sources import verbal_one

RECORDED = "recorded"  # key of a row under which its packed episode travels until it is written
# columns of every episode beside the metrics of the simulator
EPISODE_COLUMNS = {
    "episode_return": "sum of an agent's rewards over the episode, undiscounted, as the mean over the team's agents",
    "lower_bound": "hours that no policy can beat with this workflow and team, see c2c_env.bounds",
}


def cell_batch(cell: Cell) -> Batch:
    """The cell's environments, freshly reset."""
    batch = make_batch(
        list(cell.workflows), cell.team_size, team=cell.team, config=cell.config, num_envs=len(cell.seeds)
    )
    several = len(cell.workflows) > 1
    batch.reset(cell.seeds, workflows=range(len(cell.seeds)) if several else [0] * len(cell.seeds))
    return batch


def policy_seed(cell: Cell) -> int:
    """Seed of a policy that draws numbers: the same at every run and intervention, else another one for every cell."""
    return zlib.crc32(f"{cell.policy} / {cell.label} / {cell.team_size} agents / {cell.seeds}".encode())


def make_player(cell: Cell, batch: Batch) -> Policy:
    """What decides in the cell's batch: its policy for the whole team, or for one agent among partners."""
    seed = policy_seed(cell)
    policy = make_policy(cell.policy, PolicyContext.of(batch, seed, cell.options))
    if not cell.partners:
        return policy
    partners = make_policy(cell.partners, PolicyContext.of(batch, zlib.crc32(f"partners {seed}".encode())))
    return MixedTeam(policy, partners, batch.team.agents.index(cell.role), cell.team_size)


def run_cell(cell: Cell) -> list[Row]:
    """Play all episodes of a cell; return a row of metrics for each, with the packed episode if it is recorded."""
    batch = cell_batch(cell)
    policy = make_player(cell, batch)
    returns, recorded = Returns(batch), Recordings(cell, batch, policy)

    def note_step() -> None:
        returns.record()
        recorded.record()

    metrics = play_recorded(cell, batch, policy, note_step)
    rows: list[Row] = []
    for place, seed in enumerate(cell.seeds):
        more = policy.episode_columns(place) if isinstance(policy, Accounting) else {}
        bound = {
            "episode_return": float(returns.sums[place]),
            "lower_bound": lower_bound(batch.workflow(place), batch.team),
        }
        kept = {RECORDED: recorded.packed[place]} if cell.record else {}
        rows.append({"workflow": batch.workflow(place).name, "seed": seed, **metrics[place], **bound, **more, **kept})
    return rows


class Recordings:
    """The episodes of a cell, if they are to be kept.

    Attributes:
        packed: for each environment whose episode has ended, what its file holds.
    """

    def __init__(self, cell: Cell, batch: Batch, policy: Policy) -> None:
        self.packed: dict[int, bytes] = {}
        seed, verbal = policy_seed(cell), verbal_one(policy)
        self._recorders = [
            EpisodeRecorder(batch, partial(self._keep, row), cell.agent_names, seed, row, verbal)
            for row in range(batch.num_envs if cell.record else 0)
        ]

    def record(self) -> None:
        """Add the step that was just taken."""
        for recorder in self._recorders:
            recorder.record()

    def _keep(self, row: int, episode: Episode) -> None:
        self.packed[row] = pack_episode(episode)


class Returns:
    """Adds up the rewards of a batch that was just reset, in each environment until its episode ends.

    Attributes:
        sums: float64 [B] of the mean rewards of the team, so far.
    """

    def __init__(self, batch: Batch) -> None:
        self.sums = np.zeros(batch.num_envs)
        self._batch, self._running = batch, np.ones(batch.num_envs, dtype=bool)

    def record(self) -> None:
        """Add the rewards of the step that was just taken."""
        batch = self._batch
        self.sums += np.where(self._running, batch.rewards.mean(axis=1, dtype=np.float64), 0.0)
        self._running &= ~(batch.terminated | batch.truncated).astype(bool)


def play_recorded(cell: Cell, batch: Batch, policy: Policy, on_step: Callable[[], None]) -> list[dict[str, float]]:
    """Play, and leave a transcript of each episode where a folder for them is given."""
    intervention = Intervention.parse(cell.intervention) if cell.intervention else None
    if not cell.transcripts:
        return play(batch, policy, on_step=on_step, intervention=intervention)
    if not isinstance(policy, Transcribing):
        raise ConfigError(f"policy {cell.policy} leaves no transcripts, so it takes no folder for them")
    folder = Path(cell.transcripts)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{cell.name}--seed{seed}.jsonl.gz" for seed in cell.seeds]
    recorder = policy.start_transcripts(batch, cell.policy, cell.seeds, paths)

    def record() -> None:
        on_step()
        recorder.record()

    try:
        return play(batch, policy, on_step=record, intervention=intervention)
    finally:
        recorder.discard()  # does nothing to those that are whole
