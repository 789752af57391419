"""Jobs that are appended while others run: no outcome of another one is waited for, and processes stay."""

from __future__ import annotations

import os
import threading
from collections import deque

import pytest

from training.executors.processes import LocalPool
from training.executors.threads import Threads


def numbered(job):
    return job, os.getpid()


@pytest.mark.parametrize("executor", [LocalPool(1), LocalPool(2), Threads(2, lambda: None)])
def test_what_is_appended_is_run(executor):
    jobs, done = deque([10, 20]), []
    for job, (number, _), fault in executor.run(numbered, jobs):
        assert (number, fault) == (job, "")
        done.append(job)
        if job % 10 < 3:  # the last outcome, too, may have a job to follow
            jobs.append(job + 1)
    assert sorted(done) == [10, 11, 12, 13, 20, 21, 22, 23]
    assert not jobs


def test_a_process_takes_what_follows_too():
    jobs, processes = deque(["first"]), set()
    for job, (_, process), _ in LocalPool(1).run(numbered, jobs):
        processes.add(process)
        if job == "first":
            jobs.append("second")
    assert len(processes) == 1
    assert os.getpid() not in processes


def test_what_follows_a_quick_job_does_not_wait_for_a_slow_one():
    followed = threading.Event()
    work = {"quick": lambda: True, "slow": lambda: followed.wait(60), "follows": lambda: followed.set() or True}
    jobs, order = deque(["slow", "quick"]), []
    for job, result, _ in Threads(2, lambda: None).run(lambda name: work[name](), jobs):
        assert result
        order.append(job)
        if job == "quick":
            jobs.append("follows")
    assert set(order[1:]) == {"follows", "slow"}
