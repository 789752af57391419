"""The benchmark on Ray: the same results as the local pool, whatever dies, and one line where there is no cluster."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from training.__main__ import main, make_parser
from training.benchmark import choose_cells, run_cells
from training.benchmark.play_cell import run_cell
from training.executors import ray_cluster as executor_module
from training.executors.base import DIED
from training.executors.processes import LocalPool

ray = pytest.importorskip("ray", reason="needs the extra: pip install -e '.[cluster]'")

# Ray leaves its own log files to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parents[3]
MACHINE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": executor_module.OBJECT_STORE_BYTES}
WORDS = ["--workflows", "csv-import-tool,nightly-backup-job", "--seeds", "2", "--team-sizes", "2", "--figures", "none"]


@pytest.fixture(scope="module")
def ray_cluster():
    """A cluster that is joined by its address."""
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the machines know the laboratory, not its tests
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Cluster(
        initialize_head=True, head_node_args={**MACHINE, "num_cpus": 2, "ray_client_server_port": port}
    )  # fmt: skip
    made.client = f"ray://127.0.0.1:{port}"
    wait_for_server(port)
    yield made
    made.shutdown()
    gc.collect()


def wait_for_server(port):
    """The server for clients opens its port some time after the rest of a machine stands."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server for clients did not start in a minute"
            time.sleep(0.1)


