"""What is wrong with a task graph: everything at once, with the line or key."""

from __future__ import annotations

import json
import sys

import pytest
from test_importers import GITHUB, OLD_WFCOMMONS, PSPLIB, TABLE, WFCOMMONS, import_text

from c2c_env.errors import MissingExtraError, WorkflowError
from c2c_env.workflows.importers import import_graph


def refused(folder, name, text, *parts, **settings):
    with pytest.raises(WorkflowError) as raised:
        import_text(folder, name, text, **settings)
    for part in (*parts, name):
        assert part in str(raised.value), f"{part!r} is not in: {raised.value}"
    return str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("b,0.5", "b,-1", ["line 3, task 'b': duration is '-1', expected a number of at least 0"]),
        ("b,0.5", "b,nan", ["line 3, task 'b': duration is 'nan'"]),
        ("b,0.5", "b,inf", ["line 3, task 'b': duration is 'inf'"]),
        ("b,0.5", "b,long", ["line 3, task 'b': duration is 'long'"]),
        ("b,0.5", "b,9e9", ["line 3, subtask 'b': effort is 9000000000.0, expected hours"]),
        ("web,2.5", "web,9", ["line 3, subtask 'b': complexity is 9.0, expected a number in [0.75, 2.5]"]),
        ("b,0.5,a", "b,0.5,c", ["line 3, subtask 'b': prerequisites form a cycle: b -> c -> b"]),
        ("b,0.5,a", "b,0.5,aa", ["line 3, subtask 'b': unknown prerequisite 'aa'; did you mean 'a'?"]),
        ("b,0.5,a", "a,0.5,", ["line 2 and line 3, subtask 'a': duplicate id", "line 4", "unknown prerequisite 'b'"]),
        ("b; a", "a;a", ["line 4, subtask 'c': prerequisite 'a' is listed twice"]),
        ("First", "First,more", ["line 2: 7 cells, expected 6"]),
        ("\nb,", "\n,", ["line 3, subtask '': id is empty"]),
        ("kind", "needs", ["the column 'needs' stands 2 times"]),
        ("id,", "idd,", ["the first line has no column 'id'"]),
        ("First", '"Fir', ["line 4 is not valid CSV: unexpected end of data"]),
        (",2,", ",0,", ["1 fault", "every subtask is a milestone"]),
    ],
)
def test_a_fault_of_a_table(tmp_path, old, new, parts):
    text = TABLE if new != ",0," else TABLE.replace("0.5", "0")
    assert text.count(old) == 1
    refused(tmp_path, "t.csv", text.replace(old, new), *parts)


def test_all_faults_of_a_table_stand_in_one_error(tmp_path):
    text = TABLE.replace("a,2", "a,x").replace("0.5,a", "-2,z").replace("2.5", "bad")
    parts = ["5 faults", "duration is 'x'", "duration is '-2'", "complexity is 'bad'", "prerequisite 'z'"]
    message = refused(tmp_path, "t.csv", text, *parts, kinds={"webb": "data"})
    assert "--map: unknown kind 'webb'; did you mean 'web'?" in message


def test_a_mapping_to_an_unknown_domain(tmp_path):
    parts = ["--map: unknown domain 'frontent'; did you mean 'frontend'?"]
    assert "1 fault\n" not in refused(tmp_path, "t.csv", TABLE, *parts, kinds={"web": "frontent"}, tier="large")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("PRECEDENCE", "PRECEDENT", ["the line 'PRECEDENCE RELATIONS:' stands 0 times in the file, expected once"]),
        ("REQUESTS/", "REQUEST/", ["the line 'REQUESTS/DURATIONS:' stands 0 times", "job '1' has no row"]),
        ("2           2   3", "3           2   3", ["line 10: '1 1 3 2 3' is no job"]),
        ("2           2   3", "2           2   9", ["line 10: job '1' has the unknown successor '9'"]),
        (
            "1           4\n   3",
            "1           1\n   3",
            ["line 10, subtask '1': prerequisites form a cycle: 1 -> 2"],
        ),
        (
            "   3        1          1",
            "   2        1          1",
            ["line 12: job '2' is listed twice, first on"],
        ),
        ("   4        1 ", "   x        1 ", ["line 13: 'x' is no number of a job"]),
        ("3      1     3", "3      1    -3", ["line 21: duration of job '3' is '-3'"]),
        ("3      1     3", "2      1     3", ["line 21: job '2' has a second duration", "job '3' has no row in REQ"]),
        ("3      1     3       6", "3      1     3     4 6", ["line 21: 6 columns, expected 5"]),
        ("0    0\n*", "0    z\n*", ["line 22: a demand is 'z'"]),
        ("4      1     0       0    0\n*", "5      1     0       0    0\n*", ["job '5' has no row in PRECEDENCE"]),
    ],
)
def test_a_fault_of_psplib(tmp_path, old, new, parts):
    assert PSPLIB.count(old) == 1
    refused(tmp_path, "p.sm", PSPLIB.replace(old, new), *parts)


