"""Ctrl-C, SIGTERM, full disks and runs side by side: one clear line, an exit status, and nothing finished is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from c2c_env.disk import temporary_name
from c2c_env.errors import WriteError
from training.__main__ import main
from training.executors import processes
from training.files import Claims
from training.interrupts import Terminated, raised

ROOT = Path(__file__).parents[2]
WORDS = ["benchmark", "--workflows", "simple", "--seeds", "2", "--team-sizes", "2,3", "--workers", "2"]
WORDS += ["--figures", "none"]
SIGNALS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other signals and locks")


def start(*words: str, code: str = "") -> subprocess.Popen[str]:
    how = ["-c", code] if code else ["-m", "training"]
    return subprocess.Popen(
        [sys.executable, *how, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("number", "word"), SIGNALS)
@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.8, 1.3, 2.0, 3.0, 4.5])
def test_a_signal_at_any_moment_ends_with_one_line(number, word, seconds, tmp_path):
    process = start(*WORDS, "--out", str(tmp_path))
    time.sleep(seconds)
    process.send_signal(number)
    errors = process.communicate(timeout=60)[1]
    if process.returncode == 0:  # it had ended already
        assert (tmp_path / "results.csv").exists()
        return
    assert process.returncode == 128 + number
    assert errors.strip().splitlines()[-1] == f"{word}; the same command goes on from here"
    assert "Traceback" not in errors
    assert not list(tmp_path.rglob("*.tmp"))
    deadline = time.monotonic() + 20
    while not group_is_gone(process.pid):
        assert time.monotonic() < deadline, "worker processes outlive the benchmark"
        time.sleep(0.02)


ENDING = """
import atexit, os, signal, sys, time
from training import interrupts
interrupts.end_at_once("; the end")
if sys.argv[1] == "importing":
    os.kill(os.getpid(), int(sys.argv[2]))
    time.sleep(10)
if sys.argv[1] == "swallowed":
    class Noisy:
        def __del__(self):
            os.kill(os.getpid(), int(sys.argv[2]))
            time.sleep(10)
    with interrupts.raised("; the end"):
        noisy = Noisy()
        del noisy
        time.sleep(10)
if sys.argv[1] == "twice":
    with interrupts.raised("; the end"):
        try:
            os.kill(os.getpid(), int(sys.argv[2]))
            time.sleep(10)
        finally:
            os.kill(os.getpid(), int(sys.argv[2]))
            time.sleep(10)
"""


@pytest.mark.parametrize(("number", "word"), SIGNALS)
@pytest.mark.parametrize("when", ["importing", "swallowed", "twice"])
def test_a_signal_ends_at_once_where_it_cannot_be_raised(when, number, word):
    process = start(when, str(int(number)), code=ENDING)
    errors = process.communicate(timeout=30)[1]
    assert (process.returncode, errors) == (128 + number, f"{word}; the end\n")


def test_a_signal_while_python_ends_does_not_change_the_status():
    code = "import atexit, os, signal\nfrom training import interrupts\n"
    code += "atexit.register(lambda: None)\ninterrupts.end_at_once('')\n"
    code += "class Last:\n    def __del__(self, kill=os.kill, me=os.getpid()):\n        kill(me, 2); kill(me, 15)\n"
    code += "last = Last()"
    process = start(code=code)
    assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)


def test_the_handlers_before_come_back():
    before = [signal.getsignal(number) for number, _ in SIGNALS]
    with pytest.raises(Terminated), raised(""):
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number, _ in SIGNALS] == before


SWALLOWED = """
import signal, sys
from training import interrupts
from training.__main__ import main
import training.commands.learning.credits as command
from c2c_env.errors import ConfigError
def run(args):
    try:
        signal.raise_signal(int(sys.argv[1]))
    except BaseException:
        raise (ConfigError if sys.argv[2] == "ours" else ImportError)("initialization failed")
