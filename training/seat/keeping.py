"""Keeps finished games among the results of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.benchmark.human_games import append_game, read_games
from training.seat.game import Game


def keeper_of(place: str) -> Callable[[Game], str]:
    """Return what adds a game that was played to its end to the results of a folder, and says so.

    Raises:
        ConfigError: the folder holds other results than people's games.
    """
    folder = Path(place)
    read_games(folder)

    def keep(game: Game) -> str:
        if append_game(folder, row_of(game), game.batch.config):
            return f"The game was added to {folder / 'results.csv'}."
        return f"The game was not added to {folder / 'results.csv'}, where your first game of this episode stands."

    return keep


def row_of(game: Game) -> dict[str, object]:
    """The row of results of a game that has ended, as the benchmark writes that of an episode."""
    setting = game.setting
    return {
        "tier": game.workflow.tier,
        "workflow": game.workflow.name,
        "split": setting.split,
        "team_size": game.batch.num_agents,
        "seed": setting.seed,
        **game.metrics,
        "episode_return": float(game.returns.sums[0]),
        "lower_bound": game.bound,
        "role": setting.role,
        "partners": setting.partners,
    }
