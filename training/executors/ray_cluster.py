"""Jobs on a Ray cluster: an `Executor` like the local pool, for the benchmark and for sweeps of any other job.

The cluster's machines need Python with this project's libraries, nothing else: the sources and the files of policies
are sent along, every worker checks that it has the same as this machine, and results come back as values. Ray is
imported only when a cluster is asked for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import agents
import c2c_env
import training
from c2c_env.errors import C2CError, ConfigError, missing_extra
from c2c_env.text.names import one_line
from training.executors.base import DIED, ONE_THREAD, Job, Outcome, attempt
from training.files import file_digest, source_digest

LOCAL, AUTO, CLIENT = "local", "auto", "ray://"
ATTEMPTS = 3  # of a job whose process dies
CONNECT_SECONDS = 90.0  # a client's server may take half a minute to start on a busy machine
OBJECT_STORE_BYTES = 128 * 2**20  # of a Ray started here; results are small
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # today's default warns that it will change
}
TRY = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='CRITICAL'); ray.shutdown()"


class ClusterError(C2CError, RuntimeError):
    """There is no cluster at the address, or not one that can run this."""


@dataclass(frozen=True)
class Setup:
    """What must be the same on every machine, for results to be the same."""

    sources: str
    versions: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls, files: Sequence[str]) -> Setup:
        """The setup of this process.

        Args:
            files: paths of what jobs read.
        """
        versions = tuple((name, metadata.version(name)) for name in ("numpy", "numba"))
        return cls(source_digest(), versions, tuple((path, file_digest(Path(path))) for path in files))


@cache
def find_difference(wanted: Setup) -> str:
    """Name the first thing that is different in this process, or ""."""
    here = Setup.here([path for path, _ in wanted.files])
    if here.sources != wanted.sources:
        return f"the sources of c2c_env and agents have digest {here.sources}, expected {wanted.sources}"
    for (name, has), (_, expected) in zip(here.versions, wanted.versions, strict=True):
        if has != expected:
            return f"{name} is {has}, expected {expected}"
    for (path, has), (_, expected) in zip(here.files, wanted.files, strict=True):
        if has != expected:
            how = "is another one" if has else "is missing"
            return f"the file {path!r} {how}; a path below the current folder, without '..', would be sent along"
    return ""


@contextlib.contextmanager
def connect(address: str, workers: int | None = None, files: Sequence[str] = ()) -> Iterator[Cluster]:
    """Connect to a cluster for as long as the context lasts; what still runs at its end is stopped.

    Args:
        address: "local" (start Ray on this machine), "auto" (the cluster that this machine belongs to), "HOST:PORT"
            (the same by address) or "ray://HOST:PORT" (from outside of the cluster).
        workers: at most so many jobs at once; None for all that the cluster has room for.
        files: paths of files and folders that jobs read, as they name them. Those below the current folder are sent
            along; others must be there on every machine.

    Raises:
        C2CError: see `check`.
        ClusterError: nothing answers at the address, or something that cannot be used.
    """
    check(address)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if address != LOCAL:
        _try_address(address)
    try:
        _start(ray, address, workers, files)
        yield Cluster(ray, address, workers, Setup.here(files))
    finally:
        ray.shutdown()


def check(address: str) -> None:
    """Check what can be said of an address without trying it.

    Raises:
        ConfigError: it has no known form.
        MissingExtraError: Ray is not installed.
    """
    if address not in (LOCAL, AUTO) and not re.fullmatch(r"(ray://)?[^/\s]+:\d{1,5}", address):
        raise ConfigError(f"--ray is {address!r}, expected {LOCAL}, {AUTO}, HOST:PORT or ray://HOST:PORT")
    if importlib.util.find_spec("ray") is None:
        raise missing_extra("--ray", "ray", "cluster")


def _try_address(address: str) -> None:
    """Connect once in a process of its own: Ray tries for many minutes, and cannot be interrupted meanwhile."""
    try:
        if address != AUTO:
            host, _, port = address.removeprefix(CLIENT).rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        subprocess.run(
            [sys.executable, "-c", TRY, address], timeout=CONNECT_SECONDS, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    except (OSError, OverflowError) as error:
        raise ClusterError(f"--ray {address}: nothing answers there: {one_line(str(error))}") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"--ray {address}: no Ray cluster answers within {CONNECT_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        if address.startswith(CLIENT):  # it did not hang, and may be one that goes well at the second time
            return
        raise ClusterError(f"--ray {address}: cannot connect: {_last_line(error.stderr)}") from error


def _start(ray: Any, address: str, workers: int | None, files: Sequence[str]) -> None:
    """Start or join a cluster, and send the sources and files there."""
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": workers or os.cpu_count(), "num_gpus": 0, "include_dashboard": False}
        own["object_store_memory"] = OBJECT_STORE_BYTES
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy_sources(Path(folder), files)
        own |= {"runtime_env": {"working_dir": folder, "env_vars": ONE_THREAD}}
        try:
            _init_twice(ray, address, log_to_driver=False, logging_level="CRITICAL", **own)
        except (ConnectionError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
            raise ClusterError(f"--ray {address}: cannot connect: {one_line(str(error))}") from error
    # Ray has no public way to keep quiet: with `log_to_driver=False` it still prints on stdout that a worker died. That
    # text would stand in the middle of the benchmark's table, and the fault is reported as the cell's own anyway.
    # `test_a_process_that_dies_loses_its_cell_only_which_is_done_again` fails without this line.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None


def _init_twice(ray: Any, address: str, **options: Any) -> None:
    """Join a cluster, and try once more where the process that Ray starts for a client dies as it starts."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, **options)
    except ConnectionAbortedError:
        ray.shutdown()
        ray.init(address, **options)
    finally:  # Ray sets its own, with which the run would end without a word and with another status
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def copy_sources(folder: Path, files: Sequence[str]) -> None:
    """Copy what is sent to the cluster: the packages that are imported here, and files below the current folder."""
    for package in (c2c_env, agents, training):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in map(Path, files):
        if path.is_absolute() or ".." in path.parts:
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, folder / path, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, folder / path)


