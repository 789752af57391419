"""Teams from files: what is read, and that every fault of a file stands in one error."""

from __future__ import annotations

import gymnasium
import pytest

from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow, load_team, parallel_env
from c2c_env.errors import ConfigError
from c2c_env.team_file import parse_team

DEVICE = Workflow(
    "device",
    "simple",
    (Subtask("arm", "mechanics", 2.0, 1.0), Subtask("board", "electronics", 3.0, 1.0, ("arm",))),
    domains=("mechanics", "electronics", "software"),
)
GOOD = """
domains = ["software", "mechanics", "electronics"]
[[members]]
skills = { software = 0.3, mechanics = 0.4, electronics = 0.5 }
[[members]]
skills = { electronics = 1, mechanics = 0.2, software = 0.9 }
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "team.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())  # with the byte order mark of editors on Windows
    return file


def refused(text, *parts):
    with pytest.raises(ConfigError) as raised:
        parse_team(text, where="text")
    for part in parts:
        assert part in str(raised.value), f"{part!r} is not in: {raised.value}"


def test_columns_are_in_the_order_of_the_file(path):
    team = load_team(path)
    assert team.domains == ("software", "mechanics", "electronics")
    assert team.skills == ((0.3, 0.4, 0.5), (0.9, 0.2, 1))
    assert load_team(str(path)) == parse_team(GOOD, where="text") == team


def test_a_file_without_domains_has_the_five():
    text = "[[members]]\nskills = { backend = 0.1, data = 0.3, frontend = 0.2, quality = 0.5, infrastructure = 0.4 }"
    assert parse_team(text, where="text").skills == ((0.1, 0.2, 0.3, 0.4, 0.5),)


def test_an_environment_has_the_columns_in_the_order_of_its_workflow(path):
    for given in (path, str(path), load_team(path)):
        env = parallel_env(DEVICE, team=given)
        assert env.team == Team(((0.4, 0.5, 0.3), (0.2, 1, 0.9)), DEVICE.domains)
        assert env.batch.params.skill.tolist() == [[0.4, 0.5, 0.3], [0.2, 1.0, 0.9]]
        # 2 h with the best skill .4, then 3 h with 1
        assert env.batch.params.lower_bound.tolist() == [8.0]
    assert Batch(DEVICE, path, EnvConfig(), 2).team.size == 2
    assert gymnasium.make("c2c_env/Team-v0", workflow=DEVICE, team=path).unwrapped.team_env.team.size == 2
    member = gymnasium.make("c2c_env/Member-v0", workflow=DEVICE, team=str(path), partners="proactive")
    assert member.reset(seed=0)[0].shape == member.observation_space.shape


def test_a_file_and_another_size_contradict(path):
    with pytest.raises(ConfigError, match="team_size is 3, but the given team has 2 agents"):
        parallel_env(DEVICE, 3, team=path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"electronics"]', '"electronics", "software"]', "domains has 'software' 2 times, expected once"),
        ('["software", "mechanics", "electronics"]', "[]", "domains is (), expected a list of 1 to 64 names"),
        ('["software", "mechanics", "electronics"]', "3", "domains is 3, expected a list of 1 to 64 names"),
        ('"software", ', "3, ", "domains[0] is 3, expected text"),
        ("domains", "domain", "unknown key 'domain'; did you mean 'domains'?"),
        ("electronics = 1,", "electronic = 1,", "member 1: unknown domain 'electronic'; did you mean 'electronics'?"),
        ("electronics = 1, mechanics = 0.2,", "", "member 1: skills lack mechanics, electronics, expected a number"),
        ("electronics = 1,", "electronics = 0,", "member 1: skills.electronics is 0, expected a number in [1e-06, 1]"),
        ("electronics = 1,", 'electronics = "1",', "member 1: skills.electronics is '1', expected a number"),
        ("{ electronics = 1, mechanics = 0.2, software = 0.9 }", "[1, 1, 1]", "member 1: skills is [1, 1, 1]"),
        ("skills = { elec", "skill = { elec", "member 1: missing key 'skills'"),
        ("skills = { elec", "name = 3\nskills = { elec", "member 1: unknown key 'name'"),
    ],
)  # fmt: skip
def test_a_fault_in_a_file(old, new, message):
    assert GOOD.count(old) == 1
    refused(GOOD.replace(old, new), "bad team file text", message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing key 'members'; write each as [[members]]"),
        ("members = []", "members is empty, expected at least one, the manager"),
        ("members = 3", "members is not an array of tables"),
        ("[members]\nskills = {}", "members is not an array of tables"),
        ("members: 3", "text is not valid TOML"),
    ],
)
def test_what_is_no_team(text, message):
    refused(text, message)


def test_every_fault_of_a_file_stands_in_one_error():
    text = (
        GOOD.replace("domains", "domain").replace("0.3", "3").replace("skills = { electronics", "skil = { electronics")
    )
    # software, mechanics and electronics are none of the five domains, which are all missing
    faults = ["unknown key 'domain'", "skills.software is 3", "unknown key 'skil'", "member 1: missing key 'skills'"]
    refused(text, "8 faults", *faults, "skills lack backend, frontend, data, infrastructure, quality")


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read team file .*nowhere\.toml"):
        parallel_env(DEVICE, team=tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="path is 3, expected a path"):
        load_team(3)
