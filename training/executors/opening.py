"""Opens what runs jobs, as the options --ray and --workers say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from training.executors import ray_cluster
from training.executors.base import Executor
from training.executors.processes import LocalPool


@contextmanager
def open_executor(address: str | None, workers: int | None, files: Sequence[str] = ()) -> Iterator[Executor]:
    """Open a Ray cluster where an address is given, processes of this machine otherwise.

    Args:
        address: see `ray_cluster.connect`.
        workers: jobs at once at most; None for as many as there is room for.
        files: paths of what jobs read, which a cluster is sent.
    """
    if address is None:
        yield LocalPool(workers or os.cpu_count() or 1)
        return
    with ray_cluster.connect(address, workers, files) as connected:
        yield connected
