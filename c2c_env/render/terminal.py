"""The mode "human": frames on standard output, which a terminal redraws at their place and a pipe gets one by one."""

from __future__ import annotations

import os
import shutil
import sys
import time

from c2c_env.render.ansi import without_colours

# of a terminal: clear it, go to its upper left corner, clear the rest of the line and of the screen, cut long lines
_CLEAR, _HOME, _CLEAR_LINE, _CLEAR_REST, _CUT, _WRAP = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[?7l", "\x1b[?7h"


def is_terminal() -> bool:
    """Whether standard output is a terminal that can place its cursor."""
    stream = sys.stdout
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def wants_colours() -> bool:
    """Whether standard output is a terminal whose user has nothing against colours (https://no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR")


class Screen:
    """Shows one frame after another on standard output."""

    def __init__(self) -> None:
        self._last: float | None = None

    def show(self, frame: str, fps: float) -> None:
        """Show a frame, on a terminal in place of the last one and not before that was seen for `1 / fps` seconds."""
        if not is_terminal():
            _write(without_colours(frame) + "\n")
            return
        first = self._last is None
        self._wait(1.0 / fps)
        _write((_CLEAR if first else "") + _in_place(frame if wants_colours() else without_colours(frame)))

    def _wait(self, seconds: float) -> None:
        if self._last is not None:
            time.sleep(max(0.0, self._last + seconds - time.monotonic()))
        self._last = time.monotonic()


def _in_place(frame: str) -> str:
    """Write a frame over what the terminal shows, cut to its size, since one that scrolls loses its place."""
    lines, room = frame.splitlines(), shutil.get_terminal_size().lines - 1  # the cursor stands below
    if len(lines) > room:
        hidden = len(lines) - room + 1
        lines = [*lines[: room - 1], f"… {hidden} more lines; a higher terminal shows them"]
    return _HOME + _CUT + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_REST + _WRAP


def _write(text: str) -> None:
    if sys.stdout is None:  # of a Windows program without a console
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))  # not every console has shades and bars
    sys.stdout.flush()
