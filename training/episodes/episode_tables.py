"""Recorded episodes as two tables for people's own studies: what every agent did in every step, and every message."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from c2c_env.core import constants as c
from c2c_env.disk import write_whole
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.history import History, Use, simulate
from c2c_env.episodes.message_log import MessageRecord, Reading
from c2c_env.errors import needs_extra
from c2c_env.workflows.schema import FACETS

_EPISODE = {
    "episode": "name of its file without the ending",
    "workflow": "name of the workflow",
    "tier": "simple, medium or complex",
    "team_size": "agents, the manager included",
    "seed": "of the environment",
    "policy": "who decided for the agent; of a message, for its sender; empty if it is not known",
}
STEP_COLUMNS: Mapping[str, str] = {
    **_EPISODE,
    "step": "from 1",
    "agent": "manager_0, worker_1 ...",
    "wanted": "id of the subtask that it chose to work on; empty for none",
    "worked_on": "id of the subtask that it really worked on; empty for none",
    "speech": "silent, chat_tell, chat_ask, email_tell, email_ask, meet or assign",
    "recipient": "agent, or team; empty if silent",
    "topic": "id of the subtask that it spoke about; empty if silent",
    **{f"hours_{use.name.lower()}": f"hours of the step that went into {use.name.lower()}" for use in Use},
    "debt": "hours of communication still to be paid from working time, after the step",
    "alignment": "its Alignment Factor on what it worked on, after the step; empty without work",
    "reward": "of the agent: the sum of the terms",
    **{f"reward_{term}": f"the reward's term {term}, weighted" for term in c.REWARD_TERMS},
    "progress": "finished share of the effort, after the step",
    "team_alignment": "effort-weighted Alignment Factor of the team, after the step",
}
MESSAGE_COLUMNS: Mapping[str, str] = {
    **_EPISODE,
    "message": "number of the message in its episode, from 0; it has a line for every reader",
    "sent": "step in which it was sent",
    "sender": "agent",
    "recipient": "agent, or team",
    "channel": "chat, email or meeting",
    "speech": "as in the steps",
    "topic": "id of the subtask",
    "symbol": "only with vocab_size",
    "refused": "whether it is a meeting that was called and did not take place",
    "sender_hours": "hours that the sender paid",
    "reader": "agent; empty if nobody had read it at the end",
    "read": "step in which it was read",
    "reader_hours": "hours that this reader paid",
    "answers": "whether it answered a request of this reader",
    **{
        f"{facet}_{when}": f"this reader's understanding of the topic's {facet} {when} the message, in [0, 1]"
        for when in ("before", "after")
        for facet in FACETS
    },
    "value_hours": "hours that the team saved by the message (negative: lost); empty if not worked out",
}


def export_tables(
    episodes: Mapping[str, Episode], path: Path, valued: Callable[[History], Sequence[float | None]] | None = None
) -> list[tuple[Path, int]]:
    """Write the table of steps and, beside it, that of messages; return both names with their numbers of lines.

    Args:
        episodes: by their names, which are checked.
        path: of the steps, which ends with .parquet or .csv; "_messages" is put into the other name.
        valued: works out what each message of an episode was worth; None leaves that empty.

    Raises:
        EpisodeError: an episode goes another way here.
        MissingExtraError: pyarrow, which writes Parquet, is not installed.
        WriteError: the disk is full, or the place cannot be written.
    """
    steps: list[pd.DataFrame] = []
    messages: list[dict[str, Any]] = []
    for name, episode in episodes.items():
        history = simulate(episode)
        steps.append(step_table(name, history))
        messages += message_lines(name, history, valued(history) if valued else [None] * len(history.messages))
    tables = {
        path: pd.concat(steps, ignore_index=True),
        path.with_name(f"{path.stem}_messages{path.suffix}"): pd.DataFrame(messages, columns=list(MESSAGE_COLUMNS)),
    }
    for place, table in tables.items():
        _write(table, place)
    return [(place, len(table)) for place, table in tables.items()]


def column_table(title: str, columns: Mapping[str, str]) -> Table:
    """Make a table of what columns mean."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("column", no_wrap=True)
    table.add_column("meaning")
    for name, meaning in columns.items():
        table.add_row(name, meaning)
    return table


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        write_whole(path, table.to_csv(index=False))
        return
    content = io.BytesIO()
    with needs_extra("a Parquet table", "data"):
        import pyarrow  # noqa: F401  # pandas' own error does not say which extra brings it
    table.to_parquet(content, engine="pyarrow", index=False)
    write_whole(path, content.getvalue())


