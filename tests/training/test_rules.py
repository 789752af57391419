"""Rules that keep the laboratory in order, checked on its sources; every rule finds what breaks it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[2] / "training"
MOST_PROMPTED = 4  # files that may tell prompted teams from others


def sources(*left_out):
    """(place, text) of the files of the laboratory, without some folders and files at its top."""
    files = sorted(TRAINING.rglob("*.py"))
    assert len(files) > 40
    return [
        (place.as_posix(), file.read_text(encoding="utf-8"))
        for file in files
        if (place := file.relative_to(TRAINING)).parts[0] not in left_out
    ]


def beyond_a_command(text):
    """What stands at the top of a command beside imports, constants, `add_arguments` and `run`."""
    found = []
    for node in ast.parse(text).body[1:]:  # the first is the docstring
        constants = isinstance(node, ast.Assign) and all(
            isinstance(target, ast.Name) and target.id.isupper() for target in node.targets
        )
        function = isinstance(node, ast.FunctionDef) and node.name in ("add_arguments", "run")
        if not (constants or function or isinstance(node, ast.Import | ast.ImportFrom)):
            found.append(ast.unparse(node).splitlines()[0])
    return found


def imports_cell(text):
    """Whether the class `Cell` or its module is imported, from wherever and whether at the top or within a function."""
    nodes = list(ast.walk(ast.parse(text)))
    names = {
        part
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        for part in (alias.name, f"{node.module}.{alias.name}", str(node.module))
    }
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return bool(names & {"Cell", "training.benchmark.cell"})


def says_prompted(text):
    """Whether the word stands in a name, a text, an import or a comment."""
    return re.search(r"\bprompted\b", text, re.IGNORECASE) is not None


# --- the rules ---------------------------------------------------------------------------------------------------


def test_commands_hold_arguments_and_exit_statuses_only():
    commands = [(place, text) for place, text in sources() if place.startswith("commands/")]
    assert len(commands) > 5
    assert {place: found for place, text in commands if (found := beyond_a_command(text))} == {}


def test_only_the_benchmark_and_commands_know_cells():
    assert [place for place, text in sources("benchmark", "commands") if imports_cell(text)] == []


def test_prompted_teams_are_told_from_others_in_few_files():
    places = [place for place, text in sources("commands", "__main__.py") if says_prompted(text)]
    assert len(places) <= MOST_PROMPTED, places


# --- what breaks them --------------------------------------------------------------------------------------------

COMMAND = '"""A command."""\nimport argparse\nMOST = 3\ndef add_arguments(parser): ...\ndef run(args): ...\n'


@pytest.mark.parametrize(
    "more", ["def _read(text):\n    ...", "class Row:\n    ...", "if MOST:\n    ...", "print(MOST)", "rows = []"]
)
def test_logic_in_a_command_is_found(more):
    assert beyond_a_command(COMMAND) == []
    assert beyond_a_command(COMMAND + more) == [more.splitlines()[0]]


@pytest.mark.parametrize(
    "line",
    [
        "from training.benchmark.cell import Cell, Row",
        "from training.benchmark.cell import policy_file",
        "from training.benchmark import cell",
        "from training.benchmark.play_cell import Cell as Played",
        "import training.benchmark.cell",
        "def late():\n    from training.benchmark.cell import Cell",
    ],
)
def test_an_import_of_cells_is_found(line):
    assert imports_cell(line)
    assert not imports_cell("from training.benchmark.statistics import Estimate")


@pytest.mark.parametrize("line", ["from agents.prompted import settings", 'KIND = "prompted"', "# of Prompted teams"])
def test_the_word_is_found(line):
    assert says_prompted(line)
    assert not says_prompted("prompt_tokens = 3")