class Cluster:
    """A connected Ray cluster, an `Executor`; see `connect`."""

    def __init__(self, ray: Any, address: str, limit: int | None, setup: Setup) -> None:
        self._ray, self._address, self._limit, self._setup = ray, address, limit, setup

    def run(self, work: Callable[[Job], Any], jobs: deque[Job]) -> Generator[Outcome, None, None]:
        """See `Executor.run`. A job whose process or machine dies is run again, `ATTEMPTS` times in all.

        Raises:
            ClusterError: a machine of the cluster cannot run this.
        """
        submit = self._ray.remote(num_cpus=1, max_retries=0)(_attempt_there).remote
        again, running = list[tuple[Job, int]](), dict[Any, tuple[Job, int]]()
        while again or jobs or running:
            with self._faults_named():
                while (again or jobs) and (self._limit is None or len(running) < self._limit):
                    job, count = again.pop() if again else (jobs.popleft(), 1)
                    running[submit(self._setup, work, job)] = job, count
                (ready,), _ = self._ray.wait(list(running), num_returns=1)
                ended = self._fetch(ready)
            job, count = running.pop(ready)
            if ended is not None:
                yield Outcome(job, *ended)
            elif count == ATTEMPTS:
                yield Outcome(job, None, DIED)
            else:
                again.append((job, count + 1))

    def _fetch(self, reference: Any) -> tuple[Any, str] | None:
        """Result and fault of a job, or None where its process died."""
        errors = self._ray.exceptions
        try:
            difference, result, fault = self._ray.get(reference)
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError, errors.ObjectLostError):
            return None
        if difference:
            raise ClusterError(f"--ray {self._address}: a machine has not the same as this one: {difference}")
        return result, fault

    @contextlib.contextmanager
    def _faults_named(self) -> Iterator[None]:
        """Turn Ray's errors into one line."""
        try:
            yield
        except self._ray.exceptions.RayError as error:
            raise ClusterError(f"--ray {self._address}: a machine cannot run this: {_last_line(str(error))}") from error
        except ConnectionError as error:
            raise ClusterError(f"--ray {self._address}: the connection was lost: {one_line(str(error))}") from error


def _attempt_there(setup: Setup, work: Callable[[Job], Any], job: Job) -> tuple[str, Any, str]:
    """Return, in a worker, what is other than it should be, and the result and fault of a job."""
    difference = find_difference(setup)
    if difference:
        return f"{difference} (on {platform.node()})", None, ""
    return "", *attempt(work, job)


def _last_line(text: str) -> str:
    """The last line of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