command.run = run
sys.exit(main(["credits", "x"]))
"""


@pytest.mark.parametrize(("number", "word"), SIGNALS)
@pytest.mark.parametrize("error", ["ours", "another"])
def test_a_signal_of_which_a_library_makes_an_error_is_a_signal_still(error, number, word):
    process = start(str(int(number)), error, code=SWALLOWED)
    errors = process.communicate(timeout=30)[1]
    assert (process.returncode, errors) == (128 + number, f"{word}; the same command begins anew\n")


def test_without_a_signal_errors_stay_what_they_are():
    with pytest.raises(Terminated), raised(""):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(ImportError), raised(""):
        raise ImportError


def test_a_signal_waits_until_the_pool_knows_of_a_process_whichever_thread_gets_it():
    go, done = threading.Event(), []

    def send():
        go.wait()
        os.kill(os.getpid(), signal.SIGINT)

    def start_a_process():
        with processes._interrupts_held():
            go.set()
            sender.join()
            time.sleep(0.05)  # Python looks for signals in calls like this one
            done.append("started")
        done.append("and interrupted")

    sender = threading.Thread(target=send)
    sender.start()  # its signals are not blocked
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        start_a_process()
    assert done == ["started"]
    assert signal.getsignal(signal.SIGINT) is before


# --- full disks --------------------------------------------------------------------------------------------------


def assert_one_line(capsys, folder):
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "cannot write" in error.splitlines()[-1]
    assert "Traceback" not in error
    assert not list(folder.rglob("*.tmp"))


@pytest.mark.parametrize("size", [100, 1200])
def test_a_full_disk_stops_the_benchmark_with_one_line(size, tmp_path, capsys, small_files):
    with small_files(size):
        assert main([*WORDS, "--out", str(tmp_path)]) == 1
    assert_one_line(capsys, tmp_path)


def test_a_full_file_system_stops_the_benchmark_and_keeps_what_is_finished(tmp_path, capsys):
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount; the test before runs for everybody")
    command = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        assert main([*WORDS, "--out", str(tmp_path)]) == 1
        assert_one_line(capsys, tmp_path)
        kept = {path: path.read_bytes() for path in (tmp_path / "cells").glob("*.json")}
        assert kept
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path)], check=True)
        assert main([*WORDS, "--out", str(tmp_path)]) == 0
        assert kept.items() <= {path: path.read_bytes() for path in (tmp_path / "cells").glob("*.json")}.items()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


# --- runs side by side -------------------------------------------------------------------------------------------

CLAIM = """
import os, sys, time
from pathlib import Path
from training.files import Claims
claims = Claims(Path(sys.argv[1]))
assert claims.take("a")
print("taken", file=sys.stderr, flush=True)
time.sleep(60)
"""


def test_leftovers_are_removed_unless_another_run_is_at_work(tmp_path):
    leftover = temporary_name(tmp_path / "results.csv")
    leftover.touch()
    process = start(str(tmp_path), code=CLAIM)
    assert process.stderr.readline() == "taken\n"
    with Claims(tmp_path) as claims:
        claims.sweep(tmp_path)
        assert leftover.exists()
        process.kill()
        process.communicate()
        claims.sweep(tmp_path, tmp_path / "none")
        assert not leftover.exists()


@pytest.mark.parametrize("kind", ["folder", "FIFO", "device"])
def test_a_file_of_claims_that_is_none_is_one_error_or_works(kind, tmp_path):
    path = tmp_path / "claims.lock"
    if kind == "device":
        path.symlink_to("/dev/full")
        with Claims(tmp_path) as claims:
            assert claims.take("a")
        return
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    if kind == "FIFO":  # opened for both, it does not wait
        with Claims(tmp_path) as claims:
            assert claims.take("a")
    else:
        with pytest.raises(WriteError, match=r"cannot write '.*claims.lock'"):
            Claims(tmp_path)


def test_what_another_process_claims_is_free_when_it_is_killed(tmp_path):
    process = start(str(tmp_path), code=CLAIM)
    assert process.stderr.readline() == "taken\n"
    with Claims(tmp_path) as claims:
        assert not claims.take("a")
        assert claims.take("b")
        process.kill()
        process.communicate()
        assert claims.take("a", wait=True)


@pytest.mark.slow
def test_two_runs_in_one_folder_play_no_cell_twice(tmp_path):
    runs = [start(*WORDS, "--out", str(tmp_path)) for _ in range(2)]
    errors = "".join([process.communicate(timeout=120)[1] for process in runs])
    assert [process.returncode for process in runs] == [0, 0]
    played = [int(count) for count in re.findall(r"(\d+)/\d+ cells", errors)]
    assert sum(played) == len(list((tmp_path / "cells").glob("*.json"))) == 9 * 5 * 2  # policies, workflows, sizes


def test_a_folder_is_trained_in_by_one_run(tmp_path, capsys):
    pytest.importorskip("torch")
    process = start(str(tmp_path), code=CLAIM.replace('"a"', '"train"'))
    assert process.stderr.readline() == "taken\n"
    assert main(["train", "team", "--out", str(tmp_path)]) == 2
    assert f"another run trains in {tmp_path}" in capsys.readouterr().err
    process.kill()
    process.communicate()
