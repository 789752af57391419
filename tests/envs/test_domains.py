"""Domains are those of the workflows: teams fit them or are refused, and every face of the environment shows them."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Generated, Subtask, Team, Workflow, load_workflow, parallel_env
from c2c_env.bounds import lower_bound
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.errors import ConfigError, WorkflowError
from c2c_env.render import draw
from c2c_env.text import WorkflowWords, legal_choices, look, render
from c2c_env.workflows import DOMAINS

DOMAINS_OF_DEVICE = ("mechanics", "electronics", "software")
DEVICE = """
name = "device"
tier = "simple"
domains = ["mechanics", "electronics", "software"]
[[subtasks]]
id = "arm"
domain = "mechanics"
effort = 2.0
complexity = 1.0
[[subtasks]]
id = "board"
domain = "electronics"
effort = 3.0
complexity = 1.5
prerequisites = ["arm"]
[[subtasks]]
id = "driver"
domain = "software"
effort = 1.5
complexity = 1.0
prerequisites = ["arm"]
[[subtasks]]
id = "case"
domain = "mechanics"
effort = 1.0
complexity = 0.8
"""


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "device.toml"
    path.write_text(DEVICE, encoding="utf-8")
    return path


def one_subtask(*domains):
    return Workflow("one", "simple", (Subtask("a", domains[-1], 2.0, 1.0),), domains=domains)


# --- the default team --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_domains", "workers"),
    [
        (1, [(1.0,)] * 6),
        (2, [(1.0, 0.4), (0.4, 1.0)] * 3),
        (3, [(1.0, 0.4, 0.7), (0.7, 1.0, 0.4), (0.4, 0.7, 1.0)] * 2),
        (5, [(1.0, 0.4, 0.7, 0.4, 0.4), (0.4, 1.0, 0.4, 0.7, 0.4), (0.4, 0.4, 1.0, 0.4, 0.7),
             (0.7, 0.4, 0.4, 1.0, 0.4), (0.4, 0.7, 0.4, 0.4, 1.0), (1.0, 0.4, 0.7, 0.4, 0.4)]),
    ],
)  # fmt: skip
def test_workers_of_the_default_team_take_turns_at_the_domains(num_domains, workers):
    assert Team.default(7, num_domains).skills == ((0.4,) * num_domains, *workers)


@pytest.mark.parametrize("num_domains", [0, 65, 2.5, "3"])
def test_a_default_team_has_1_to_64_domains(num_domains):
    with pytest.raises(ConfigError, match=r"num_domains is .*, expected an integer in \[1, 64\]"):
        Team.default(3, num_domains)


def test_the_default_team_of_an_environment_has_the_domains_of_its_workflow(device):
    assert parallel_env(device, 4).team == Team.default(4, 3)
    assert parallel_env(device).team == Team.default(5, 3)
    assert parallel_env("simple", 4).team == Team.default(4)


# --- what does not fit -------------------------------------------------------------------------------------------


def test_a_team_needs_a_column_for_every_domain(device):
    message = r"the team has skills for 5 domains, expected 3 for workflow 'device': mechanics, electronics, software"
    with pytest.raises(ConfigError, match=message):
        parallel_env(device, team=Team.default(4))
    with pytest.raises(ConfigError, match=message):
        Batch(str(device), Team.default(4), EnvConfig())
    with pytest.raises(ConfigError, match=message):
        lower_bound(load_workflow(device), Team.default(4))
    with pytest.raises(
        ConfigError, match="the team has skills for 3 domains, expected 5 for generated simple workflows"
    ):
        parallel_env("simple", team=Team.default(4, 3))


def test_names_of_columns_must_be_those_of_the_workflow():
    team = Team(((0.4, 0.5), (0.6, 0.7)), ("x", "y"))
    assert parallel_env(one_subtask("y", "x"), team=team).team.skills == ((0.5, 0.4), (0.7, 0.6))
    with pytest.raises(ConfigError, match=r"skills for 2 domains \(x, y\), expected 2 for workflow 'one': x, z"):
        parallel_env(one_subtask("x", "z"), team=team)


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (("x", "x"), "domains has 'x' 2 times, expected once"),
        ("xy", "domains is 'xy', expected a list of 1 to 64 names"),
        (["x", "y", "z"], "skills[0] has 2 values, expected 3 (one for each domain)"),
    ],
)
def test_bad_names_of_columns(domains, message):
    with pytest.raises(ConfigError) as raised:
        Team(((0.4, 0.5),), domains)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ((), "domains is (), expected a list of 1 to 64 names"),
        (tuple(f"d{n}" for n in range(65)), "expected a list of 1 to 64 names"),
        ("backend", "domains is 'backend', expected a list"),
        (None, "domains is None, expected a list"),
        (("a", 3), "domains[1] is 3, expected text"),
        (("a", ""), "domains[1] is empty, expected a name"),
        (("a", "b", "a"), "domains has 'a' 2 times, expected once"),
        (("abacus",), "subtask 'x': unknown domain 'abakus'; did you mean 'abacus'?"),
    ],
)
def test_bad_domains_of_a_workflow_are_one_fault(domains, message):
    with pytest.raises(WorkflowError) as raised:
        Workflow("w", "simple", (Subtask("x", "abakus", 1.0, 1.0),), domains=domains)
    assert message in str(raised.value)
    assert "1 fault\n" in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"software"]', "3]", "domains[2] is 3, expected text"),
        ('["mechanics", "electronics", "software"]', '"all"', "domains is 'all', expected a list"),
        ('["mechanics", "electronics", "software"]', "[]", "domains is (), expected a list"),
        ('domain = "software"', 'domain = "softwar"', "subtask 'driver': unknown domain 'softwar'; did you mean"),
        ('domain = "software"', "", "subtask 'driver': missing key 'domain'"),
        ("domains =", "domain =", "unknown key 'domain'; did you mean 'domains'?"),
    ],
)  # fmt: skip
def test_a_fault_in_the_domains_of_a_file(device, old, new, message):
    assert DEVICE.count(old) == 1
    device.write_text(DEVICE.replace(old, new), encoding="utf-8")
    with pytest.raises(WorkflowError) as raised:
        load_workflow(device)
    assert message in str(raised.value)


def test_all_workflows_of_an_environment_have_the_same_domains(device):
    message = (
        "the workflows of one environment need the same domains in the same order: workflow 'device' has mechanics,"
        " electronics, software; generated medium workflows has backend, frontend, data, infrastructure, quality"
    )
    with pytest.raises(WorkflowError, match=message):
        parallel_env([device, device, Generated("medium"), "csv-import-tool"])
    with pytest.raises(WorkflowError, match="workflow 'one' has x, y; workflow 'one' has y, x"):
        parallel_env([one_subtask("x", "y"), one_subtask("y", "x")])


def test_a_learned_team_refuses_another_number_of_domains(device):
    context = PolicyContext.of(parallel_env(device, 4).batch)
    with pytest.raises(ConfigError, match="the workflows have 3 domains, but learned teams play only workflows of 5"):
        make_policy("learned", context)


# --- what is played ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{}, {"relations": "index", "max_agents": 6, "max_subtasks": 7}], ids=["plain", "padded"]
)
def test_parallel_api_with_three_domains(device, fields):
    parallel_api_test(parallel_env(device, 4, **fields), num_cycles=200)


def test_names_of_domains_change_no_number():
    named = parallel_env(one_subtask("a", "b", "c", "d", "e"), 4)
    usual = parallel_env(Workflow("one", "simple", (Subtask("a", DOMAINS[-1], 2.0, 1.0),)), 4)
    named.reset(seed=1)
    usual.reset(seed=1)
    np.testing.assert_array_equal(named.batch.observations, usual.batch.observations)
    np.testing.assert_array_equal(named.state(), usual.state())


@pytest.mark.parametrize("policy", ["proactive", "cost_aware", "oracle", "planner", "random"])
def test_teams_finish_a_workflow_of_three_domains(device, policy):
    batch = Batch(device, Team.default(4, 3), EnvConfig(volatility=0.0), 2)
    batch.reset([0, 1])
    for metrics in play(batch, make_policy(policy, PolicyContext.of(batch))):
        assert metrics["completion_time"] >= lower_bound(batch.workflow(), batch.team)
        assert metrics["success"] == 1.0 or policy == "random"


def test_copies_and_snapshots_of_three_domains_go_on_alike(device):
    env = parallel_env(device, 4)
    env.reset(seed=3)
    step = {agent: [1, 0, 0, 0] for agent in env.agents}
    env.step(step)
    copy, other = pickle.loads(pickle.dumps(env)), parallel_env(device, 4)
    other.restore(env.snapshot())
    for one in (env, copy, other):
        one.step(step)
    np.testing.assert_array_equal(env.batch.observations, copy.batch.observations)
    np.testing.assert_array_equal(env.batch.observations, other.batch.observations)


def test_prompts_name_the_domains_of_the_workflow(device):
    env = parallel_env(device, 2)
    env.reset(seed=0)
    batch = env.batch
    legal = legal_choices(batch.action_masks[0, 1], [int(n) for n in batch.action_sizes])
    text = render(look(batch.layout, batch.observations[0, 1], legal, 2), WorkflowWords.of(batch.workflow()))
    assert "\nagent,mechanics,electronics,software\n" in text
    assert "\nworker_1,1,0.4,0.7\n" in text
    assert "\ns1,electronics,3,1.5," in text


def test_a_name_of_a_domain_cannot_break_a_table():
    words = WorkflowWords.of(one_subtask("a,b", "c\nd"))
    assert words.domains == ("a;b", "c d")


def test_pictures_show_any_number_of_domains():
    names = tuple(f"kind of work number {n} 漢字" for n in range(11))
    subtasks = tuple(Subtask(f"s{n}", name, 1.0, 1.0) for n, name in enumerate(names))
    env = parallel_env(Workflow("wide", "simple", subtasks, domains=names), 3)
    env.reset(seed=0)
    lines = draw(env.batch, "ansi").splitlines()
    assert sum("kind of work n" in line for line in lines) == 11
    picture = draw(env.batch, "rgb_array")
    colours = {tuple(pixel) for pixel in np.unique(picture.reshape(-1, 3), axis=0).tolist()}
    # the first five as ever, then vermilion, yellow and black, then from the first on
    assert {(0, 114, 178), (204, 121, 167), (0, 158, 115), (230, 159, 0), (86, 180, 233), (240, 228, 66)} <= colours


# --- five domains are what they were -----------------------------------------------------------------------------


@pytest.mark.parametrize(("relations", "expected"), [("onehot", "9c088576240eb279"), ("index", "5a388a63fd110d1e")])
def test_the_layout_of_five_domains_is_that_of_the_shipped_weights(relations, expected):
    layout = ObservationLayout.build(7, 11, len(DOMAINS), 3, relations, 2)
    places = [[name, layout[name].start, layout[name].stop, layout.shape(name)] for name in layout]
    assert hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16] == expected
