"""Cells in parallel processes, such that neither a policy that raises nor a process that dies stops the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path

from training.cells import Cell, Row, run_cell, write_cell

Work = Callable[[Cell], list[Row]]
Report = Callable[[Cell, str], None]
DIED = "its process died (killed, out of memory, or crashed)"


def run_cells(
    cells: Sequence[Cell], folder: Path, workers: int, on_done: Report, work: Work = run_cell
) -> dict[str, str]:
    """Run cells and write each as soon as it is finished.

    Args:
        cells: what is to be run, in this order.
        folder: where `<cell.name>.json` goes.
        workers: processes.
        on_done: called with each cell and its fault ("" if it has none) when it is over.
        work: what runs a cell; a function of a module, so that the processes can import it.

    Returns:
        Faults by the name of the cell.
    """
    waiting, faults = list(cells), dict[str, str]()

    def note(cell: Cell, fault: str) -> None:
        if fault:
            faults[cell.name] = fault
        on_done(cell, fault)

    while waiting:
        for suspect in _run_until_broken(waiting, folder, workers, note, work):
            # one of those under way took the whole pool down; alone, only the guilty one does so again
            for guilty in _run_until_broken([suspect], folder, 1, note, work):
                note(guilty, DIED)
    return faults


def _run_until_broken(waiting: list[Cell], folder: Path, workers: int, note: Report, work: Work) -> list[Cell]:
    """Take cells from the front of `waiting` until none is left (returns []) or a process dies (those under way)."""
    running: dict[Future[str], Cell] = {}
    with _pool(min(workers, len(waiting))) as pool:
        while waiting or running:
            try:
                # no more than the processes can take: what was never under way cannot be suspected
                while waiting and len(running) < workers:
                    cell = waiting[0]
                    with _interrupts_held():
                        running[pool.submit(_run_and_write, work, cell, folder / f"{cell.name}.json")] = cell
                    del waiting[0]
            except BrokenProcessPool:
                return list(running.values())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if isinstance(future.exception(), BrokenProcessPool):
                    return list(running.values())
                note(running.pop(future), future.result())
    return []


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once when it is left early, and when this process is killed."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the processes share the cores already
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


def _run_and_write(work: Work, cell: Cell, path: Path) -> str:
    """In a worker: run a cell and write it; returns its fault as text, since not every exception can be sent."""
    try:
        write_cell(path, work(cell))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"
    return ""
