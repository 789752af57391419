"""What a `DeviceBatch` launches: the functions of one row, with one thread for each row.

This module is imported only where numba-cuda is installed.

Short names: p are the parameters and s is the state.
"""

from __future__ import annotations

from typing import Any

from c2c_env.compiled import compiled
from c2c_env.core.arrays import Array, Outputs, Params, State
from c2c_env.core.compile.cuda import cuda
from c2c_env.core.constants import RESET, STEP
from c2c_env.core.random_actions import choose_row
from c2c_env.core.transition import run_row
from c2c_env.envs.episode_start import DRAWN, Starts, start_row

LOWEST, HIGHEST = -(2**31), 2**31 - 1  # the range of 32 bits


@compiled
def step_kernel(p: Params, s: State, out: Outputs, actions: Array) -> None:
    """Take one step with actions [B, N, parts]."""
    b = cuda.grid(1)
    if b < s.t.shape[0]:
        run_row(p, s, out, actions, b, STEP)


@compiled
def start_kernel(p: Params, s: State, out: Outputs, actions: Array, starts: Starts, everywhere: int) -> None:
    """Start the next episode where one has ended, or everywhere.

    What `starts` has in common with the other arguments is the same memory.
    """
    b = cuda.grid(1)
    if b < s.t.shape[0] and (everywhere or out.terminated[b] or out.truncated[b]):
        start_row(starts, b, DRAWN)
        out.terminated[b] = 0
        out.truncated[b] = 0
        run_row(p, s, out, actions, b, RESET)


@compiled
def choose_kernel(s: State, out: Outputs, actions: Array, sizes: Array) -> None:
    """Write random legal actions."""
    b = cuda.grid(1)
    if b < s.t.shape[0]:
        choose_row(s, out, actions, sizes, b)


@compiled
def take_kernel(given: Any, actions: Array) -> None:
    """Copy integers [B, N, parts] of any type; a value that 32 bits cannot hold is clipped and stays illegal."""
    b = cuda.grid(1)
    if b < actions.shape[0]:
        for i in range(actions.shape[1]):
            for part in range(actions.shape[2]):
                actions[b, i, part] = max(LOWEST, min(HIGHEST, given[b, i, part]))
