"""Arranges episodes as rliable wants them: matrices [runs, tasks] of scores, which are reductions in percent.

A task is what the bootstrap keeps, and its runs are what it draws again, as in `training.benchmark.statistics`: where
workflows were played with several seeds, each workflow with a team size is a task, and the seeds are its runs; where
every workflow was played once (the generated ones), a tier with a team size is a task, and the workflows are its runs.

A matrix needs equally many runs in all its tasks, and episodes can be missing. So there is one matrix for each number
of runs, a block, and rliable draws within each of them; together they hold every episode.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agents.registry import BASELINE
from training.benchmark.statistics import PAIR, Floats, with_reduction

RIVAL = "rival_reduction"


def with_tasks(results: pd.DataFrame) -> pd.DataFrame:
    """The results with the columns `reduction` (percent, NaN without a partner) and `task`."""
    paired = with_reduction(results, BASELINE)
    seeds = paired.groupby(["split", "tier", "workflow", "team_size"])["seed"].transform("nunique")
    once = seeds.groupby([paired[name] for name in ("split", "tier", "team_size")]).transform("max") == 1
    group = paired["tier"].where(once, paired["tier"] + " " + paired["workflow"])
    return paired.assign(task=group + " " + paired["team_size"].astype(str))


def with_rival(episodes: pd.DataFrame, rival: pd.DataFrame) -> pd.DataFrame:
    """The episodes that the rival played as well, with its reduction there in the column `RIVAL`."""
    theirs = rival[[*PAIR, "reduction"]].rename(columns={"reduction": RIVAL})
    return episodes.merge(theirs, on=PAIR, how="inner", validate="one_to_one")


def blocks_of(episodes: pd.DataFrame, values: pd.Series) -> list[Floats]:
    """Matrices [runs, tasks] of values, one for each number of runs that a task has.

    Args:
        episodes: at least one.
        values: one an episode.
    """
    by_runs: dict[int, list[Floats]] = defaultdict(list)
    for _, group in episodes.assign(value=values).sort_values(PAIR).groupby("task"):
        by_runs[len(group)].append(group["value"].to_numpy())
    return [np.stack(tasks, axis=1) for _, tasks in sorted(by_runs.items())]


@dataclass(frozen=True)
class TaskBlock:
    """The tasks with a number of runs, as all policies have played them.

    Attributes:
        tasks: their names, in the order of the columns.
        runs: of each task.
        episodes: all of them.
    """

    tasks: list[str]
    runs: int
    episodes: pd.DataFrame

    @property
    def policies(self) -> list[str]:
        """Whoever has played, in the order of the results."""
        return [str(policy) for policy in dict.fromkeys(self.episodes["policy"])]

    def matrices(self, column: str) -> dict[str, Floats]:
        """The matrix [runs, tasks] of a column by policy."""
        own = {policy: self.episodes[self.episodes["policy"] == policy] for policy in self.policies}
        return {policy: blocks_of(episodes, episodes[column])[0] for policy, episodes in own.items()}


def task_blocks(episodes: pd.DataFrame) -> list[TaskBlock]:
    """Blocks of the episodes that all policies have played, the one with the fewest runs first; perhaps none."""
    policies = episodes["policy"].nunique()
    shared = episodes[episodes.groupby(PAIR)["policy"].transform("nunique") == policies]
    runs = shared.groupby("task")["task"].transform("size") // policies
    return [TaskBlock(sorted(set(group["task"])), int(count), group) for count, group in shared.groupby(runs)]
