"""Jobs in threads of this process, for jobs that wait for a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from training.executors.base import Job, Outcome, attempt


class Threads:
    """Threads of this process, an `Executor` for jobs that wait for a server: they share its limits.

    Args:
        count: of jobs at once.
        stop: called when it is left early; must end what the jobs wait for.
    """

    def __init__(self, count: int, stop: Callable[[], None]) -> None:
        self.count, self.stop = count, stop

    def run(self, work: Callable[[Job], Any], jobs: deque[Job]) -> Generator[Outcome, None, None]:
        """See `Executor.run`."""
        pool = ThreadPoolExecutor(self.count)
        running: dict[Future[tuple[Any, str]], Job] = {}
        try:
            while jobs or running:
                while jobs:
                    job = jobs.popleft()
                    running[pool.submit(attempt, work, job)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield Outcome(running.pop(future), *future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self.stop()
            raise
        finally:
            pool.shutdown()
