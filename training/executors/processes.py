"""Jobs in other processes, such that neither a job that raises nor a process that dies stops the others."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from training.executors.base import DIED, ONE_THREAD, Job, Outcome, attempt

_HELD = (signal.SIGINT, signal.SIGTERM)


class LocalPool:
    """Processes of this machine, an `Executor`."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, work: Callable[[Job], Any], jobs: deque[Job]) -> Generator[Outcome, None, None]:
        """See `Executor.run`."""
        while jobs:
            for suspect in (yield from _run_until_broken(jobs, self.workers, work)):
                # one of those under way took the whole pool down; alone, only the guilty one does so again
                for guilty in (yield from _run_until_broken(deque([suspect]), 1, work)):
                    yield Outcome(guilty, None, DIED)


def _run_until_broken(
    waiting: deque[Job], workers: int, work: Callable[[Job], Any]
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
                    waiting.popleft()
            except BrokenProcessPool:
                return list(running.values())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if isinstance(future.exception(), BrokenProcessPool):
                    return list(running.values())
                yield Outcome(running.pop(future), *future.result())
    return []


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool whose processes end at once when it is left early, and when this process is killed."""
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
        held.close()  # ends the processes
        raise
    finally:
        # It waits, since a process that is only starting still needs what the pool lets go of.
        pool.shutdown(cancel_futures=True)
        held.close()
        lifeline.close()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM wait until a process is started and the pool knows of it.

    A process started here inherits the mask, so that no signal reaches it before `_begin`. The mask alone would not do:
    another thread, such as that of a progress bar, may be given the signal, and Python handles it in this one.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield  # on Windows, or where Python handles no signals
        return
    came: list[int] = []
    handlers = {number: signal.signal(number, lambda got, _frame: came.append(got)) for number in _HELD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for first in came[:1]:
            signal.raise_signal(first)


def _begin(lifeline: Connection) -> None:
    """Leave Ctrl-C to the parent and end with it; this is called in every new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # held in `_interrupts_held`
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD)
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()


def _end_with_parent(lifeline: Connection) -> None:
    """End when the only other end of a pipe is closed, if need be by the system; nothing is ever sent."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)
