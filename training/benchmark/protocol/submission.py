"""Submissions: the folder of a run by a protocol with all its episodes, and a manifest that names every file of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from c2c_env.checks import TEXT, Check, fault, instance_of, only_faults
from c2c_env.disk import parse_json, read_bounded, write_whole
from c2c_env.episodes.episode_file import EPISODE_SUFFIX, MOST_EPISODE_BYTES
from c2c_env.errors import C2CError, ConfigError, raise_faults, unknown_name

SUBMISSION_FILE, RESULTS_FILE, REPORTED_FILE = "submission.json", "results.csv", "protocol.csv"
EPISODE_FOLDER, TRANSCRIPT_FOLDER = "episodes", "transcripts"
SUBMISSION_FORMAT = 1
_FILES: Check = instance_of(dict, "an object of digests by the names of files")


class SubmissionError(C2CError, ValueError):
    """A submission is not what it says; the message lists every fault."""


@dataclass(frozen=True)
class Submission:
    """What the manifest of a submission says.

    Attributes:
        name: of the entry, for the leaderboard.
        by: who submits it.
        link: where more is said about it, such as a paper; "" for nothing.
        protocol: id of the published protocol.
        split: "test" or "validation".
        files: SHA-256 of every file by its path in the folder.
    """

    name: str
    by: str
    link: str
    protocol: str
    split: str
    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One digest for all files."""
        return hashlib.sha256(json.dumps(dict(sorted(self.files.items()))).encode()).hexdigest()


def recorded_protocol(folder: Path) -> tuple[str, str]:
    """The id of the protocol by which a run was played and recorded, and its split.

    Raises:
        ConfigError: it is no run by a protocol, or its episodes were not recorded.
    """
    described = parse_json(read_bounded(folder / "run.json", "run", ConfigError), "run.json", ConfigError)
    if not isinstance(described, dict) or not isinstance(described.get("protocol"), dict):
        raise ConfigError(f"{str(folder)!r} is no run by a protocol, expected one of benchmark --protocol ID --record")
    if not (folder / EPISODE_FOLDER).is_dir():
        raise ConfigError(
            f"{str(folder)!r} has no folder {EPISODE_FOLDER!r}; play the same again with --record --out {folder}"
        )
    played = described["protocol"]
    return str(played["id"]), str(played["split"])


def write_submission(folder: Path, name: str, by: str, link: str = "") -> Submission:
    """Write the manifest of a run into its folder.

    Raises:
        ConfigError: see `recorded_protocol`.
    """
    protocol, split = recorded_protocol(folder)
    files = {path: _digest_of(folder / path) for path in submitted_files(folder)}
    submission = Submission(name, by, link, protocol, split, files)
    document = {"format": SUBMISSION_FORMAT, **asdict(submission)}
    write_whole(folder / SUBMISSION_FILE, json.dumps(document, indent=1) + "\n")
    return submission


def submitted_files(folder: Path) -> list[str]:
    """The files of a folder that belong to a submission, by their paths in it."""
    patterns = (RESULTS_FILE, REPORTED_FILE, f"{EPISODE_FOLDER}/*{EPISODE_SUFFIX}", f"{TRANSCRIPT_FOLDER}/*")
    return sorted(path.relative_to(folder).as_posix() for pattern in patterns for path in folder.glob(pattern))


def count_recorded(folder: Path) -> int:
    """How many episodes were recorded in a folder."""
    return sum(1 for _ in (folder / EPISODE_FOLDER).glob(f"*{EPISODE_SUFFIX}"))


def read_submission(folder: Path) -> Submission:
    """Read a manifest, and check that the files of the folder are those that it names.

    Raises:
        SubmissionError: lists what is wrong with it, and every file that is missing, changed or not named.
    """
    path = folder / SUBMISSION_FILE
    document = parse_json(read_bounded(path, "submission", SubmissionError), str(path), SubmissionError)
    known = ["format", *(field.name for field in fields(Submission))]
    if not isinstance(document, dict):
        raise SubmissionError(f"{path} is no manifest, expected an object with {', '.join(known)}")
    wrong = [f"there is no key {key!r}" for key in known if key not in document]
    wrong += [unknown_name("key", key, known) for key in document if key not in known]
    wrong += only_faults([fault(key, document[key], TEXT) for key in known[1:-1] if key in document])
    wrong += only_faults([fault("files", document.get("files"), _FILES)])
    raise_faults(SubmissionError, f"{path} is no manifest", wrong)
    if document.pop("format") != SUBMISSION_FORMAT:
        raise SubmissionError(f"{path} has another format, expected {SUBMISSION_FORMAT}")
    submission = Submission(**document)
    raise_faults(
        SubmissionError, f"the files of {str(folder)!r} are not those of its manifest", _changes(folder, submission)
    )
    return submission


def _changes(folder: Path, submission: Submission) -> list[str]:
    there = submitted_files(folder)
    faults = [f"{name} is missing" for name in submission.files if name not in there]
    faults += [f"{name} is not named" for name in there if name not in submission.files]
    same = [name for name in there if name in submission.files]
    return faults + [f"{name} was changed" for name in same if _digest_of(folder / name) != submission.files[name]]


def _digest_of(path: Path) -> str:
    return hashlib.sha256(read_bounded(path, "file", ConfigError, MOST_EPISODE_BYTES)).hexdigest()


def entry_of(submission: Submission, figures: list[dict[str, Any]]) -> dict[str, Any]:
    """What a leaderboard keeps of a submission that was verified; a figure that there is none of is None."""
    kept = {key: value for key, value in asdict(submission).items() if key != "files"}
    told = [{name: None if _is_nan(value) else value for name, value in row.items()} for row in figures]
    return {**kept, "digest": submission.digest, "figures": told}


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
