"""Random legal actions, for measurements and smoke tests.

Short names: s is the state, b is the row of an environment and i is an agent.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array, Outputs, State
from c2c_env.core.rng import uniform


@compiled
def choose_row(s: State, out: Outputs, actions: Array, sizes: Array, b: int) -> None:
    """Write a random legal choice of every part into actions [B, N, parts]; sizes [parts] count the choices."""
    parts = sizes.shape[0]
    for i in range(actions.shape[1]):
        first = 0
        for part in range(parts):
            draw = uniform(s.key[b], c.STREAM_ACTION, s.t[b], i * parts + part)
            actions[b, i, part] = legal_choice(out.action_mask, b, i, first, sizes[part], draw)
            first += sizes[part]


@compiled
def legal_choice(mask: Array, b: int, i: int, first: int, size: int, draw: float) -> int:
    """Choose among what mask [B, N, M] allows from `first` on, by a number in [0, 1)."""
    legal = 0
    for x in range(size):
        if mask[b, i, first + x] != 0:
            legal += 1
    left = int(draw * legal)
    for x in range(size):
        if mask[b, i, first + x] != 0:
            if left == 0:
                return x
            left -= 1
    return 0
