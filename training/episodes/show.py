"""How episodes are shown: in words, on a page, as a moving picture or as a drawing."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from c2c_env.episodes.episode import Episode
from c2c_env.episodes.history import History, simulate
from c2c_env.errors import ConfigError
from c2c_env.render.page import write_page
from c2c_env.render.page.page_data import page_data
from c2c_env.text.names import one_line
from training.attribution.cast import AttributionError
from training.attribution.message_values import message_values
from training.episodes.animation import scenes_of, write_animation, write_video
from training.episodes.lanes import write_lanes
from training.episodes.timeline import print_episode
from training.progress import pulse

SHOWN_AS = {
    ".html": "a page for any browser, also of two episodes",
    ".gif": "a moving picture",
    ".mp4": "a film",
    ".svg": "a drawing of lanes that moves",
}


def show_in_words(console: Console, episode: Episode) -> None:
    """Print an episode step by step, and what language models made of it."""
    history = simulate(episode)
    print_episode(console, history.trace, history.metrics, describe_player(episode))
    console.print(f"{episode.length} steps replayed, every one as it was.{_describe_texts(episode)}", markup=False)
    if episode.failure:
        console.print(f"The episode failed: {one_line(episode.failure)}", markup=False)


def describe_player(episode: Episode) -> str:
    """Say who played in a line."""
    return f"{one_line(episode.player)}, {episode.team.size} agents, seed {episode.seed}"


def _describe_texts(episode: Episode) -> str:
    labels = [label for text in episode.texts for label in text.labels]
    if not labels:
        return ""
    return " Answers: " + ", ".join(f"{labels.count(label)} {label}" for label in sorted(set(labels))) + "."


def write_replay(episodes: Sequence[Episode], path: Path, errors: Console, *, values: bool = True) -> str:
    """Write one episode, or on a page two, in the form that the name of the file ends with; say what was written.

    Args:
        episodes: which are checked.
        path: of the file.
        errors: shows how far the work is, and why a page does not say what messages were worth.
        values: whether a page says that, where it can be worked out.

    Raises:
        ConfigError: two episodes are only shown on a page, and only if they can be compared.
        EpisodeError: an episode goes another way here.
        WriteError: the disk is full, or the place cannot be written.
    """
    suffix = path.suffix.lower()
    histories = [simulate(episode) for episode in episodes]
    if suffix == ".html":
        return _write_page(histories, path, errors if values else None)
    if len(episodes) > 1:
        raise ConfigError(f"{str(path)!r} can show one episode, got {len(episodes)}; a page (.html) compares two")
    if suffix == ".svg":
        write_lanes(histories[0], path)
        return f"{path}: {episodes[0].length} steps of {describe_player(episodes[0])}"
    write = write_video if suffix == ".mp4" else write_animation
    frames = write(list(scenes_of(episodes[0])), path)
    return f"{path}: {frames} frames of {episodes[0].length} steps"


def _write_page(histories: Sequence[History], path: Path, errors: Console | None) -> str:
    values = None if errors is None else [known_values(history, errors) for history in histories]
    write_page(page_data(histories, values), path)
    return f"{path}: {' beside '.join(describe_player(history.episode) for history in histories)}"


def known_values(history: History, errors: Console) -> list[float | None]:
    """What each message of an episode was worth, in hours; where nobody can be asked again, say why, and know none."""
    count = len(history.messages)
    try:
        with pulse(errors, "what messages were worth", count) as bar:
            return message_values(history.episode, history, on_progress=lambda done, _: bar.show(done))
    except AttributionError as error:
        errors.print(f"It is not shown what messages were worth: {one_line(str(error))}", markup=False, soft_wrap=True)
        return [None] * count


def open_in_browser(path: Path) -> None:
    """Show a file in the browser.

    Raises:
        ConfigError: this machine has none.
    """
    if not webbrowser.open(path.resolve().as_uri()):
        raise ConfigError(f"no browser was found to open {str(path)!r}; open it by hand")
