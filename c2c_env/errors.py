"""The errors that the package raises. Every message says what was got, what is expected and where."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path


class C2CError(Exception):
    """Base of every error that this package raises on purpose.

    Attributes:
        faults: the single faults, if several were found at once.
    """

    faults: tuple[str, ...] = ()


class ConfigError(C2CError, ValueError):
    """A configuration, team or keyword is wrong; the message lists every fault."""


class WorkflowError(C2CError, ValueError):
    """A workflow or workflow file is wrong; the message lists every fault."""


class ActionError(C2CError, ValueError):
    """Actions have the wrong agents, shape, type or range; an illegal action of the right form is not an error."""


class PolicyError(C2CError, ValueError):
    """A policy answered with the wrong shape, type or range; an illegal action of the right form is not an error."""


class SnapshotError(C2CError, ValueError):
    """A snapshot does not fit the environment it is restored into."""


class ResetNeededError(C2CError, RuntimeError):
    """The environment was stepped or read before `reset`, or stepped after the episode's end."""


class WriteError(C2CError, OSError):
    """A file cannot be written: the disk is full, or the place is not writable. What was finished is kept."""


class MissingExtraError(C2CError, ImportError):
    """An optional library is needed for what was asked."""


class EndpointError(C2CError, RuntimeError):
    """A language model cannot be used at all, for lack of a key, a server or the model itself. It stops a run."""


class BudgetError(C2CError, RuntimeError):
    """The next question to a language model could cost more than the budget leaves. It stops the run.

    The same command resumes the run later, with a larger budget.
    """


def missing_extra(what: str, library: object, extra: str) -> MissingExtraError:
    """Make the error for a library that is missing, with the words that install it: in a clone or from an index."""
    in_clone = (Path(__file__).parent.parent / "pyproject.toml").is_file()
    target = f"-e '.[{extra}]'" if in_clone else f"'c2c-env[{extra}]'"
    return MissingExtraError(f"{what} needs {library}, which is not installed; install the extra: pip install {target}")


@contextlib.contextmanager
def needs_extra(what: str, extra: str) -> Iterator[None]:
    """Turn a library that is missing into the name of the extra that brings it.

    Raises:
        MissingExtraError: a module was not found.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_extra(what, error.name, extra) from error


def nearest(name: object, valid: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest valid name, or an empty string."""
    matches = difflib.get_close_matches(str(name), list(valid), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def unknown_name(what: str, name: object, valid: Iterable[str]) -> str:
    """Describe an unknown name: what was got, the nearest valid name and all valid names."""
    names = sorted(valid)
    return f"unknown {what} {name!r}{nearest(name, names)} (valid: {', '.join(names)})"


def raise_faults(error: type[C2CError], title: str, faults: list[str]) -> None:
    """Raise one `error` that lists all `faults`; do nothing if there are none."""
    if faults:
        lines = "".join(f"\n  - {fault}" for fault in faults)
        raised = error(f"{title}: {len(faults)} fault{'s' if len(faults) > 1 else ''}{lines}")
        raised.faults = tuple(faults)
        raise raised
