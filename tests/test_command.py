"""The command line of the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from c2c_env import load_workflow
from c2c_env.laboratory import main as script
from training.__main__ import main

ROOT = Path(__file__).parent.parent
TABLE = "id,duration,needs,kind,colour\na,2,,web,red\nb,0,a,web,\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    return path


def fails(capsys, words, *parts, status=2):
    assert main([str(word) for word in words]) == status
    out, error = capsys.readouterr()
    assert out == ""
    for part in ("error: ", *parts):
        assert part in error, error
    assert "Traceback" not in error


def test_a_table_becomes_a_workflow_with_its_losses(table, tmp_path, capsys):
    out = tmp_path / "w.toml"
    words = ["import", str(table), "-o", str(out), "--map", "web=frontend", "--hours-per-unit", "3", "--note", "mine"]
    assert main([*words, "--complexity", "1.25", "--tier", "medium", "--name", "my table"]) == 0
    printed = capsys.readouterr().out
    workflow = load_workflow(out)
    assert [(s.id, s.domain, s.effort, s.complexity) for s in workflow.subtasks] == [
        ("a", "frontend", 6.0, 1.25),
        ("b", "frontend", 0.0, 1.25),
    ]
    assert (workflow.name, workflow.tier) == ("my table", "medium")
    lines = [
        "subtasks: 2, milestones among them: 1, prerequisites: 1, tier: medium, hours: 6,"
        " hours per unit of duration: 3",
        "domains of kinds: web=frontend",
        "not carried over: columns: 'colour'",
    ]
    assert printed.splitlines() == [f"{out}: {lines[0]}", *lines[1:]]
    head = [line.removeprefix("# ") for line in out.read_text().splitlines() if line.startswith("#")]
    command = (
        "Made by: c2c-env import t.csv -o w.toml --hours-per-unit 3 --tier medium --complexity 1.25"
        " --name 'my table' --map web=frontend"
    )
    assert head == [command, "mine", *lines]


def test_a_kind_may_have_an_equals_sign(table, tmp_path):
    table.write_text("id,kind\na,x=y\n")
    assert main(["import", str(table), "-o", str(tmp_path / "w.toml"), "--map", "x=y=quality"]) == 0
    assert load_workflow(tmp_path / "w.toml").subtasks[0].domain == "quality"


def test_a_workflow_is_replaced_only_by_force(table, tmp_path, capsys):
    out = tmp_path / "w.toml"
    out.write_text("old")
    fails(capsys, ["import", table, "-o", out], "which is there already; --force replaces it")
    assert out.read_text() == "old"
    assert main(["import", str(table), "-o", str(out), "--force"]) == 0
    assert load_workflow(out).name == "t"
    fails(capsys_drained(capsys), ["import", table, "-o", table, "--force"], "which is the task graph itself")
    assert table.read_text() == TABLE


def capsys_drained(capsys):
    capsys.readouterr()
    return capsys


def test_a_file_with_faults_leaves_nothing_behind(table, tmp_path, capsys):
    table.write_text(TABLE.replace("a,2", "a,-2"))
    fails(capsys, ["import", table, "-o", tmp_path / "w.toml"], "1 fault\n", "line 2, task 'a': duration is '-2'")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_all_wrong_arguments_stand_in_one_error(table, tmp_path, capsys):
    words = ["--map", "web", "--hours-per-unit", "nan", "--complexity", "x"]
    parts = ["3 faults", "--map is 'web', expected KIND=DOMAIN", "--hours-per-unit is nan, expected a number in (0"]
    fails(
        capsys, ["import", table, "-o", tmp_path / "w.toml", *words], *parts, "--complexity is 'x', expected a number"
    )


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--hours-per-unit", "0"], ["--hours-per-unit is 0.0"]),
        (["--hours-per-unit", "-1"], ["--hours-per-unit is -1.0"]),
        (["--complexity", "0"], ["--complexity is 0.0, expected a number in [0.75, 2.5]"]),
        (["--tier", "midium"], ["unknown tier 'midium'; did you mean 'medium'?"]),
        (["--format", "yaml"], ["unknown format 'yaml'", "valid: csv, github, psplib, wfcommons"]),
        (["--format", "psplib"], ["the line 'PRECEDENCE RELATIONS:' stands 0 times"]),
        (["--map", "=data"], ["unknown kind ''"]),
        (["--colour"], ["unrecognized arguments: --colour"]),
        (["--name", ""], ["name is empty"]),
    ],
)
def test_a_wrong_argument(table, tmp_path, capsys, words, parts):
    fails(capsys, ["import", table, "-o", tmp_path / "w.toml", *words], *parts)


def test_a_place_that_cannot_be_written_is_status_1(table, tmp_path, capsys):
    fails(capsys, ["import", table, "-o", tmp_path / "no" / "w.toml"], "cannot write", status=1)


def test_commands_that_are_missing_or_unknown(capsys):
    fails(capsys, [], "COMMAND")
    fails(capsys, ["imprt"], "imprt", "import")


def test_what_a_file_says_does_not_steer_the_terminal(table, tmp_path, capsys):
    table.write_text("id,kind,\x1b[2J\na,\x1b[2J,\n")
    assert main(["import", str(table), "-o", str(tmp_path / "w.toml")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_command_of_the_documentation_makes_a_workflow(tmp_path):
    text = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
    [block] = [
        code for code in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "tasks.csv" in code
    ]
    script = block.replace("\nc2c-env ", f"\nPYTHONPATH='{ROOT}' '{sys.executable}' -m training ")
    subprocess.run(["sh", "-ec", script], capture_output=True, check=True, cwd=tmp_path)
    workflow = load_workflow(tmp_path / "tasks.toml")
    assert [(s.id, s.domain, s.effort) for s in workflow.subtasks] == [
        ("schema", "data", 2.0), ("api", "backend", 4.0), ("review", "backend", 0.0),
    ]  # fmt: skip


def test_the_package_runs_and_the_script_is_the_same(table):
    done = subprocess.run(
        [sys.executable, "-m", "training", "import", "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "python -m training import" in done.stdout
    assert "hours per unit, unless given: psplib 1" in done.stdout
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"c2c-env": f"{script.__module__}:{script.__name__}"}
    assert project["optional-dependencies"]["import"] == ["pyyaml>=6"]


def test_a_workflow_gets_the_domains_that_are_given(table, tmp_path, capsys):
    table.write_text("id,kind,needs\na,Data,\nb,x,\nc,x,a\nd,y,\n")
    place = tmp_path / "w.toml"
    assert main(["import", str(table), "-o", str(place), "--domains", "sales, data"]) == 0
    capsys.readouterr()
    workflow = load_workflow(place)
    assert workflow.domains == ("sales", "data")
    assert [subtask.domain for subtask in workflow.subtasks] == ["data", "sales", "sales", "data"]
    assert "--domains 'sales, data'" in place.read_text().splitlines()[0]
    fails(capsys, ["import", str(table), "-o", str(place), "--force", "--domains", "sales,"], "domains[1] is empty")
    wrong = ["import", str(table), "-o", str(place), "--force", "--domains", "sales,data", "--map", "x=sale"]
    fails(capsys, wrong, "did you mean 'sales'")
