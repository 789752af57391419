"""Optimisers as named tensors, and what differs between two recipes."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor

from agents.learned.card import WeightsError
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
    """Put tensors back that `optimizer_tensors` returned.

    Raises:
        WeightsError: a tensor belongs to no parameter, or has neither its shape nor that of a number.
    """
    for name, optimizer in stage.optimizers.items():
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for path, value in tensors.items():
            owner, _, rest = path.partition(".")
            place, _, key = rest.partition(".")
            if owner != name:
                continue
            if not place.isdecimal() or int(place) >= len(parameters):
                raise WeightsError(f"the checkpoint has a tensor {path!r} that belongs to no parameter")
            if value.dim() and value.shape != parameters[int(place)].shape:
                expected = list(parameters[int(place)].shape)
                raise WeightsError(f"the checkpoint's {path!r} has shape {list(value.shape)}, expected {expected}")
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
