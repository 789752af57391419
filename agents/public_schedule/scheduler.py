"""Keeps the public schedule of environments up to date, from one observation to the next."""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.oracle.schedule import NEVER
from agents.policy import Array
from agents.public_schedule.board_hours import estimate_tasks
from agents.public_schedule.list_schedule import schedule_rows
from agents.public_schedule.schedule_arrays import Desk, Schedule, Tasks
from c2c_env.config import EnvConfig
from c2c_env.core.arrays import allocate_apart
from c2c_env.core.compile import cpu
from c2c_env.core.constants import NOBODY
from c2c_env.core.observation.layout import ObservationLayout

FORESIGHT = 0.8  # hours ahead at which a subtask's worker counts for a half, as in the oracle's rule


class Scheduler:
    """The schedules of E environments.

    Args:
        layout: of their observations.
        config: of the environments.
        num_envs: E.

    Attributes:
        schedule: the present ones, [E, K].
    """

    def __init__(self, layout: ObservationLayout, config: EnvConfig, num_envs: int) -> None:
        self.layout, self.config = layout, config
        self.sizes = {"A": layout.sizes["A"], "K": layout.sizes["K"]}
        self.schedule = Schedule(**allocate_apart(Schedule, {"E": num_envs, **self.sizes}))
        self.worked = np.zeros((num_envs, self.sizes["A"], self.sizes["K"]))
        self._desk = Desk(**allocate_apart(Desk, self.sizes))
        self._run = cpu.load("numba", schedule_rows)
        self.forget(slice(None))

    def take(self, other: Scheduler, rows: Array) -> None:
        """Go on from what `other` has of environments `rows` [E]."""
        self.worked[:] = other.worked[rows]
        for mine, given in zip(self.schedule, other.schedule, strict=True):
            mine[:] = given[rows]

    def forget(self, rows: Any) -> None:
        """Forget the episodes of these environments."""
        self.schedule.worker[rows], self.schedule.start[rows], self.schedule.worth[rows] = NOBODY, NEVER, 0.0
        self.worked[rows] = 0.0

    def see(self, board: Array, pace: Array, rows: Any) -> None:
        """Schedule anew in environments `rows` for the board part [E, board_size] of their observations.

        Args:
            board: the new observations.
            pace: [E, A, K], progress per hour and skill when each agent last worked on each subtask, 0 = never.
            rows: indices, or a slice.
        """
        self.worked[rows] += self.config.dt * self.layout.relation(board, "working_on").swapaxes(-1, -2)
        tasks = estimate_tasks(self.layout, self.config, board, pace, self.worked[rows])
        schedule = Schedule(*(np.ascontiguousarray(part[rows]) for part in self.schedule))
        # compiled code takes for granted that arrays are contiguous
        self._run(Tasks(*map(np.ascontiguousarray, tasks)), self._desk, schedule)
        for kept, new in zip(self.schedule, schedule, strict=True):
            kept[rows] = new

    def features(self, rows: Any) -> Array:
        """Features float32 [E, A, K, 3]: whether an agent is to work on a subtask, how soon it begins, its worth."""
        worker, start, worth = (part[rows] for part in self.schedule)
        works = worker[:, None] == np.arange(self.sizes["A"])[:, None]
        soon = np.broadcast_to((FORESIGHT / (FORESIGHT + start))[:, None], works.shape)
        return np.stack((works, soon, np.broadcast_to(worth[:, None], works.shape)), axis=-1).astype(np.float32)
