"""What can be seen of one environment, in words and numbers, read from the state of its batch."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Params, State
from c2c_env.envs.batch import Batch
from c2c_env.trace import meeting_hosts
from c2c_env.workflows.schema import Workflow


@dataclass(frozen=True)
class SubtaskLine:
    """A line of the board; `owner`, and `worker` in the last step, are indices of agents or -1."""

    index: int
    id: str
    title: str
    domain: str
    status: str
    effort: float
    remaining: float
    owner: int
    worker: int
    critical: bool

    @property
    def finished_share(self) -> float:
        """Share of the effort that is finished."""
        return 1.0 - self.remaining / self.effort


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
class MessageLine:
    """A message under way, with the short names of agents and the step at which it is read."""

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
        name=printable(workflow.name),
        title=printable(workflow.title or workflow.name),
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
        alignment=s.alignment[row, : batch.num_agents, :subtasks].copy(),
    )


def printable(text: str) -> str:
    """Put a text on one line, without characters that would steer a terminal."""
    return "".join(ch if ch.isprintable() else "?" for ch in " ".join(text.split()))


def width_of(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    return sum(_columns(ch) for ch in text)


def fit(text: str, width: int) -> str:
    """Cut a text to `width` terminal columns, or fill it up with blanks."""
    if width_of(text) > width:
        cut = ""
        for ch in text:
            if width_of(cut) + _columns(ch) > width - 1:
                break
            cut += ch
        text = cut + "…"
    return text + " " * (width - width_of(text))


def _columns(ch: str) -> int:
    if unicodedata.combining(ch):
        return 0
    return 2 if unicodedata.east_asian_width(ch) in "WF" else 1


def critical_path(p: Params, s: State, b: int) -> set[int]:
    """Find the unfinished subtasks of the longest chain that is left, at the best skills and Alignment Factor 1."""
    w = int(s.workflow[b])
    real = slice(int(p.num_subtasks[w]))
    hours = s.remaining[b, real] / p.best_skill[w, real] + p.path_after[w, real]
    unfinished = [k for k in range(len(hours)) if s.status[b, k] != c.DONE]
    path: set[int] = set()
    while unfinished:
        k = max(unfinished, key=lambda k: float(hours[k]))
        path.add(k)
        unfinished = p.dependents[w, k, : p.num_dependents[w, k]].tolist()
    return path


def _subtasks(p: Params, s: State, b: int, workflow: Workflow) -> tuple[SubtaskLine, ...]:
    critical = critical_path(p, s, b)
    return tuple(
        SubtaskLine(
            index=k,
            id=printable(subtask.id),
            title=printable(subtask.title or subtask.id),
            domain=subtask.domain,
            status=c.STATUSES[s.status[b, k]],
            effort=subtask.effort,
            remaining=float(s.remaining[b, k]),
            owner=int(s.owner[b, k]),
            worker=_worker(s, b, k),
            critical=k in critical,
        )
        for k, subtask in enumerate(workflow.subtasks)
    )


def _worker(s: State, b: int, k: int) -> int:
    workers = np.flatnonzero(s.last_work[b] == k)
    return int(workers[0]) if len(workers) else c.NOBODY


def _agents(p: Params, s: State, b: int, workflow: Workflow, names: list[str]) -> tuple[AgentLine, ...]:
    hosts = meeting_hosts(p, s, b)
    return tuple(
        AgentLine(
            index=i,
            name=name,
            use=_use(s, b, i),
            work=_work(s, b, i, workflow),
            speech=_speech(p, s, b, i, workflow),
            reading=_reading(p, s, b, i),
            meeting=_meeting(s, b, int(hosts[i]), i, workflow),
            owing=f"debt {s.debt[b, i]:.2f} h" if s.debt[b, i] > 0.0 else "",
            spoken_hours=float(s.spoken_hours[b, i]),
            work_hours=float(s.work_hours[b, i]) if s.t[b] else p.dt,
        )
        for i, name in enumerate(names)
    )


def _topic(workflow: Workflow, k: int) -> str:
    return f"{k} {printable(workflow.subtasks[k].id)}"


def _use(s: State, b: int, i: int) -> str:
    if s.action[b, i, c.WORK] == 0 or s.work_hours[b, i] <= 0.0:
        return ""
    return "work" if s.last_work[b, i] >= 0 else "waste"


def _work(s: State, b: int, i: int, workflow: Workflow) -> str:
    k = int(s.action[b, i, c.WORK]) - 1
    if k < 0:
        return ""
    phrase = {"work": "works on", "waste": "wasted on", "": "no time for"}[_use(s, b, i)]
    return f"{phrase} {_topic(workflow, k)}"


def _speech(p: Params, s: State, b: int, i: int, workflow: Workflow) -> str:
    _, speech, recipient, topic, _ = s.action[b, i].tolist()
    if speech == c.SILENT:
        return ""
    to = "all" if recipient == p.max_agents else short_name(recipient)
    refused = " (refused)" if speech == c.MEET and not _hosts(s, b, i) else ""
    return f"{c.SPEECHES[speech]} {to}{refused}: {_topic(workflow, topic)}"


def _hosts(s: State, b: int, i: int) -> bool:
    """Whether agent i called a meeting that took place, which is so if somebody noted it."""
    return bool(((s.read_speech[b, :, i] == c.MEET) & (s.read_step[b, :, i] == s.t[b])).any())


def _reading(p: Params, s: State, b: int, i: int) -> str:
    """Say from whom the agent read; the state remembers the last message of each sender."""
    if not s.t[b]:
        return ""
    speech = s.read_speech[b, i, : p.num_agents]
    read = (speech != c.SILENT) & (speech != c.MEET) & (s.read_step[b, i, : p.num_agents] == s.t[b])
    senders = [short_name(j) for j in np.flatnonzero(read).tolist()]
    return f"reads {' '.join(senders)}" if senders else ""


def _meeting(s: State, b: int, host: int, i: int, workflow: Workflow) -> str:
    """Say who called the meeting that the agent attends; nothing for the host, whose speech says it."""
    if host in (c.NOBODY, i):
        return ""
    return f"meeting of {short_name(host)}: {_topic(workflow, int(s.action[b, host, c.TOPIC]))}"


def short_name(i: int) -> str:
    """Name an agent briefly: m0 is the manager, w3 is worker_3."""
    return f"w{i}" if i else "m0"


def _messages(p: Params, s: State, b: int, workflow: Workflow) -> tuple[MessageLine, ...]:
    now = int(s.t[b])
    found = []
    for age in range(p.max_latency):
        place = (now - age) % p.max_latency
        for i, speech in enumerate(s.mail_speech[b, place, : p.num_agents].tolist()):
            latency = int(p.latency[c.CHANNEL_OF_SPEECH[speech]])
            if speech == c.SILENT or latency <= age:
                continue
            recipient, topic = int(s.mail_recipient[b, place, i]), int(s.mail_topic[b, place, i])
            to = "all" if recipient == p.max_agents else short_name(recipient)
            due = now - age + latency
            found.append(MessageLine(short_name(i), to, c.SPEECHES[speech], _topic(workflow, topic), due))
    return tuple(sorted(found, key=lambda message: message.due))
