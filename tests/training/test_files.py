"""Files are written whole, and the hash of the sources misses none of them, however deep it lies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import agents
import c2c_env
from training.files import digest, file_digest, source_files

ROOT = Path(c2c_env.__file__).parent.parent
HOMES = [Path(package.__file__).parent for package in (c2c_env, agents)]
DEEP = [
    "c2c_env/config.py",
    "c2c_env/core/observation/writing.py",
    "c2c_env/core/compile/cpu.py",
    "c2c_env/workflows/library/csv-import-tool.toml",
    "agents/oracle/lookahead/search.py",
    "agents/oracle/tuned.toml",
    "agents/prompted/strategies/c2c.md",
    "agents/learned/checkpoints/team.safetensors",
    "agents/learned/checkpoints/team.onnx",
]


def test_every_file_of_the_simulator_and_the_policies_is_in_the_hash():
    everything = {path for home in HOMES for path in home.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    left_out = everything - set(source_files())
    shown = {path.relative_to(ROOT) for path in left_out}
    quiet = ("render", "laboratory", "episodes")
    assert {path for path in shown if path.parts[1] not in quiet} == {Path("c2c_env/py.typed")}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for name in ("c2c_env", "agents", "training"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digest_in(folder):
    code = "from training.files import source_digest; print(source_digest())"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_change_in_any_depth_changes_the_hash(copied):
    seen = [digest_in(copied)]
    for name in DEEP:
        with open(copied / name, "ab") as file:
            file.write(b"\n")
        seen.append(digest_in(copied))
    assert len(set(seen)) == len(DEEP) + 1
    (copied / "agents/prompted/strategies/spp.md").rename(copied / "agents/prompted/strategies/solo.md")
    seen.append(digest_in(copied))
    with open(copied / "c2c_env/render/ansi.py", "ab") as file:
        file.write(b"\n")  # drawing determines no result
    assert digest_in(copied) == seen[-1] != seen[-2]


def test_borders_between_parts_count():
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
    assert len(digest([])) == 16


def test_a_folder_is_hashed_with_the_names_of_its_files(tmp_path):
    first, second = tmp_path / "a" / "x.bin", tmp_path / "a" / "deep" / "y.bin"
    second.parent.mkdir(parents=True)
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    before = file_digest(tmp_path / "a")
    second.rename(second.with_name("z.bin"))
    assert file_digest(tmp_path / "a") != before
    assert file_digest(tmp_path / "nothing") == file_digest(None) == ""