@pytest.fixture
def cells():
    words = [*WORDS, "--policies", "solo,no_communication,broadcast,cost_aware"]
    return choose_cells.choose_cells(make_parser(["benchmark"]).parse_args(["benchmark", *words]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What the local pool writes."""
    out = tmp_path_factory.mktemp("whole")
    assert main(["benchmark", *WORDS, "--policies", "no_communication,random,cost_aware", "--out", str(out)]) == 0
    return out


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


# --- results ---------------------------------------------------------------------------------------------------


def test_run_begun_here_is_finished_by_a_cluster_with_the_same_bytes(ray_cluster, whole, tmp_path, capsys):
    words = ["benchmark", *WORDS, "--out", str(tmp_path)]
    assert main([*words, "--policies", "random"]) == 0
    capsys.readouterr()
    policies = ["--policies", "no_communication,random,cost_aware"]
    assert main([*words, *policies, "--ray", ray_cluster.address]) == 0
    shown = capsys.readouterr()
    assert "2 of 6 cells are there already" in shown.err
    assert "raylet" not in shown.out + shown.err
    assert contents(tmp_path / "cells") == contents(whole / "cells")
    for name in ("results.csv", "report.txt"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()
    assert f'"ray": "{ray_cluster.address}"' in (tmp_path / "run.json").read_text()
    assert f'"ray": "{ray.__version__}"' in (tmp_path / "run.json").read_text()


def double(number):
    return 2 * number


def read_there(path):
    return Path(path).read_text(), os.environ["OMP_NUM_THREADS"], os.getcwd()


def test_any_job_runs_from_outside_of_the_cluster(ray_cluster):
    with executor_module.connect(ray_cluster.client, workers=2) as executor:
        outcomes, jobs = [], deque(range(5))
        for outcome in executor.run(double, jobs):
            outcomes.append(outcome)
            if outcome.job < 3:
                jobs.append(outcome.job + 5)
    assert sorted(outcomes) == [(job, 2 * job, "") for job in range(8)]


def test_files_below_the_current_folder_are_sent_along(ray_cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "folder").mkdir(parents=True)
    for name in ("one.txt", "folder/two.txt"):
        (tmp_path / "runs" / name).write_text(name)
    files = ["runs/one.txt", "runs/folder"]
    jobs = deque(["runs/one.txt", "runs/folder/two.txt"])
    with executor_module.connect(ray_cluster.address, files=files) as executor:
        ended = {job: result for job, result, _ in executor.run(read_there, jobs)}
    assert [result[:2] for _, result in sorted(ended.items())] == [("folder/two.txt", "1"), ("one.txt", "1")]
    assert all(result[2] != str(tmp_path) for result in ended.values())


@pytest.mark.parametrize("other", ["sources", "versions", "files"])
def test_a_machine_that_is_not_the_same_is_refused(ray_cluster, tmp_path, monkeypatch, other):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    (tmp_path / "weights.bin").touch()
    files = ["../weights.bin"] if other == "files" else []
    message = {
        "sources": r"digest \w{16}, expected 0000 \(on ",
        "versions": r"numba is [\d.]+, expected 0\.1 \(on ",
        "files": r"'\.\./weights\.bin' is missing; a path below the current folder",
    }[other]
    with executor_module.connect(ray_cluster.address, files=files) as executor:
        wanted = executor._setup
        if other != "files":
            wrong = {"sources": "0000", "versions": (wanted.versions[0], ("numba", "0.1"))}[other]
            executor._setup = replace(wanted, **{other: wrong})
        with pytest.raises(executor_module.ClusterError, match=message):
            list(executor.run(double, deque([1])))


# --- failures --------------------------------------------------------------------------------------------------


class Failing:
    """Stands in for `run_cell`: one policy raises, one kills its process every time, one the first time."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, cell):
        if cell.policy == "solo":
            raise ZeroDivisionError(f"cannot divide among {cell.team_size}")
        tries = self.folder / f"{cell.name}.tries"
        with open(tries, "a") as file:
            file.write("x")
        if cell.policy == "broadcast" or (cell.policy == "cost_aware" and tries.read_text() == "x"):
            os.kill(os.getpid(), signal.SIGKILL)
        return run_cell(cell)


def test_a_process_that_dies_loses_its_cell_only_which_is_done_again(ray_cluster, cells, tmp_path, capfd):
    over = []
    with executor_module.connect(ray_cluster.address) as executor:
        faults = run_cells.run_and_write(
            cells, tmp_path, executor, lambda cell, fault: over.append(cell), Failing(tmp_path)
        )
    policy = {cell.name: cell.policy for cell in cells}
    by_policy = {policy[name]: fault for name, fault in faults.items()}
    assert len(faults) == 4
    assert by_policy["broadcast"] == DIED
    assert by_policy["solo"].startswith("ZeroDivisionError: cannot divide among 2 (test_ray_cluster.py, line ")
    assert sorted(cell.name for cell in over) == sorted(policy)
    expected = {"no_communication": 1, "broadcast": executor_module.ATTEMPTS, "cost_aware": 2}
    assert {policy[path.stem]: len(path.read_text()) for path in tmp_path.glob("*.tries")} == expected
    assert capfd.readouterr() == ("", "")
    good = [cell for cell in cells if cell.name not in faults]
    (tmp_path / "pool").mkdir()
    assert run_cells.run_and_write(good, tmp_path / "pool", LocalPool(2), lambda *_: None) == {}
    assert contents(tmp_path) == contents(tmp_path / "pool")


# --- no cluster ------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """Something that is no Ray: it listens and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def assert_refused(address, message, out, capsys):
    words = ["--policies", "no_communication", *WORDS, "--out", str(out), "--ray", address]
    assert main(["benchmark", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --ray ")
    assert message in line


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_address_where_nothing_answers(server, tmp_path, monkeypatch, capsys, prefix):
    monkeypatch.setattr(executor_module, "CONNECT_SECONDS", 2.0)
    address = f"{prefix}127.0.0.1:{server.getsockname()[1]}"
    assert_refused(address, "no Ray cluster answers within 2 s", tmp_path, capsys)
    server.close()
    assert_refused(address, "nothing answers there: [Errno 111] Connection refused", tmp_path, capsys)


def test_no_cluster_to_be_found(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(executor_module, "TRY", "raise ConnectionError('Could not find any running Ray instance.')")
    assert_refused("auto", "cannot connect: ConnectionError: Could not find any running Ray", tmp_path, capsys)


class Faltering:
    """Stands in for the module `ray`, at `ray.init`."""

    def __init__(self, failures):
        self.failures, self.calls = failures, []

    def init(self, address, **options):
        self.calls.append((address, options))
        if self.failures:
            raise self.failures.pop()

    def shutdown(self):
        self.calls.append("shutdown")


def test_client_server_that_dies_as_it_starts_is_asked_for_again():
    faltering = Faltering([ConnectionAbortedError("Initialization failure")])
    executor_module._init_twice(faltering, "ray://host:1", log_to_driver=False)
    asked = ("ray://host:1", {"log_to_driver": False})
    assert faltering.calls == [asked, "shutdown", asked]
    with pytest.raises(ConnectionAbortedError):
        executor_module._init_twice(Faltering([ConnectionAbortedError()] * 2), "ray://host:1")


@pytest.mark.parametrize("address", ["here", "host", "http://host:1", "host:", "ray://host"])
def test_address_of_no_known_form(address, tmp_path, capsys):
    assert_refused(address, f"is {address!r}, expected local, auto, HOST:PORT", tmp_path / "out", capsys)
    assert not (tmp_path / "out").exists()


def test_missing_ray_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert_refused("local", "pip install -e '.[cluster]'", tmp_path / "out", capsys)
    assert not (tmp_path / "out").exists()


def test_ray_is_imported_only_when_a_cluster_is_asked_for():
    code = "import sys, training.__main__, training.benchmark; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# --- a Ray of one's own ----------------------------------------------------------------------------------------


def processes(session):
    """Those of a session that are still alive, but for the two that Ray itself ends within a minute."""
    listed = subprocess.run(["ps", "-o", "stat=,args=", "-s", str(session)], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if not line.startswith("Z") and "Agent" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_run_leaves_no_process_and_is_resumed(whole, tmp_path, how):
    words = [*WORDS, "--policies", "no_communication,random,cost_aware", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "benchmark", *words, "--ray", "--workers", "1"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not contents(tmp_path / "cells"):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "no cell was finished in two minutes"
        time.sleep(0.001)
    os.kill(process.pid, how) if how == signal.SIGKILL else os.killpg(process.pid, how)
    errors = process.communicate(timeout=30)[1]
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert errors.strip().splitlines()[-1] == "interrupted; the same command goes on from here"
        assert "Traceback" not in errors
    deadline = time.monotonic() + 20
    while processes(process.pid):
        assert time.monotonic() < deadline, "processes outlive the benchmark"
        time.sleep(0.05)
    assert 0 < len(contents(tmp_path / "cells")) < 6
    assert main(["benchmark", *words]) == 0
    assert (tmp_path / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


def test_executor_without_an_address_is_the_local_pool():
    with run_cells.executor_for(None, 3, []) as executor:
        assert isinstance(executor, LocalPool)
        assert executor.workers == 3
