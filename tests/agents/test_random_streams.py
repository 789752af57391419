"""The streams of the counter-based random numbers outside the simulator: no two share their numbers."""

from __future__ import annotations

import ast
from pathlib import Path

from c2c_env.core import constants

ROOT = Path(__file__).parents[2]
FIRST = 100  # the numbers below are the simulator's


def streams_of(package):
    """(file, name, number) of every constant STREAM_... of a package."""
    return [
        (path.relative_to(ROOT).as_posix(), target.id, node.value.value)
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.startswith("STREAM_")
    ]


def test_streams_outside_the_simulator_differ_and_leave_its_own_alone():
    found = [*streams_of("agents"), *streams_of("training")]
    assert len(found) >= 4
    numbers = [number for _, _, number in found]
    assert len(set(numbers)) == len(numbers), found
    assert min(numbers) >= FIRST, found


def test_the_simulator_s_own_streams_are_below():
    own = {name: value for name, value in vars(constants).items() if name.startswith("STREAM_")}
    assert len(own) >= 5
    assert max(own.values()) < FIRST, own
