"""What stands beside weights in a file: how they came about and how they are played. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from c2c_env.checks import Check, fault, is_number, only_faults
from c2c_env.core.arrays import Array
from c2c_env.errors import C2CError, raise_faults

WEIGHTS_FORMAT = 3  # of what the network reads and of how a policy file is written
LARGEST_FILE = 2**30  # bytes; the shipped policy has less than 1 MB
TEMPERATURE: Check = (lambda x: is_number(x) and (x == 0 or 0.001 <= x <= 1000), "0 or a number in [0.001, 1000]")
RISE: Check = (lambda x: is_number(x) and 0 <= x <= 1, "a number in [0, 1]")
THRESHOLD: Check = (lambda x: x is None or (is_number(x) and 0 <= x <= 1), "a number in [0, 1] or null")


class WeightsError(C2CError, ValueError):
    """A file of weights is missing, broken, or not what is expected."""


class Manner(NamedTuple):
    """How weights are played.

    Attributes:
        threshold: an agent speaks if its probability to speak is above it, in [0, 1]; None draws by the probability.
        temperature: of the plan and of what is said: 0 takes the likeliest, 1 draws as learned.
        rise: of the threshold with every subtask of the workflow for each agent: the more there is to do for each, the
            dearer the time that a message takes.
    """

    threshold: float | None = 0.5
    temperature: float = 0.0
    rise: float = 0.0

    def least_probability(self, load: Array) -> Array | None:
        """The probability to speak above which an agent speaks, in [0, 1]; None if that is drawn.

        Args:
            load: subtasks of the workflow for each agent of the team.
        """
        return None if self.threshold is None else np.clip(self.threshold + self.rise * load, 0.0, 1.0)


def manner_of(card: object, where: str) -> Manner:
    """How the card of the file `where` says that its weights are played.

    Raises:
        WeightsError: it is no table, or has a threshold, temperature or rise that is out of range.
    """
    if not isinstance(card, Mapping):
        raise WeightsError(f"the card of {where} is {card!r}, expected a table")
    manner: dict[str, Any] = {name: card.get(name, default) for name, default in Manner._field_defaults.items()}
    faults = only_faults([fault(name, manner[name], check) for name, check in _CHECKS.items()])
    raise_faults(WeightsError, f"the card of {where} cannot be played", faults)
    return Manner(**manner)


_CHECKS: Mapping[str, Check] = {"threshold": THRESHOLD, "temperature": TEMPERATURE, "rise": RISE}
