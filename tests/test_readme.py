"""What the README shows is so: its program runs, its commands and options exist, and it stays short."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

import c2c_env
from agents.registry import FAMILIES, POLICIES
from training.__main__ import make_parser
from training.command_table import COMMANDS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
HEADINGS = [
    *(
        "Three commands",
        "The teams",
        "Use it",
        "Train yours",
        "Plug it in",
        "Add yours",
        "Results",
        "Limits",
        "Citation",
    ),
]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def printed_by(program):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(program, "README.md", "exec"), {})
    return output.getvalue()


def test_the_program_is_short_and_does_the_same_again():
    [example] = blocks("python")
    assert len(example.strip().splitlines()) <= 15
    first = printed_by(example)
    assert "hours" in first
    assert printed_by(example) == first


def test_it_can_be_read_in_five_minutes():
    assert len(TEXT.split()) <= 1000
    assert re.findall(r"^## (.*)", TEXT, flags=re.MULTILINE) == HEADINGS


def commands():
    """The words of every command of the README, without the program."""
    lines = "\n".join(blocks("bash")).splitlines() + re.findall(r"`(c2c-env [^`]+)`", TEXT)
    for line in lines:
        words = shlex.split(line, comments=True)
        if words and words[0].endswith("c2c-env"):
            yield pytest.param(words[1:], id=line)


@pytest.mark.parametrize("words", list(commands()))
def test_commands_and_their_options_exist(words):
    assert words[0] in COMMANDS
    make_parser(words).parse_args(words)


@pytest.mark.parametrize("words", list(commands()))
def test_policies_of_commands_exist(words):
    named = words[words.index("--policies") + 1].split(",") if "--policies" in words else []
    assert {name.partition(":")[0] for name in named} <= {*POLICIES, *FAMILIES, "my_policies.py"}


def test_targets_and_extras_and_links_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)|`make (\w+)`", TEXT, flags=re.MULTILINE))
    assert targets
    for target in {first or second for first, second in targets}:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"'\.\[(\w+)\]'", TEXT):
        assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)(.*?)\)", TEXT):
        assert (ROOT / target).exists()


def test_every_team_of_the_default_table_is_explained():
    rows = "".join(line for line in TEXT.splitlines() if line.startswith("|"))
    assert {*POLICIES, *FAMILIES} - set(re.findall(r"`(\w+)`", rows)) == {"solo", "random"}


def test_presets_are_those_that_there_are():
    [line] = [line for line in TEXT.splitlines() if line.startswith("`parallel_env(..., preset=")]
    named = re.findall(r'`(?:parallel_env\(\.\.\., preset=")?(\w+)(?:"\))?`', line)
    assert set(named) == set(c2c_env.PRESETS) - {"benchmarl", "epymarl"}  # which have adapters
