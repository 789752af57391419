"""The error family. Every message says what was got, what is expected and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class C2CError(Exception):
    """Base of every error that this package raises on purpose.

    Attributes:
        faults: the single faults, where several were found at once.
    """

    faults: tuple[str, ...] = ()


class ConfigError(C2CError, ValueError):
    """A configuration, team or keyword is wrong; lists every fault."""


class WorkflowError(C2CError, ValueError):
    """A workflow or workflow file is wrong; lists every fault."""


class ActionError(C2CError, ValueError):
    """Actions of the wrong agents, shape, type or range (an illegal but well-formed action is no error)."""


class SnapshotError(C2CError, ValueError):
    """A snapshot does not fit the environment it is restored into."""


class ResetNeededError(C2CError, RuntimeError):
    """The environment was stepped or read before `reset`, or stepped after the episode's end."""


class MissingExtraError(C2CError, ImportError):
    """An optional library is needed for what was asked."""


class EndpointError(C2CError, RuntimeError):
    """A language model cannot be used at all: no key, no server, no such model. Stops a run."""


class BudgetError(C2CError, RuntimeError):
    """The next question to a language model could cost more than the budget leaves. Stops a run, to be resumed."""


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest valid name, or an empty string."""
    matches = difflib.get_close_matches(str(name), list(valid), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def unknown_name(what: str, name: object, valid: Iterable[str]) -> str:
    """Describe an unknown name: what was got, the nearest valid one, all valid ones."""
    names = sorted(valid)
    return f"unknown {what} {name!r}{nearest(name, names)} (valid: {', '.join(names)})"


def raise_faults(error: type[C2CError], title: str, faults: list[str]) -> None:
    """Raise one `error` that lists all `faults`; do nothing when there is none."""
    if faults:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        raised = error(f"{title}: {len(faults)} fault{'s' if len(faults) > 1 else ''}{lines}")
        raised.faults = tuple(faults)
        raise raised
