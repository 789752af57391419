"""The command line and the policies where only the package is installed, beside other packages of the same names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import gymnasium
import pytest

import agents
from c2c_env import laboratory
from c2c_env.laboratory import LaboratoryError, laboratory_folder, make_importable
from c2c_env.registration import MEMBER_ID
from training.files import source_digest

ROOT = Path(__file__).parent.parent
SCRIPT = "import sys; from c2c_env.laboratory import main; sys.exit(main())"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what the wheel holds, and a foreign package `agents` beside it."""
    site = tmp_path_factory.mktemp("site")
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "c2c_env", site / "c2c_env", ignore=left_out)
    for name in ("agents", "training"):
        shutil.copytree(ROOT / name, site / "c2c_env" / "laboratory" / name, ignore=left_out)
    (site / "agents").mkdir()
    (site / "agents" / "__init__.py").write_text("WHO = 'theirs'\n")
    return site


def python(site, folder, *words):
    return subprocess.run(
        [sys.executable, "-P", *words], cwd=folder, env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_script_runs_anywhere_beside_a_package_of_the_same_name(installed, tmp_path):
    done = python(installed, tmp_path, "-c", SCRIPT, "list", "policies")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no_communication" in done.stdout


def test_the_foreign_package_stays_what_it_is(installed, tmp_path):
    done = python(installed, tmp_path, "-c", "import c2c_env, agents; print(agents.WHO)")
    assert (done.stdout, done.stderr) == ("theirs\n", "")
    late = python(installed, tmp_path, "-c", f"import agents\n{SCRIPT}", "list")
    assert late.returncode == 1
    assert "another package 'agents' was imported already" in late.stderr


def test_a_benchmark_of_an_own_policy_plays_in_other_processes(installed, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import agents\nfrom agents.scripted.teams import ScriptedTeam\nclass Mine(ScriptedTeam): ...\n"
    )
    words = ["benchmark", "--quick", "--policies", "no_communication,mine.py:Mine", "--workflows", "csv-import-tool"]
    done = python(installed, tmp_path, "-c", SCRIPT, *words, "--workers", "2", "--figures", "none")
    assert done.returncode == 0, done.stderr
    assert "mine.py:Mine" in done.stdout


def test_sources_have_the_same_digest_wherever_they_lie(installed, tmp_path):
    code = "import c2c_env.laboratory as l; l.make_importable(); from training.files import *; print(source_digest())"
    assert python(installed, tmp_path, "-c", code).stdout.strip() == source_digest()


def test_a_member_can_be_made_from_the_package_alone(installed, tmp_path):
    code = f"import c2c_env, gymnasium as g; g.make({MEMBER_ID!r}, role='worker_1').reset(seed=0); print('made')"
    done = python(installed, tmp_path, "-c", code)
    assert done.stdout == "made\n", done.stderr


def test_in_a_clone_the_packages_lie_at_its_top():
    assert laboratory_folder() == ROOT
    before = list(sys.path)
    make_importable()
    assert Path(agents.__file__).parent == ROOT / "agents"
    assert [place for place in sys.path if place not in before] in ([], [str(ROOT)])


def test_a_package_without_its_laboratory_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(laboratory, "__file__", str(tmp_path / "c2c_env" / "laboratory" / "__init__.py"))
    with pytest.raises(LaboratoryError, match="install c2c-env anew"):
        laboratory_folder()


def test_packages_of_others_are_not_replaced(monkeypatch):
    stranger = types.ModuleType("agents")
    stranger.__file__ = "/elsewhere/agents/__init__.py"
    monkeypatch.setitem(sys.modules, "agents", stranger)
    with pytest.raises(LaboratoryError, match=r"another package 'agents' was imported already, from /elsewhere"):
        make_importable()


def test_gymnasium_finds_the_member_and_nothing_else():
    assert gymnasium.spec(MEMBER_ID).entry_point == "c2c_env.laboratory:MemberEnv"
    with pytest.raises(AttributeError, match="Membr"):
        _ = laboratory.Membr