def _episode_values(name: str, history: History) -> dict[str, Any]:
    episode = history.episode
    return {
        "episode": name,
        "workflow": episode.workflow.name,
        "tier": episode.workflow.tier,
        "team_size": episode.team.size,
        "seed": episode.seed,
    }


def step_table(name: str, history: History) -> pd.DataFrame:
    """A line for every step and agent, with `STEP_COLUMNS`."""
    trace, moments, episode = history.trace, history.moments, history.episode
    steps, agents = trace.work.shape
    ids, names = _ids(history), [*episode.team.agents]
    silent = trace.speech == c.SILENT
    worked = np.maximum(trace.worked, 0)
    aligned = np.take_along_axis(moments.alignment[1:], worked[..., None], axis=2)[..., 0]
    same = _episode_values(name, history)
    columns: dict[str, Any] = {key: np.full(steps * agents, value) for key, value in same.items()}
    columns |= {
        "policy": list(episode.policies) * steps,
        "step": np.repeat(trace.t, agents),
        "agent": names * steps,
        "wanted": ids[trace.work].ravel(),
        "worked_on": ids[trace.worked].ravel(),
        "speech": np.array(c.SPEECHES)[trace.speech].ravel(),
        "recipient": np.where(silent, "", _recipients(history)[trace.recipient]).ravel(),
        "topic": np.where(silent, "", ids[trace.topic]).ravel(),
        **{f"hours_{use.name.lower()}": history.hours[..., use].ravel() for use in Use},
        "debt": moments.debt[1:].ravel(),
        "alignment": np.where(trace.worked >= 0, aligned, np.nan).ravel(),
        "reward": trace.reward_terms.sum(axis=2).ravel(),
        **{f"reward_{term}": trace.reward_terms[..., n].ravel() for n, term in enumerate(c.REWARD_TERMS)},
        "progress": np.repeat(moments.progress[1:], agents),
        "team_alignment": np.repeat(moments.mean_alignment[1:], agents),
    }
    return pd.DataFrame({key: columns[key] for key in STEP_COLUMNS})


def _ids(history: History) -> Any:
    """Ids of subtasks by their index; the last one, which -1 finds, is empty."""
    return np.array([*(subtask.id for subtask in history.episode.workflow.subtasks), ""], dtype=object)


def _recipients(history: History) -> Any:
    """Names of recipients by the number in an action, where the team stands behind all agents that there may be."""
    names = np.full(history.batch.max_agents + 1, "", dtype=object)
    names[: history.batch.num_agents] = history.episode.team.agents
    names[-1] = "team"
    return names


def message_lines(name: str, history: History, values: Sequence[float | None]) -> list[dict[str, Any]]:
    """A line for every message and reader, with `MESSAGE_COLUMNS`; one without a reader if nobody read it."""
    same = _episode_values(name, history)
    lines = []
    for number, (message, value) in enumerate(zip(history.messages, values, strict=True)):
        told = _message_values(history, message)
        for reading in message.readings or (None,):
            lines.append({**same, "message": number, **told, **_reading_values(history, reading), "value_hours": value})
    return [{key: line[key] for key in MESSAGE_COLUMNS} for line in lines]


def _message_values(history: History, message: MessageRecord) -> dict[str, Any]:
    agents, episode = history.episode.team.agents, history.episode
    return {
        "policy": episode.policies[message.sender],
        "sent": message.step,
        "sender": agents[message.sender],
        "recipient": "team" if message.recipient < 0 else agents[message.recipient],
        "channel": c.CHANNELS[message.channel],
        "speech": c.SPEECHES[message.speech],
        "topic": episode.workflow.subtasks[message.topic].id,
        "symbol": message.symbol if episode.config.vocab_size else None,
        "refused": message.refused,
        "sender_hours": message.hours,
    }


def _reading_values(history: History, reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        facets = [f"{facet}_{when}" for when in ("before", "after") for facet in FACETS]
        return dict.fromkeys(["reader", "read", "reader_hours", "answers", *facets])
    return {
        "reader": history.episode.team.agents[reading.agent],
        "read": reading.step,
        "reader_hours": reading.hours,
        "answers": reading.answers,
        **{f"{facet}_before": x for facet, x in zip(FACETS, reading.before, strict=True)},
        **{f"{facet}_after": x for facet, x in zip(FACETS, reading.after, strict=True)},
    }
