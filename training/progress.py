"""How far long work is: a bar on a terminal, and a line a minute where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

BAR_COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
    TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
)  # fmt: skip
LINE_SECONDS = 60.0


class Pulse:
    """What is told how far the work is; see `pulse`."""

    def __init__(self, console: Console, name: str, total: int, done: int, bar: Progress, task: TaskID) -> None:
        self.console, self.name, self.total = console, name, total
        self._bar, self._task = bar, task
        self._began, self._first, self._told = time.monotonic(), done, time.monotonic()

    def show(self, done: int, note: str = "") -> None:
        """Show that so much is done; where there is no terminal, a minute after the last line.

        Args:
            done: of the total.
            note: what else is to be said.
        """
        self._bar.update(self._task, completed=done, note=note)
        if not self.console.is_terminal and time.monotonic() - self._told >= LINE_SECONDS:
            self.say(done, f"{note}  {self._left(done)}".strip())

    def say(self, done: int, note: str = "") -> None:
        """Say at once how far the work is, in a line of its own; a terminal shows it anyway."""
        self._told = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"{self.name} {done}/{self.total}  {note}".rstrip(), soft_wrap=True, highlight=False)

    def _left(self, done: int) -> str:
        new = done - self._first
        if new <= 0:
            return ""
        seconds = (time.monotonic() - self._began) / new * (self.total - done)
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


@contextmanager
def pulse(console: Console, name: str, total: int, done: int = 0) -> Iterator[Pulse]:
    """Show progress for as long as the context lasts.

    Args:
        console: where it is shown.
        name: of the work.
        total: of its steps.
        done: steps that were done before.
    """
    with Progress(*BAR_COLUMNS, console=console, disable=not console.is_terminal) as bar:
        yield Pulse(console, name, total, done, bar, bar.add_task(name, total=total, completed=done, note=""))
