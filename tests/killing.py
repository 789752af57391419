"""Kills a process at a moment of its work."""

from __future__ import annotations

import os
import signal
import time

LONGEST_WAIT = 240.0  # seconds


def kill_when(process, ready):
    """Send SIGKILL as soon as `ready()` holds; the process must still be at work then."""
    deadline = time.monotonic() + LONGEST_WAIT
    while not ready():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
