"""Numbers that were published by a protocol stay what they are: a change of any needs a new version."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agents.scripted import teams
from c2c_env import EnvConfig, Generated, Subtask, Workflow, generate
from c2c_env.errors import ConfigError
from c2c_env.workflows import draw_workflow
from training.benchmark.protocol import PROTOCOLS, WorkflowChoice, pinning
from training.benchmark.protocol.pinning import changes, check_pin, check_rules, content_digest, write_pin
from training.benchmark.protocol.published import find_protocol

IN_USE = [name for name, protocol in PROTOCOLS.items() if not protocol.retired]
GENERATED = find_protocol("c2c-generated-v2")
ADVICE = "add c2c-generated-v3 to training/benchmark/protocol/published.py"


@pytest.mark.parametrize("name", IN_USE)
def test_a_protocol_plays_what_was_published(name):
    """If this fails, and the change is intended, the message says what to do: numbers need a new version."""
    check_pin(PROTOCOLS[name])


def test_every_pin_belongs_to_a_protocol():
    assert {path.stem for path in pinning.PIN_FOLDER.iterdir()} == set(PROTOCOLS)


# --- the test above fails when anything changes ------------------------------------------------------------------


def faults_of(check, protocol=GENERATED):
    with pytest.raises(ConfigError, match=ADVICE) as raised:
        check(protocol)
    return raised.value.faults


def starts(faults, *names):
    """How many faults are about each of the names; there are no others."""
    counts = [sum(fault.startswith(name) for fault in faults) for name in names]
    assert sum(counts) == len(faults), faults
    return counts


def test_a_changed_constant_is_reported(monkeypatch):
    fields = list(EnvConfig.__dataclass_fields__)
    changed = list(EnvConfig.__init__.__defaults__)
    assert changed[fields.index("context_rate")] == 0.15
    changed[fields.index("context_rate")] = 0.2
    monkeypatch.setattr(EnvConfig.__init__, "__defaults__", tuple(changed))
    faults = faults_of(check_pin)
    assert "rules.constants.context_rate is 0.2, pinned 0.15" in faults
    rules, figures = starts(faults, "rules.constants.context_rate", "figures.")
    assert rules == 1
    assert figures >= 18  # all steps of three tracks, three tiers and two teams


def test_a_changed_bound_of_the_generator_is_reported(monkeypatch):
    simple, *others = draw_workflow.TIER_SHAPES
    monkeypatch.setattr(draw_workflow, "TIER_SHAPES", (simple._replace(max_half_hours=11), *others))
    splits = ["rules.train.workflows.simple", "rules.validation.workflows.simple", "rules.test.workflows.simple"]
    assert starts(faults_of(check_rules), *splits) == [1, 1, 1]


def test_a_changed_rule_of_the_simulator_is_reported(monkeypatch):
    """As if an answer had another effect than its constant says: only the figures can tell."""
    play = pinning.run_cell
    monkeypatch.setattr(
        pinning, "run_cell", lambda cell: play(replace(cell, config=cell.config.with_fields(answer_exponent=0.6)))
    )
    faults = faults_of(check_pin)
    assert starts(faults, "figures.")[0] == len(faults) > 0
    assert any(".proactive.steps is [" in fault for fault in faults)
    assert not any("no_communication" in fault for fault in faults)  # it asks nothing


def test_a_changed_policy_is_reported(monkeypatch):
    assert teams.LEAST_HANDOVER_GAIN == 1.0
    monkeypatch.setattr(teams, "LEAST_HANDOVER_GAIN", 0.5)
    faults = faults_of(check_pin)
    assert all(fault.startswith("figures.") and ".proactive." in fault for fault in faults)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"test": WorkflowChoice(64, range(2_000_001, 2_010_000))}, "rules.test.seeds is [2000001, 2010000], pinned"),
        ({"test": replace(GENERATED.test, episodes=63)}, "rules.test.episodes is 63, pinned 64"),
        ({"train_team_sizes": (3, 5, 8)}, "rules.train.team_sizes is [3, 5, 8], pinned [3, 5, 8, 12]"),
        ({"tiers": ("simple", "medium")}, "rules.test.workflows.complex is gone, pinned '"),
        ({"tracks": GENERATED.tracks[:1]}, "rules.tracks.unseen-sizes.team_sizes is gone, pinned [17, 24, 32]"),
    ],
)
def test_a_changed_prescription_is_reported(change, fault):
    assert any(found.startswith(fault) for found in faults_of(check_rules, replace(GENERATED, **change)))


def test_other_skills_of_teams_are_reported(monkeypatch):
    monkeypatch.setattr("c2c_env.config.MANAGER_SKILL", 0.5)
    faults = faults_of(check_rules)
    assert sum(fault.startswith("rules.teams.") for fault in faults) == 7  # 1, 5, 8, 12, 17, 24, 32 agents


def test_a_constant_that_is_newer_than_the_pin_is_no_change_but_other_names_are():
    pinned = {"rules": {"constants": {"dt": 0.5}, "teams": {"5": "a"}}}
    found = {"rules": {"constants": {"dt": 0.5, "newer": 0}, "teams": {"5": "a", "8": "b"}}}
    assert changes(pinned, found) == ["rules.teams.8 is 'b', which is not pinned"]
    assert changes(found, pinned) == [
        "rules.constants.newer is gone, pinned 0",
        "rules.teams.8 is gone, pinned 'b'",
    ]


# --- digests -----------------------------------------------------------------------------------------------------


def small(name="one", effort=2.0, complexity=1.0, domain="data"):
    subtask = Subtask(id="a", domain=domain, effort=effort, complexity=complexity, title=f"Title of {name}")
    return Workflow(name=name, tier="simple", subtasks=(subtask,), title=name)


def test_names_and_texts_are_no_content():
    assert content_digest([small()], EnvConfig()) == content_digest([small("two")], EnvConfig())


@pytest.mark.parametrize("change", [{"effort": 2.5}, {"complexity": 1.1}, {"domain": "quality"}])
def test_numbers_are_content(change):
    assert content_digest([small()], EnvConfig()) != content_digest([small(**change)], EnvConfig())


def test_the_order_of_workflows_is_content():
    pair = [generate("simple", 1), generate("simple", 2)]
    assert content_digest(pair, EnvConfig()) != content_digest(pair[::-1], EnvConfig())


# --- pins --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A protocol of two episodes whose pins lie in a folder of the test."""
    monkeypatch.setattr(pinning, "PIN_FOLDER", tmp_path / "pins")
    seen = GENERATED.tracks[0]
    return replace(
        GENERATED, id="c2c-tiny-v9", tiers=("simple",), test=replace(GENERATED.test, episodes=2), tracks=(seen,)
    )


