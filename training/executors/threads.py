"""Jobs in threads of this process, for jobs that wait for a server."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
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
