"""Random play, and comparing what came back."""

from __future__ import annotations

import numpy as np


def random_actions(env, rng):
    sizes = env.batch.action_sizes
    draws = rng.integers(0, sizes, size=(len(env.agents), len(sizes)))
    return dict(zip(env.agents, draws[:, 0] if env.config.action_format == "discrete" else draws, strict=True))


def play(env, rng, steps=10**9):
    """Random steps until the end; everything that came back."""
    results = []
    while env.agents and len(results) < steps:
        results.append(env.step(random_actions(env, rng)))
    return results


def assert_same(left, right):
    """Equal dicts, tuples, arrays and numbers, NaN included."""
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        left, right = list(left.values()), list(right.values())
    if isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        np.testing.assert_array_equal(left, right)
