"""The leaderboard: a table for each protocol and track of the submissions that were verified, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.registry import BASELINE
from c2c_env.disk import parse_json, read_bounded
from c2c_env.errors import ConfigError, raise_faults
from c2c_env.text.names import one_line
from training.benchmark.protocol.definition import TEST
from training.benchmark.protocol.published import PROTOCOLS
from training.benchmark.tables import STATE_MARK, marked

ENTRY_SUFFIX = ".json"
_MEANS_SOMETHING = "|`<>[]&\\"  # in Markdown and HTML, and is written as a number
_KEYS = ("name", "by", "link", "protocol", "split", "digest", "figures")
# heading, and how the figure is written
_COLUMNS = {
    "success": ("finished, %", "{:.1f}"),
    "completion_time": ("hours", "{:.1f}"),
    "score": ("score", "{:.3f}"),
    "episode_return": ("return", "{:.2f}"),
    "communication_per_effort": ("communication, h per h of effort", "{:.3f}"),
    "invalid_actions": ("invalid actions", "{:.2f}"),
    "retention": ("coordination retention, %", "{:.1f}"),
    "solo_gap": ("solo - team, points", "{:.1f}"),
    "tokens": ("tokens", "{:,.0f}"),
    "money": ("$", "{:.2f}"),
    "valid_answers": ("usable answers, %", "{:.1f}"),
}
_ENDS = (("entry", "policy", "time saved, % (IQM, 95 % interval)"), ("submitted by", "digest"))
_HEADINGS = (*_ENDS[0], *(heading for heading, _ in _COLUMNS.values()), *_ENDS[1])
_HEAD = f"| {' | '.join(_HEADINGS)} |\n|{len(_HEADINGS) * ' --- |'}"
_NOTHING = "-"
_INTRODUCTION = """\
# Leaderboard

Every entry was verified: each episode that its protocol prescribes was simulated again from what was decided, step by
step, and all figures were computed from these episodes. Time saved is relative to the silent team of the same track.
A policy with the mark{mark} sees the true state: it is a reference, not a competitor.
Coordination retention is the team's mean score relative to that of the same policy alone (track "alone"), on the same
workflows with the same seeds; the column beside it is their difference. The score is the lower bound of a team of that
size, relative to the hours that were needed: a policy that keeps 100 % loses nothing by being several.
Hours, return, tokens and dollars are means of an episode. Tokens and dollars are what a submission says: they are the
one thing here that cannot be computed again. `c2c-env compare` on the folder of a submission draws performance profiles
and tells how probable it is that one policy is faster than another one.
What a submission is, and how to verify one: `docs/protocol.md`. This file is written by

```bash
{command}
```
"""


def read_entries(folder: Path) -> list[dict[str, Any]]:
    """Read the entries of a folder, as `verify --entry` writes them.

    Raises:
        ConfigError: there are none, or some are damaged.
    """
    paths = sorted(folder.glob(f"*{ENTRY_SUFFIX}"))
    if not paths:
        raise ConfigError(f"there are no entries in {str(folder)!r}, expected files that verify --entry has written")
    entries, faults = [], []
    for path in paths:
        entry = parse_json(read_bounded(path, "entry", ConfigError), str(path), ConfigError)
        missing = [key for key in _KEYS if not isinstance(entry, dict) or key not in entry]
        faults += [f"{path.name} has no key {key!r}" for key in missing]
        entries.append(entry)
    raise_faults(ConfigError, f"entries in {str(folder)!r} are damaged", faults)
    return entries


def leaderboard_text(entries: Sequence[Mapping[str, Any]], command: str) -> str:
    """The leaderboard in Markdown.

    Args:
        entries: see `read_entries`; those of the test split count.
        command: that writes it.
    """
    parts = [_INTRODUCTION.format(command=command, mark=STATE_MARK)]
    for protocol in (one for one in PROTOCOLS.values() if not one.retired):
        own = [entry for entry in entries if entry["protocol"] == protocol.id and entry["split"] == TEST]
        if own:
            parts.append(f"## {protocol.id}\n\n{protocol.summary}\n")
            parts += [_track_text(track.name, track.summary, own) for track in protocol.tracks]
    return "\n".join(parts)


def _track_text(track: str, summary: str, entries: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        (figures, entry)
        for entry in entries
        for figures in entry["figures"]
        if figures["track"] == track and figures["policy"] != BASELINE
    ]
    if not lines:
        return ""
    lines.sort(key=lambda line: -float(line[0]["time_saved"]))
    rows = "\n".join(_row(figures, entry) for figures, entry in lines)
    return f"### {track}\n\n{summary}\n\n{_HEAD}\n{rows}\n"


def _row(figures: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    name = _cell(entry["name"])
    link = str(entry["link"])
    linked = f"[{name}]({link})" if link.startswith("https://") and not set(link) & set("()[]<> \"'") else name
    saved = f"{figures['time_saved']:.1f} [{figures['time_saved_low']:.1f}, {figures['time_saved_high']:.1f}]"
    numbers = [
        _NOTHING if figures[name] is None else form.format(figures[name]) for name, (_, form) in _COLUMNS.items()
    ]
    cells = [
        linked,
        _cell(marked(str(figures["policy"]))),
        saved,
        *numbers,
        _cell(entry["by"]),
        _cell(entry["digest"])[:12],
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: object) -> str:
    """A text that cannot leave its cell, nor be more than text."""
    return "".join(f"&#{ord(sign)};" if sign in _MEANS_SOMETHING else sign for sign in one_line(str(text), 80))
