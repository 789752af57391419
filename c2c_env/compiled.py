"""Marks the functions that may be compiled. They stand in files of their own, apart from other Python.

A marked function stays what it is: it can be called, debugged and covered as Python. What compiles it together with
the marked functions that it calls is `c2c_env.core.compile`, which this module does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeGuard, TypeVar

_MARK = "how it is compiled"
_AS_FUNCTION, _INTO_CALLER = "as a function", "into its caller"

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function may be compiled."""
    function.__dict__[_MARK] = _AS_FUNCTION
    return function


def merged(function: F) -> F:
    """The function may be compiled, and is merged into its only caller before anything else happens.

    That is for large functions: merging a handful of them saves a third of the time that compiling takes.
    """
    function.__dict__[_MARK] = _INTO_CALLER
    return function


def is_compiled(value: object) -> TypeGuard[FunctionType]:
    """Whether a value is a marked function."""
    return isinstance(value, FunctionType) and _MARK in value.__dict__


def is_merged(function: FunctionType) -> bool:
    """Whether a marked function is merged into its caller."""
    return bool(function.__dict__[_MARK] == _INTO_CALLER)
