"""Every array of the simulator: name, type, shape and meaning.

Sizes: B environments, W packed workflows, A agents (padded), K subtasks (padded), P most prerequisites and Q most
dependents of a subtask, L steps of message latency, V symbols, D observation length, M mask length. Axes in capital
words (FACETS, CHANNELS ...) have the length of the table of that name in `constants`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt

from c2c_env.core import constants as c

Array = npt.NDArray[Any]


class Spec(NamedTuple):
    """The dtype, the axes (sizes by name) and the meaning of an array."""

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
    skill: Annotated[Array, Spec("f8", "A DOMAINS", "skill of each agent per domain, (0, 1]")]
    expertise: Annotated[Array, Spec("f8", "A DOMAINS", "constraints understanding at reset per domain")]
    send_hours: Annotated[Array, Spec("f8", "CHANNELS", "hours the sender pays per channel")]
    read_hours: Annotated[Array, Spec("f8", "CHANNELS", "hours each recipient pays per channel")]
    latency: Annotated[Array, Spec("i4", "CHANNELS", "steps from sending to reading per channel")]
    reward_weights: Annotated[Array, Spec("f8", "TERMS", "weights of the reward terms")]
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
    weights: Annotated[Array, Spec("f8", "W K FACETS", "facet weights, sum 1")]
    tau: Annotated[
        Array, Spec("f8", "W K CHANNELS 2", "share of the gap closed per channel; last: 1 answers a request")
    ]
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
    understanding: Annotated[Array, Spec("f8", "B A K FACETS", "u in [0, 1]")]
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
    mail_facets: Annotated[Array, Spec("f8", "B L A FACETS", "the sender's understanding when sent")]
    mail_factor: Annotated[Array, Spec("f8", "B L A", "share of its usual effect that it has: `judged` when sent")]
    read_speech: Annotated[Array, Spec("i1", "B A A", "last message that row read from column; 0 none")]
    read_topic: Annotated[Array, Spec("i2", "B A A", "its topic, or -1")]
    read_symbol: Annotated[Array, Spec("i2", "B A A", "its symbol")]
    read_step: Annotated[Array, Spec("i4", "B A A", "step at which it was read")]
    alignment_value: Annotated[Array, Spec("f8", "B", "effort-weighted alignment at the end of the last step")]
    # of the present step only
    judged: Annotated[Array, Spec("f8", "B A", "factor on what each agent says next; 1 unless a judge writes it")]
    action: Annotated[
        Array, Spec("i4", "B A PARTS", "what each agent really does: work, speech, recipient, topic, symbol")
    ]
    invalid: Annotated[Array, Spec("i1", "B A", "1 where an agent chose what its mask forbids")]
    spoken_hours: Annotated[Array, Spec("f8", "B A", "communication hours paid")]
    in_meeting: Annotated[Array, Spec("i1", "B A", "1 while in a meeting")]
    num_changed: Annotated[Array, Spec("i4", "B", "changes of understanding; beyond C they are not listed")]
    changed: Annotated[Array, Spec("i2", "B C 2", "whose understanding of which subtask changed, in this order")]
    participants: Annotated[Array, Spec("i2", "B A", "of the meeting at hand, ascending")]
    best_facets: Annotated[Array, Spec("f8", "B FACETS", "the best understanding of its topic among them")]
    work_hours: Annotated[Array, Spec("f8", "B A", "hours left for work")]
    worker: Annotated[Array, Spec("i2", "B K", "who works on each subtask, or -1")]
    progress_credit: Annotated[Array, Spec("f8", "B A", "share of the total effort finished")]
    alignment_credit: Annotated[Array, Spec("f8", "B A", "alignment raised by messages, split between both ends")]
    # sums over the episode
    tally: Annotated[Array, Spec("f8", "B T", "see `constants`, from WORK_HOURS on")]
    speech_count: Annotated[Array, Spec("i4", "B SPEECHES", "messages sent (meetings held) by speech")]
    message_graph: Annotated[Array, Spec("i4", "B A A", "messages from row to column")]


class Outputs(NamedTuple):
    """What is handed out to those who play."""

    observation: Annotated[Array, Spec("f4", "B N D", "one row an agent")]
    action_mask: Annotated[Array, Spec("i1", "B N M", "1 = legal; the parts side by side")]
    reward: Annotated[Array, Spec("f4", "B N", "sum of the terms")]
    reward_terms: Annotated[Array, Spec("f4", "B N TERMS", "progress, alignment, communication, time")]
    terminated: Annotated[Array, Spec("i1", "B", "every subtask done")]
    truncated: Annotated[Array, Spec("i1", "B", "horizon reached before")]
    # what the observations and masks say at present, so that a step writes only what changed
    shown_left: Annotated[Array, Spec("i2", "B", "subtasks not done")]
    shown_owner: Annotated[Array, Spec("i2", "B K", "agent or -1")]
    shown_work: Annotated[Array, Spec("i2", "B A", "subtask worked on in the last step, or -1")]
    shown_topic: Annotated[
        Array, Spec("i2", "B A A RELATIONS", "topic that column asks row, row asked it, row last read from it")
    ]


def array_specs(kind: type[Any]) -> dict[str, Spec]:
    """The `Spec` of every array of `Params`, `State` or `Outputs`, by the name of its field."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def allocate(kind: type[Any], sizes: Mapping[str, int], zeros: Callable[..., Any] = np.zeros) -> dict[str, Any]:
    """A zeroed array for every field of `kind`; `sizes` gives the length of each named axis, `zeros` makes an array."""
    return {name: zeros(shape_of(spec.axes, sizes), dtype=spec.dtype) for name, spec in array_specs(kind).items()}


def shape_of(axes: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The lengths of named axes: from `sizes`, else from the tables of constants; a plain number stands for itself."""
    known = {**c.AXES, **sizes}
    return tuple(known[axis] if axis in known else int(axis) for axis in axes.split())
