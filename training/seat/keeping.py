"""What becomes of finished games: rows among the results of a folder, files of episodes, and a page to watch them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.registry import asks_model
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.episode_file import write_episode_into
from c2c_env.episodes.history import simulate
from c2c_env.render.page import page_html
from c2c_env.render.page.page_data import page_data
from training.arguments import output_folder
from training.benchmark.human_games import append_game, read_games
from training.episodes.sources import play_episode
from training.seat.game import Game
from training.seat.setting import GameSetting
from training.seat.yardsticks import OTHERS


def keeper_of(results: str | None, episodes: str | None = None) -> Callable[[Game], str]:
    """Return what keeps a game that was played to its end, and says so.

    Args:
        results: folder of results to which a row is added, if any.
        episodes: folder for the file of the episode, if any.

    Raises:
        ConfigError: a folder cannot be made, or that of results holds other ones than people's games.
    """
    if results is not None:
        read_games(output_folder(results, "--results"))  # before the game, which nobody wants to play in vain
    place = None if episodes is None else output_folder(episodes, "--record")

    def keep(game: Game) -> str:
        said = [_add_row(game, Path(results))] if results is not None else []
        if place is not None:
            said.append(f"The episode was written to {record_game(game, place)}.")
        return " ".join(said)

    return keep


def _add_row(game: Game, folder: Path) -> str:
    if append_game(folder, row_of(game), game.batch.config):
        return f"The game was added to {folder / 'results.csv'}."
    return f"The game was not added to {folder / 'results.csv'}, where your first game of this episode stands."


def record_game(game: Game, folder: Path) -> Path:
    """Write the episode of a game that has ended as a file, and return its place.

    Raises:
        WriteError: the disk is full, or the place cannot be written.
    """
    (episode,) = game.episodes
    return write_episode_into(folder, episode)


def replay_html(game: Game) -> str:
    """The page on which a game that has ended is watched again, beside a whole team on the same clock.

    That is the team of the partners' policy, or of the usual one where the partners ask a language model. The game is
    shown alone where that team cannot play as a whole, such as a policy that was not made for the person's agent.
    """
    (episode,) = game.episodes
    own, team = simulate(episode), _whole_team(game.setting)
    return page_html(page_data([own] if team is None else [own, simulate(team)]))


def _whole_team(setting: GameSetting) -> Episode | None:
    """The same episode by a whole team, or None where that cannot play it."""
    asks = asks_model(setting.partners)
    try:
        name = OTHERS[0] if asks else setting.partners
        return play_episode(setting.start_batch(), name, setting.seed, setting.options)
    except Exception:  # policies of other people may raise anything, and the table of results says what
        return None


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
