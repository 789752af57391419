"""The documents beside the README agree with the code that they speak of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import c2c_env
from c2c_env.registration import ENV_ID
from training.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
CONTRIBUTING, CHANGELOG, README, MAKEFILE, CONSTRAINTS = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "README.md", "Makefile", "constraints.txt")
)


def load(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def tree():
    """Folders and the words that stand beside them in the tree of CONTRIBUTING.md."""
    [block] = re.findall(r"^```\n(c2c_env/.*?)^```", CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)
    parents: dict[int, str] = {}
    for line in block.splitlines():
        match = re.match(r"( *)(\w+)/", line)
        if match:
            depth = len(match[1]) // 2
            parents[depth] = "/".join([*([parents[depth - 1]] if depth else []), match[2]])
            yield parents[depth]


def test_the_tree_has_every_package_and_no_other():
    packages = {
        str(path.relative_to(ROOT).parent)
        for top in ("c2c_env", "agents", "training")
        for path in (ROOT / top).rglob("*.py")
    }
    shown = set(tree())
    assert shown - packages == {"tests", "integrations"}
    inner = {
        "agents/oracle/lookahead",
        "agents/prompted/client",
        "agents/prompted/backends",
        "agents/prompted/strategies",
    }
    assert packages - shown == inner  # named beside their parents


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|c2c_env|agents)/[\w/]+\.\w+)`", CONTRIBUTING))))
def test_paths_of_contributing_exist(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:core|envs|text|workflows)/\w+\.py|trace\.py)`", CONTRIBUTING)))
)
def test_paths_within_the_simulator_exist(path):
    assert (ROOT / "c2c_env" / path).exists()


def test_the_version_is_the_same_everywhere():
    citation = load("CITATION.cff")
    assert citation["version"] == c2c_env.__version__
    versions = re.findall(r"^## \[(.*?)\]", CHANGELOG, flags=re.MULTILINE)
    assert versions[:2] == ["Unreleased", c2c_env.__version__]
    assert "Version history" not in README


def test_the_paper_is_the_one_of_the_readme():
    [paper] = load("CITATION.cff")["references"]
    assert paper["url"] in README
    assert paper["title"].split(":")[0] in README
    assert paper["identifiers"][0]["value"].removeprefix("arXiv:") in paper["url"]


def test_the_changelog_names_what_exists():
    assert "tune_oracle" in COMMANDS
    assert "tune_planner" not in COMMANDS
    assert f"one id, `{ENV_ID}`" in CHANGELOG


def test_hooks_run_what_lint_runs():
    [local] = load(".pre-commit-config.yaml")["repos"]
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert recipe is not None
    wanted = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    assert [hook["entry"] for hook in local["hooks"]] == wanted
    assert {hook["language"] for hook in local["hooks"]} == {"system"}


def test_continuous_integration_installs_the_tested_torch_and_runs_all_checks():
    workflow = load(".github/workflows/ci.yml")
    assert workflow[True] == ["push", "pull_request"]  # YAML reads the key `on` as true
    job = workflow["jobs"]["checks"]
    assert job["strategy"]["matrix"]["python-version"] == ["3.11", "3.12"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    [torch] = re.findall(r"^torch==.*", CONSTRAINTS, flags=re.MULTILINE)
    assert torch in commands[0]
    assert commands[-1] == ".ci/run"
