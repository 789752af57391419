"""Task graphs of every format, read as they are worked out by hand."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2c_env import Subtask, Workflow
from c2c_env.workflows.importers import ImportSettings, import_graph
from c2c_env.workflows.importers.workflow_toml import write_workflow
from c2c_env.workflows.loader import parse_workflow

PSPLIB = """\
************************************************************************
jobs (incl. supersource/sink ):  4
************************************************************************
PROJECT INFORMATION:
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      2      0       12       5       12
************************************************************************
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        2          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1  R 2
------------------------------------------------------------------------
  1      1     0       0    0
  2      1     8       1    4
         2     5       2    9
  3      1     3       6    0
  4      1     0       0    0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1  R 2
   12   13
************************************************************************
"""
WFCOMMONS = {
    "name": "two maps",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"name": "split", "id": "split_1", "parents": [], "children": ["map_1", "map_2"], "inputFiles": ["f"]},
                {"name": "a.map_ID01", "id": "map_1", "parents": ["split_1"], "children": []},
                {"name": "a.map_ID02", "id": "map_2", "parents": [], "children": []},
            ],
            "files": [{"id": "f", "sizeInBytes": 3}],
        },
        "execution": {
            "makespanInSeconds": 99,
            "tasks": [
                {"id": "split_1", "runtimeInSeconds": 10, "avgCPU": 3.5},
                {"id": "map_1", "runtimeInSeconds": 30.0},
                {"id": "map_2", "runtimeInSeconds": 90.0},
            ],
            "machines": [{"nodeName": "n"}, {"nodeName": "m"}],
        },
    },
}
OLD_WFCOMMONS = {
    "name": "old",
    "schemaVersion": "1.2",
    "workflow": {
        "makespan": 9,
        "machines": [{"nodeName": "n"}],
        "tasks": [
            {"name": "b", "id": "7", "type": "compute", "runtime": 2.0, "parents": ["a"], "category": "data"},
            {"name": "a", "id": "8", "type": "compute", "runtime": 0, "parents": [], "children": ["b"], "files": []},
        ],
    },
}
GITHUB = """\
name: CI
on: [push]
env: {A: b}
jobs:
  build-all:
    name: "Build: all"
    runs-on: x
    steps: []
  test_unit:
    needs: build-all
    if: always()
    strategy: {matrix: {os: [a, b]}}
    runs-on: x
  test_end:
    needs: [build-all, test_unit]
    uses: ./other.yml
