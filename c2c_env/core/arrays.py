"""Every array of the simulator: name, type, shape and meaning.

Sizes: B environments, W packed workflows, A agents (padded), K subtasks (padded), E prerequisites of all subtasks
together (padded), Z milestones (padded), L steps of message latency, V symbols, F variants of a subtask, S length
of the observations of an environment, M mask length, C and CONTACTS lengths of the lists of what a step changed, AGES
relations times A.

Arrays with a row for each environment (B) or packed workflow (W) are fields of records: all that belongs to one
environment lies in one piece of memory, which a step goes through, and not in some 90 places. Only what users get is
apart, and contiguous.

Axes in capital words (FACETS, CHANNELS ...) have the length of the table of that name in `constants`; DOMAINS has that
of the domains of the workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt

from c2c_env.core import constants as c

Array = npt.NDArray[Any]


class Spec(NamedTuple):
    """The dtype, the axes (sizes by name) and the meaning of an array.

    `values` names what its numbers are, for arrays that users can hand in; `envs.batch_checks` says what that allows.
    An array that is `apart` is not a field of a record.
    """

    dtype: str
    axes: str
    meaning: str
    values: str = ""
    apart: bool = False


RECORDS = ("B", "W")  # axes that have a record for each index


class Params(NamedTuple):
    """What does not change within an episode: scalars of the configuration, the team, and packed workflows.

    Of the axis W, the first rows are the pool's single workflows, which environments share; then comes a row for each
    environment, rewritten whenever it starts a generated one.
    """

    num_agents: int
    max_agents: int
    max_subtasks: int
    vocab_size: int
    hidden_facts: int
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
    num_boards: int
    row_stride: int
    skill: Annotated[Array, Spec("f8", "A DOMAINS", "skill of each agent per domain, (0, 1]")]
    expertise: Annotated[Array, Spec("f8", "A DOMAINS", "constraints understanding at reset per domain")]
    send_hours: Annotated[Array, Spec("f8", "CHANNELS", "hours the sender pays per channel")]
    read_hours: Annotated[Array, Spec("f8", "CHANNELS", "hours each recipient pays per channel")]
    latency: Annotated[Array, Spec("i4", "CHANNELS", "steps from sending to reading per channel")]
    reward_weights: Annotated[Array, Spec("f8", "TERMS", "weights of the reward terms")]
    topic_value: Annotated[Array, Spec("f4", "K+1", "how a relation to subtask k is written, at k + 1; 0 at 0")]
    obs_offset: Annotated[Array, Spec("i4", "O", "first index of each observation field")]
    num_subtasks: Annotated[Array, Spec("i4", "W", "real subtasks")]
    horizon: Annotated[Array, Spec("i4", "W", "steps until truncation")]
    volatility: Annotated[Array, Spec("f8", "W", "requirement changes per subtask and step")]
    lower_bound: Annotated[Array, Spec("f8", "W", "hours that no policy can beat")]
    total_effort: Annotated[Array, Spec("f8", "W", "hours")]
    effort: Annotated[Array, Spec("f8", "W K", "hours at skill 1 and alignment 1; 0: a milestone")]
    complexity: Annotated[Array, Spec("f8", "W K", "kappa")]
    domain: Annotated[Array, Spec("i2", "W K", "index of the domain")]
    weights: Annotated[Array, Spec("f8", "W K FACETS", "facet weights, sum 1")]
    tau: Annotated[
        Array, Spec("f8", "W K CHANNELS 2", "share of the gap closed per channel; last: 1 answers a request")
    ]
    num_prerequisites: Annotated[Array, Spec("i2", "W K", "direct prerequisites")]
    first_prerequisite: Annotated[Array, Spec("i4", "W K", "where they begin in `prerequisites`")]
    prerequisites: Annotated[Array, Spec("i2", "W E", "those of each subtask side by side, ascending")]
    num_dependents: Annotated[Array, Spec("i2", "W K", "direct dependents")]
    first_dependent: Annotated[Array, Spec("i4", "W K", "where they begin in `dependents`")]
    dependents: Annotated[Array, Spec("i2", "W E", "those of each subtask side by side, ascending")]
    num_milestones: Annotated[Array, Spec("i4", "W", "subtasks of no effort")]
    milestones: Annotated[Array, Spec("i2", "W Z", "their indices, each after those that it needs")]
    order: Annotated[Array, Spec("i2", "W K", "all subtasks, each after those that it needs")]
    best_agent: Annotated[Array, Spec("i2", "W K", "most skilled agent, ties lowest index")]
    best_skill: Annotated[Array, Spec("f8", "W K", "its skill")]
    path_after: Annotated[Array, Spec("f8", "W K", "hours of the critical path after this subtask")]


class State(NamedTuple):
    """What changes: the episode of every environment."""

    seed: Annotated[Array, Spec("u8", "B", "what the user gave", "any")]
    episode: Annotated[Array, Spec("i8", "B", "episodes since that seed was given", "episode")]
    key: Annotated[Array, Spec("u8", "B", "random key of this episode", "any")]
    workflow: Annotated[Array, Spec("i4", "B", "packed workflow that is played", "row")]
    workflow_index: Annotated[Array, Spec("i8", "B", "its index in the pool", "workflow")]
    t: Annotated[Array, Spec("i4", "B", "steps taken", "time")]
    understanding: Annotated[Array, Spec("f8", "B A K FACETS", "u in [0, 1]", "share")]
    alignment: Annotated[Array, Spec("f8", "B A K", "Alignment Factor, kept up with understanding", "alignment")]
    remaining: Annotated[Array, Spec("f8", "B K", "hours of effort left", "remaining")]
    status: Annotated[Array, Spec("i1", "B K", "blocked, ready or done", "status")]
    prerequisites_left: Annotated[Array, Spec("i2", "B K", "direct prerequisites not done", "count")]
    dependents_left: Annotated[Array, Spec("i2", "B K", "direct dependents not done", "count")]
    subtasks_left: Annotated[Array, Spec("i2", "B", "subtasks not done", "count")]
    owner: Annotated[Array, Spec("i2", "B K", "agent or -1", "agent or none")]
    finished_step: Annotated[Array, Spec("i4", "B K", "step at which it was done, or -1", "step or none")]
    finish_alignment: Annotated[Array, Spec("f8", "B K", "the worker's alignment when it was done", "alignment")]
    fact: Annotated[Array, Spec("i2", "B K", "the variant that is wanted", "variant")]
    knows: Annotated[Array, Spec("i1", "B A K", "1 where an agent knows the fact", "flag")]
    worked_hours: Annotated[Array, Spec("f8", "B K", "hours worked on it", "hours")]
    aligned_hours: Annotated[Array, Spec("f8", "B K", "hours worked on it x alignment", "hours")]
    debt: Annotated[Array, Spec("f8", "B A", "communication hours not yet paid from working time", "hours")]
    last_work: Annotated[Array, Spec("i2", "B A", "subtask worked on in the last step, or -1", "subtask or none")]
    request_topic: Annotated[Array, Spec("i2", "B A A", "what row asked column, or -1", "subtask or none")]
    request_step: Annotated[Array, Spec("i4", "B A A", "step at which that request opened", "step")]
    asking_topic: Annotated[
        Array, Spec("i2", "B A A", "topic of row's newest question to column, or -1", "subtask or none")
    ]
    asking_due: Annotated[Array, Spec("i4", "B A A", "step at which column reads it", "due")]
    answer_due: Annotated[
        Array, Spec("i4", "B A A", "step at which column reads row's answer to its open request", "due")
    ]
    mail_speech: Annotated[Array, Spec("i1", "B L A", "message sent in step t at place t mod L; 0 none", "speech")]
    mail_recipient: Annotated[Array, Spec("i2", "B L A", "agent, or A = the whole team", "recipient")]
    mail_topic: Annotated[Array, Spec("i2", "B L A", "subtask", "subtask")]
    mail_symbol: Annotated[Array, Spec("i2", "B L A", "symbol carried", "symbol")]
    mail_facets: Annotated[Array, Spec("f8", "B L A FACETS", "the sender's understanding when sent", "share")]
    mail_factor: Annotated[
        Array, Spec("f8", "B L A", "share of its usual effect that it has: `judged` when sent", "share")
    ]
    read_speech: Annotated[Array, Spec("i1", "B A A", "last message that row read from column; 0 none", "speech")]
    read_topic: Annotated[Array, Spec("i2", "B A A", "its topic, or -1", "subtask or none")]
    read_symbol: Annotated[Array, Spec("i2", "B A A", "its symbol", "symbol")]
    read_step: Annotated[Array, Spec("i4", "B A A", "step at which it was read", "step")]
    alignment_value: Annotated[
        Array, Spec("f8", "B", "effort-weighted alignment at the end of the last step", "alignment")
    ]
    forecast_value: Annotated[
        Array, Spec("f8", "B", "forecast of the hours to the end, after the last step; 0 without a weight", "hours")
    ]
    information_value: Annotated[
        Array, Spec("f8", "B", "log-probability of the true facets, after it; 0 without a weight", "log share")
    ]
    # of the present step only
    judged: Annotated[
        Array, Spec("f8", "B A", "factor on what each agent says next; 1 unless a judge writes it", "share")
    ]
    action: Annotated[
        Array, Spec("i4", "B A PARTS", "what each agent really does, see `constants.ACTION_PARTS`", "action")
    ]
    invalid: Annotated[Array, Spec("i1", "B A", "1 where an agent chose what its mask forbids", "flag")]
    spoken_hours: Annotated[Array, Spec("f8", "B A", "communication hours paid", "hours")]
    in_meeting: Annotated[Array, Spec("i1", "B A", "1 while in a meeting", "flag")]
    num_changed: Annotated[Array, Spec("i4", "B", "changes of understanding; beyond C they are not listed", "number")]
    changed: Annotated[
        Array, Spec("i2", "B C 2", "whose understanding of which subtask changed, in this order", "change")
    ]
    num_contacts: Annotated[
        Array, Spec("i4", "B", "changes of relations between agents; beyond CONTACTS they are not listed", "number")
    ]
    contacts: Annotated[
        Array, Spec("i2", "B CONTACTS CONTACT_PARTS", "who sees which relation to whom change", "contact")
    ]
    participants: Annotated[Array, Spec("i2", "B A", "of the meeting at hand, ascending", "agent")]
    best_facets: Annotated[Array, Spec("f8", "B FACETS", "the best understanding of its topic among them", "share")]
    work_hours: Annotated[Array, Spec("f8", "B A", "hours left for work", "hours")]
    worker: Annotated[Array, Spec("i2", "B K", "who works on each subtask, or -1", "agent or none")]
    chain_hours: Annotated[
        Array, Spec("f8", "B K", "hours of the longest chain up to each subtask; 0 without a weight", "hours")
    ]
    progress_credit: Annotated[Array, Spec("f8", "B A", "share of the total effort finished", "credit")]
    alignment_credit: Annotated[
        Array, Spec("f8", "B A", "alignment raised by messages, split between both ends", "credit")
    ]
    # sums over the episode
    tally: Annotated[Array, Spec("f8", "B T", "see `constants`, from WORK_HOURS on", "hours")]
    speech_count: Annotated[Array, Spec("i4", "B SPEECHES", "messages sent (meetings held) by speech", "number")]
    message_graph: Annotated[Array, Spec("i4", "B A A", "messages from row to column", "number")]


class Outputs(NamedTuple):
    """What is handed out to those who play."""

    observation: Annotated[Array, Spec("f4", "B S", "of all agents, see `core.observation.forms`", "any", apart=True)]
    action_mask: Annotated[Array, Spec("i1", "B N M", "1 = legal; the parts side by side", "flag", apart=True)]
    reward: Annotated[Array, Spec("f4", "B N", "sum of the terms", "any", apart=True)]
    reward_terms: Annotated[Array, Spec("f4", "B N TERMS", "see `constants.REWARD_TERMS`", "any", apart=True)]
    terminated: Annotated[Array, Spec("i1", "B", "every subtask done", "flag", apart=True)]
    truncated: Annotated[Array, Spec("i1", "B", "horizon reached before", "flag", apart=True)]
    # what the observations and masks say at present, so that a step writes only what changed
    shown_left: Annotated[Array, Spec("i2", "B", "subtasks not done", "count or none")]
    shown_owner: Annotated[Array, Spec("i2", "B K", "agent or -1", "agent or none")]
    shown_work: Annotated[Array, Spec("i2", "B A", "subtask worked on in the last step, or -1", "subtask or none")]
    shown_topic: Annotated[
        Array,
        Spec(
            "i2",
            "B A A RELATIONS",
            "topic that column asks row, row asked it, row last read from it",
            "subtask or none",
        ),
    ]
    shown_since: Annotated[
        Array, Spec("i4", "B N AGES", "step from which the age of each such relation is counted, or -1", "due or none")
    ]


def array_specs(kind: type[Any]) -> dict[str, Spec]:
    """The `Spec` of every array of `Params`, `State` or `Outputs`, by the name of its field."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def allocate(kind: type[Any], sizes: Mapping[str, int]) -> dict[str, Array]:
    """A zeroed array for every field of `kind`; `sizes` gives the length of each named axis.

    Those with a row for each environment or workflow are views of an array of records. With 1,024 environments of five
    agents, a step takes a third of the time that it takes where each array has a memory of its own.
    """
    specs = array_specs(kind)
    of_records = {axis: {n: spec for n, spec in specs.items() if record_axis(spec) == axis} for axis in RECORDS}
    records = {axis: allocate_records(fields, sizes) for axis, fields in of_records.items() if fields}
    return {
        name: zeros_of(spec, sizes) if (axis := record_axis(spec)) is None else records[axis][name]
        for name, spec in specs.items()
    }


