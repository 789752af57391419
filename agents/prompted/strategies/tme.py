"""Task Memory Engine (arXiv 2505.19436): the history is a graph of nodes about subtasks instead of a list of steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from agents.prompted.strategies.base import Strategy
from c2c_env.core.constants import DONE, INTENT
from c2c_env.text.answer import Choice, Decision, Form
from c2c_env.text.names import WorkflowWords, one_line, subtask_name
from c2c_env.text.observation_text import Sight, render

MOST_NODES, MOST_UPDATES = 80, 12
MOST_SHOWN = 16
_VALUE = 300  # characters of a node's value
FORGOTTEN = "unclear since the requirements changed"


class Update(Form):
    """One change of the memory."""

    intent: Literal["new", "update", "check"] = Field(
        description="new: a node that was not there; update: another value; check: the value still holds"
    )
    node: str = Field(description="a name such as s3.interface; what stands before the dot is the subtask")
    value: str = Field(description="what is true now; empty for check")
    source: str = Field(description="who said so, or board")
    depends_on: list[str] = Field(description="nodes that this one follows from")


class Remembering(Choice):
    """Changes of the memory, then a choice."""

    memory: list[Update] = Field(description="what is to be noted, changed or confirmed, before you choose")


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
    """Nodes by name, and the intent understanding that was seen last."""

    nodes: dict[str, Node] = field(default_factory=dict)
    intent: list[float] = field(default_factory=list)

    def apply(self, update: Update) -> None:
        """Do what an update says; updating what is not there notes it, noting what is there updates it."""
        name = one_line(update.node, 40).lower()
        if update.intent == "check":
            if name in self.nodes:
                self.nodes[name].revise = False
            return
        wanted = tuple(dict.fromkeys(one_line(other, 40).lower() for other in update.depends_on))
        depends_on = tuple(other for other in wanted if other in self.nodes and other != name)
        value, source = one_line(update.value, _VALUE), one_line(update.source, 40)
        if name in self.nodes:
            self.replace(name, value, source)
            self.nodes[name].depends_on = depends_on
        elif name and len(self.nodes) < MOST_NODES:
            self.nodes[name] = Node(value, source, depends_on)

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

    def relevant(self, subtasks: Iterable[int]) -> list[str]:
        """Nodes of some subtasks, what they follow from, and what is to be revised; in the order of noting."""
        prefixes = {subtask_name(k) for k in subtasks}
        wanted = {name for name, node in self.nodes.items() if name.partition(".")[0] in prefixes or node.revise}
        frontier = list(wanted)
        while frontier:
            new = [other for other in self.nodes[frontier.pop()].depends_on if other not in wanted]
            wanted.update(new)
            frontier += new
        return [name for name in self.nodes if name in wanted][-MOST_SHOWN:]

    def see(self, sight: Sight) -> None:
        """A requirement change shows as a fall of one's own understanding of the intent."""
        now = [float(u) for u in sight.understanding[:, INTENT]]
        for k, (before, after) in enumerate(zip(self.intent, now, strict=False)):
            name = f"{subtask_name(k)}.intent"
            if after < before and sight.status[k] != DONE and name in self.nodes:
                self.replace(name, FORGOTTEN, "board")
        self.intent = now


class TaskMemory(Strategy):
    """The prompt carries the part of the graph that concerns the subtasks at hand."""

    name = "tme"
    description = "remembers a graph of facts about subtasks instead of a linear history"
    form = Remembering

    def start(self) -> Any:
        return Graph()

    def user(self, sight: Sight, words: WorkflowWords, memory: Any) -> str:
        memory.see(sight)
        lines = [_line(name, memory.nodes[name]) for name in memory.relevant(sight.at_hand)]
        head = "Your memory of the subtasks at hand:" if lines else "Your memory is empty."
        return "\n".join([head, *lines]) + f"\n\n{render(sight, words)}"

    def remember(self, memory: Any, sights: Sequence[Sight], answer: Any, decisions: Sequence[Decision]) -> None:
        if isinstance(answer, Remembering):
            for update in answer.memory[:MOST_UPDATES]:
                memory.apply(update)


def _line(name: str, node: Node) -> str:
    mark = " [revise]" if node.revise else ""
    follows = f"; follows from {', '.join(node.depends_on)}" if node.depends_on else ""
    before = f"; before: {node.history[-1]}" if node.history else ""
    return f"- {name}{mark} = {node.value} (from {node.source}{follows}{before})"
