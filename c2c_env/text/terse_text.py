"""The observation of one agent in some hundred words, each one of a small vocabulary, for very small language models.

A worker's view may read ``me worker_1 told worker_2 s5 free worker_1 worker_3 s5 soon h8 c1 w3 u2 u1 u5 u0 worker_3 k9
worker_2 k7 ... holders s5 s4 mine h3 c2 w0 u8 u1 u9 u6 worker_1 k9 ... holders manager_0 s4``: who it is, open
requests, what it has told, who has no ready subtask, and then a row for each subtask at hand, which begins and ends
with its name. What is decided on most often stands last. A row has

- what it is: ``soon`` (one prerequisite is left), ``of`` a teammate with its skill, ``open`` (ready, with no owner) or
  ``mine``;
- ``h``: working hours left at the agent's own skill and Alignment Factor 1, by `HOURS` (the effort left for ``of``);
- ``c``, ``w``, ``u``: complexity, weight of the interface and the agent's understanding of the four facets, in tenths;
- who can do it, the most skilled first, each with its skill ``k`` in tenths (not for ``of``);
- ``holders``: who has finished a prerequisite.

Hours and tenths are rounded, so that much less can be read here than in `observation_text`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from c2c_env.core.constants import DONE, EMAIL_ASK, READY, SILENT
from c2c_env.text.names import TEAM, agent_name, subtask_name
from c2c_env.text.observation_text import Sight
from c2c_env.workflows.schema import MAX_COMPLEXITY, MIN_COMPLEXITY

HOURS = (0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6.5, 8, 10, 13, 17, 23, 30, 45)  # h0 is up to the first, h16 above the last
LAST_TOLD = 4  # the last messages that an agent is reminded of
_TENTHS = "cwuk"
TERSE_WORDS = (
    "me", "asks", "chat", "email", "asked", "told", "free", "soon", "of", "open", "mine", "holders", "mute",
    *(f"h{step}" for step in range(len(HOURS) + 1)),
    *(f"{letter}{tenth}" for letter in _TENTHS for tenth in range(10)),
)  # fmt: skip


def render_terse(sight: Sight, told: Sequence[tuple[int, int]] = ()) -> str:
    """Write what an agent sees in a few words, which are the same for equal observations.

    Args:
        sight: what the agent sees.
        told: recipient and topic of what it told others so far, as in its actions; the last of them are written.
    """
    parts = [
        "me",
        sight.name,
        *_requests(sight),
        *_told(sight, told),
        *_wanted(sight),
        "free",
        *map(agent_name, _free(sight)),
    ]
    for subtask in _at_hand(sight):
        parts += _row(sight, subtask)
    return " ".join([*parts, *(["mute"] if sight.legal.speeches == (SILENT,) else [])])


def _requests(sight: Sight) -> Iterator[str]:
    for j in np.argsort(-sight.ask_age, kind="stable").tolist():
        if sight.asks_me[j] >= 0 and sight.status[sight.asks_me[j]] != DONE:
            channel = "email" if sight.read_speech[j] == EMAIL_ASK else "chat"
            yield from ("asks", agent_name(j), subtask_name(int(sight.asks_me[j])), channel)
    for j in np.flatnonzero(sight.asked >= 0).tolist():
        yield from ("asked", agent_name(j), subtask_name(int(sight.asked[j])))


def _told(sight: Sight, told: Sequence[tuple[int, int]]) -> Iterator[str]:
    for recipient, topic in told[-LAST_TOLD:]:
        if sight.status[topic] != DONE:
            name = TEAM if recipient == sight.legal.team else agent_name(recipient)
            yield from ("told", name, subtask_name(topic))


def _wanted(sight: Sight) -> Iterator[str]:
    """Yield the variants that are known, which only hidden facts bring; they are none of `TERSE_WORDS`."""
    for k in np.flatnonzero((sight.known_fact >= 0) & (sight.status != DONE)).tolist():
        yield from ("wanted", subtask_name(k), f"v{sight.known_fact[k]}")


def _free(sight: Sight) -> list[int]:
    """Return who owns no ready subtask."""
    busy = set(sight.owner[sight.status == READY].tolist())
    return [j for j in range(len(sight.skills)) if j not in busy]


def _at_hand(sight: Sight) -> list[int]:
    """Return the subtasks that have a row: the ready ones, and before them those that are so soon."""
    soon = (sight.status != DONE) & (sight.prerequisites_left == 1)
    own = np.isin(sight.owner, (-1, sight.me))
    found = np.flatnonzero((sight.status == READY) | soon)
    return sorted(found.tolist(), key=lambda k: (sight.status[k] == READY, own[k], -sight.critical_path[k], k))


def _row(sight: Sight, subtask: int) -> list[str]:
    k, owner, skills = subtask, int(sight.owner[subtask]), sight.skills[:, sight.domain[subtask]]
    name, holders = subtask_name(k), [agent_name(j) for j in np.flatnonzero(sight.holders[k]).tolist()]
    facts = [
        _tenth("c", (sight.complexity[k] - MIN_COMPLEXITY) / (MAX_COMPLEXITY - MIN_COMPLEXITY)),
        _tenth("w", sight.interface_weight[k]),
        *(_tenth("u", understood) for understood in sight.understanding[k]),
    ]
    if owner not in (-1, sight.me):
        who = [agent_name(owner), _tenth("k", skills[owner])]
        return [name, "of", *who, _hours(sight.remaining[k]), *facts, "holders", *holders, name]
    kind = "mine" if owner == sight.me else "open" if sight.status[k] == READY else "soon"
    hours = _hours(sight.remaining[k] / max(float(sight.own_skill[k]), 1e-9))
    able = [
        part for j in np.argsort(-skills, kind="stable").tolist() for part in (agent_name(j), _tenth("k", skills[j]))
    ]
    return [name, kind, hours, *facts, *able, "holders", *holders, name]


def _hours(hours: float) -> str:
    return f"h{bisect_left(HOURS, round(float(hours), 4))}"  # observations are 32-bit numbers


def _tenth(letter: str, share: float) -> str:
    return f"{letter}{min(9, max(0, round(10 * float(share))))}"
