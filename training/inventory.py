"""What there is to play and to train, with a line on each; nothing that needs an extra is loaded for it."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from agents.own_policy import GROUP, load_offered, offered_policies
from agents.registry import DESCRIPTIONS, FAMILIES, SEES_STATE, strategy_summaries
from agents.seats import TEAM_FORM
from c2c_env import Workflow, builtin_names, load_builtin, load_real, real_names
from c2c_env.errors import ConfigError
from training.learning.recipes import recipe_summary, shipped_recipes

WIDTH = 116  # characters of a line


class Entry(NamedTuple):
    """A name with what it stands for.

    Attributes:
        name: as it is given on a command line.
        description: a line.
        needs: an extra, or ""; nothing else has to be installed.
    """

    name: str
    description: str
    needs: str = ""


def list_policies() -> list[Entry]:
    """Policies of this project, and those that installed packages offer."""
    reference = " (a reference, no competitor)"
    own = [Entry(name, text + reference * (name in SEES_STATE)) for name, text in DESCRIPTIONS.items()]
    families = [Entry(name, family.description, family.extra) for name, family in FAMILIES.items()]
    hint = Entry("MODULE:NAME", "one of yours; or FILE.py:NAME, or an entry point of the group " + GROUP)
    mixed = Entry(
        TEAM_FORM, "several policies in one team: manager, worker, or an agent such as worker_3; or team(FILE.toml)"
    )
    return [*own, *families, mixed, *(Entry(name, _describe_offered(name)) for name in offered_policies()), hint]


def _describe_offered(name: str) -> str:
    """The first line that a package's policy says of itself, or why there is none."""
    points = offered_policies()[name]
    try:
        lines = (load_offered(points).__doc__ or "").strip().splitlines()
    except ConfigError as error:
        return str(error)
    return f"{lines[0] if lines else 'no description'} ({points[0].value})"


def list_workflows() -> list[Entry]:
    """Workflows that come with the project, with their tier and size."""
    built_in = [_workflow_entry(load_builtin(name)) for name in builtin_names()]
    real = [_workflow_entry(load_real(name)) for name in real_names()]
    generated = Entry("--generated M", "any number M of generated test workflows a tier")
    return [*built_in, *real, generated, Entry("FILE.toml", "one of yours; import and decompose help to make it")]


def _workflow_entry(workflow: Workflow) -> Entry:
    size = f"{workflow.tier}, {len(workflow.subtasks)} subtasks, {workflow.total_effort:.0f} hours of effort"
    return Entry(workflow.name, f"{size}: {workflow.title or 'a real task graph'}")


def list_recipes() -> list[Entry]:
    """Recipes that ``train`` takes by name."""
    return [
        *(Entry(name, recipe_summary(name), "train") for name in shipped_recipes()),
        Entry("FILE.toml", "one of yours"),
    ]


def list_strategies() -> list[Entry]:
    """Strategies by which language models play."""
    return [Entry(name, summary, "llm") for name, summary in strategy_summaries().items()]


def describe_entries(title: str, entries: list[Entry]) -> str:
    """Write entries below a title, the names in a column of their own."""
    width = max(len(entry.name) for entry in entries)
    lines = [title]
    for name, description, needs in entries:
        text = description + (f" [extra {needs}]" if needs else "")
        lines += textwrap.wrap(text, WIDTH, initial_indent=f"  {name:{width}}  ", subsequent_indent=" " * (width + 4))
    return "\n".join(lines)
