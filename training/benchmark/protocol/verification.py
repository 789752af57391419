"""Verifies a submission: every episode that the protocol prescribes is there, and comes out as its results say."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from agents.registry import asks_model, replay_transcript
from agents.seats import is_team_name, seat_file
from c2c_env import METRICS, Team
from c2c_env.bounds import lower_bound
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.episode_file import read_episode
from c2c_env.episodes.history import simulate
from c2c_env.errors import C2CError, raise_faults
from c2c_env.text.names import one_line
from training.arguments import unique
from training.attribution.cast import find_cast
from training.benchmark.cell import Cell
from training.benchmark.protocol.definition import Protocol
from training.benchmark.protocol.pinning import check_rules
from training.benchmark.protocol.prescribed_cells import prescribed_cells
from training.benchmark.protocol.protocol_tables import reported_figures
from training.benchmark.protocol.published import find_protocol
from training.benchmark.protocol.submission import (
    EPISODE_FOLDER,
    REPORTED_FILE,
    RESULTS_FILE,
    TRANSCRIPT_FOLDER,
    Submission,
    SubmissionError,
    read_submission,
)
from training.report.read_results import read_results_table

MOST_FAULTS = 30  # that are listed; one tampered column has one for every episode
_EXACT, _SUMMED = 1e-9, 1e-4  # relative: of what a file of numbers keeps, and of sums of 32-bit rewards
OnEpisode = Callable[[int, int], None]  # gets the number of episodes that were checked, and that of all


class EpisodeKey(NamedTuple):
    """Which episode of a protocol it is."""

    policy: str
    partners: str
    track: str
    tier: str
    workflow: str
    team_size: int
    seed: int

    @property
    def asks_model(self) -> bool:
        """Whether a language model played it."""
        return asks_model(self.policy, self.team_size)

    def __str__(self) -> str:
        who = one_line(self.policy) + (f" among {self.partners}" if self.partners else "")
        return f"{who}, {self.track}, {self.workflow}, {self.team_size} agents, seed {self.seed}"


class Matched(NamedTuple):
    """What a folder has of every episode that a protocol prescribes.

    Attributes:
        results: the whole table.
        rows: of that table.
        episodes: as they were recorded.
        transcripts: the episodes that language models played, from their answers, by what was played.
    """

    results: pd.DataFrame
    rows: dict[EpisodeKey, pd.Series]
    episodes: dict[EpisodeKey, Episode]
    transcripts: dict[Any, Episode]


@dataclass(frozen=True)
class Verified:
    """A submission that is what it says.

    Attributes:
        submission: its manifest.
        figures: what its protocol reports, computed from its episodes.
        episodes: how many were simulated again.
        asked: how many of them language models played, whose answers were read again.
    """

    submission: Submission
    figures: pd.DataFrame
    episodes: int
    asked: int


def verify_submission(folder: Path, *, ask_again: bool = False, on_episode: OnEpisode | None = None) -> Verified:
    """Verify a submission.

    Nothing of it is run: policies are names, and all that is computed are the simulator's steps and what the answers of
    language models lead to.

    Args:
        folder: of the submission.
        ask_again: ask the policies that this package knows whether they decide in every step what was recorded.
        on_episode: see `OnEpisode`.

    Raises:
        SubmissionError: lists what is wrong, `MOST_FAULTS` at most.
        ConfigError: there is no such protocol, or this version of the package plays another one.
    """
    submission = read_submission(folder)
    matched = match_episodes(folder, submission.protocol, submission.split)
    faults = []
    for count, (key, row) in enumerate(matched.rows.items(), 1):
        wrong = _faults_of(matched.episodes[key], row, matched.transcripts)
        wrong += _faults_of_policy(matched.episodes[key]) if ask_again and not key.asks_model else []
        faults += [f"{key}: {one}" for one in wrong]
        if on_episode is not None:
            on_episode(count, len(matched.rows))
    _raise(folder, faults)
    figures = reported_figures(matched.results)
    _raise(folder, _faults_of_figures(folder, figures))
    return Verified(submission, figures, len(matched.rows), sum(key.asks_model for key in matched.rows))


def match_episodes(folder: Path, protocol_id: str, split: str) -> Matched:
    """Find the row of results and the recorded episode of everything that a protocol prescribes.

    Raises:
        SubmissionError: lists what is missing, there twice, unreadable, not prescribed or played with something else,
            `MOST_FAULTS` at most.
        ConfigError: there is no such protocol, or this version of the package plays another one.
    """
    protocol = find_protocol(protocol_id)
    check_rules(protocol)
    results = read_results_table(folder / RESULTS_FILE)
    wanted = _prescribed(protocol, split, results)
    rows, faults = _rows_by_key(results, protocol, wanted)
    _raise(folder, faults)
    episodes, faults = _episodes_by_key(folder, wanted)
    transcripts, more = _transcripts(folder)
    _raise(folder, [*faults, *more])
    return Matched(results, rows, episodes, transcripts)


def _raise(folder: Path, faults: Sequence[str]) -> None:
    shown = list(faults[:MOST_FAULTS])
    if len(faults) > MOST_FAULTS:
        shown.append(f"and {len(faults) - MOST_FAULTS} more")
    raise_faults(SubmissionError, f"{str(folder)!r} is not what it says", shown)


# --- which episodes ----------------------------------------------------------------------------------------------


def _prescribed(protocol: Protocol, split: str, results: pd.DataFrame) -> dict[EpisodeKey, tuple[Cell, int]]:
    """Every episode that the protocol prescribes for the policies of the results: its cell and its place in it."""
    policies = unique([str(name) for name in results["policy"]])
    _raise_file_names(policies)
    cells = prescribed_cells(protocol, policies, split, protocol.tracks_of(split))
    return {
        EpisodeKey(cell.policy, cell.partners, cell.split, cell.tier, _workflow(cell, n).name, cell.team_size, seed): (
            cell,
            n,
        )
        for cell in cells
        for n, seed in enumerate(cell.seeds)
    }


def _raise_file_names(policies: Sequence[str]) -> None:
    """Refuse mixed teams whose seats stand in a file, which whoever verifies does not have."""
    from_file = [name for name in policies if is_team_name(name) and seat_file(name)]
    faults = [f"{one_line(name)} names a file, expected the seats themselves" for name in from_file]
    raise_faults(SubmissionError, "the policies cannot be verified", faults)


def _workflow(cell: Cell, place: int) -> Any:
    return cell.workflows[place if len(cell.workflows) > 1 else 0]


def _rows_by_key(
    results: pd.DataFrame, protocol: Protocol, wanted: Iterable[EpisodeKey]
) -> tuple[dict[EpisodeKey, pd.Series], list[str]]:
    """The rows of results by their episodes, and which are missing, too many or of another protocol."""
    partners = results["partners"].astype(object) if "partners" in results else pd.Series("", results.index)
    filled = results.assign(partners=partners.where(partners.notna(), ""))
    keys = [
        EpisodeKey(row.policy, row.partners, row.split, row.tier, row.workflow, int(row.team_size), int(row.seed))
        for row in filled.itertuples()
    ]
    counts, known = Counter(keys), set(wanted)
    faults = [f"{key}: there is no row of results" for key in wanted if key not in counts]
    faults += [f"{key}: {count} rows of results, expected one" for key, count in counts.items() if count > 1]
    faults += [f"{key}: the protocol prescribes no such episode" for key in counts if key not in known]
    if "protocol" not in results or set(results["protocol"]) != {protocol.id}:
        faults.append(f"{RESULTS_FILE} has rows that are not of {protocol.id}")
    return {key: row for key, (_, row) in zip(keys, results.iterrows(), strict=True)}, faults


def _episodes_by_key(
    folder: Path, wanted: dict[EpisodeKey, tuple[Cell, int]]
) -> tuple[dict[EpisodeKey, Episode], list[str]]:
    """The recorded episodes by what the protocol prescribes, and which are missing, too many or of something else."""
    by_play: dict[tuple[Any, ...], list[EpisodeKey]] = defaultdict(list)
    for key, (cell, place) in wanted.items():
        by_play[cell.agent_names, _workflow(cell, place).name, key.seed].append(key)
    found: dict[EpisodeKey, Episode] = {}
    names: dict[EpisodeKey, str] = {}
    faults = []
    for path in sorted((folder / EPISODE_FOLDER).iterdir()):
        try:
            episode = read_episode(path)
        except C2CError as error:
            faults.append(str(error))
            continue
        keys = by_play.get((episode.policies, episode.workflow.name, episode.seed), [])
        free = [key for key in keys if key not in found]
        if not free:
            twice = f"its episode is there twice, also as {names[keys[0]]}" if keys else ""
            faults.append(f"{path.name}: {twice or 'the protocol prescribes no such episode'}")
            continue
        found[free[0]], names[free[0]] = episode, path.name
        faults += [f"{path.name}: {wrong}" for wrong in _differences(episode, *wanted[free[0]])]
    faults += [f"{key}: its episode is not there" for key in wanted if key not in found]
    return found, faults


def _differences(episode: Episode, cell: Cell, place: int) -> list[str]:
    """What an episode was played with that its protocol does not prescribe."""
    workflow = _workflow(cell, place)
    config = replace(episode.config, max_agents=cell.config.max_agents, max_subtasks=cell.config.max_subtasks)
    team = Team.default(cell.team_size, len(workflow.domains)).skills
    checks = {
        "its workflow is not that of the protocol": episode.workflow == workflow,
        "its team is not that of the protocol": episode.team.skills == team,
        "its constants are not those of the protocol": config == cell.config,
        "it is not the first episode of its seed": episode.number == 0,
        "its words count less, as if a judge had looked at them": cell.asks_model
        or bool((episode.factors == 1.0).all()),
    }
    return [fault for fault, right in checks.items() if not right]


# --- what came out -----------------------------------------------------------------------------------------------


def _faults_of(episode: Episode, row: pd.Series, transcripts: dict[Any, Episode]) -> list[str]:
    """What of a row of results does not come out when its episode is simulated."""
    try:
        history = simulate(episode)
    except C2CError as error:
        return [one_line(str(error))]
    rewards = float(history.trace.reward_terms.sum(axis=2).mean(axis=1).sum())
    computed = {name: (history.metrics[name], _EXACT) for name in METRICS}
    computed |= {"lower_bound": (lower_bound(episode.workflow, episode.team), _EXACT)}
    computed |= {"episode_return": (rewards, _SUMMED)}
    faults = [
        f"{name} is {row[name]:.10g} in the results, and {value:.10g} when it is played again"
        for name, (value, tolerance) in computed.items()
        if not _equal(float(row[name]), value, tolerance)
    ]
    if asks_model(str(row["policy"]), int(row["team_size"])):
        faults += _faults_of_answers(episode, row, transcripts)
    return faults


def _faults_of_policy(episode: Episode) -> list[str]:
    """Whether the policies that are named decide what was recorded."""
    try:
        find_cast(episode)
    except C2CError as error:
        return [one_line(str(error))]
    return []


def _equal(one: float, other: float, tolerance: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def _transcripts(folder: Path) -> tuple[dict[Any, Episode], list[str]]:
    """The episodes of transcripts, each played again from its answers, by what was played."""
    found: dict[Any, Episode] = {}
    faults = []
    for path in sorted((folder / TRANSCRIPT_FOLDER).glob("*")):
        try:
            episode = replay_transcript(path)
        except C2CError as error:
            faults.append(f"{path.name}: {one_line(str(error))}")
            continue
        found[episode.policies, episode.workflow, episode.seed] = episode
    return found, faults


def _faults_of_answers(episode: Episode, row: pd.Series, transcripts: dict[Any, Episode]) -> list[str]:
    """What of an episode that a language model played does not follow from its transcript."""
    played = transcripts.get((episode.policies, episode.workflow, episode.seed))
    if played is None:
        return ["its transcript is not there"]
    if not np.array_equal(played.actions, episode.actions) or not np.array_equal(played.factors, episode.factors):
        return ["its transcript leads to other actions"]
    labels = Counter(label for text in played.texts for label in text.labels)
    counted = {f"answers_{label}": labels[label] for label in ("valid", "repaired", "invalid")}
    return [
        f"{name} is {row[name]:g} in the results, and {count} in the transcript"
        for name, count in counted.items()
        if row[name] != count
    ]


def _faults_of_figures(folder: Path, figures: pd.DataFrame) -> list[str]:
    path = folder / REPORTED_FILE
    if not path.exists():
        return [f"{REPORTED_FILE}, with what is reported, is not there"]
    given = pd.read_csv(path)
    if list(given.columns) != list(figures.columns) or len(given) != len(figures):
        return [f"{REPORTED_FILE} has other lines or columns than the protocol reports"]
    return [
        f"{REPORTED_FILE}, line {line + 1}: {name} is {given[name][line]!r}, and computed {figures[name][line]!r}"
        for name in figures.columns
        for line in range(len(figures))
        if not _same(given[name][line], figures[name][line])
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(other, str) or isinstance(one, str):
        return bool(one == other)
    return _equal(float(one), float(other), _EXACT)
