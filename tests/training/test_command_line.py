"""The command line as a whole: what it lists, what it says of wrong words, and how it ends."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import c2c_env
from agents import own_policy
from agents.registry import FAMILIES, POLICIES
from c2c_env.errors import missing_extra
from training import __main__ as command_line
from training.__main__ import describe_commands, load_command, main, make_parser
from training.command_table import COMMANDS
from training.learning.recipes import shipped_recipes
from training.program import as_started, program_name

ROOT = Path(__file__).parents[2]


def examples():
    """The command lines of all examples, without the remarks behind them."""
    texts = [command_line.EXAMPLES, *(load_command(name).EXAMPLES for name in COMMANDS)]
    for line in "\n".join(texts).splitlines():
        if line.startswith("  c2c-env "):
            yield re.split(r" {3,}| \| ", line.strip())[0]


@pytest.mark.parametrize("line", sorted(set(examples())))
def test_every_example_can_be_parsed(line):
    words = shlex.split(line)[1:]
    if words[-1] == "--help":
        words = words[:-1]
    make_parser(words).parse_args(words)


def test_every_command_has_an_example_of_its_own():
    for name in COMMANDS:
        assert f"c2c-env {name}" in load_command(name).EXAMPLES


def test_every_command_is_in_the_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.summary)}$", shown, re.MULTILINE)
    assert describe_commands() in shown


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"c2c-env {c2c_env.__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["benchmrk"], "did you mean 'benchmark'?"),
        (["benchmark", "--polices", "x"], "did you mean '--policies'?"),
        (["episode", "--team-sise=3"], "did you mean '--team-size'?"),
        (["list", "polices"], "did you mean 'policies'?"),
        (["benchmark", "--policies", "cost_awear"], "did you mean 'cost_aware'?"),
        (["train", "scrath"], "did you mean 'scratch'?"),
        (["train", "scratch", "--threads", "0"], "--threads is 0, expected an integer in [1, "),
        (["benchmark", "--policies", ""], "--policies is '', expected at least one word"),
        (["benchmark", "--workflows", "csv-import-tol"], "did you mean 'csv-import-tool'?"),
        (["protocol", "c2c-generated"], "did you mean 'c2c-generated-v2'?"),
    ],
)
def test_wrong_words_get_one_error_with_the_nearest_right_one(words, hint, capsys):
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert hint in told.err


def test_the_list_has_everything(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert re.findall(r"^\w+$", shown, re.MULTILINE) == ["policies", "workflows", "recipes", "strategies"]
    names = set(re.findall(r"^  (\S+)  ", shown, re.MULTILINE))
    assert {*POLICIES, *FAMILIES, *c2c_env.builtin_names(), *c2c_env.real_names(), *shipped_recipes()} <= names
    assert {"c2c", "direct", "spp", "tme"} <= names
    assert max(map(len, shown.splitlines())) <= 116
    assert main(["list", "recipes"]) == 0
    assert capsys.readouterr().out.startswith("recipes\n")


def test_the_list_has_what_packages_offer_even_if_it_cannot_be_loaded(monkeypatch, capsys):
    points = [EntryPoint("theirs", "agents.scripted.teams:SoloTeam", ""), EntryPoint("broken", "no_such_module:X", "")]
    monkeypatch.setattr(own_policy, "entry_points", lambda group: points)
    assert main(["list", "policies"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "cannot be loaded" not in re.search(r"theirs (.*?) \(agents.scripted.teams:SoloTeam\)", shown)[1]
    assert "policy 'broken' (no_such_module:X) cannot be loaded: ModuleNotFoundError" in shown


@pytest.mark.parametrize("words", [["list"], ["list", "policies"]], ids=["more than a buffer", "less than one"])
def test_a_reader_that_leaves_ends_the_program_without_a_word(words):
    code = f"import sys; from training.__main__ import main; sys.exit(main({words}))"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_the_program_is_called_as_it_was_started():
    assert program_name() == "c2c-env"
    assert as_started("run c2c-env list, or c2c-env results") == "run c2c-env list, or c2c-env results"
    done = subprocess.run(
        [sys.executable, "-m", "training", "list", "--help"], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip
    assert done.stdout.startswith("usage: python -m training list ")
    assert "  python -m training list policies" in done.stdout
    assert "c2c-env" not in done.stdout


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch, tmp_path):
    assert str(missing_extra("x", "rich", "bench")).endswith("pip install -e '.[bench]'")
    monkeypatch.setattr("c2c_env.errors.__file__", str(tmp_path / "c2c_env" / "errors.py"))
    assert str(missing_extra("x", "rich", "bench")).endswith("pip install 'c2c-env[bench]'")
