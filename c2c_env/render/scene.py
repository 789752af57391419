"""What can be seen of one environment, in words and numbers, read from the state of its batch."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Params, State
from c2c_env.envs.batch import Batch
from c2c_env.episodes.trace import meeting_hosts
from c2c_env.metrics import longest_chain
from c2c_env.text.names import one_line
from c2c_env.workflows.schema import Workflow


@dataclass(frozen=True)
class SubtaskLine:
    """A line of the board; `owner`, and `worker` in the last step, are indices of agents or -1.

    `domain_index` is the place of its domain among those of the workflow.
    """

    index: int
    id: str
    title: str
    domain: str
    domain_index: int
    status: str
    effort: float
    remaining: float
    owner: int
    worker: int
    critical: bool

    @property
    def finished_share(self) -> float:
        """Share of the effort that is finished."""
        return 1.0 - self.remaining / self.effort if self.effort else float(self.status == "done")


@dataclass(frozen=True)
class AgentLine:
    """What an agent did in the last step, in phrases that are empty for nothing, and where its time went.

    `use` says what became of its working hours: "work", "waste", or "" if they were not used.
    """

    index: int
    name: str
    use: str
    work: str
    speech: str
    reading: str
    meeting: str
    owing: str
    spoken_hours: float
    work_hours: float


@dataclass(frozen=True)
class Arrow:
    """Who speaks to whom about which subtask; the recipient is -1 for the whole team."""

    sender: int
    recipient: int
    topic: int
    channel: int


@dataclass(frozen=True)
class MessageLine:
    """A message under way, with the short names of agents and the step at which it is read."""

    arrow: Arrow
    sender: str
    recipient: str
    speech: str
    topic: str
    due: int


@dataclass(frozen=True)
class Scene:
    """One moment of an episode.

    Attributes:
        rows, columns: numbers of subtasks and agents to leave room for; all episodes of an environment have the same.
        bound: hours that no policy can beat.
        meetings: of the last step.
        alignment: [N, K] Alignment Factors.
    """

    name: str
    title: str
    tier: str
    rows: int
    columns: int
    step: int
    horizon: int
    dt: float
    bound: float
    progress: float
    communication_hours: float
    subtasks: tuple[SubtaskLine, ...]
    agents: tuple[AgentLine, ...]
    messages: tuple[MessageLine, ...]
    meetings: tuple[Arrow, ...]
    alignment: Array

    @property
    def done(self) -> int:
        """Finished subtasks."""
        return sum(subtask.status == "done" for subtask in self.subtasks)

    @property
    def facts(self) -> list[str]:
        """The numbers of the header."""
        return [
            f"step {self.step} of {self.horizon}",
            f"{self.step * self.dt:.1f} h (bound {self.bound:.1f} h)",
            f"done {self.done} of {len(self.subtasks)}",
            f"progress {100 * self.progress:.0f} %",
            f"communication {self.communication_hours:.2f} h",
        ]


def take_scene(batch: Batch, row: int = 0) -> Scene:
    """Look at one environment of a batch."""
    p, s, workflow = batch.params, batch.state, batch.workflow(row)
    w, subtasks = int(s.workflow[row]), len(workflow.subtasks)
    return Scene(
        name=one_line(workflow.name),
        title=one_line(workflow.title or workflow.name),
        tier=workflow.tier,
        rows=batch.pool.max_subtasks,
        columns=batch.num_agents,
        step=int(s.t[row]),
        horizon=int(p.horizon[w]),
        dt=p.dt,
        bound=float(p.lower_bound[w]),
        progress=1.0 - float(s.remaining[row].sum() / p.total_effort[w]),
        communication_hours=float(s.tally[row, c.COMMUNICATION_HOURS]),
        subtasks=_subtasks(p, s, row, workflow),
        agents=_agents(p, s, row, workflow, batch.team.agents),
        messages=_messages(p, s, row, workflow),
        meetings=_meetings(p, s, row),
        alignment=s.alignment[row, : batch.num_agents, :subtasks].copy(),
    )


def width_of(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    return sum(_columns(ch) for ch in text)


def fit(text: str, width: int, mark: str = "…") -> str:
    """Cut a text to `width` terminal columns, with a mark at its end, or fill it up with blanks."""
    if width_of(text) > width:
        cut = ""
        for ch in text:
            if width_of(cut) + _columns(ch) > width - width_of(mark):
                break
            cut += ch
        text = cut + mark
    return text + " " * (width - width_of(text))


def _columns(ch: str) -> int:
    if unicodedata.combining(ch):
        return 0
    return 2 if unicodedata.east_asian_width(ch) in "WF" else 1


def _subtasks(params: Params, state: State, row: int, workflow: Workflow) -> tuple[SubtaskLine, ...]:
    critical = longest_chain(params, state, row)
    return tuple(
        SubtaskLine(
            index=k,
            id=one_line(subtask.id),
            title=one_line(subtask.title or subtask.id),
            domain=one_line(subtask.domain),
            domain_index=domain,
            status=c.STATUSES[state.status[row, k]],
            effort=subtask.effort,
            remaining=float(state.remaining[row, k]),
            owner=int(state.owner[row, k]),
            worker=_worker(state, row, k),
            critical=k in critical,
        )
        for k, (subtask, domain) in enumerate(zip(workflow.subtasks, workflow.domain_indices(), strict=True))
    )


def _worker(state: State, row: int, subtask: int) -> int:
    workers = np.flatnonzero(state.last_work[row] == subtask)
    return int(workers[0]) if len(workers) else c.NOBODY


def _agents(params: Params, state: State, row: int, workflow: Workflow, names: list[str]) -> tuple[AgentLine, ...]:
    hosts = meeting_hosts(params, state, row)
    return tuple(
        AgentLine(
            index=i,
            name=name,
            use=_use(state, row, i),
            work=_work(state, row, i, workflow),
            speech=_speech(params, state, row, i, workflow),
            reading=_reading(params, state, row, i),
            meeting=_meeting(state, row, int(hosts[i]), i, workflow),
            owing=f"debt {state.debt[row, i]:.2f} h" if state.debt[row, i] > 0.0 else "",
            spoken_hours=float(state.spoken_hours[row, i]),
            work_hours=float(state.work_hours[row, i]) if state.t[row] else params.dt,
        )
        for i, name in enumerate(names)
    )


def _topic(workflow: Workflow, subtask: int) -> str:
    return f"{subtask} {one_line(workflow.subtasks[subtask].id)}"


def _use(state: State, row: int, agent: int) -> str:
    if state.action[row, agent, c.WORK] == 0 or state.work_hours[row, agent] <= 0.0:
        return ""
    return "work" if state.last_work[row, agent] >= 0 else "waste"


def _work(state: State, row: int, agent: int, workflow: Workflow) -> str:
    k = int(state.action[row, agent, c.WORK]) - 1
    if k < 0:
        return ""
    phrase = {"work": "works on", "waste": "wasted on", "": "no time for"}[_use(state, row, agent)]
    return f"{phrase} {_topic(workflow, k)}"


def _speech(params: Params, state: State, row: int, agent: int, workflow: Workflow) -> str:
    speech, recipient, topic = state.action[row, agent, c.SPEECH : c.TOPIC + 1].tolist()
    if speech == c.SILENT:
        return ""
    to = "all" if recipient == params.max_agents else short_name(recipient)
    refused = " (refused)" if speech == c.MEET and not _hosts(state, row, agent) else ""
    return f"{c.SPEECHES[speech]} {to}{refused}: {_topic(workflow, topic)}"


def _hosts(state: State, row: int, agent: int) -> bool:
    """Whether an agent called a meeting that took place, which is so if somebody noted it."""
    return bool(((state.read_speech[row, :, agent] == c.MEET) & (state.read_step[row, :, agent] == state.t[row])).any())


def _reading(params: Params, state: State, row: int, agent: int) -> str:
    """Say from whom the agent read; the state remembers the last message of each sender."""
    if not state.t[row]:
        return ""
    speech = state.read_speech[row, agent, : params.num_agents]
    read = (
        (speech != c.SILENT) & (speech != c.MEET) & (state.read_step[row, agent, : params.num_agents] == state.t[row])
    )
    senders = [short_name(j) for j in np.flatnonzero(read).tolist()]
    return f"reads {' '.join(senders)}" if senders else ""


def _meeting(state: State, row: int, host: int, agent: int, workflow: Workflow) -> str:
    """Say who called the meeting that the agent attends; nothing for the host, whose speech says it."""
    if host in (c.NOBODY, agent):
        return ""
    return f"meeting of {short_name(host)}: {_topic(workflow, int(state.action[row, host, c.TOPIC]))}"


def short_name(agent: int) -> str:
    """Name an agent briefly: m0 is the manager, w3 is worker_3."""
    return f"w{agent}" if agent else "m0"


def _messages(params: Params, state: State, row: int, workflow: Workflow) -> tuple[MessageLine, ...]:
    now = int(state.t[row])
    found = []
    for age in range(params.max_latency):
        place = (now - age) % params.max_latency
        for i, speech in enumerate(state.mail_speech[row, place, : params.num_agents].tolist()):
            latency = int(params.latency[c.CHANNEL_OF_SPEECH[speech]])
            if speech == c.SILENT or latency <= age:
                continue
            recipient, topic = int(state.mail_recipient[row, place, i]), int(state.mail_topic[row, place, i])
            arrow = _arrow(params, i, speech, recipient, topic)
            to = "all" if arrow.recipient < 0 else short_name(recipient)
            due = now - age + latency
            found.append(MessageLine(arrow, short_name(i), to, c.SPEECHES[speech], _topic(workflow, topic), due))
    return tuple(sorted(found, key=lambda message: message.due))


def _meetings(params: Params, state: State, row: int) -> tuple[Arrow, ...]:
    """The meetings of the last step that took place."""
    hosts = [i for i in range(params.num_agents) if _hosts(state, row, i)]
    spoken = state.action[row, :, c.SPEECH : c.TOPIC + 1].tolist()
    return tuple(_arrow(params, i, *spoken[i]) for i in hosts)


def _arrow(params: Params, sender: int, speech: int, recipient: int, topic: int) -> Arrow:
    to = c.NOBODY if recipient == params.max_agents else recipient
    return Arrow(sender, to, topic, c.CHANNEL_OF_SPEECH[speech])
