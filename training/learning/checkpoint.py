"""Optimisers as named tensors, and what differs between two recipes."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from training.learning.stages import Stage


def optimizer_tensors(stage: Stage) -> dict[str, Tensor]:
    """Return moments and step counts as tensors named `<optimiser>.<parameter>.<name>`."""
    return {
        f"{name}.{place}.{key}": value
        for name, optimizer in stage.optimizers.items()
        for place, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def put_optimizer_tensors(stage: Stage, tensors: dict[str, Tensor]) -> None:
    """Put tensors back that `optimizer_tensors` returned."""
    for name, optimizer in stage.optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for path, value in tensors.items():
            owner, place, key = path.split(".")
            if owner == name:
                state.setdefault(int(place), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def as_json(value: Any) -> Any:
    """Return a value as JSON gives it back, with lists for tuples."""
    return json.loads(json.dumps(value))


def differing(had: Any, has: Any, where: str = "") -> str:
    """Say where two plain values differ first."""
    if isinstance(had, dict) and isinstance(has, dict):
        for name in {**had, **has}:
            if had.get(name) != has.get(name):
                return differing(had.get(name), has.get(name), f"{where}.{name}".lstrip("."))
    return f"{where or 'recipe'}: {had!r} there, {has!r} here"
