"""Protocols as tables, and what is to be reported of a run by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.registry import BASELINE
from c2c_env.disk import write_whole
from training.arguments import join_numbers
from training.benchmark.protocol.definition import REPORTED, TEST, VALIDATION, Protocol, Track
from training.benchmark.protocol.pinning import RULES, read_pin
from training.benchmark.results import split_failed
from training.benchmark.statistics import (
    communication_per_effort,
    estimate,
    interquartile_mean,
    mean,
    with_reduction,
)
from training.benchmark.tables import policy_cell
from training.program import program_name

NOTHING = "-"
_SAVED = "time saved, %\nIQM [95% interval]"
_WHOLE = ("id", "track", "agents", "split", "tier", "workflows", _SAVED)  # columns that are not broken into lines


def list_protocols(protocols: Sequence[Protocol], unicode: bool = True) -> Table:
    """A table of all protocols."""
    table = _table("protocols", ["id", "tracks", "episodes\nper policy", "what it is for"], unicode)
    for one in protocols:
        state = f"Retired: {one.retired}" if one.retired else one.summary
        tracks = ", ".join(track.name for track in one.tracks)
        table.add_row(one.id, tracks, str(count_episodes(one)), Text(state))
    return table


def show_protocol(protocol: Protocol, unicode: bool = True) -> Group:
    """All that a protocol prescribes: tracks, splits with digests, what is reported, and the command that plays it."""
    command = f"{program_name()} benchmark --protocol {protocol.id} --policies POLICY"
    parts: list[RenderableType] = [
        Text(f"{protocol.id}: {protocol.summary}"),
        *([Text(f"Retired: {protocol.retired}")] if protocol.retired else []),
        _tracks_table(protocol, unicode),
        _splits_table(protocol, unicode),
        _reported_table(unicode),
        Text(
            f"Play it: {command}\nLearn with {join_numbers(protocol.train_team_sizes)} agents and the train split,"
            f" find_protocol({protocol.id!r}).train_workflow(TIER); develop with --split {VALIDATION}, which plays"
            " the tracks with what was seen. Constants are the defaults of EnvConfig; all of them are in the pin."
        ),
    ]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def count_episodes(protocol: Protocol, split: str = TEST) -> int:
    """How many episodes a policy plays in a split."""
    groups = [group for tier in protocol.tiers for group in protocol.played(split).groups(tier, split)]
    episodes = sum(len(group.seeds) for group in groups)
    return episodes * sum(len(track.team_sizes) for track in protocol.tracks_of(split))


def _table(title: str, headings: Sequence[str], unicode: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", safe_box=not unicode)
    table.box, table.show_edge, table.padding = box.SIMPLE_HEAD, False, (0, 1, 0, 0)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    return table


def _tracks_table(protocol: Protocol, unicode: bool) -> Table:
    table = _table("tracks", ["track", "agents", "who follows the policy", "splits", "what it asks"], unicode)
    for track in protocol.tracks:
        splits = f"{TEST}, {VALIDATION}" if track.seen else TEST
        table.add_row(track.name, join_numbers(track.team_sizes), _players(track), splits, track.summary)
    return table


def _players(track: Track) -> str:
    return f"{track.role}, among {', '.join(track.partners)}" if track.partners else "all"


def _splits_table(protocol: Protocol, unicode: bool) -> Table:
    """Workflows by split and tier, with the digests of the pin."""
    table = _table("workflows", ["split", "tier", "workflows", "episodes", "digest"], unicode)
    pinned = read_pin(protocol)[RULES]
    for split in ("train", VALIDATION, TEST):
        for tier in protocol.tiers:
            workflows, episodes = _describe_workflows(protocol, split, tier)
            table.add_row(split, tier, workflows, episodes, pinned[split]["workflows"][tier])
        table.add_section()
    return table


def _describe_workflows(protocol: Protocol, split: str, tier: str) -> tuple[str, str]:
    if split == "train":
        seeds = protocol.train_seeds
        return f"generated, seeds {seeds.start:,} to {seeds.stop - 1:,}", "any"
    choice = protocol.played(split)
    groups = choice.groups(tier, split)
    if choice.seeds is None:
        return f"{len(groups)} built-in", f"seeds 0 to {choice.episodes - 1} of each"
    first = choice.seeds[0]
    return f"generated, seeds {first:,} to {first + choice.episodes - 1:,}", f"{choice.episodes}, one of each"


def _reported_table(unicode: bool) -> Table:
    table = _table("what is reported, for each track", ["name", "unit", "formula"], unicode)
    for name, (unit, formula) in REPORTED.items():
        table.add_row(name, unit, Text(formula))
    return table


# --- a run -------------------------------------------------------------------------------------------------------


def reported_figures(results: pd.DataFrame) -> pd.DataFrame:
    """What is to be reported of a run by a protocol: a row for each track and policy, with the columns `REPORTED`.

    Resamples are stratified as `training.benchmark.statistics` says: generated workflows are drawn again within a tier,
    team size and partners, and seeds within a built-in workflow and team size.
    """
    counted = with_reduction(split_failed(results)[0], BASELINE)
    alone = counted[counted["team_size"] == 1]
    rows = [
        {
            "protocol": episodes["protocol"].iloc[0], "track": track, "policy": policy,
            **_figures_of(episodes), **_against_alone(episodes, alone[alone["policy"] == policy]),
            **_means_of(episodes), **_asked_of(episodes),
        }
        for (track, policy), episodes in counted.groupby(["split", "policy"], sort=False)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _against_alone(episodes: pd.DataFrame, alone: pd.DataFrame) -> dict[str, float]:
    """How a policy's score in a team compares with its score alone; NaN for what was not played both ways.

    An episode alone counts as often as its workflow and seed are played in teams.
    """
    if (episodes["team_size"] == 1).any():
        return {"retention": math.nan, "solo_gap": math.nan}
    pairs = episodes.merge(alone, on=["workflow", "seed"], suffixes=("", "_alone"))
    team, solo = (float((pairs[f"lower_bound{who}"] / pairs[f"completion_time{who}"]).mean()) for who in ("", "_alone"))
    return {"retention": 100.0 * team / solo, "solo_gap": 100.0 * (solo - team)}


def _means_of(episodes: pd.DataFrame) -> dict[str, float]:
    score = episodes["lower_bound"] / episodes["completion_time"]
    names = ("completion_time", "episode_return", "communication_hours")
    return {"score": float(score.mean()), **{name: float(episodes[name].mean()) for name in names}}


def _asked_of(episodes: pd.DataFrame) -> dict[str, float]:
    """What answers of language models took, and how many could be used; NaN where none was asked."""
    if "answers" not in episodes or not episodes["answers"].sum() > 0:
        return {"tokens": math.nan, "money": math.nan, "valid_answers": math.nan}
    used = episodes["answers_valid"] + episodes["answers_repaired"]
    return {
        "tokens": float((episodes["prompt_tokens"] + episodes["completion_tokens"]).mean()),
        "money": float(episodes["cost"].mean()),
        "valid_answers": 100.0 * float(used.sum() / episodes["answers"].sum()),
    }


def _figures_of(episodes: pd.DataFrame) -> dict[str, float]:
    strata = strata_of(episodes)
    label = f"{episodes['protocol'].iloc[0]} {episodes['split'].iloc[0]} {episodes['policy'].iloc[0]}"
    saved = estimate(episodes["reduction"].to_numpy(), strata, label, interquartile_mean)
    return {
        "time_saved": saved.value,
        "time_saved_low": saved.low,
        "time_saved_high": saved.high,
        "time_saved_mean": estimate(episodes["reduction"].to_numpy(), strata, label, mean).value,
        "success": 100.0 * float(episodes["success"].mean()),
        "communication_per_effort": communication_per_effort(episodes),
        "invalid_actions": float(episodes["invalid_actions"].mean()),
        "episodes": len(episodes),
    }


def strata_of(episodes: pd.DataFrame) -> list[str]:
    """Name the stratum of each episode of a policy and track."""
    partners = episodes["partners"].astype(object)
    row = episodes["tier"] + " " + episodes["team_size"].astype(str) + " " + partners.where(partners.notna(), "")
    once = not episodes.duplicated(["tier", "team_size", "workflow"]).any()
    return list(row if once else row + " " + episodes["workflow"])


def reported_table(figures: pd.DataFrame, unicode: bool = True) -> RenderableType:
    """The figures of `reported_figures` as a table, and what to write beside them."""
    name = str(figures["protocol"].iloc[0])
    headings = ["track", "policy", _SAVED, "mean\n%", "succ.\n%", "comm.\nh/h", "inv.\nact."]
    table = _table(f"{name}: what to report", [*headings, "ret.\n%", "solo\ngap", "epi-\nsodes"], unicode)
    for column in table.columns[2:]:
        column.justify = "right"
    for row in figures.to_dict("records"):
        table.add_row(str(row["track"]), policy_cell(str(row["policy"])), *_cells_of(row))
    return Padding(table, (1, 0, 0, 0))


def _cells_of(row: dict[Any, Any]) -> list[str]:
    saved = [NOTHING, NOTHING]
    if row["policy"] != BASELINE and pd.notna(row["time_saved"]):
        saved = [
            f"{row['time_saved']:.1f} [{row['time_saved_low']:.1f}, {row['time_saved_high']:.1f}]",
            f"{row['time_saved_mean']:.1f}",
        ]
    return [
        *saved, f"{row['success']:.1f}", _number(row["communication_per_effort"], 3), f"{row['invalid_actions']:.2f}",
        _number(row["retention"], 0), _number(row["solo_gap"], 1), str(row["episodes"]),
    ]  # fmt: skip


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if pd.notna(value) else NOTHING


def write_reported(results: pd.DataFrame, out: Path, unicode: bool) -> list[RenderableType]:
    """Write ``protocol.csv`` of a run by a protocol, and return its table; nothing of another run."""
    if "protocol" not in results or not len(split_failed(results)[0]):
        return []
    figures = reported_figures(results)
    write_whole(out / "protocol.csv", figures.to_csv(index=False, lineterminator="\n"))
    return [reported_table(figures, unicode)]
