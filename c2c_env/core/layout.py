"""Every array of the simulator: name, type, shape and meaning, and the named layout of an observation.

Sizes: B environments, W packed workflows, A agents (padded), K subtasks (padded), P most prerequisites and Q most
dependents of a subtask, L steps of message latency, V symbols, D observation length, M mask length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt

from c2c_env.core import constants as c

Array = npt.NDArray[Any]


class Spec(NamedTuple):
    """dtype, axes (sizes by name) and meaning of an array."""

    dtype: str
    axes: str
    meaning: str


class Params(NamedTuple):
    """What does not change within an episode: scalars of the configuration, the team, and packed workflows.

    Of the axis W, the first rows are the pool's single workflows, which environments share; then comes a row for each
    environment, rewritten whenever it starts a generated one.
    """

    num_agents: int
    max_agents: int
    max_subtasks: int
    vocab_size: int
    max_latency: int
    dt: float
    rework_probability: float
    rework_share: float
    intent_retention: float
    alignment_floor: float
    manager_intent: float
    initial_intent: float
    initial_interface: float
    initial_context: float
    context_rate: float
    request_expiry: int
    sharing: float
    discrete: int
    exclusive: int
    index_relations: int
    topic_stride: int
    write_observations: int
    skill: Annotated[Array, Spec("f8", "A 5", "skill of each agent per domain, (0, 1]")]
    expertise: Annotated[Array, Spec("f8", "A 5", "constraints understanding at reset per domain")]
    send_hours: Annotated[Array, Spec("f8", "3", "hours the sender pays per channel")]
    read_hours: Annotated[Array, Spec("f8", "3", "hours each recipient pays per channel")]
    latency: Annotated[Array, Spec("i4", "3", "steps from sending to reading per channel")]
    reward_weights: Annotated[Array, Spec("f8", "4", "weights of the four reward terms")]
    recency: Annotated[Array, Spec("f4", "R", "1 / (1 + age) at 1 + age in steps, the last for all older; 0 at 0")]
    topic_value: Annotated[Array, Spec("f4", "K+1", "how a relation to subtask k is written, at k + 1; 0 at 0")]
    obs_offset: Annotated[Array, Spec("i4", "O", "first index of each observation field")]
    num_subtasks: Annotated[Array, Spec("i4", "W", "real subtasks")]
    horizon: Annotated[Array, Spec("i4", "W", "steps until truncation")]
    volatility: Annotated[Array, Spec("f8", "W", "requirement changes per subtask and step")]
    lower_bound: Annotated[Array, Spec("f8", "W", "hours that no policy can beat")]
    total_effort: Annotated[Array, Spec("f8", "W", "hours")]
    effort: Annotated[Array, Spec("f8", "W K", "hours at skill 1 and alignment 1")]
    complexity: Annotated[Array, Spec("f8", "W K", "kappa")]
    domain: Annotated[Array, Spec("i2", "W K", "index of the domain")]
    weights: Annotated[Array, Spec("f8", "W K 4", "facet weights, sum 1")]
    tau: Annotated[Array, Spec("f8", "W K 3 2", "share of the gap closed per channel; last: 1 answers a request")]
    num_prerequisites: Annotated[Array, Spec("i2", "W K", "direct prerequisites")]
    prerequisites: Annotated[Array, Spec("i2", "W K P", "their indices, ascending")]
    num_dependents: Annotated[Array, Spec("i2", "W K", "direct dependents")]
    dependents: Annotated[Array, Spec("i2", "W K Q", "their indices, ascending")]
    best_agent: Annotated[Array, Spec("i2", "W K", "most skilled agent, ties lowest index")]
    best_skill: Annotated[Array, Spec("f8", "W K", "its skill")]
    path_after: Annotated[Array, Spec("f8", "W K", "hours of the critical path after this subtask")]


class State(NamedTuple):
    """What changes: the episode of every environment."""

    seed: Annotated[Array, Spec("u8", "B", "what the user gave")]
    episode: Annotated[Array, Spec("i8", "B", "episodes since that seed was given")]
    key: Annotated[Array, Spec("u8", "B", "random key of this episode")]
    workflow: Annotated[Array, Spec("i4", "B", "packed workflow that is played")]
    workflow_index: Annotated[Array, Spec("i8", "B", "its index in the pool")]
    t: Annotated[Array, Spec("i4", "B", "steps taken")]
    understanding: Annotated[Array, Spec("f8", "B A K 4", "u in [0, 1]")]
    alignment: Annotated[Array, Spec("f8", "B A K", "Alignment Factor, kept up with understanding")]
    remaining: Annotated[Array, Spec("f8", "B K", "hours of effort left")]
    status: Annotated[Array, Spec("i1", "B K", "blocked, ready or done")]
    prerequisites_left: Annotated[Array, Spec("i2", "B K", "direct prerequisites not done")]
    dependents_left: Annotated[Array, Spec("i2", "B K", "direct dependents not done")]
    subtasks_left: Annotated[Array, Spec("i2", "B", "subtasks not done")]
    owner: Annotated[Array, Spec("i2", "B K", "agent or -1")]
    finished_step: Annotated[Array, Spec("i4", "B K", "step at which it was done, or -1")]
    finish_alignment: Annotated[Array, Spec("f8", "B K", "the worker's alignment when it was done")]
    worked_hours: Annotated[Array, Spec("f8", "B K", "hours worked on it")]
    aligned_hours: Annotated[Array, Spec("f8", "B K", "hours worked on it x alignment")]
    debt: Annotated[Array, Spec("f8", "B A", "communication hours not yet paid from working time")]
    last_work: Annotated[Array, Spec("i2", "B A", "subtask worked on in the last step, or -1")]
    request_topic: Annotated[Array, Spec("i2", "B A A", "what row asked column, or -1")]
    request_step: Annotated[Array, Spec("i4", "B A A", "step at which that request opened")]
    asking_topic: Annotated[Array, Spec("i2", "B A A", "topic of row's newest question to column, or -1")]
    asking_due: Annotated[Array, Spec("i4", "B A A", "step at which column reads it")]
    answer_due: Annotated[Array, Spec("i4", "B A A", "step at which column reads row's answer to its open request")]
    mail_speech: Annotated[Array, Spec("i1", "B L A", "message sent in step t at place t mod L; 0 none")]
    mail_recipient: Annotated[Array, Spec("i2", "B L A", "agent, or A = the whole team")]
    mail_topic: Annotated[Array, Spec("i2", "B L A", "subtask")]
    mail_symbol: Annotated[Array, Spec("i2", "B L A", "symbol carried")]
    mail_facets: Annotated[Array, Spec("f8", "B L A 4", "the sender's understanding when sent")]
    mail_factor: Annotated[Array, Spec("f8", "B L A", "share of its usual effect that it has: `judged` when sent")]
    read_speech: Annotated[Array, Spec("i1", "B A A", "last message that row read from column; 0 none")]
    read_topic: Annotated[Array, Spec("i2", "B A A", "its topic, or -1")]
    read_symbol: Annotated[Array, Spec("i2", "B A A", "its symbol")]
    read_step: Annotated[Array, Spec("i4", "B A A", "step at which it was read")]
    alignment_value: Annotated[Array, Spec("f8", "B", "effort-weighted alignment at the end of the last step")]
    # of the present step only
    judged: Annotated[Array, Spec("f8", "B A", "factor on what each agent says next; 1 unless a judge writes it")]
    action: Annotated[Array, Spec("i4", "B A 5", "what each agent really does: work, speech, recipient, topic, symbol")]
    invalid: Annotated[Array, Spec("i1", "B A", "1 where an agent chose what its mask forbids")]
    spoken_hours: Annotated[Array, Spec("f8", "B A", "communication hours paid")]
    in_meeting: Annotated[Array, Spec("i1", "B A", "1 while in a meeting")]
    num_changed: Annotated[Array, Spec("i4", "B", "changes of understanding; beyond C they are not listed")]
    changed: Annotated[Array, Spec("i2", "B C 2", "whose understanding of which subtask changed, in this order")]
    participants: Annotated[Array, Spec("i2", "B A", "of the meeting at hand, ascending")]
    best_facets: Annotated[Array, Spec("f8", "B 4", "the best understanding of its topic among them")]
    work_hours: Annotated[Array, Spec("f8", "B A", "hours left for work")]
    worker: Annotated[Array, Spec("i2", "B K", "who works on each subtask, or -1")]
    progress_credit: Annotated[Array, Spec("f8", "B A", "share of the total effort finished")]
    alignment_credit: Annotated[Array, Spec("f8", "B A", "alignment raised by messages, split between both ends")]
    # sums over the episode
    tally: Annotated[Array, Spec("f8", "B T", "see `constants`, from WORK_HOURS on")]
    speech_count: Annotated[Array, Spec("i4", "B 7", "messages sent (meetings held) by speech")]
    message_graph: Annotated[Array, Spec("i4", "B A A", "messages from row to column")]


class Outputs(NamedTuple):
    """What the faces hand out."""

    observation: Annotated[Array, Spec("f4", "B N D", "one row an agent")]
    action_mask: Annotated[Array, Spec("i1", "B N M", "1 = legal; the parts side by side")]
    reward: Annotated[Array, Spec("f4", "B N", "sum of the terms")]
    reward_terms: Annotated[Array, Spec("f4", "B N 4", "progress, alignment, communication, time")]
    terminated: Annotated[Array, Spec("i1", "B", "every subtask done")]
    truncated: Annotated[Array, Spec("i1", "B", "horizon reached before")]
    # what the observations and masks say at present, so that a step writes only what changed
    shown_left: Annotated[Array, Spec("i2", "B", "subtasks not done")]
    shown_owner: Annotated[Array, Spec("i2", "B K", "agent or -1")]
    shown_work: Annotated[Array, Spec("i2", "B A", "subtask worked on in the last step, or -1")]
    shown_topic: Annotated[
        Array, Spec("i2", "B A A 3", "topic that column asks row, row asked it, row last read from it")
    ]


def array_specs(kind: type[Any]) -> dict[str, Spec]:
    """Field -> `Spec` of the arrays of `Params`, `State` or `Outputs`."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def allocate(kind: type[Any], sizes: Mapping[str, int], zeros: Callable[..., Any] = np.zeros) -> dict[str, Any]:
    """Zeroed arrays for every field of `kind`; `sizes` gives the length of each named axis, `zeros` makes an array."""

    def shape(axes: str) -> tuple[int, ...]:
        return tuple(sizes[axis] if axis in sizes else int(axis) for axis in axes.split())

    return {name: zeros(shape(spec.axes), dtype=spec.dtype) for name, spec in array_specs(kind).items()}


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
    ObservationField(c.OBS_SKILLS, "skills", "A 5", "share", "skill of each agent per domain"),
    ObservationField(c.OBS_STATUS, "status", "K 3", "flag", "blocked, ready, done"),
    ObservationField(c.OBS_EFFORT, "effort", "K", "hours", "effort"),
    ObservationField(c.OBS_COMPLEXITY, "complexity", "K", "complexity", "kappa"),
    ObservationField(c.OBS_DOMAIN, "domain", "K 5", "flag", "domain"),
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
        c.OBS_INTERFACE_HOLDERS, "interface_holders", "K 3", "index", "finished a prerequisite; latest first"
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
    ObservationField(c.OBS_OWN_UNDERSTANDING, "own_understanding", "K 4", "share", "own u, in the order of the facets"),
    ObservationField(c.OBS_OWN_ALIGNMENT, "own_alignment", "K", "share", "own Alignment Factor"),
    ObservationField(c.OBS_OWN_WORK, "own_work", "K", "flag", "1 = I worked on it last step"),
)
_OWN = (
    ObservationField(c.OBS_SELF, "self", "A", "flag", "1 = oneself"),
    ObservationField(c.OBS_OWN_INDEX, "own_index", "1", "index", "own agent index"),
    ObservationField(c.OBS_OWN_ROLE, "own_role", "1", "flag", "1 = manager"),
    ObservationField(c.OBS_OWN_SKILLS, "own_skills", "5", "share", "own skill per domain"),
    ObservationField(c.OBS_OWN_SKILL, "own_skill", "K", "share", "own skill for it"),
    ObservationField(c.OBS_MESSAGE_SPEECH, "message_speech", "A 6", "flag", "last message read from each"),
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


@dataclass(frozen=True)
class ObservationLayout:
    """Where each named field stands in an observation, and how to read it.

    Attributes:
        relations: "onehot" or "index".
        sizes: lengths of the axes A, K and V.
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
    def build(cls, max_agents: int, max_subtasks: int, vocab_size: int, relations: str) -> ObservationLayout:
        sizes = {"A": max_agents, "K": max_subtasks, "V": vocab_size}
        onehot = relations == "onehot"
        board = _BOARD + (_BOARD_ONEHOT if onehot else _BOARD_INDEX) + _BOARD_EVERY_STEP
        own = _OWN_EVERY_STEP + _OWN + (_OWN_ONEHOT if onehot else _OWN_INDEX)
        slices: dict[str, slice] = {}
        end = board_size = 0
        for row in board + own:
            slices[row.name] = slice(end, end + int(np.prod(_shape(row.axes, sizes))))
            end = slices[row.name].stop
            board_size = end if row in board else board_size
        return cls(relations, sizes, {row.name: row for row in board + own}, slices, board_size, end)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a field."""
        return _shape(self.fields[name].axes, self.sizes)

    def __getitem__(self, name: str) -> slice:
        return self.slices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.slices)

    def get(self, observation: Array, name: str) -> Array:
        """A view of a field, raw values, with the leading axes of `observation` kept."""
        part: Array = observation[..., self.slices[name]]
        return part.reshape(*observation.shape[:-1], *self.shape(name))

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
        """First index of each field, by its id."""
        table = np.zeros(c.NUM_OBS_FIELDS, dtype=np.int32)
        for name, row in self.fields.items():
            table[row.id] = self.slices[name].start
        return table


def _shape(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[axis] if axis in sizes else int(axis) for axis in axes.split())
