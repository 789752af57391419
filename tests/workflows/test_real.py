"""The real task graphs that come with the package."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import c2c_env
from c2c_env import builtin_names, load_builtin, load_real, parallel_env, real_names
from c2c_env.errors import WorkflowError
from training.benchmark.choose_cells import choose_workflows

FOLDER = Path(c2c_env.__file__).parent / "workflows" / "real"
LICENCES = {"MIT", "Apache-2.0", "BSD-3-Clause", "MIT or Apache-2.0", "MIT-CMU"}


def test_there_are_a_dozen_and_they_are_no_built_ins():
    assert len(real_names()) >= 12
    assert list(real_names()) == sorted(path.stem for path in FOLDER.iterdir())
    assert len(builtin_names()) == 15
    assert not set(real_names()) & set(builtin_names())


@pytest.mark.parametrize("name", real_names())
def test_a_real_graph_is_sized_as_said_and_names_its_source_and_licence(name):
    workflow = load_real(name)
    assert workflow.name == name
    assert 8 <= len(workflow.subtasks) <= 40
    head = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").partition("\nname = ")[0]
    assert "# Made by: c2c-env import " in head
    assert re.search(r"^# Source: https://github\.com/[\w-]+/[\w-]+/blob/[0-9a-f]{40}/\S+$", head, re.MULTILINE)
    [licence] = re.findall(r"^# Licence: (.*)$", head, re.MULTILINE)
    assert licence in LICENCES or "MIT License" in licence or "GNU Lesser General Public License" in licence
    assert re.search(r"^# Author: .+$", head, re.MULTILINE)


@pytest.mark.parametrize("name", ["actions-uv-release", "psplib-j301-1"])
def test_a_real_graph_is_played_by_its_name(name):
    env = parallel_env([name, "csv-import-tool"], 3)
    env.reset(seed=0, options={"workflow": name})
    assert env.batch.workflow() == load_real(name)
    assert load_real(name) is load_real(name)


def test_an_unknown_real_graph():
    with pytest.raises(WorkflowError, match=r"unknown workflow 'psplib-j30'; did you mean 'psplib-j301-1'\?"):
        load_real("psplib-j30")
    with pytest.raises(WorkflowError, match=r"did you mean 'actions-uv-ci'\?; expected a built-in"):
        parallel_env("actions-uv-cii", 2)
    with pytest.raises(WorkflowError, match="unknown workflow"):
        load_builtin("psplib-j301-1")


def test_the_benchmark_finds_them_all_or_one_and_only_if_asked():
    chosen = choose_workflows(["real"])
    assert [workflow.name for workflow, _ in chosen] == list(real_names())
    assert {split for _, split in chosen} == {"real"}
    assert choose_workflows(["psplib-j301-1", "real"])[0] == (load_real("psplib-j301-1"), "real")
    assert [workflow.name for workflow, _ in choose_workflows(["built-in"])] == list(builtin_names())
    with pytest.raises(WorkflowError, match=r"unknown workflow 'reel'; did you mean 'real'\?"):
        choose_workflows(["reel"])
