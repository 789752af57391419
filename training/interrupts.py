"""Ctrl-C and SIGTERM: one line that says how to go on, and exit status 130 or 143, at whatever moment they come.

This imports nothing of the project, so that signals are minded before the libraries are loaded.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Interrupted(KeyboardInterrupt):
    """SIGINT came.

    It is no plain `KeyboardInterrupt`: once one of those has passed through code that a library runs by itself, Python
    may end with the signal instead of the exit status.
    """


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what minds Ctrl-C minds it as well."""


_EXCEPTIONS = {signal.SIGINT: Interrupted, signal.SIGTERM: Terminated}
_came: list[signal.Signals] = []  # the signal that was raised since `raised` began


def raise_again() -> None:
    """Raise the signal that came, if one did: libraries make errors of their own of it while they are loaded."""
    for number in _came:
        raise _EXCEPTIONS[number] from None


def end_at_once(advice: str) -> None:
    """End the process on the spot when a signal comes, which is right as long as there is nothing to clean up.

    Args:
        advice: how to go on, for the line that is printed.
    """
    _set_handlers(_ending(advice))
    atexit.register(_set_handlers, signal.SIG_IGN)  # while Python ends, what came too late changes nothing any more


@contextlib.contextmanager
def raised(advice: str) -> Iterator[None]:
    """Raise `Interrupted` or `Terminated` at the first signal, for an orderly end; the second ends at once.

    An error that comes after a signal is taken for what a library has made of it, see `raise_again`.

    Args:
        advice: how to go on, for the line that is printed at the second.
    """
    if threading.current_thread() is not threading.main_thread():  # where Python allows no handlers
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    hook, end = sys.unraisablehook, _ending(advice)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        _set_handlers(end)
        _came.append(signal.Signals(number))
        raise_again()

    def minded(unraisable: Any) -> None:
        """Where Python cannot raise, as in a destructor, it would print the signal's exception and go on."""
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            end(number_of(unraisable.exc_value), None)
        hook(unraisable)

    sys.unraisablehook = minded
    _set_handlers(interrupt)
    try:
        yield
    except Exception:
        raise_again()
        raise
    finally:
        _came.clear()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _ending(advice: str) -> Callable[[int, FrameType | None], None]:
    def end(number: int, _frame: FrameType | None) -> None:
        os.write(2, f"{signal_word(number)}{advice}\n".encode())
        os._exit(128 + number)

    return end


def number_of(error: KeyboardInterrupt) -> int:
    """The signal behind an exception."""
    return signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT


def signal_word(number: int) -> str:
    """Say in a word what has happened."""
    return SIGNALS[signal.Signals(number)]


def _set_handlers(handler: Any) -> None:
    """Set the handler of both signals, unless one is ignored, as for a background job of a shell."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
