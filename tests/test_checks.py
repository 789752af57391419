"""The checks of single values: what each accepts, and what its error says."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from c2c_env import checks

NOT_NUMBERS = [True, np.bool_(True), "1", None, 1j, math.nan, math.inf, 10**400, [1]]


@pytest.mark.parametrize("value", [0, -1, 0.5, 2**70, Fraction(1, 3), np.float32(0.5), np.uint8(3)])
def test_numbers(value):
    assert checks.is_number(value)


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_is_not_a_number(value):
    assert not checks.is_number(value)


@pytest.mark.parametrize(
    ("value", "expected"), [(3, True), (np.int8(3), True), (3.0, False), (True, False), ("3", False)]
)
def test_integers(value, expected):
    assert checks.is_integer(value) is expected


@pytest.mark.parametrize(
    ("check", "good", "bad", "expected"),
    [
        (checks.number_in(0.75, 2.5), [0.75, 1, 2.5], [0.74, 2.51, *NOT_NUMBERS], "a number in [0.75, 2.5]"),
        (checks.integer_in(1, 4), [1, 4, np.int32(2)], [0, 5, 2.0, True], "an integer in [1, 4]"),
        (checks.integer_from(1), [1, 10**400], [0, 1.0, True, None], "an integer >= 1"),
        (checks.one_of("tuple", "flat"), ["flat", "tuple"], ["fla", "", None, ("flat",)], "'tuple' or 'flat'"),
        (checks.instance_of(dict, "a table"), [{}, {1: 2}], [[], None], "a table"),
        (checks.or_none(checks.SHARE), [None, 0, 1], [-0.1, 1.1, "x"], "a number in [0, 1] or None"),
        (checks.SHARE, [0, 0.5, 1], [-0.1, 1.1], "a number in [0, 1]"),
        (checks.POSITIVE_SHARE, [1e-6, 1], [0, 1.1, 5e-324], "a number in [1e-06, 1]"),
        (checks.INNER_SHARE, [0.1, 0.9], [0, 1, 1e-7], "a number in [1e-06, 0.999999]"),
        (checks.POSITIVE, [1e-6, 5, 1e6], [0, -1, 1e-300, 1e7, math.inf], "a number in [1e-06, 1e+06]"),
        (checks.NOT_NEGATIVE, [0, 5.5], [-0.1, 1e308, math.nan], "a number in [0, 1e+06]"),
        (checks.MODERATE, [-1e6, 0, 1e6], [-1e308, math.nan], "a number in [-1e+06, 1e+06]"),
        (checks.BOOL, [True, False], [0, 1, None, np.bool_(True)], "True or False"),
        (checks.TEXT, ["", "x"], [b"x", None, 1], "text"),
    ],
)
def test_a_check_accepts_the_good_and_describes_the_bad(check, good, bad, expected):
    assert [checks.fault("x", value, check) for value in good] == [""] * len(good)
    for value in bad:
        assert checks.fault("x", value, check) == f"x is {value!r}, expected {expected}"


def test_an_unknown_choice_names_the_nearest():
    assert checks.choice_fault("tier", "simple", ["simple", "complex"]) == ""
    assert checks.choice_fault("tier", "simpel", ["simple", "complex"]) == (
        "unknown tier 'simpel'; did you mean 'simple'? (valid: complex, simple)"
    )
    assert checks.choice_fault("tier", None, ["simple"]) == "unknown tier None (valid: simple)"


def test_only_faults_are_kept():
    assert checks.only_faults(["", "a", "", "b"]) == ["a", "b"]
