"""Tables on a terminal, and as plain text in a file."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console, RenderableType

from c2c_env.disk import write_whole


def show_and_save(tables: RenderableType, console: Console, path: Path, width: int) -> None:
    """Print tables, and write them to a file as plain text of a width."""
    console.print(tables, highlight=False)
    text = io.StringIO()
    Console(file=text, width=width, color_system=None).print(tables, highlight=False)
    write_whole(path, "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n")


def in_lines(name: str, width: int) -> str:
    """A name in lines of at most `width` characters, each of which ends behind `/ : , @` or a blank if it can."""
    lines = [""]
    for piece in re.findall(r"[^/:,@ ]*[/:,@ ]|[^/:,@ ]+", name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