"""
TABLE = "id,Duration,needs,kind,complexity,title\na,2,,data,,First\nb,0.5,a,web,2.5,\nc,0,b; a,,,\n"


def import_text(folder, file, text, **settings):
    path = folder / file
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_graph(path, ImportSettings(**settings))


def rows(imported):
    return [(s.id, s.effort, s.prerequisites, s.domain, s.complexity, s.title) for s in imported.workflow.subtasks]


def test_psplib_counts_the_first_mode_and_the_resource_that_is_needed_most(tmp_path):
    imported = import_text(tmp_path, "j2.sm", PSPLIB)
    assert rows(imported) == [  # none stands twice, then R1 and R2 in the order of the alphabet
        ("1", 0.0, (), "backend", 1.0, "Job 1"),
        ("2", 8.0, ("1",), "data", 1.0, "Job 2"),
        ("3", 3.0, ("1",), "frontend", 1.0, "Job 3"),
        ("4", 0.0, ("2", "3"), "backend", 1.0, "Job 4"),
    ]
    assert imported.kinds == {"none": "backend", "R1": "frontend", "R2": "data"}
    assert (imported.workflow.name, imported.workflow.tier, imported.workflow.title) == (
        "j2",
        "simple",
        "PSPLIB project",
    )
    assert list(imported.losses) == [
        "modes of jobs beside the first: 1",
        "how much there is of resources and how much of them jobs need; agents are scarce",
        "release date, due date and cost of tardiness of the project",
    ]


def test_wfcommons_scales_the_median_and_takes_edges_from_both_ends(tmp_path):
    imported = import_text(tmp_path, "run.json", json.dumps(WFCOMMONS))
    assert imported.hours_per_unit == 0.15  # 4.5 hours of 30 seconds
    assert rows(imported) == [
        ("split_1", 1.5, (), "frontend", 1.0, "split"),
        ("map_1", 4.5, ("split_1",), "backend", 1.0, "a.map_ID01"),
        ("map_2", 13.5, ("split_1",), "backend", 1.0, "a.map_ID02"),
    ]
    assert imported.kinds == {"map": "backend", "split": "frontend"}
    assert imported.workflow.title == "two maps"
    losses = ["files that tasks exchange: 1", "machines that ran the tasks: 2", "of tasks: avgCPU, inputFiles"]
    assert list(imported.losses) == losses


def test_the_older_form_of_wfcommons_names_parents_and_has_runtimes_in_tasks(tmp_path):
    imported = import_text(tmp_path, "old.json", json.dumps(OLD_WFCOMMONS), hours_per_unit=3.0)
    assert rows(imported) == [("7", 6.0, ("8",), "data", 1.0, "b"), ("8", 0.0, (), "backend", 1.0, "a")]
    assert list(imported.losses) == ["machines that ran the tasks: 1", "of tasks: files, type"]
    scaled = import_text(tmp_path, "old.json", json.dumps(OLD_WFCOMMONS))
    assert scaled.hours_per_unit == 2.25  # 4.5 hours of 2 seconds; the milestone does not count


def test_a_runtime_that_is_not_measured_is_the_median_of_the_others(tmp_path):
    workflow = json.loads(json.dumps(WFCOMMONS))
    del workflow["workflow"]["execution"]["tasks"][1]
    imported = import_text(tmp_path, "run.json", json.dumps(workflow), hours_per_unit=1.0)
    assert [s.effort for s in imported.workflow.subtasks] == [10.0, 50.0, 90.0]
    assert "no duration of map_1" in imported.losses[-1]


def test_github_jobs_all_take_the_same_time(tmp_path):
    imported = import_text(tmp_path, "ci.yml", GITHUB)
    assert rows(imported) == [
        ("build-all", 4.5, (), "frontend", 1.0, "Build: all"),
        ("test_unit", 4.5, ("build-all",), "backend", 1.0, "test_unit"),
        ("test_end", 4.5, ("build-all", "test_unit"), "backend", 1.0, "test_end"),
    ]
    assert imported.kinds == {"test": "backend", "build": "frontend"}
    assert list(imported.losses) == [
        "runs-on: build-all, test_unit",
        "steps: build-all",
        "conditions (if); the jobs are always done: test_unit",
        "variants (strategy.matrix); all of a job are one subtask: test_unit",
        "jobs of other workflows that they stand for (uses): test_end",
        "of the whole workflow: on, env",
        "no durations, which the file does not have; every task takes one unit",
    ]


@pytest.mark.parametrize("name", ["t.csv", "T.CSV"])
@pytest.mark.parametrize(
    "change", [str.encode, lambda t: t.encode("utf-8-sig"), lambda t: t.replace("\n", "\r\n").encode()]
)
def test_a_table_is_read_whatever_its_line_ends_and_mark(tmp_path, change, name):
    imported = import_text(tmp_path, name, change(TABLE), hours_per_unit=2.0, complexity=1.5, tier="medium", name="w")
    assert rows(imported) == [
        ("a", 4.0, (), "data", 1.5, "First"),
        ("b", 1.0, ("a",), "frontend", 2.5, ""),
        ("c", 0.0, ("b", "a"), "backend", 1.5, ""),
    ]
    assert (imported.workflow.name, imported.workflow.tier, imported.losses) == ("w", "medium", ())


def test_a_table_of_ids_alone_is_enough(tmp_path):
    imported = import_text(tmp_path, "t.csv", "id,needz\na,\n\nb,a\n")
    assert [(s.id, s.effort, s.prerequisites) for s in imported.workflow.subtasks] == [("a", 1.0, ()), ("b", 1.0, ())]
    assert imported.losses[0] == "columns: 'needz'; did you mean 'needs'?"


def test_kinds_go_where_they_are_sent_and_the_others_are_spread_by_frequency(tmp_path):
    kinds = ["x", "y", "y", "z", "Quality", "v"]
    text = "id,kind\n" + "".join(f"{row},{kind}\n" for row, kind in enumerate(kinds))
    imported = import_text(tmp_path, "t.csv", text, kinds={"z": "infrastructure"})
    assert imported.kinds == {
        "Quality": "quality", "z": "infrastructure", "y": "backend", "v": "frontend", "x": "data",
    }  # fmt: skip


@pytest.mark.parametrize(("size", "tier"), [(8, "simple"), (9, "medium"), (16, "medium"), (17, "complex")])
def test_the_tier_follows_the_number_of_tasks_without_milestones(tmp_path, size, tier):
    text = "id,duration\nstart,0\n" + "".join(f"{row},1\n" for row in range(size))
    assert import_text(tmp_path, "t.csv", text).workflow.tier == tier


def test_the_format_may_be_said_instead_of_being_guessed(tmp_path):
    path = tmp_path / "tasks.txt"
    path.write_text(TABLE)
    assert len(import_graph(path, form="csv").workflow.subtasks) == 3


# --- properties --------------------------------------------------------------------------------------------------

IDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=";"), min_size=1, max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def graphs(draw):
    """Rows of a random graph without cycles: id, quarters of an hour, ids of rows before it."""
    ids = draw(st.lists(IDS, min_size=1, max_size=9, unique=True))
    before = [draw(st.lists(st.sampled_from(ids[:k]), unique=True)) if k else [] for k in range(len(ids))]
    quarters = draw(st.lists(st.integers(0, 40), min_size=len(ids), max_size=len(ids)).filter(any))
    return draw(st.permutations(list(zip(ids, quarters, before, strict=True))))


@settings(max_examples=50)
@given(graphs())
def test_a_graph_written_as_csv_is_imported_as_the_same(tmp_path_factory, graph):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "duration", "needs"])
    writer.writerows([id_, quarters / 4, ";".join(needs)] for id_, quarters, needs in graph)
    imported = import_text(tmp_path_factory.mktemp("graph"), "g.csv", out.getvalue())
    found = [(s.id, s.effort * 4, list(s.prerequisites)) for s in imported.workflow.subtasks]
    assert found == [(id_, quarters, needs) for id_, quarters, needs in graph]
    assert parse_workflow(write_workflow(imported.workflow, imported.losses), "here") == imported.workflow


WEIGHTS = st.none() | st.tuples(*[st.floats(0.01, 9)] * 4) | st.fixed_dictionaries({"intent": st.floats(0.01, 9)})


@given(TEXTS.filter(bool), TEXTS, TEXTS, st.floats(1e-5, 1e6), WEIGHTS, st.lists(TEXTS, max_size=3))
def test_every_workflow_written_is_read_as_the_same(name, title, fact, effort, weights, comments):
    first = Subtask("a", "data", effort, 1.5, facet_weights=weights, title=title, facts={"intent": fact})
    workflow = Workflow(name, "medium", (first, Subtask(name + "b", "backend", 0, 1, ("a",))), title, brief=fact)
    assert parse_workflow(write_workflow(workflow, comments), "here") == workflow


HOSTILE = '"\'\\ """ \n[[subtasks]]\nid = "x"\r\t#\x7f\x00\x1b[2J\u2028\u202e\ud800'


def test_hostile_names_stay_names(tmp_path):
    workflow = {"name": HOSTILE, "workflow": {"tasks": [{"name": HOSTILE, "runtime": 1, "parents": []}]}}
    imported = import_text(tmp_path, "h.json", json.dumps(workflow))
    assert imported.workflow.subtasks[0].id == HOSTILE.replace("\ud800", "?")
    text = write_workflow(imported.workflow, [HOSTILE, *imported.losses])
    assert parse_workflow(text, "here") == imported.workflow
    assert text.splitlines()[1].startswith("name = ")  # the comment is one line
    assert "\x1b" not in text


def test_tags_of_yaml_make_nothing(tmp_path):
    marker = tmp_path / "made"
    text = f'jobs:\n  a:\n    env: !!python/object/apply:os.mkdir ["{marker}"]\n'
    assert len(import_text(tmp_path, "ci.yml", text).workflow.subtasks) == 1
    assert not marker.exists()


def test_nested_aliases_of_yaml_cost_nothing(tmp_path):
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
    imported = import_text(tmp_path, "ci.yml", f"{bomb}jobs:\n  a:\n    env: *a11\n")
    assert imported.workflow.subtasks[0].id == "a"
