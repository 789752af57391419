"""Workflows from TOML text and files."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2c_env import Subtask, Workflow, builtin_names, load_builtin, load_workflow, parallel_env
from c2c_env.errors import WorkflowError
from c2c_env.workflows import DOMAINS, FACETS, TIERS
from c2c_env.workflows.loader import parse_workflow

GOOD = """
name = "w"
tier = "simple"
[[subtasks]]
id = "a"
domain = "backend"
effort = 2
complexity = 1.0
[[subtasks]]
id = "b"
domain = "data"
effort = 1.5
complexity = 1
prerequisites = ["a"]
facet_weights = {intent = 1, interface = 1}
[subtasks.facts]
intent = "why"
"""


def refused(text, *parts):
    with pytest.raises(WorkflowError) as raised:
        parse_workflow(text, where="here.toml")
    for part in (*parts, "here.toml"):
        assert part in str(raised.value), f"{part!r} is not in: {raised.value}"


def to_toml(workflow):
    """TOML text of a workflow; JSON's strings, numbers and lists are TOML's too."""

    def text(value):
        return json.dumps(value, ensure_ascii=False)

    def table(values):
        return "{" + ", ".join(f"{key} = {text(value)}" for key, value in values.items()) + "}"

    lines = [f"{key} = {text(getattr(workflow, key))}" for key in ("name", "tier", "title", "brief")]
    for subtask in workflow.subtasks:
        lines.append("[[subtasks]]")
        for key in ("id", "domain", "effort", "complexity", "title", "prerequisites"):
            lines.append(f"{key} = {text(getattr(subtask, key))}")
        lines.append(f"facts = {table(subtask.facts)}")
        if isinstance(subtask.facet_weights, dict):
            lines.append(f"facet_weights = {table(subtask.facet_weights)}")
        elif subtask.facet_weights is not None:
            lines.append(f"facet_weights = {text(subtask.facet_weights)}")
    return "\n".join(lines)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=20)
NAME = TEXT.filter(bool)
WEIGHT = st.floats(0.01, 10)


@st.composite
def workflows(draw):
    ids = draw(st.lists(NAME, min_size=1, max_size=6, unique=True))
    subtasks = []
    for k, id_ in enumerate(ids):
        weights = st.one_of(
            st.none(),
            st.tuples(WEIGHT, WEIGHT, WEIGHT, WEIGHT),
            st.fixed_dictionaries({"intent": WEIGHT, "context": WEIGHT}),
        )
        before = st.lists(st.sampled_from(ids[:k]), unique=True, max_size=3) if k else st.just([])
        subtasks.append(
            Subtask(
                id=id_,
                domain=draw(st.sampled_from(DOMAINS)),
                effort=draw(st.one_of(st.integers(1, 9), st.floats(1e-3, 1e6))),
                complexity=draw(st.floats(0.75, 2.5)),
                prerequisites=draw(before),
                facet_weights=draw(weights),
                title=draw(TEXT),
                facts=draw(st.dictionaries(st.sampled_from(FACETS), TEXT)),
            )
        )
    shuffled = tuple(draw(st.permutations(subtasks)))
    return Workflow(draw(NAME), draw(st.sampled_from(TIERS)), shuffled, title=draw(TEXT), brief=draw(TEXT))


@given(workflows())
def test_a_workflow_written_as_toml_is_read_as_the_same(workflow):
    assert parse_workflow(to_toml(workflow), where="text") == workflow


def test_a_file_is_played(tmp_path):
    path = tmp_path / "w.toml"
    path.write_text(GOOD, encoding="utf-8")
    workflow = load_workflow(path)
    assert workflow == load_workflow(str(path)) == parse_workflow(GOOD, where="text")
    assert workflow.subtasks[1].facts == {"intent": "why"}
    for given_ in (path, str(path)):
        env = parallel_env(given_, 2)
        env.reset(seed=0)
        assert env.batch.workflow() == workflow


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "w"', "", "missing key 'name'"),
        ('tier = "simple"', "", "missing key 'tier'"),
        ('tier = "simple"', 'tier = "simpel"', "unknown tier 'simpel'; did you mean 'simple'?"),
        ('tier = "simple"', 'tier = "simple"\nteir = 1', "unknown key 'teir'; did you mean 'tier'?"),
        ("effort = 1.5", "", "subtask 'b': missing key 'effort'"),
        ('id = "b"', "", "subtask 'number 2': missing key 'id'"),
        ("effort = 1.5", "effort = 1.5\nefort = 1", "subtask 'b': unknown key 'efort'; did you mean 'effort'?"),
        ("effort = 1.5", 'effort = "1.5"', "subtask 'b': effort is '1.5', expected hours"),
        ("effort = 1.5", "effort = nan", "effort is nan"),
        ("effort = 1.5", "effort = 2024-01-01", "effort is datetime.date(2024, 1, 1)"),
        ('id = "b"', 'id = "a"', "subtask 'a': duplicate id"),
        ('["a"]', '["aa"]', "subtask 'b': unknown prerequisite 'aa'; did you mean 'a'?"),
        ('["a"]', '["b"]', "form a cycle: b -> b"),
        ('["a"]', "[1]", "prerequisites is (1,)"),
        ('["a"]', '"a"', "prerequisites is 'a'"),
        ("interface = 1}", "interfaces = 1}", "unknown facet 'interfaces'; did you mean 'interface'?"),
        ('intent = "why"', 'intend = "why"', "unknown facet 'intend'; did you mean 'intent'?"),
        ('"data"', '"dat"', "unknown domain 'dat'; did you mean 'data'?"),
    ],
)
def test_a_fault_in_a_file(old, new, message):
    assert GOOD.count(old) == 1
    refused(GOOD.replace(old, new), "1 fault\n", message)


def test_every_fault_of_a_file_stands_in_one_error():
    text = GOOD.replace('name = "w"', "nam = 1").replace("simple", "tiny").replace("effort = 2", "")
    text = text.replace('"data"', '"dta"').replace('["a"]', '["c"]').replace("effort = 1.5", "effort = -1")
    parts = [
        "missing key 'name'",
        "unknown key 'nam'",
        "unknown tier 'tiny'",
        "missing key 'effort'",
        "unknown domain 'dta'",
    ]
    refused(text, "7 faults", *parts, "unknown prerequisite 'c'", "effort is -1")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["3 faults", "'name'", "'tier'", "'subtasks'"]),
        ('tier = "tiny"', ["3 faults", "missing key 'name'", "missing key 'subtasks'", "unknown tier 'tiny'"]),
        ('name = "w"\ntier = "simple"\nsubtasks = []', ["1 fault\n", "subtasks is empty"]),
        ('name = "w"\ntier = "simple"\nsubtasks = 3', ["1 fault\n", "write each as [[subtasks]]"]),
        ('name = "w"\ntier = "simple"\n[subtasks]\nid = 3', ["1 fault\n", "write each as [[subtasks]]"]),
        ('name = "w"\ntier = "simple"\nsubtasks = [1]', ["1 fault\n", "write each as [[subtasks]]"]),
        ("name = ", ["is not valid TOML: Invalid value"]),
        ("name: w", ["is not valid TOML"]),
    ],
)
def test_what_is_no_workflow(text, messages):
    refused(text, *messages)


def test_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "w.toml"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert load_workflow(path) == parse_workflow(GOOD, "here.toml")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("title = " + "[" * 5000, "nested"),
        ("title" + ".x" * 3000 + " = 1", "nested"),
        ("title = " + "9" * 5000, "4300 digits"),
        ("title = 0x" + "f" * 5000, "64 bits"),
        ('title = "\0"', "not valid TOML"),
    ],
)
def test_documents_that_break_a_parser_get_one_clear_error(line, message):
    refused(line + "\n" + GOOD, message)


def test_files_that_cannot_be_read(tmp_path):
    latin = tmp_path / "latin.toml"
    latin.write_bytes('name = "Größe"'.encode("latin-1"))
    for path, message in [
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "is a folder"),
        ("/dev/zero", "is a device"),
        (latin, "is not UTF-8 text"),
        ("nul\0.toml", "null"),
    ]:
        with pytest.raises(WorkflowError, match=message) as raised:
            load_workflow(path)
        assert repr(str(path)) in str(raised.value)


@pytest.mark.parametrize("path", [None, 3, [], b"w.toml"])
def test_a_path_must_be_one(path):
    with pytest.raises(WorkflowError, match="expected a path to a TOML file"):
        load_workflow(path)


@pytest.mark.parametrize("name", [None, 3, [], {}, "csv-import-tol", "../library/csv-import-tool"])
def test_an_unknown_builtin(name):
    with pytest.raises(WorkflowError, match=r"unknown workflow .*valid: checkout-payment-provider, "):
        load_builtin(name)


def test_builtins_are_sorted_and_loaded_once():
    assert list(builtin_names()) == sorted(builtin_names())
    assert load_builtin("csv-import-tool") is load_builtin("csv-import-tool")
