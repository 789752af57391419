"""Task Memory Engine (arXiv 2505.19436): the history is a graph of nodes about subtasks instead of a list of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from agents.prompted.strategies.base import Strategy, template
from c2c_env.core.constants import DONE, INTENT
from c2c_env.text.answer import Choice, Decision, Form
from c2c_env.text.names import WorkflowWords, one_line, subtask_name
from c2c_env.text.observation_text import Sight, render

MOST_NODES, MOST_UPDATES, MOST_FOLLOWED = 80, 12, 8
MOST_SHOWN = 16
_VALUE, _NAME = 300, 40  # characters of a node's value, and of its name
_NAMED = 8  # of the nodes that are not shown
BOARD = "board"
_UPDATE_TOKENS = 192  # of an update: its value, and 270 characters of keys and names
FORGOTTEN = "unclear since the requirements changed"


class Update(Form):
    """One change of the memory."""

    intent: Literal["new", "update", "check"] = Field(
        description="new: a node that was not there; update: another value; check: the value still holds"
    )
    node: str = Field(description="a name such as s3.interface; what stands before the dot is the subtask")
    value: str = Field(description="what is true now; empty for check")
    source: str = Field(description="who said so, or board")
    depends_on: list[str] = Field(description="nodes that this one follows from, noted already or not yet")


class Updates(Form):
    """The changes of the memory."""

    memory: list[Update] = Field(description="what is to be noted, changed or confirmed, before you choose")


class Remembering(Choice, Updates):
    """Changes of the memory, then a choice."""


@dataclass
class Node:
    """A fact about a subtask."""

    value: str
    source: str
    depends_on: tuple[str, ...] = ()
    history: list[str] = field(default_factory=list)
    revise: bool = False


@dataclass
class Graph:
    """Nodes by name, and what was seen last.

    Every subtask has a node of its own, named as it is, which follows from those of its prerequisites as far as the
    board has shown them (observations do not hold the prerequisites of a subtask, but when one is finished, those that
    waited for it wait for one less). All other nodes are notes, of which there are `MOST_NODES` at most.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    subtasks: tuple[str, ...] = ()
    intent: list[float] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    unsaid: list[str] = field(default_factory=list)

    def apply(self, update: Update) -> None:
        """Do what an update says; updating what is not there notes it, noting what is there updates it."""
        name = one_line(update.node, _NAME).lower()
        if update.intent == "check":
            if name in self.nodes:
                self.nodes[name].revise = False
            return
        wanted = dict.fromkeys(one_line(other, _NAME).lower() for other in update.depends_on[:MOST_FOLLOWED])
        depends_on = tuple(other for other in wanted if other and other != name)
        value, source = one_line(update.value, _VALUE), one_line(update.source, _NAME)
        if name in self.nodes:
            self.replace(name, value, source)
            self.nodes[name].depends_on = depends_on
        elif name:
            self.nodes[name] = Node(value, source, depends_on)
            self.make_room()

    def make_room(self) -> None:
        """Forget the notes on finished subtasks first, then the oldest, and say so."""
        notes = [name for name in self.nodes if name not in self.subtasks]
        if len(notes) > MOST_NODES:
            needed = self.followed(name for name in self.subtasks if name not in self.done)
            old = min(notes[:-1], key=lambda name: (subtask_of(name) not in self.done) + (subtask_of(name) in needed))
            del self.nodes[old]
            self.unsaid.append(f"{old} was forgotten for want of room")

    def take(self, updates: Sequence[Update]) -> None:
        """Do what an answer says, up to a limit."""
        for update in updates[:MOST_UPDATES]:
            self.apply(update)
        if len(updates) > MOST_UPDATES:
            left = len(updates) - MOST_UPDATES
            self.unsaid.append(f"the last {left} changes of your answer were left out, {MOST_UPDATES} are the most")

    def replace(self, name: str, value: str, source: str) -> None:
        """Another value: the old one goes into the history, what depends on it is to be revised."""
        node = self.nodes[name]
        node.revise = False
        if value == node.value:
            return
        node.history.append(node.value)
        node.value, node.source = value, source
        for other in self.dependents(name):
            self.nodes[other].revise = other != name

    def dependents(self, name: str) -> set[str]:
        """Everything that follows from a node, near and far."""
        found: set[str] = set()
        frontier = [name]
        while frontier:
            at = frontier.pop()
            new = [other for other, node in self.nodes.items() if at in node.depends_on and other not in found]
            found.update(new)
            frontier += new
        return found - {name}

    def followed(self, names: Iterable[str]) -> set[str]:
        """Some nodes, and everything that they follow from, near and far."""
        found = {name for name in names if name in self.nodes}
        frontier = list(found)
        while frontier:
            named = self.nodes[frontier.pop()].depends_on
            new = [other for other in named if other in self.nodes and other not in found]
            found.update(new)
            frontier += new
        return found

    def relevant(self, subtasks: Iterable[int]) -> list[str]:
        """Nodes of some subtasks and of their prerequisites, what they follow from, and what is to be revised.

        In the order of noting; nodes of subtasks only if they say more than the board does.
        """
        near = {subtask_name(k) for k in subtasks}
        near |= {other for name in near & set(self.nodes) for other in self.nodes[name].depends_on}
        wanted = self.followed(name for name, node in self.nodes.items() if subtask_of(name) in near or node.revise)
        return [name for name in self.nodes if name in wanted and not self._on_board(name)]

    def _on_board(self, name: str) -> bool:
        node = self.nodes[name]
        return name in self.subtasks and not node.depends_on and not node.history

    def see(self, sight: Sight, words: WorkflowWords) -> None:
        """Take in what the board shows.

        A requirement change shows as a fall of one's own understanding of the intent.
        """
        if not self.subtasks:
            self.subtasks = tuple(map(subtask_name, range(len(sight.status))))
            titles = (Node(words.titles[k], BOARD) for k in range(len(sight.status)))
            self.nodes = dict(zip(self.subtasks, titles, strict=True)) | self.nodes
        now = [float(u) for u in sight.understanding[:, INTENT]]
        for k, (before, after) in enumerate(zip(self.intent, now, strict=False)):
            name = f"{subtask_name(k)}.intent"
            if after < before and sight.status[k] != DONE and name in self.nodes:
                self.replace(name, FORGOTTEN, BOARD)
        self._see_finished(sight)
        self.intent = now

    def _see_finished(self, sight: Sight) -> None:
        """Who waits for as many less as were finished waited for all of them."""
        done = {subtask_name(k) for k in range(len(sight.status)) if sight.status[k] == DONE}
        finished, waits = sorted(done - self.done), [int(n) for n in sight.prerequisites_left]
        for k, (before, after) in enumerate(zip(self.waits, waits, strict=False)):
            node = self.nodes[subtask_name(k)]
            if finished and before - after == len(finished):
                node.depends_on = tuple(dict.fromkeys([*node.depends_on, *finished]))
        self.done, self.waits = done, waits


