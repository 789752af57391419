"""Compiled code on disk: damage is compiled again, what cannot be written is used, and compiling is announced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import c2c_env
from c2c_env.core.compile import cpu

ROOT = Path(c2c_env.__file__).parent.parent
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one byte more": lambda content: content + b"x",
    "a wrong bit in front": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "a wrong bit in the middle": lambda content: (
        content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 4]) + content[len(content) // 2 + 1 :]
    ),
    "no checksum": lambda content: content[32:],
    "zeros": lambda content: bytes(len(content)),
}
TINY = """
import numpy as np
from c2c_env.core.compile import cpu

def double(values):
    for i in range(len(values)):
        values[i] = 2.0 * values[i]

values = np.arange(3.0)
cpu.load("numba", double)(values)
print(values.tolist())
"""


def double(values):
    for i in range(len(values)):
        values[i] = 2.0 * values[i]


@pytest.fixture
def play(tmp_path, monkeypatch, capsys):
    """Compile or load the function above with a cache in a folder; return whether compiling was announced."""
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "none"))
    (tmp_path / "file").touch()  # so that no home can be made below it

    def play_once(folder: Path = tmp_path / "cache") -> bool:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
        cpu._announce.cache_clear()
        values = np.arange(3.0)
        cpu._Compiled(double)(values)
        assert values.tolist() == [0.0, 2.0, 4.0]
        return "compiling" in capsys.readouterr().err

    return play_once


def run_tiny(tmp_path, *flags: str, **variables: str) -> subprocess.Popen[str]:
    (tmp_path / "tiny.py").write_text(TINY, encoding="utf-8")
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *flags, str(tmp_path / "tiny.py")]
    return subprocess.Popen(command, env=settings, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_compiling_is_announced_and_a_warm_cache_is_not(play, tmp_path):
    assert play()
    assert not play()
    assert sorted(path.suffix for path in (tmp_path / "cache").rglob("*.nb*")) == [".nbc", ".nbi"]


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_again_and_overwritten(damage, suffix, play, tmp_path):
    play()
    (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert play()
    assert not play()


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_is_not_read(make, suffix, play, tmp_path):
    play()
    (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
    path.unlink()
    make(path)
    assert play()


def test_a_cache_that_moved_is_warm(play, tmp_path):
    play()
    shutil.move(tmp_path / "cache", tmp_path / "elsewhere")
    assert not play(tmp_path / "elsewhere")


@pytest.mark.skipif(IS_ROOT, reason="permissions do not bind root; the next test is for it")
def test_a_warm_cache_that_is_not_writable_is_used(play, tmp_path):
    play()
    (folder,) = (tmp_path / "cache" / "c2c_env").iterdir()
    folder.chmod(0o555)
    assert not play()
    folder.chmod(0o755)


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount; the test before is for others")
def test_a_warm_cache_on_a_read_only_mount_is_used(play, tmp_path):
    play()
    folder = str(tmp_path / "cache")
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        assert not play()
        (path,) = (tmp_path / "cache").rglob("*.nbc")
        with pytest.raises(OSError, match="Read-only"):
            path.touch()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_writable_folder_that_is_asked_for_is_the_only_one(play, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert play()
    assert not (tmp_path / "user").exists()
    assert play(tmp_path / "other")
    assert play(tmp_path / "file")  # which is no folder, so that the user's is taken
    assert not play(tmp_path / "file")
    assert list((tmp_path / "user").rglob("*.nbc"))


def test_without_any_folder_it_compiles_in_every_process_and_says_so(play, tmp_path):
    assert play(tmp_path / "file")
    assert play(tmp_path / "file")


def test_a_full_disk_costs_the_cache_only(play, tmp_path, monkeypatch, capsys, small_files):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    values = np.arange(3.0)
    with small_files(100):
        cpu._Compiled(double)(values)
    assert values.tolist() == [0.0, 2.0, 4.0]
    error = capsys.readouterr().err
    assert error.count("is not kept") == 1
    assert "File too large" in error
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert play()


def test_processes_that_compile_at_once_leave_a_good_cache(tmp_path):
    for process in [run_tiny(tmp_path) for _ in range(3)]:
        assert process.communicate()[0] == "[0.0, 2.0, 4.0]\n"
    assert run_tiny(tmp_path).communicate() == ("[0.0, 2.0, 4.0]\n", "")


def test_another_processor_compiles_with_an_announcement(tmp_path):
    run_tiny(tmp_path).communicate()
    other = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert "compiling" in run_tiny(tmp_path, **other).communicate()[1]
    assert run_tiny(tmp_path, **other).communicate()[1] == ""
    assert run_tiny(tmp_path).communicate()[1] == ""  # the first processor's code is still there


def test_without_compilation_the_simulator_is_interpreted(tmp_path):
    assert run_tiny(tmp_path, NUMBA_DISABLE_JIT="1").communicate() == ("[0.0, 2.0, 4.0]\n", "")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_DEBUGINFO", "NUMBA_LOOP_VECTORIZE"])
def test_code_of_other_settings_is_not_used(tmp_path, setting):
    changed = {setting: "0" if setting in ("NUMBA_OPT", "NUMBA_LOOP_VECTORIZE") else "1"}
    announced = []
    for variables in ({}, changed, {}, changed):
        output, errors = run_tiny(tmp_path, **variables).communicate()
        assert output == "[0.0, 2.0, 4.0]\n"
        announced.append("compiling" in errors)
    assert announced == [True, True, False, False]


def test_an_index_out_of_bounds_reaches_the_caller_at_every_call(tmp_path):
    script = TINY.replace("range(len(values))", "range(5)").replace(
        'cpu.load("numba", double)(values)',
        """kernel = cpu.load("numba", double)
kernel(np.arange(9.0))
for _ in range(2):
    try:
        kernel(values)
    except IndexError as error:
        print(error)
""",
    )
    (tmp_path / "bounds.py").write_text(script, encoding="utf-8")
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "NUMBA_BOUNDSCHECK": "1"}
    done = subprocess.run([sys.executable, tmp_path / "bounds.py"], env=settings, text=True, capture_output=True)
    assert done.stdout.count("index is out of bounds") == 2, done
