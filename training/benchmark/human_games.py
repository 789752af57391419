"""Games that people have played to their ends, kept as a benchmark keeps its results: ``results.csv`` and ``run.json``.

Only one game of an episode is kept for each role and partners: whoever plays it again knows what is coming.
"""

from __future__ import annotations

import io
import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from c2c_env import EnvConfig
from c2c_env.disk import read_text, write_whole
from c2c_env.errors import ConfigError
from training.arguments import unique
from training.benchmark.results import LIBRARIES, RESULT_COLUMNS, describe_versions
from training.benchmark.statistics import PAIR
from training.files import Claims
from training.program import command_line

HUMAN = "human"  # the policy of people
SEAT_COLUMNS = ["role", "partners"]  # further ones: which agent the person played, and whom the others followed
_SAME_GAME = ["policy", *PAIR, *SEAT_COLUMNS]


def append_game(folder: Path, row: dict[str, Any], config: EnvConfig) -> bool:
    """Add a game to the results of a folder, which is made if need be; both files are written whole.

    Args:
        folder: of people's games.
        row: the columns `RESULT_COLUMNS` without the policy, and `SEAT_COLUMNS`.
        config: every constant of the game.

    Returns:
        Whether it was added: False if there is a game of the same episode, role and partners already.

    Raises:
        ConfigError: the folder holds other results than people's games, or cannot be read.
        WriteError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Claims(folder) as claims:  # two games may end at the same time
        claims.take("results.csv", wait=True)
        games = read_games(folder)
        new = pd.DataFrame([{"policy": HUMAN, **row}], columns=[*RESULT_COLUMNS, *SEAT_COLUMNS])
        every = new if games.empty else pd.concat([games, new], ignore_index=True)
        if every.duplicated(_SAME_GAME).any():
            return False
        write_whole(folder / "results.csv", every.to_csv(index=False, lineterminator="\n"))
        write_whole(folder / "run.json", json.dumps(describe_games(every, config), indent=2) + "\n")
    return True


def read_games(folder: Path) -> pd.DataFrame:
    """Read the games of a folder; there are none where it has no results yet.

    Raises:
        ConfigError: they are no games of people.
    """
    path, columns = folder / "results.csv", [*RESULT_COLUMNS, *SEAT_COLUMNS]
    if not path.exists():
        return pd.DataFrame(columns=columns)
    try:
        games = pd.read_csv(io.StringIO(read_text(path, "results", ConfigError)))
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise ConfigError(f"{path} is not a table of people's games: {error}; give another folder") from error
    if list(games.columns) != columns or not games["policy"].eq(HUMAN).all():
        raise ConfigError(
            f"{path} has other results than people's games, expected the policy {HUMAN!r} with the columns"
            f" {', '.join(SEAT_COLUMNS)}; give another folder"
        )
    return games


def describe_games(games: pd.DataFrame, config: EnvConfig) -> dict[str, Any]:
    """Describe the games as ``run.json`` of a benchmark describes its episodes."""
    return {
        "command": command_line(),
        "policies": [HUMAN],
        "workflows": unique(games["workflow"].astype(str).tolist()),
        "team_sizes": sorted({int(size) for size in games["team_size"]}),
        "seeds": sorted({int(seed) for seed in games["seed"]}),
        "roles": unique(games["role"].astype(str).tolist()),
        "partners": unique(games["partners"].astype(str).tolist()),
        "config": asdict(config),
        "versions": describe_versions(LIBRARIES),
        "platform": platform.platform(),
    }
