"""Writes the scores behind a comparison for the tools of the field: rliable and marl-eval.

Both need every policy on the same tasks, with the same number of runs. So only episodes that all policies have played
are written, and tasks with other numbers of runs stand in other environments.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from c2c_env.disk import write_whole
from training.report.score_matrices import TaskBlock, task_blocks

# of marl-eval, with the columns of results that they show; it wants to normalise a metric of one word
MARL_EVAL_METRICS = {"return": "episode_return", "score": "score", "reduction": "reduction", "success": "success"}


def write_exports(splits: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write ``rliable.json`` and ``marl_eval.json``; return the files.

    Args:
        splits: episodes of each split, as `with_tasks` gives them, all with a reduction.
        folder: for the files, which is there.
    """
    blocks = {split: task_blocks(episodes) for split, episodes in splits.items()}
    named = {name: block for split, found in blocks.items() for name, block in _named(split, found).items()}
    contents = {
        "rliable.json": {name: _rliable(block) for name, block in named.items()},
        "marl_eval.json": {name: _marl_eval(block) for name, block in named.items()},
    }
    for name, content in contents.items():
        write_whole(folder / name, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return [folder / name for name in contents]


def _named(split: str, blocks: Sequence[TaskBlock]) -> dict[str, TaskBlock]:
    """Blocks by the name of their environment, which marl-eval looks up in small letters."""
    if len(blocks) == 1:
        return {f"c2c_env {split}".lower(): blocks[0]}
    return {f"c2c_env {split}, {block.runs} runs".lower(): block for block in blocks}


def _rliable(block: TaskBlock) -> dict[str, Any]:
    """The tasks, and by policy the matrix [runs, tasks] of reductions in percent."""
    return {"tasks": block.tasks, "scores": {name: m.tolist() for name, m in block.matrices("reduction").items()}}


def _marl_eval(block: TaskBlock) -> dict[str, Any]:
    """Task, algorithm and run, of which each is one episode of a policy that has learned before."""
    found = {name: block.matrices(column) for name, column in MARL_EVAL_METRICS.items()}
    return {
        task.lower(): {
            policy: {
                f"run_{run}": _run({name: float(of[policy][run, place]) for name, of in found.items()})
                for run in range(block.runs)
            }
            for policy in block.policies
        }
        for place, task in enumerate(block.tasks)
    }


def _run(values: Mapping[str, float]) -> dict[str, Any]:
    metrics = {name: [value] for name, value in values.items()}
    return {"step_0": {"step_count": 0, **metrics}, "absolute_metrics": metrics}
