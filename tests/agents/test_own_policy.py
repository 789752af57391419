"""Policies of users: found, made, checked, and part of what a result depends on."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from agents import own_policy, registry
from agents.own_policy import OwnPolicy, make_own, parse_own, source_files_of
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import DESCRIPTIONS, make_policy, policy_files, register
from c2c_env import Batch, EnvConfig, Team
from c2c_env.errors import ConfigError
from training.benchmark.cell import Cell

SILENT = """\
import numpy as np
from own_numbers import FIRST

class Silent:
    '''Never speaks.'''

    def __init__(self, context, argument="none"):
        self.context, self.argument = context, argument

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        return np.full((len(rows), 4), FIRST)


def silent(context):
    return Silent(context, "by a function")


def nothing():
    return 3


LIMIT = 5
"""


@pytest.fixture
def batch():
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig(), num_envs=2)
    batch.reset([0, 1])
    return batch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a policy and what it imports; nothing of it stays in this process."""
    (tmp_path / "silent_team.py").write_text(SILENT)
    (tmp_path / "own_numbers.py").write_text("import own_package\nFIRST = own_package.ZERO\n")
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("from own_package.deep import ZERO\n")
    (tmp_path / "own_package" / "deep.py").write_text("ZERO = 0\n")
    (tmp_path / "unrelated.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    own_policy._run_file.cache_clear()
    source_files_of.cache_clear()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.mark.parametrize("name", ["silent_team:Silent", "silent_team.py:Silent", "./silent_team.py:silent"])
def test_a_policy_of_ones_own_plays(folder, batch, name):
    metrics = play(batch, make_policy(name, PolicyContext.of(batch)))
    assert [episode["success"] for episode in metrics] == [0.0, 0.0]  # nobody works
    assert metrics[0]["invalid_actions"] == 0


def test_an_argument_is_given_only_if_there_is_one(folder, batch):
    context = PolicyContext.of(batch)
    assert make_policy("silent_team:Silent", context).argument == "none"
    assert make_policy("silent_team:Silent:a:b", context).argument == "a:b"
    assert make_policy("silent_team:silent", context).argument == "by a function"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("silent_team:Silnt", "did you mean 'Silent'"),
        ("silent_team:LIMIT", "unknown class or function of silent_team 'LIMIT'"),
        ("silent_team.py", r"expected silent_team.py:NAME \(valid: Silent, nothing, silent\)"),
        ("silnt_team.py:Silent", "there is no file 'silnt_team.py'"),
        ("silnt_team:Silent", "unknown policy 'silnt_team'.*there is no module 'silnt_team' either"),
        ("cost_awar", "did you mean 'cost_aware'.*MODULE:NAME or FILE.py:NAME"),
        ("silent_team:nothing", r"makes a int without reset\(rows\) and act\(observations, action_masks, rows\)"),
        ("silent_team:silent:x", "takes no argument; it is made by silent"),
        ("broken.py:X", "broken.py' cannot be loaded: SyntaxError"),
        ("broken:X", "module 'broken' cannot be loaded: SyntaxError"),
        ("lacking:X", "module 'lacking' cannot be loaded: ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)
def test_what_is_wrong_is_named(folder, batch, name, message):
    (folder / "broken.py").write_text("def (")
    (folder / "lacking.py").write_text("import no_such_library")
    with pytest.raises(ConfigError, match=message):
        make_policy(name, PolicyContext.of(batch))


def test_a_neighbour_that_another_module_hides_is_refused(folder, batch):
    (folder / "own_numbers.py").rename(folder / "json.py")
    (folder / "silent_team.py").write_text(SILENT.replace("own_numbers", "json"))
    with pytest.raises(ConfigError, match="imports 'json', which lies beside it, but another module"):
        make_policy("silent_team.py:Silent", PolicyContext.of(batch))


@pytest.mark.parametrize("name", ["silent_team:Silent", "silent_team.py:Silent"])
def test_the_sources_are_the_module_and_what_it_imports_from_its_folder(folder, name):
    names = [file.relative_to(folder).as_posix() for file in policy_files(name)]
    assert names == ["own_numbers.py", "own_package/__init__.py", "own_package/deep.py", "silent_team.py"]


def test_a_package_is_one_source_as_a_whole(folder):
    (folder / "own_package" / "team.py").write_text(SILENT.replace("own_numbers", "own_package.deep as own_numbers"))
    (folder / "own_package" / "team.py").write_text(SILENT)
    names = [file.relative_to(folder).as_posix() for file in policy_files("own_package.team:Silent")]
    assert {"own_package/team.py", "own_package/deep.py", "own_numbers.py"} <= set(names)
    assert "unrelated.py" not in names
    assert "silent_team.py" not in names


@pytest.mark.parametrize("changed", ["silent_team.py", "own_numbers.py", "own_package/deep.py"])
def test_an_edited_policy_gets_another_cell(folder, batch, changed):
    def name():
        return Cell("silent_team:Silent", "x", "file", "simple", (batch.workflow(0),), 3, (0,), EnvConfig()).name

    before = name()
    assert name() == before
    (folder / "unrelated.py").write_text("X = 1\n")
    assert name() == before
    (folder / changed).write_text((folder / changed).read_text() + "# edited\n")
    assert name() != before


def test_the_policies_of_the_project_have_no_files_of_their_own(folder):
    assert policy_files("cost_aware") == policy_files("learned") == policy_files("fixed_steps:4") == []
    (folder / "weights.bin").write_text("")
    assert [str(path) for path in policy_files("learned:weights.bin")] == ["weights.bin"]


def test_installed_packages_offer_policies(folder, batch, monkeypatch):
    points = [EntryPoint("quiet", "silent_team:Silent", own_policy.GROUP), EntryPoint("bad", "no_such:X", "")]
    monkeypatch.setattr(own_policy, "entry_points", lambda group: points)
    monkeypatch.syspath_prepend(str(folder))
    assert make_policy("quiet:7", PolicyContext.of(batch)).argument == "7"
    assert policy_files("quiet")[-1].name == "silent_team.py"
    points.append(EntryPoint("quiet", "another:Team", own_policy.GROUP))
    with pytest.raises(ConfigError, match=r"several packages offer.*: silent_team:Silent and another:Team"):
        make_policy("quiet", PolicyContext.of(batch))
    with pytest.raises(ConfigError, match=r"did you mean 'quiet'.*quiet"):
        make_policy("quite", PolicyContext.of(batch))
    with pytest.raises(ConfigError, match=r"policy 'bad' \(no_such:X\) cannot be loaded: ModuleNotFoundError"):
        make_policy("bad", PolicyContext.of(batch))


def test_a_name_is_registered_once(monkeypatch):
    monkeypatch.setattr(registry, "POLICIES", dict(registry.POLICIES))
    monkeypatch.setattr(registry, "DESCRIPTIONS", dict(DESCRIPTIONS))
    register("brand_new", lambda context, argument: None, "does nothing")
    for name in ("brand_new", "cost_aware", "learned"):
        with pytest.raises(ConfigError, match=f"there is a policy '{name}' already"):
            register(name, lambda context, argument: None, "")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("a.b:C", OwnPolicy("a.b", "C")),
        ("a.b:C:x:y", OwnPolicy("a.b", "C", "x:y")),
        ("dir/f.py:C", OwnPolicy("dir/f.py", "C")),
        ("f.py", OwnPolicy("f.py", "")),
        ("fixed_steps:4", None),
        ("a-b:C", None),
        ("cost_aware", None),
        ("prompted:c2c@model", None),
    ],
)
def test_names_are_told_apart(text, own):
    assert parse_own(text) == own


def test_makers_get_what_they_take(batch):
    context, got = PolicyContext.of(batch), []

    class Team:
        def __init__(self, *given):
            got.append(given)

        def reset(self, rows): ...

        def act(self, observations, action_masks, rows):
            return np.zeros((len(rows), 4), dtype=int)

    def needs_both(context, argument):
        return Team(context, argument)

    def needs_none():
        return Team()

    for maker, argument in ((Team, ""), (Team, "x"), (needs_both, ""), (needs_none, "")):
        make_own(maker, "t", context, argument)
    assert got == [(context,), (context, "x"), (context, ""), ()]
