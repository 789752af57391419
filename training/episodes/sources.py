"""Where a single episode comes from: it is played here, or read from the file that somebody else recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy, replay_transcript
from agents.seats import agent_policies
from c2c_env import Batch
from c2c_env.episodes.episode import Episode, EpisodeError
from c2c_env.episodes.episode_file import EPISODE_SUFFIX, is_episode_file, read_episode
from c2c_env.episodes.recorder import EpisodeRecorder, Verbal
from c2c_env.errors import C2CError, ConfigError, raise_faults
from c2c_env.make import make_batch
from c2c_env.render.page import MOST_COMPARED

TRANSCRIPT_SUFFIXES = (".jsonl.gz", ".jsonl")


@dataclass(frozen=True)
class Played:
    """What is to be played for a replay; None stands for what is usual.

    Attributes:
        workflow: built-in name, tier, or path to a TOML file.
        policies: names, one or two.
        team_size: of the default team.
        team: file of another team.
        seed: of the episode.
    """

    workflow: str | None = None
    policies: Sequence[str] | None = None
    team_size: int | None = None
    team: str | None = None
    seed: int | None = None


def chosen_episodes(files: Sequence[str], played: Played, options: Mapping[str, Any]) -> list[Episode]:
    """The episodes that a command line names: those of files, or those that are to be played now.

    Raises:
        ConfigError: neither or both are named, or other numbers of them than one or two.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in vars(played).items() if value is not None]
    if files and given:
        raise ConfigError(f"got files and {', '.join(given)}; expected files, or what is to be played")
    if not files and played.workflow is None:
        raise ConfigError("got nothing to show; expected the FILE of an episode, or --workflow and what plays it")
    policies = played.policies or ["proactive"]
    if not 1 <= len(files or policies) <= MOST_COMPARED:
        raise ConfigError(f"got {len(files or policies)} episodes, expected one, or two to compare")
    if files:
        return [load_episode(path) for path in files]
    batch = make_batch(played.workflow, played.team_size, team=played.team)
    return [play_episode(batch, policy, played.seed or 0, options) for policy in policies]


def play_episode(batch: Batch, policy: str, seed: int, options: Mapping[str, Any] | None = None) -> Episode:
    """Play an episode in the one environment of a batch and record it.

    Args:
        batch: of one environment.
        policy: name of the policy.
        seed: of the episode.
        options: of the policy.
    """
    player = make_policy(policy, PolicyContext.of(batch, seed, options))
    batch.reset([seed])
    recorded: list[Episode] = []
    names = agent_policies(policy, batch.num_agents)
    recorder = EpisodeRecorder(batch, recorded.append, names, seed, verbal=verbal_one(player))
    play(batch, player, on_step=recorder.record)
    return recorded[0]


def verbal_one(player: object) -> Verbal | None:
    """The policy itself if it asks language models, so that a recorder can ask it what they said."""
    return player if isinstance(player, Verbal) else None


def load_episode(path: str | os.PathLike[str]) -> Episode:
    """Read the file of an episode, or a transcript, which is played again and checked.

    Raises:
        EpisodeError: an episode's file is damaged.
        ConfigError: a transcript is damaged.
        ReplayError: a transcript goes another way here.
    """
    if is_episode_file(path):
        return read_episode(path)
    if not str(path).endswith(TRANSCRIPT_SUFFIXES):
        expected = f"{EPISODE_SUFFIX} (an episode) or {' or '.join(TRANSCRIPT_SUFFIXES)} (a transcript)"
        raise ConfigError(f"{os.fspath(path)!r} is no episode by its name, expected one that ends in {expected}")
    return replay_transcript(path)


def load_episodes(places: Sequence[str]) -> dict[str, Episode]:
    """Read episodes by the names of their files, which may be in folders; a name that is taken already gets its folder.

    Raises:
        ConfigError: no file was named or found.
        EpisodeError: lists every file that is damaged.
    """
    paths = [path for place in places for path in _files_of(Path(place))]
    if not paths:
        raise ConfigError(f"found no episodes in {', '.join(places) or 'nothing'}; expected files of them, or folders")
    episodes: dict[str, Episode] = {}
    faults = []
    for path in paths:
        try:
            name = path.name.removesuffix(EPISODE_SUFFIX)
            episodes[str(path) if name in episodes else name] = load_episode(path)
        except C2CError as error:
            faults.append(str(error))
    raise_faults(EpisodeError, "episodes cannot be read", faults)
    return episodes


def _files_of(place: Path) -> list[Path]:
    """A file itself, or the episodes and transcripts in a folder by their names."""
    endings = (EPISODE_SUFFIX, *TRANSCRIPT_SUFFIXES)
    return sorted(path for path in place.iterdir() if path.name.endswith(endings)) if place.is_dir() else [place]
