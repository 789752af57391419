"""``results.csv`` and ``run.json`` of a benchmark."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

import c2c_env
from c2c_env import METRICS, TEST_SEEDS
from c2c_env.disk import write_whole
from c2c_env.text.names import one_line
from training import arguments
from training.benchmark import choose_cells
from training.benchmark.cell import Cell, Row
from training.benchmark.cell_files import read_cell
from training.benchmark.play_cell import EPISODE_COLUMNS
from training.benchmark.protocol.protocol_arguments import describe_prescribed
from training.files import source_digest
from training.program import command_line

RESULT_COLUMNS = ["policy", "tier", "workflow", "split", "team_size", "seed", *METRICS, *EPISODE_COLUMNS]
LIBRARIES = ("numpy", "numba", "gymnasium", "pettingzoo")  # whose versions a run notes
PROTOCOL_COLUMNS = ["protocol", "partners"]  # further ones, of a run by a published protocol
# ... and of teams that ask a language model
MODEL_COLUMNS = {
    "failed": "1 if a question got no answer: the episode stays out of all means",
    "failure": "why",
    "questions": "questions that the model has answered",
    "questions_skipped": "questions that were not asked, since nothing had changed for the agent (ask=events)",
    "answers": "answers of the model, one an agent and step",
    "answers_valid": "... that were taken as they are",
    "answers_repaired": "... that were taken after a repair of their form",
    "answers_invalid": "... that could not be used: silent no-work",
    "answers_reasked": "answers that came from a second question, after an invalid answer (reask=1)",
    "invalid_reasons": "why answers were invalid, as a JSON object of counts",
    "prompt_tokens": "tokens of all prompts, the judge's too",
    "prompt_tokens_cached": "... that servers had in caches of their own",
    "completion_tokens": "tokens of all answers",
    "cost": "dollars for these tokens; empty without prices",
    "judged": "messages that the judge looked at",
    "judged_invalid": "... whose score could not be read, so that they had no effect",
}


def write_results(cells: Sequence[Cell], finished: Path, out: Path) -> pd.DataFrame:
    """Put ``results.csv`` together from the cells that are there, in the order in which they were chosen.

    Args:
        cells: what was to be played.
        finished: folder with the files of cells.
        out: folder for the table.
    """
    rows: list[Row] = []
    for cell in cells:
        path = finished / f"{cell.name}.json"
        if path.exists():
            same: Row = {"policy": cell.player, "tier": cell.tier, "split": cell.split, "team_size": cell.team_size}
            same |= {"protocol": cell.protocol, "partners": cell.partners} if cell.protocol else {}
            rows += [same | row for row in read_cell(path, cell)]
    results = pd.DataFrame(rows, columns=[*RESULT_COLUMNS, *columns_of(rows)])
    write_whole(out / "results.csv", results.to_csv(index=False, lineterminator="\n"))
    return results


def describe_benchmark(args: argparse.Namespace, cells: Sequence[Cell]) -> dict[str, Any]:
    """Describe all that is needed to run the benchmark again."""
    libraries = [*LIBRARIES, *(["ray"] if args.ray is not None else [])]
    return {
        "command": command_line(),
        "arguments": {key: value for key, value in vars(args).items() if isinstance(value, str | int | list | None)},
        "policies": arguments.unique([cell.policy for cell in cells]),
        "workflows": arguments.unique([workflow.name for cell in cells for workflow in cell.workflows]),
        "team_sizes": sorted({cell.team_size for cell in cells}),
        "team": asdict(cells[0].team) if cells[0].team else None,
        "seeds": sorted({seed for cell in cells if cell.split != choose_cells.GENERATED for seed in cell.seeds}),
        "first_generated_seed": TEST_SEEDS[0] if any(cell.split == choose_cells.GENERATED for cell in cells) else None,
        "config": asdict(cells[0].config),
        "versions": describe_versions(libraries),
        "options": next((cell.settings.identity for cell in cells if cell.asks_model), None),
        "platform": platform.platform(),
        **describe_prescribed(args, cells),
    }


def describe_versions(libraries: Sequence[str]) -> dict[str, str]:
    """Name the versions of what numbers come from: Python, libraries, and this project with its sources."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in libraries},
        "c2c_env": c2c_env.__version__,
        "sources": source_digest(),
    }


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The further columns: of a run by a protocol, and if there are teams that ask a language model."""
    prescribed = PROTOCOL_COLUMNS if any("protocol" in row for row in rows) else []
    return [*prescribed, *(MODEL_COLUMNS if any("failed" in row for row in rows) else [])]


def split_failed(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off the episodes that failed from those that count."""
    if "failed" not in results:
        return results, results.iloc[:0]
    failed = results["failed"] == 1
    return results[~failed], results[failed]


def describe_unplayed(results: pd.DataFrame) -> list[str]:
    """Say of every policy whose episodes all failed that there is nothing of it to compare."""
    counted, failed = split_failed(results)
    gone = [policy for policy in dict.fromkeys(failed["policy"]) if policy not in set(counted["policy"])]
    return [
        f"error: every episode of {one_line(policy)} failed, so it has no results; the first:"
        f" {one_line(failed.loc[failed['policy'] == policy, 'failure'].iloc[0])};"
        " the same command asks again for what is missing"
        for policy in gone
    ]


def describe_failed(failed: pd.DataFrame) -> list[str]:
    """Say for the legend how many episodes failed, of whom, and why the first did."""
    if not len(failed):
        return []
    names = ", ".join(f"{one_line(policy)} {n}" for policy, n in failed.groupby("policy", sort=False).size().items())
    first = one_line(failed["failure"].iloc[0])
    return [f"{len(failed)} failed for want of an answer and are left out of all means ({names}); the first: {first}."]
