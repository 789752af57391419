"""The benchmark: policies x workflows x team sizes x seeds, in parallel, and safe to interrupt at any moment.

Every finished cell is a file under ``OUT/cells`` (see `cell_files`), and ``OUT/results.csv`` is put together from these
files. Running the same command again does what is missing and nothing else.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from agents.registry import answers_under_way, close_clients, policy_files
from c2c_env.text.names import one_line
from training.benchmark import model_costs
from training.benchmark.cell import Cell, Row
from training.benchmark.cell_files import is_finished, keep_episodes, write_cell
from training.benchmark.play_cell import cell_batch, run_cell
from training.executors.base import Executor
from training.executors.opening import open_executor
from training.executors.threads import Threads
from training.files import Claims

CELLS_AT_ONCE = 8  # that ask a model
Opener = Callable[[Sequence[Cell]], AbstractContextManager[Executor]]
Report = Callable[[Cell, str], None]  # gets a cell that is over and its fault


def complete(cells: Sequence[Cell], folder: Path, opener: Opener, errors: Console, claims: Claims) -> dict[str, str]:
    """Run the cells that have no file yet and that no other run plays; return faults by the name of the cell."""
    missing = [cell for cell in cells if not is_finished(cell, folder, errors)]
    if len(missing) < len(cells):
        errors.print(f"{len(cells) - len(missing)} of {len(cells)} cells are there already")
    if not missing:
        return {}
    cell_batch(missing[0])  # compiles the simulator once, where its message can be seen, and not in every process
    missing.sort(key=lambda cell: -cell.cost)
    faults: dict[str, str] = {}
    while missing:
        mine = [cell for cell in missing if claims.take(cell.name)]
        if not mine:
            errors.print(f"{len(missing)} cells are played by another run in this folder; they are waited for")
            claims.take(missing[0].name, wait=True)
            continue
        # looked for once more: what nobody claims any more may be finished since
        left = [cell for cell in mine if not is_finished(cell, folder, errors)]
        faults |= play_missing(left, folder, opener, errors)
        claims.release()
        missing = [cell for cell in missing if cell not in mine]
    return faults


def play_missing(missing: Sequence[Cell], folder: Path, opener: Opener, errors: Console) -> dict[str, str]:
    """Play cells and write each as soon as it is finished; return faults by the name of the cell."""
    asking = [cell for cell in missing if cell.asks_model]
    if any(cell.settings.has_budget for cell in asking):
        asking.reverse()  # small ones first: a budget finishes more of them
    computing = [cell for cell in missing if not cell.asks_model]
    faults: dict[str, str] = {}
    if computing:
        with opener(computing) as executor, progress_bar(computing, errors) as on_done:
            faults |= run_and_write(computing, folder, executor, on_done)
    if asking:
        faults |= ask_models(asking, folder, errors)
    return faults


def ask_models(cells: Sequence[Cell], folder: Path, errors: Console) -> dict[str, str]:
    """Run cells that ask a model; say what they could cost before, and what they did cost however that ends."""
    errors.print(model_costs.describe_estimate(cells), markup=False)
    meters = model_costs.meters_of(cells)
    try:
        running = partial(model_costs.describe_running, meters.values())
        with progress_bar(cells, errors, running) as on_done:
            return run_and_write(cells, folder, open_threads(cells, errors), on_done)
    finally:
        errors.print(model_costs.describe_totals(meters), markup=False)


def executor_for(address: str | None, workers: int | None, cells: Sequence[Cell]) -> AbstractContextManager[Executor]:
    """What runs cells, which a cluster is sent the files of their policies for."""
    files = {_below_here(path) for policy in {cell.policy for cell in cells} for path in policy_files(policy)}
    return open_executor(address, workers, sorted(files))


def _below_here(path: Path) -> str:
    """Write a path relative to the current folder if it is below it, as on the machines that it is sent to."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class BarAndLine(Progress):
    """A bar, and below it a line whose text is made anew whenever the bar is drawn."""

    def __init__(self, *columns: ProgressColumn, console: Console, line: Callable[[], str] | None) -> None:
        self.line = line
        super().__init__(*columns, console=console)

    def get_renderables(self) -> Iterator[RenderableType]:
        """See `Progress.get_renderables`."""
        yield from super().get_renderables()
        if self.line is not None:
            yield Text(self.line())


@contextmanager
def progress_bar(cells: Sequence[Cell], errors: Console, line: Callable[[], str] | None = None) -> Iterator[Report]:
    """Show a bar over the cost of the cells, since a count would promise too much; yield what is called for each."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    done, failed = 0, 0
    with BarAndLine(*columns, console=errors, line=line) as progress:
        task = progress.add_task("benchmark", total=sum(cell.cost for cell in cells), count=f"0/{len(cells)} cells")

        def on_done(cell: Cell, fault: str) -> None:
            nonlocal done, failed
            done, failed = done + 1, failed + bool(fault)
            count = f"{done}/{len(cells)} cells" + (f", {failed} failed" if failed else "")
            progress.update(task, advance=cell.cost, count=count)

        yield on_done


def describe_faults(cells: Sequence[Cell], faults: dict[str, str]) -> str:
    """Write one error that names every failed cell and why it failed."""
    lines = [one_line(f"- {cell.title}: {faults[cell.name]}") for cell in cells if cell.name in faults]
    head = f"error: {len(faults)} of {len(cells)} cells failed; the same command runs these again and only these:"
    return "\n  ".join([head, *lines])


def open_threads(cells: Sequence[Cell], errors: Console) -> Threads:
    """Cells that ask a model run in this process, side by side, so that one limit, budget and cache serve all.

    Under a budget they run one after another, so that what is paid for finishes episodes.
    """

    def stop() -> None:
        try:
            if count := answers_under_way():
                answers = "1 answer that is" if count == 1 else f"{count} answers that are"
                errors.print(f"waiting for {answers} under way; interrupt again to stop at once")
            close_clients()
        except KeyboardInterrupt:
            close_clients(patient=False)
            raise

    limited = any(cell.settings.has_budget for cell in cells)
    return Threads(1 if limited else min(CELLS_AT_ONCE, len(cells)), stop)


def run_and_write(
    cells: Sequence[Cell],
    folder: Path,
    executor: Executor,
    on_done: Report,
    work: Callable[[Cell], list[Row]] = run_cell,
) -> dict[str, str]:
    """Run cells and write each as soon as it is finished.

    Args:
        cells: what is to be run, in this order.
        folder: where `<cell.name>.json` goes.
        executor: runs them.
        on_done: called with each cell and its fault ("" if it has none) when it is over.
        work: what runs a cell.

    Returns:
        Faults by the name of the cell.

    Raises:
        WriteError: a finished cell cannot be written; no other could be, so the run stops.
    """
    faults: dict[str, str] = {}
    with contextlib.closing(executor.run(work, deque(cells))) as outcomes:
        for cell, rows, fault in outcomes:
            if not fault:
                write_cell(folder / f"{cell.name}.json", keep_episodes(cell, rows))
            if fault:
                faults[cell.name] = fault
            on_done(cell, fault)
    return faults
