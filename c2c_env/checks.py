"""Checks of single values that users give. A check is a pair: a function that says yes or no, and what it expects.

`fault` writes the error of a check, so that all errors read alike and say what was got and what is expected.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

from c2c_env.errors import unknown_name

Check = tuple[Callable[[Any], bool], str]


def is_number(x: object) -> bool:
    """Whether x is a finite real number; True and False are not numbers."""
    try:
        return isinstance(x, numbers.Real) and not isinstance(x, bool) and math.isfinite(x)
    except OverflowError:  # an integer that is larger than every float
        return False


def is_integer(x: object) -> bool:
    """Whether x is an integer of Python or numpy; True and False are not integers."""
    return isinstance(x, numbers.Integral) and not isinstance(x, bool)


def plain(x: Any) -> Any:
    """Return the number of Python that a number of numpy, a fraction or a subclass stands for; else x itself.

    A 16-bit float among settings would make every array that is computed from it a 16-bit one.
    """
    if type(x) in (int, float) or not is_number(x):
        return x
    return int(x) if is_integer(x) else float(x)


def number_in(low: float, high: float) -> Check:
    """Expect a number in [low, high]."""
    return (lambda x: is_number(x) and low <= x <= high, f"a number in [{low:g}, {high:g}]")


def integer_in(low: int, high: int) -> Check:
    """Expect an integer in [low, high]."""
    return (lambda x: is_integer(x) and low <= x <= high, f"an integer in [{low}, {high}]")


def integer_from(low: int) -> Check:
    """Expect an integer that is at least `low`."""
    return (lambda x: is_integer(x) and x >= low, f"an integer >= {low}")


def one_of(*names: str) -> Check:
    """Expect one of a few names."""
    return (lambda x: isinstance(x, str) and x in names, " or ".join(repr(name) for name in names))


def instance_of(kind: type, called: str) -> Check:
    """Expect an object of a class, which the error calls `called`."""
    return (lambda x: isinstance(x, kind), called)


def or_none(check: Check) -> Check:
    """Expect what `check` expects, or None."""
    valid, expected = check
    return (lambda x: x is None or valid(x), f"{expected} or None")


# a quantity is 0 or lies between these, so that sums, products and 32-bit rewards of a few of them stay exact enough
LEAST_QUANTITY, MOST_QUANTITY = 1e-6, 1e6
SHARE = number_in(0, 1)
POSITIVE_SHARE = number_in(LEAST_QUANTITY, 1)
INNER_SHARE = number_in(LEAST_QUANTITY, 1 - LEAST_QUANTITY)
POSITIVE = number_in(LEAST_QUANTITY, MOST_QUANTITY)
NOT_NEGATIVE = number_in(0, MOST_QUANTITY)
MODERATE = number_in(-MOST_QUANTITY, MOST_QUANTITY)
BOOL = instance_of(bool, "True or False")
TEXT = instance_of(str, "text")


def fault(name: str, value: object, check: Check) -> str:
    """Describe what is wrong with a value: what was got and what is expected. Empty if nothing is wrong."""
    valid, expected = check
    return "" if valid(value) else f"{name} is {value!r}, expected {expected}"


def choice_fault(what: str, value: object, names: Sequence[str]) -> str:
    """Describe an unknown name with the nearest valid one. Empty if `value` is one of `names`."""
    return "" if isinstance(value, str) and value in names else unknown_name(what, value, names)


def only_faults(found: Sequence[str]) -> list[str]:
    """The faults among the answers of several checks, without the empty ones."""
    return [text for text in found if text]
