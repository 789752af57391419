"""What the command line is called, for usage and advice; this imports nothing of the project."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

SCRIPT = "c2c-env"
MODULE = "python -m training"  # from the root of a clone


def program_name() -> str:
    """Return how the command line was started."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return MODULE if spec is not None and spec.name == "training.__main__" else SCRIPT


def as_started(text: str) -> str:
    """Write the commands of a text, which call the script, as this process was started."""
    return text.replace(f"{SCRIPT} ", f"{program_name()} ")


def command_line(words: Sequence[str] | None = None) -> str:
    """Return a whole command line, by default the one of this process."""
    return f"{program_name()} {shlex.join(sys.argv[1:] if words is None else words)}"