def allocate_apart(kind: type[Any], sizes: Mapping[str, int], zeros: Callable[..., Any] = np.zeros) -> dict[str, Any]:
    """The same, each array with a memory of its own, which `zeros` makes."""
    return {name: zeros_of(spec, sizes, zeros) for name, spec in array_specs(kind).items()}


def allocate_records(fields: Mapping[str, Spec], sizes: Mapping[str, int]) -> Array:
    """Zeroed records, one for each index of the first axis of all these fields."""
    shapes = {name: shape_of(spec.axes, sizes) for name, spec in fields.items()}
    (length,) = {shape[0] for shape in shapes.values()}
    types = [(name, spec.dtype, shapes[name][1:]) for name, spec in fields.items()]
    return np.zeros(length, dtype=np.dtype(types, align=True))


def record_axis(spec: Spec) -> str | None:
    """The axis that has a record for each index, if an array is a field of such records."""
    first = spec.axes.split()[0]
    return first if first in RECORDS and not spec.apart else None


def zeros_of(spec: Spec, sizes: Mapping[str, int], zeros: Callable[..., Any] = np.zeros) -> Any:
    """Zeros of the type and shape of an array."""
    return zeros(shape_of(spec.axes, sizes), dtype=spec.dtype)


def shape_of(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The lengths of named axes: from `sizes`, else from the tables of constants; a plain number stands for itself."""
    known = {**c.AXES, **sizes}
    return tuple(known[axis] if axis in known else int(axis) for axis in axes.split())
