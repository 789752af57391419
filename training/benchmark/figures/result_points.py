"""What is drawn of results: tiers, team sizes, and points with their intervals."""

from __future__ import annotations

import pandas as pd

from c2c_env.workflows import TIERS
from training.benchmark.statistics import Estimate, estimate_column, label_of


def tiers_of(results: pd.DataFrame) -> list[str]:
    """The tiers that occur, in order."""
    present = set(results["tier"])
    return [tier for tier in TIERS if tier in present]


def sizes_of(results: pd.DataFrame) -> list[int]:
    """The team sizes that occur, ascending."""
    return sorted(int(size) for size in set(results["team_size"]))


def episodes_of(results: pd.DataFrame, tier: str, size: int, policy: str) -> pd.DataFrame:
    """The episodes behind one point, perhaps none."""
    chosen = (results["tier"] == tier) & (results["team_size"] == size) & (results["policy"] == policy)
    return results[chosen]


def estimate_point(episodes: pd.DataFrame, column: str) -> Estimate:
    """Estimate the mean of a column over the episodes behind one point, of which there is at least one."""
    return estimate_column(episodes, column, label_of(episodes))


def face_of(episodes: pd.DataFrame, colour: str) -> str:
    """The colour that fills a mark: white if some episode never finished."""
    return colour if (episodes["success"] == 1).all() else "white"
