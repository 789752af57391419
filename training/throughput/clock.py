"""What a row of the throughput table is: a loop that chooses outside the clock and steps inside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Loop:
    """Environments that are ready to be stepped.

    Attributes:
        agents: of one environment.
        envs: environments that are stepped together.
        observation_bytes: handed out for a step of one environment.
        choose: random legal actions, outside the clock.
        step: takes them; ended episodes are started anew in it, inside the clock.
        steps_a_call: steps of all the environments that a call of `step` takes.
    """

    agents: int
    envs: int
    observation_bytes: int
    choose: Callable[[], Any]
    step: Callable[[Any], object]
    steps_a_call: int = 1


def rate(loop: Loop, seconds: float, max_calls: int | None = None) -> float:
    """Return the environment steps per second of one run, which ends after so many seconds or calls of `step`."""
    clock, calls = 0.0, 0
    while clock < seconds and calls != max_calls:
        actions = loop.choose()
        start = time.perf_counter()
        loop.step(actions)
        clock += time.perf_counter() - start
        calls += 1
    return calls * loop.steps_a_call * loop.envs / clock
