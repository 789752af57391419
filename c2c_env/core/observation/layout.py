"""The named layout of an observation: where each field stands, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, shape_of


class ObservationField(NamedTuple):
    """A named part of an observation.

    `scale` says how to read it: "flag" (0/1), "share" (in [0, 1]), "hours" (h / (h + 5)), "recency" (1 / (1 + age in
    steps), 0 = none), "index" ((index + 1) / size, 0 = none), "count" (count / size), "complexity" (kappa / 2.5).
    """

    id: int
    name: str
    axes: str
    scale: str
    meaning: str


_BOARD = (
    ObservationField(c.OBS_ROLES, "roles", "A", "flag", "1 = manager"),
    ObservationField(c.OBS_SKILLS, "skills", "A DOMAINS", "share", "skill of each agent per domain"),
    ObservationField(c.OBS_STATUS, "status", "K STATUSES", "flag", "blocked, ready, done"),
    ObservationField(c.OBS_EFFORT, "effort", "K", "hours", "effort"),
    ObservationField(c.OBS_COMPLEXITY, "complexity", "K", "complexity", "kappa"),
    ObservationField(c.OBS_DOMAIN, "domain", "K DOMAINS", "flag", "domain"),
    ObservationField(c.OBS_PREREQUISITES_LEFT, "prerequisites_left", "K", "count", "direct prerequisites not done"),
    ObservationField(c.OBS_DEPENDENTS_LEFT, "dependents_left", "K", "count", "direct dependents not done"),
    ObservationField(c.OBS_INTERFACE_WEIGHT, "interface_weight", "K", "share", "weight of the interface facet"),
)
_BOARD_ONEHOT = (
    ObservationField(c.OBS_OWNER, "owner", "K A", "flag", "who owns it"),
    ObservationField(c.OBS_INTERFACE_HOLDERS, "interface_holders", "K A", "flag", "who finished a prerequisite of it"),
    ObservationField(c.OBS_WORKING_ON, "working_on", "K A", "flag", "who worked on it last step"),
)
_BOARD_INDEX = (
    ObservationField(c.OBS_OWNER, "owner", "K", "index", "agent who owns it"),
    ObservationField(
        c.OBS_INTERFACE_HOLDERS, "interface_holders", "K HOLDERS", "index", "finished a prerequisite; latest first"
    ),
    ObservationField(c.OBS_WORKING_ON, "working_on", "A", "index", "subtask each agent worked on last step"),
)
_BOARD_EVERY_STEP = (  # beside each other and beside those of _OWN, since memory is written line by line
    ObservationField(c.OBS_REMAINING, "remaining", "K", "share", "remaining / effort"),
    ObservationField(c.OBS_CRITICAL_PATH, "critical_path", "K", "share", "critical path from here / lower bound"),
    ObservationField(c.OBS_TIME_USED, "time_used", "1", "share", "t / horizon"),
)
_OWN_EVERY_STEP = (
    ObservationField(c.OBS_OWN_DEBT, "own_debt", "1", "hours", "communication hours not yet paid from working time"),
    ObservationField(
        c.OBS_REQUEST_TO_ME, "request_to_me", "A", "recency", "age of each agent's request that I have not answered"
    ),
    ObservationField(c.OBS_REQUEST_BY_ME, "request_by_me", "A", "recency", "age of mine to each (new: 1)"),
    ObservationField(c.OBS_MESSAGE_RECENCY, "message_recency", "A", "recency", "steps since I read its last message"),
    ObservationField(
        c.OBS_OWN_UNDERSTANDING, "own_understanding", "K FACETS", "share", "own u, in the order of the facets"
    ),
    ObservationField(c.OBS_OWN_ALIGNMENT, "own_alignment", "K", "share", "own Alignment Factor"),
    ObservationField(c.OBS_OWN_WORK, "own_work", "K", "flag", "1 = I worked on it last step"),
)
_OWN = (
    ObservationField(c.OBS_SELF, "self", "A", "flag", "1 = oneself"),
    ObservationField(c.OBS_OWN_INDEX, "own_index", "1", "index", "own agent index"),
    ObservationField(c.OBS_OWN_ROLE, "own_role", "1", "flag", "1 = manager"),
    ObservationField(c.OBS_OWN_SKILLS, "own_skills", "DOMAINS", "share", "own skill per domain"),
    ObservationField(c.OBS_OWN_SKILL, "own_skill", "K", "share", "own skill for it"),
    ObservationField(c.OBS_MESSAGE_SPEECH, "message_speech", "A SPOKEN", "flag", "last message read from each"),
    ObservationField(c.OBS_MESSAGE_SYMBOL, "message_symbol", "A V", "flag", "symbol it carried"),
)
_OWN_ONEHOT = (
    ObservationField(c.OBS_ASKS_ME, "asks_me", "K A", "flag", "who asks me about it, not answered by me"),
    ObservationField(c.OBS_ASKED, "asked", "K A", "flag", "whom I asked about it"),
    ObservationField(c.OBS_MESSAGE_TOPIC, "message_topic", "K A", "flag", "topic of the last message I read from each"),
)
_OWN_INDEX = (
    ObservationField(c.OBS_ASKS_ME, "asks_me", "A", "index", "subtask each agent asks me about"),
    ObservationField(c.OBS_ASKED, "asked", "A", "index", "subtask I asked each agent about"),
    ObservationField(c.OBS_MESSAGE_TOPIC, "message_topic", "A", "index", "topic of the last message I read from each"),
)
_OWN_END = (
    ObservationField(c.OBS_KNOWN_FACT, "known_fact", "K F", "flag", "the variant that is wanted, if I know it"),
)


@dataclass(frozen=True)
class ObservationLayout:
    """Where each named field stands in an observation, and how to read it.

    Attributes:
        relations: "onehot" or "index".
        sizes: lengths of the axes A, K, DOMAINS, V and F.
        fields: name -> `ObservationField`.
        slices: name -> slice of the last axis of an observation.
        board_size: the fields before this index are the same for all agents.
        size: length of an observation.
    """

    relations: str
    sizes: Mapping[str, int]
    fields: Mapping[str, ObservationField]
    slices: Mapping[str, slice]
    board_size: int
    size: int

    @classmethod
    def build(
        cls,
        max_agents: int,
        max_subtasks: int,
        num_domains: int,
        vocab_size: int,
        relations: str,
        hidden_facts: int = 0,
    ) -> ObservationLayout:
        sizes = {"A": max_agents, "K": max_subtasks, "DOMAINS": num_domains, "V": vocab_size, "F": hidden_facts}
        onehot = relations == "onehot"
        board = _BOARD + (_BOARD_ONEHOT if onehot else _BOARD_INDEX) + _BOARD_EVERY_STEP
        own = _OWN_EVERY_STEP + _OWN + (_OWN_ONEHOT if onehot else _OWN_INDEX) + _OWN_END
        slices: dict[str, slice] = {}
        end = board_size = 0
        for row in board + own:
            slices[row.name] = slice(end, end + int(np.prod(shape_of(row.axes, sizes))))
            end = slices[row.name].stop
            board_size = end if row in board else board_size
        return cls(relations, sizes, {row.name: row for row in board + own}, slices, board_size, end)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a field."""
        return shape_of(self.fields[name].axes, self.sizes)

    def __getitem__(self, name: str) -> slice:
        return self.slices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.slices)

    def get(self, observation: Any, name: str, *, start: int = 0) -> Any:
        """A view of a field, raw values, with the leading axes of `observation` kept.

        Args:
            observation: an array or a tensor [..., D], or the part of it that begins at index `start`.
            name: of the field.
            start: see `observation`.
        """
        place = self.slices[name]
        part = observation[..., place.start - start : place.stop - start]
        return part.reshape(*observation.shape[:-1], *self.shape(name))

    def relation(
        self, observation: Any, name: str, *, start: int = 0, arange: Callable[[int, int], Any] = np.arange
    ) -> Any:
        """A relation between subtasks and agents, bool [..., K, A], whichever way the observation writes it.

        Args:
            observation: see `get`.
            name: of the relation, such as "owner" or "asks_me".
            start: see `get`.
            arange: makes the integers from one number up to another, in the library that `observation` belongs to.
        """
        raw = self.get(observation, name, start=start)
        if self.relations == "onehot":
            return raw > 0.5
        axes = self.fields[name].axes
        number = (raw * self._count_size(name)).round()
        if axes == "A":  # the subtask of each agent
            return number[..., None, :] == arange(1, self.sizes["K"] + 1)[:, None]
        agents = number[..., None] == arange(1, self.sizes["A"] + 1)
        return agents if axes == "K" else agents.any(-2)  # the only agent of each subtask, or several

    def read(self, observation: Array, name: str) -> Array:
        """A field in natural units: flags as bool, hours, ages in steps (-1 none), indices (-1 none), counts."""
        raw, scale = self.get(observation, name), self.fields[name].scale
        if scale == "flag":
            return raw > 0.5
        if scale == "hours":
            hours: Array = c.EFFORT_SCALE * raw.astype(np.float64) / (1.0 - raw.astype(np.float64))
            return hours
        if scale == "recency":
            return np.where(raw > 0, np.rint(1.0 / np.maximum(raw, 1e-6) - 1.0), -1).astype(np.int64)
        if scale in ("index", "count"):
            counted = np.rint(raw * self._count_size(name)).astype(np.int64)
            return counted - 1 if scale == "index" else counted
        if scale == "complexity":
            return raw * c.MAX_COMPLEXITY
        return raw

    def _count_size(self, name: str) -> int:
        of_agents = name in ("owner", "interface_holders", "own_index")
        return self.sizes["A"] if of_agents else self.sizes["K"]

    def offsets(self) -> Array:
        """The first index of each field, by its id."""
        table = np.zeros(c.NUM_OBS_FIELDS, dtype=np.int32)
        for name, row in self.fields.items():
            table[row.id] = self.slices[name].start
        return table