def subtask_of(name: str) -> str:
    """The subtask that a node is about."""
    return name.partition(".")[0]


class TaskMemory(Strategy):
    """The prompt carries the part of the graph that concerns the subtasks at hand."""

    name = "tme"
    description = "remembers a graph of facts about subtasks instead of a linear history"
    form = Remembering

    @property
    def answer_tokens(self) -> int:
        return super().answer_tokens + MOST_UPDATES * _UPDATE_TOKENS

    def start(self) -> Any:
        return Graph()

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        memory.see(sight, words)
        names = memory.relevant(sight.at_hand)
        lines = [_line(memory, name) for name in names[-MOST_SHOWN:]]
        if len(names) > MOST_SHOWN:
            lines.append(f"Not shown for want of room: {_some(names[:-MOST_SHOWN])}.")
        lines += [f"Your memory: {_some(memory.unsaid)}."] if memory.unsaid else []
        memory.unsaid = []
        head = "Your memory of the subtasks at hand:" if names else "Your memory has no notes on the subtasks at hand."
        return render(sight, words, "\n".join([head, *lines]))

    def system(self, sight: Sight) -> str:
        limits = {"updates": MOST_UPDATES, "value": _VALUE, "shown": MOST_SHOWN, "nodes": MOST_NODES}
        limits["followed"] = MOST_FOLLOWED
        return template(self.name).substitute(rules=self.rules, **limits)

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        if isinstance(answer, Remembering):
            memory.take(answer.memory)


def _some(items: Sequence[str]) -> str:
    """Name a few of many."""
    more = f", and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more


def _line(memory: Graph, name: str) -> str:
    node = memory.nodes[name]
    mark = " [revise]" if node.revise else ""
    sources = [other if other in memory.nodes else f"{other} (not in memory)" for other in node.depends_on]
    follows = f"; follows from {', '.join(sources)}" if sources else ""
    before = f"; before: {node.history[-1]}" if node.history else ""
    return f"- {name}{mark} = {node.value} (from {node.source}{follows}{before})"
