"""Jobs in other processes, such that neither a job that raises nor a process that dies stops the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from c2c_env.errors import EndpointError
from training.cells import Cell, Row, run_cell, write_cell

Job = TypeVar("Job")
Report = Callable[[Cell, str], None]
DIED = "its process died (killed, out of memory, or crashed)"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # cores are shared


class Outcome(NamedTuple):
    """How a job ended: with a result, or with a fault ("" if it has none)."""

    job: Any
    result: Any
    fault: str


class Executor(Protocol):
    """Where jobs run: `LocalPool`, or `training.cluster.Cluster`. Nothing in it knows of cells."""

    def run(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """Run `work` on every job, started in this order; yield each outcome as soon as it is there.

        Args:
            work: a function of a module, so that other processes can import it.
            jobs: picklable, as are the results; other processes may share no files with this one.
        """


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    executor: Executor,
    on_done: Report,
    work: Callable[[Cell], list[Row]] = run_cell,
) -> dict[str, str]:
    """Run cells and write each as soon as it is finished.

    Args:
        cells: what is to be run, in this order.
        folder: where `<cell.name>.json` goes.
        executor: runs them.
        on_done: called with each cell and its fault ("" if it has none) when it is over.
        work: what runs a cell.

    Returns:
        Faults by the name of the cell.
    """
    faults: dict[str, str] = {}
    with contextlib.closing(executor.run(work, cells)) as outcomes:
        for cell, rows, fault in outcomes:
            if not fault:
                _, fault = attempt(partial(write_cell, folder / f"{cell.name}.json"), rows)
            if fault:
                faults[cell.name] = fault
            on_done(cell, fault)
    return faults


def attempt(work: Callable[[Job], Any], job: Job) -> tuple[Any, str]:
    """Result and fault of a job; the fault is a text, since not every exception can be sent.

    Raises:
        EndpointError: as no other job could do better.
    """
    try:
        return work(job), ""
    except EndpointError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"


class LocalPool:
    """Processes of this machine, an `Executor`."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """See `Executor.run`."""
        waiting = list(jobs)
        while waiting:
            for suspect in (yield from _run_until_broken(waiting, self.workers, work)):
                # one of those under way took the whole pool down; alone, only the guilty one does so again
                for guilty in (yield from _run_until_broken([suspect], 1, work)):
                    yield Outcome(guilty, None, DIED)


class Threads:
    """Threads of this process, an `Executor` for jobs that wait for a server: they share its limits.

    Args:
        count: of jobs at once.
        stop: called when it is left early; must end what the jobs wait for.
    """

    def __init__(self, count: int, stop: Callable[[], None]) -> None:
        self.count, self.stop = count, stop

    def run(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        """See `Executor.run`."""
        pool = ThreadPoolExecutor(self.count)
        running = {pool.submit(attempt, work, job): job for job in jobs}
        try:
            for future in as_completed(running):
                yield Outcome(running[future], *future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self.stop()
            raise
        finally:
            pool.shutdown()


def _run_until_broken(
    waiting: list[Job], workers: int, work: Callable[[Job], Any]
) -> Generator[Outcome, None, list[Job]]:
    """Take jobs from the front of `waiting` until none is left (returns []) or a process dies (those under way)."""
    running: dict[Future[tuple[Any, str]], Job] = {}
    with _pool(min(workers, len(waiting))) as pool:
        while waiting or running:
            try:
                # no more than the processes can take: what was never under way cannot be suspected
                while waiting and len(running) < workers:
                    with _interrupts_held():
                        running[pool.submit(attempt, work, waiting[0])] = waiting[0]
                    del waiting[0]
            except BrokenProcessPool:
                return list(running.values())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if isinstance(future.exception(), BrokenProcessPool):
                    return list(running.values())
                yield Outcome(running.pop(future), *future.result())
    return []


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once when it is left early, and when this process is killed."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__])
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    lifeline, held = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(lifeline,))
    try:
        yield pool
    except BaseException:
        held.close()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        pool.shutdown()
        held.close()
        lifeline.close()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits meanwhile: a process started here inherits that, and cannot be caught by one before `_begin`."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(lifeline: Connection) -> None:
    """In a new process: leave Ctrl-C to the parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()


def _end_with_parent(lifeline: Connection) -> None:
    """Nothing is ever sent: the wait ends when the only other end is closed, if need be by the system."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)
