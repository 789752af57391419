"""What runs jobs: the protocol, the outcome of a job, and how one is attempted."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from c2c_env.errors import EndpointError, WriteError

Job = TypeVar("Job")
DIED = "its process died (killed, out of memory, or crashed)"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # cores are shared


class Outcome(NamedTuple):
    """How a job ended: with a result, or with a fault ("" if it has none)."""

    job: Any
    result: Any
    fault: str


class Executor(Protocol):
    """Where jobs run: `LocalPool`, or `training.executors.ray_cluster.Cluster`. Nothing in it knows of cells."""

    def run(self, work: Callable[[Job], Any], jobs: deque[Job]) -> Generator[Outcome, None, None]:
        """Run `work` on every job, started in this order; yield each outcome as soon as it is there.

        Args:
            work: a function of a module, so that other processes can import it.
            jobs: picklable, as are the results; other processes may share no files with this one. They are taken from
                the front, and the caller may append further ones as outcomes come.
        """


def attempt(work: Callable[[Job], Any], job: Job) -> tuple[Any, str]:
    """Result and fault of a job; the fault is a text, since not every exception can be sent.

    Raises:
        EndpointError, WriteError: as no other job could do better.
    """
    try:
        return work(job), ""
    except (EndpointError, WriteError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"