@pytest.mark.parametrize(
    ("keys", "value", "parts"),
    [
        (["workflow"], 3, ["the file has no object 'workflow'"]),
        (["workflow", "specification", "tasks"], {}, ["workflow has tasks of type dict, expected a list"]),
        (["workflow", "specification", "tasks", 1], "x", ["workflow.tasks[1] is 'x', expected an object"]),
        (["workflow", "specification", "tasks", 1, "id"], 4, ["workflow.tasks[1]: id is 4, expected text"]),
        (
            ["workflow", "specification", "tasks", 1, "id"],
            "map_2",
            ["tasks[1] and workflow.tasks[2], subtask"],
        ),
        (["workflow", "specification", "tasks", 1, "parents"], "x", ["tasks[1]: parents is 'x', expected a list"]),
        (["workflow", "specification", "tasks", 1, "parents"], ["split_2"], ["did you mean 'split_1'?"]),
        (
            ["workflow", "specification", "tasks", 1, "parents"],
            ["map_1"],
            ["tasks[1], subtask 'map_1': prerequisites"],
        ),
        (
            ["workflow", "specification", "tasks", 1, "children"],
            ["map_3"],
            ["tasks[1]: unknown child 'map_3'; did"],
        ),
        (["workflow", "execution", "tasks", 1, "runtimeInSeconds"], -1, ["tasks[1]: runtime of 'map_1' is -1"]),
        (["workflow", "execution", "tasks", 1, "runtimeInSeconds"], True, ["runtime of 'map_1' is True"]),
        (["workflow", "execution", "tasks", 1, "runtimeInSeconds"], [[1] * 99] * 99, ["runtime of 'map_1' is [[1, 1"]),
        (["workflow", "execution", "tasks", 1], None, ["execution.tasks[1] is None"]),
    ],
)
def test_a_fault_of_wfcommons(tmp_path, keys, value, parts):
    workflow = json.loads(json.dumps(WFCOMMONS))
    place = workflow
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    assert len(refused(tmp_path, "w.json", json.dumps(workflow), *parts)) < 2000


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("jobs:", "job:", ["the file has no key 'jobs'"]),
        (
            "needs: build-all",
            "needs: build_all",
            ["line 10, subtask 'test_unit': unknown prerequisite 'build_all'"],
        ),
        ("needs: build-all", "needs: test_end", ["prerequisites form a cycle: test_unit -> test_end -> test_unit"]),
        ("needs: build-all", "needs: {a: b}", ["line 10: needs of job 'test_unit' is a mapping, expected a word"]),
        ("test_end:", "test_unit:", ["line 14: jobs has the key 'test_unit' twice, first on line 9"]),
        ('"Build: all"', "[a]", ["line 6: name of job 'build-all' is a sequence, expected a word"]),
        ("    uses: ./other.yml", "    uses: [", ["is not valid YAML", "line 17"]),
        ("jobs:", "? [a]\n: b\njobs:", ["line 4: a key of the file is a sequence, expected a word"]),
    ],
)
def test_a_fault_of_github(tmp_path, old, new, parts):
    assert GITHUB.count(old) == 1
    refused(tmp_path, "ci.yaml", GITHUB.replace(old, new), *parts)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("e.csv", "", "it is empty, expected a graph of tasks"),
        ("e.json", b"\xef\xbb\xbf \r\n", "it is empty, expected a graph of tasks"),
        ("h.csv", "id\n", "subtasks is empty"),
        ("l.csv", b"id\n\xff\n", "is not UTF-8 text"),
        ("j.json", "{", "the file is not valid JSON"),
        ("d.json", "[" * 9999, "nested deeper"),
        ("l.json", "[]", "the file has no object 'workflow'"),
        ("s.yml", "jobs", "line 1: the file is a scalar, expected a mapping"),
        ("n.yml", "jobs: [a]", "line 1: jobs is a sequence, expected a mapping"),
        ("m.yml", "jobs: {a: b}", "line 1: job 'a' is a scalar, expected a mapping"),
        ("y.yml", "[" * 9999, "nested too deep"),
        ("t.txt", "id", "ends in '.txt', expected .sm, .mm, .json, .yml, .yaml, .csv; --format"),
        ("many.csv", "id\n" + "\n".join(map(str, range(10_001))), "has 10001 tasks, expected at most 10000"),
    ],
)
def test_what_is_no_graph(tmp_path, name, text, part):
    refused(tmp_path, name, text, part)


def test_parents_that_several_tasks_are_named_like(tmp_path):
    workflow = json.loads(json.dumps(OLD_WFCOMMONS))
    workflow["workflow"]["tasks"].append({"name": "a", "id": "9", "runtime": 1, "parents": []})
    refused(tmp_path, "o.json", json.dumps(workflow), "1 fault\n", "tasks[0], subtask '7': unknown prerequisite 'a'")


def test_an_empty_yaml_document(tmp_path):
    refused(tmp_path, "c.yml", "# nothing\n", "the file is empty, expected a mapping")


def test_files_that_cannot_be_read_and_formats_that_are_unknown(tmp_path):
    with pytest.raises(WorkflowError, match=r"cannot read task graph .*No such file"):
        import_graph(tmp_path / "none.csv")
    with pytest.raises(WorkflowError, match=r"unknown format 'cvs'; did you mean 'csv'\?"):
        import_graph(tmp_path / "none.csv", form="cvs")


def test_without_the_library_for_yaml_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"needs yaml, .*'\.\[import\]'"):
        import_text(tmp_path, "ci.yml", GITHUB)