def test_a_pin_is_written_once_and_never_replaced(tiny):
    path = write_pin(tiny)
    before = path.read_bytes()
    write_pin(tiny)  # says the same
    with pytest.raises(ConfigError, match=r"(?s)add c2c-tiny-v10 to .*rules.test.episodes is 3, pinned 2"):
        write_pin(replace(tiny, test=replace(tiny.test, episodes=3)))
    assert path.read_bytes() == before
    steps = json.loads(before)["figures"]["seen-sizes"]["simple, 5 agents"]["no_communication"]["steps"]
    assert len(steps) == 2


def test_a_protocol_without_a_pin_is_not_played(tiny):
    with pytest.raises(ConfigError, match=r"c2c-tiny-v9 is not pinned.*c2c-env protocol c2c-tiny-v9 --pin"):
        check_rules(tiny)


def test_a_damaged_pin_is_an_error(tiny):
    write_pin(tiny).write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the pin .*c2c-tiny-v9.json is not valid JSON"):
        check_rules(tiny)


def test_the_train_split_is_a_source_of_environments():
    assert GENERATED.train_workflow("simple") == Generated("simple", range(1_000_000))
    assert GENERATED.validation_workflow("complex") == Generated("complex", range(1_000_000, 1_000_064))
    with pytest.raises(ConfigError, match="unknown tier 'simpel'; did you mean 'simple'"):
        GENERATED.train_workflow("simpel")
