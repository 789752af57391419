"""Names in prompts, and how words that somebody else wrote are kept apart from those of the prompt."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from c2c_env.workflows.schema import DOMAINS, FACETS, Workflow

TEAM = "team"  # the recipient that stands for everybody
MAX_LETTER = 600  # characters of a message that are passed on
_MARGIN = "| "


def agent_name(index: int) -> str:
    """Name an agent as `Team.agents` does."""
    return f"worker_{index}" if index else "manager_0"


def subtask_name(index: int) -> str:
    """Name a subtask as prompts and answers do."""
    return f"s{index}"


def one_line(text: str, limit: int | None = None) -> str:
    """Put a text on one line, without control characters and double blanks, and cut it at `limit` characters."""
    kept = "".join(ch for ch in text if ch.isspace() or unicodedata.category(ch)[0] != "C")
    shown = " ".join(kept.split())
    return shown if limit is None or len(shown) <= limit else shown[: limit - 3] + "..."


def without_controls(text: str) -> str:
    """Leave out characters that could steer a terminal or turn the direction of words; lines stay lines."""
    return "".join(ch for ch in text if ch == "\n" or unicodedata.category(ch)[0] != "C")


def quoted(text: str, limit: int = MAX_LETTER) -> str:
    """Quote somebody's words in lines that each begin with a bar, so that nothing in them can end the quotation."""
    lines = [one_line(line) for line in text.splitlines()]
    kept = "\n".join(line for line in lines if line)
    cut = kept if len(kept) <= limit else kept[: limit - 3] + "..."
    return "\n".join(_MARGIN + line for line in cut.split("\n"))


@dataclass(frozen=True)
class WorkflowWords:
    """The words of a workflow without its numbers, which agents read from their observations.

    Attributes:
        titles: one for each subtask.
        facts: for each subtask, the sentences of each facet.
        domains: their names, in the order of skills; without commas, which separate the cells of tables.
    """

    titles: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]
    domains: tuple[str, ...] = DOMAINS

    @classmethod
    def of(cls, workflow: Workflow) -> WorkflowWords:
        """Take the words of a workflow, each put on one line."""
        titles = tuple(one_line(subtask.title or subtask.id) for subtask in workflow.subtasks)
        facts = tuple(
            {facet: one_line(subtask.facts[facet]) for facet in FACETS if subtask.facts.get(facet)}
            for subtask in workflow.subtasks
        )
        return cls(titles, facts, tuple(one_line(name).replace(",", ";") for name in workflow.domains))
