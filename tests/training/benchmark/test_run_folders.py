"""Every question has its folder; what was played is shared; runs are found again."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from c2c_env import EnvConfig, load_builtin
from c2c_env.errors import ConfigError
from training.__main__ import main
from training.benchmark.cell import Cell
from training.benchmark.run_folders import (
    Places,
    describe_run,
    finished_runs,
    latest_run,
    name_question,
    store_of,
)

WORKFLOW = load_builtin("csv-import-tool")
CELL = Cell("cost_aware", WORKFLOW.name, "built-in", "simple", (WORKFLOW,), 5, (0, 1), EnvConfig())
QUICK = ["benchmark", "--quick", "--workflows", "csv-import-tool", "--figures", "none"]


def test_a_question_is_named_in_words_and_by_a_hash():
    two = [CELL, replace(CELL, policy="proactive", team_size=8)]
    words, digest = name_question(two).rsplit("--", 1)
    assert words == "cost_aware+proactive--csv-import-tool--n5-8"
    assert len(digest) == 8
    many = [replace(CELL, policy=f"fixed_steps:{m}", label=f"w{m}") for m in range(4)]
    assert name_question(many).startswith("4-policies--4-workflows--n5--")
    path = name_question([replace(CELL, policy="../../my policies/a.py:Mine")])
    assert "/" not in path
    assert " " not in path
    assert not path.startswith(".")


@pytest.mark.parametrize(
    "other",
    [
        {"policy": "proactive"},
        {"seeds": (0, 1, 2)},
        {"team_size": 8},
        {"config": EnvConfig(dt=0.25)},
        {"workflows": (load_builtin("dashboard-dark-mode"),)},
        {"intervention": "off"},
        {"partners": "proactive"},
        {"protocol": "c2c-generated-v2"},
    ],
)
def test_another_question_has_another_folder(other):
    assert name_question([replace(CELL, **other)]) != name_question([CELL])
    assert name_question([replace(CELL)]) == name_question([CELL])


def test_a_folder_that_is_given_holds_everything():
    assert Places.of("mine", [CELL]) == Places(Path("mine"), Path("mine"))
    assert store_of("mine") == Path("mine")
    places = Places.of(None, [CELL])
    assert (places.store, places.out.parent) == (Path("results"), Path("results"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_questions_keep_their_answers_and_share_what_is_played(here, capfd):
    assert main([*QUICK, "--policies", "no_communication,cost_aware"]) == 0
    first = capfd.readouterr().out.splitlines()
    folder = latest_run()
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    assert main([*QUICK, "--policies", "no_communication,cost_aware,solo"]) == 0
    second, told = capfd.readouterr()
    assert {path: path.read_bytes() for path in folder.iterdir()} == kept
    assert "2 of 3 cells are there already" in told
    assert len(list((here / "results" / "cells").glob("*.json"))) == 3
    assert first[0] == f"Results: {folder}"
    assert first[-1].startswith(f"Results: {folder} ")
    assert second.splitlines()[-1].startswith(f"Results: {latest_run()} ")
    assert latest_run() != folder

    os.utime(folder / "results.csv", (2e9, 2e9))
    assert next(iter(finished_runs(here / "results"))).folder.name == folder.name
    assert main(["results"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == str(folder)
    assert "4 episodes of no_communication, cost_aware" in lines[1]
    assert len(lines) == 6


def test_what_is_no_benchmark_or_damaged_is_left_out(here, capfd):
    for name, content in (("speed", '{"command": "x"}'), ("bad", "{"), ("list", "[1]"), ("no-csv", '{"policies": []}')):
        (here / name).mkdir()
        (here / name / "run.json").write_text(content)
        if name != "no-csv":
            (here / name / "results.csv").write_text("a\n1\n")
    assert finished_runs(here) == []
    assert main(["results", str(here)]) == 0
    assert "no benchmark has left results in" in capfd.readouterr().out
    with pytest.raises(ConfigError, match="run benchmark first, or name a folder"):
        latest_run(here)
    assert main(["results", "nowhere"]) == 2
    assert "there is no folder 'nowhere'" in capfd.readouterr().err


def test_what_a_file_says_does_not_steer_the_terminal(here):
    (here / "run.json").write_text(json.dumps({"policies": ["a\x1b[2J"], "command": "x\x1b[2J"}))
    (here / "results.csv").write_text("a\n1\n")
    (found,) = finished_runs(here)
    assert "\x1b" not in describe_run(found)
