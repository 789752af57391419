"""A cell of the benchmark: one policy on one workflow with one team size, all its seeds side by side.

A finished cell is one small file. Its name carries a hash of everything that determines the result, so a file that
is there under the right name never has to be computed again, and changed code or constants never meet old numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import c2c_env
from agents.base import Accounting, Policy, PolicyContext, play
from agents.prompted.options import Options
from agents.registry import make_policy
from c2c_env import METRICS, Batch, EnvConfig, Team, Workflow

Row = dict[str, Any]
FORMAT = 1  # of the cell files and of what `run_cell` does around a policy; part of the hash
_PACKAGE = Path(c2c_env.__file__).parent
_SOURCES = ("core/*.py", "workflows/*.py", "envs/*.py", "text/*.py", "bounds.py", "config.py", "metrics.py")
PROMPTED = "prompted"


class CorruptCellError(ValueError):
    """A cell file is not what `write_cell` wrote."""


@dataclass(frozen=True, eq=False)
class Cell:
    """What is played.

    Attributes:
        policy: name for the registry.
        label: name of the workflow, or of the set of generated ones.
        split: "built-in", "generated" or "file".
        tier: of the workflows.
        workflows: one, which every seed plays, or one a seed.
        team_size: N, of the default team.
        seeds: of the environments.
        config: every constant.
        options: of prompted policies, see `agents.prompted.options`.
        transcripts: folder for the transcripts of a prompted policy.
    """

    policy: str
    label: str
    split: str
    tier: str
    workflows: tuple[Workflow, ...]
    team_size: int
    seeds: tuple[int, ...]
    config: EnvConfig
    options: Mapping[str, Any] = field(default_factory=dict)
    transcripts: str = ""

    @property
    def prompted(self) -> bool:
        """A language model plays: it waits for a server, not for a processor."""
        return self.policy.partition(":")[0] == PROMPTED

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.policy} / {self.label} / {self.team_size} agents"

    @cached_property
    def name(self) -> str:
        """Of its file, without suffix: readable parts and the hash of all that determines the result."""
        parts = [re.sub(r"[^A-Za-z0-9._-]+", "_", part)[-60:] for part in (self.policy, self.label)]
        text = json.dumps(self._identity(), sort_keys=True, default=str)
        return "--".join([*parts, f"n{self.team_size}", _digest([text.encode()])])

    @property
    def cost(self) -> float:
        """Rough work, to run long cells first and to guess the time left."""
        subtasks = sum(len(workflow.subtasks) for workflow in self.workflows) / len(self.workflows)
        return len(self.seeds) * self.team_size * subtasks**2

    def _identity(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": c2c_env.__version__,
            "sources": source_digest(),
            "policy": self.policy,
            "policy_files": file_digest(policy_file(self.policy)),
            "workflows": [asdict(workflow) for workflow in self.workflows],
            "team_size": self.team_size,
            "seeds": self.seeds,
            "config": asdict(self.config),
            "options": Options.of(self.options).identity if self.prompted else None,
        }


@cache
def source_digest() -> str:
    """Hash of the code that determines results: the simulator and the policies."""
    agents = Path(__file__).parent.parent / "agents"
    files = [file for pattern in _SOURCES for file in sorted(_PACKAGE.glob(pattern))]
    files += sorted(file for file in agents.rglob("*") if file.suffix in (".py", ".md", ".toml"))
    return _digest(_named_bytes(files))


def policy_file(policy: str) -> Path | None:
    """The file or folder behind `name:path`, a learned policy's weights for example; None without any."""
    argument = policy.partition(":")[2]
    return Path(argument) if argument and Path(argument).exists() else None


def file_digest(place: Path | None) -> str:
    """Hash of a file or of all files in a folder; "" where there is none."""
    if place is None or not place.exists():
        return ""
    return _digest(_named_bytes([place] if place.is_file() else sorted(f for f in place.rglob("*") if f.is_file())))


def _named_bytes(files: Iterable[Path]) -> Iterable[bytes]:
    for file in files:
        yield file.name.encode()
        yield file.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())  # of each part, so that the borders between them count
    return total.hexdigest()[:16]


def make_batch(cell: Cell) -> Batch:
    """The cell's environments, freshly reset."""
    batch = Batch(list(cell.workflows), Team.default(cell.team_size), cell.config, num_envs=len(cell.seeds))
    several = len(cell.workflows) > 1
    batch.reset(cell.seeds, workflows=range(len(cell.seeds)) if several else [0] * len(cell.seeds))
    return batch


def policy_seed(cell: Cell) -> int:
    """Seed of a policy that draws numbers: another one for every cell, the same at every run."""
    return zlib.crc32(f"{cell.title} / {cell.seeds}".encode())


def run_cell(cell: Cell) -> list[Row]:
    """Play all episodes of a cell; a row of metrics each."""
    batch = make_batch(cell)
    policy = make_policy(cell.policy, PolicyContext.of(batch, policy_seed(cell), cell.options))
    metrics = play_recorded(cell, batch, policy)
    rows: list[Row] = []
    for place, seed in enumerate(cell.seeds):
        more = policy.episode_columns(place) if isinstance(policy, Accounting) else {}
        rows.append({"workflow": batch.workflow(place).name, "seed": seed, **metrics[place], **more})
    return rows


def play_recorded(cell: Cell, batch: Batch, policy: Policy) -> list[dict[str, float]]:
    """Play, and leave a transcript an episode where a folder for them is given."""
    if not cell.transcripts:
        return play(batch, policy)
    from agents.prompted.transcript import Recorder  # an optional library

    folder = Path(cell.transcripts)
    folder.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(batch, policy, cell.policy, cell.seeds)
    metrics = play(batch, policy, on_step=recorder.record)
    for seed, text in zip(cell.seeds, recorder.texts(), strict=True):
        write_whole(folder / f"{cell.name}--seed{seed}.jsonl", text)
    return metrics


def write_cell(path: Path, rows: Sequence[Row]) -> None:
    """Write a finished cell whole or not at all, whenever the process is killed."""
    plain = [{key: _without_nan(value) for key, value in row.items()} for row in rows]
    content = {"checksum": _checksum(path.stem, plain), "rows": plain}
    write_whole(path, json.dumps(content, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one go; the process id keeps two runs into one folder apart."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def read_cell(path: Path, cell: Cell) -> list[Row]:
    """The rows of a finished cell.

    Raises:
        CorruptCellError: truncated, edited, or the file of another cell.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows, checksum = content["rows"], content["checksum"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptCellError(f"it is no complete cell file ({type(error).__name__}: {error})") from error
    if checksum != _checksum(path.stem, rows):
        raise CorruptCellError("its checksum does not fit its content")
    if len(rows) != len(cell.seeds) or any(set(METRICS) - set(row) for row in rows):
        raise CorruptCellError(f"it does not hold all metrics of {len(cell.seeds)} episodes")
    return [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]


def _without_nan(value: Any) -> Any:
    """JSON has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _checksum(name: str, rows: Any) -> str:
    return _digest([json.dumps([name, rows], sort_keys=True).encode()])
