"""Files of episodes: JSON, compressed, with a checksum. They hold what was decided, and no results.

Reading one runs no code of it and takes no more memory than its limits allow; `simulate` then checks every step.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from c2c_env.checks import NOT_NEGATIVE, TEXT, Check, fault, integer_from, integer_in, only_faults, or_none
from c2c_env.config import Channel, EnvConfig, Team
from c2c_env.core.arrays import Array
from c2c_env.core.constants import CHANNELS
from c2c_env.disk import parse_json, read_bounded, write_whole
from c2c_env.envs.spaces import part_names
from c2c_env.episodes.episode import CHECK_DIGITS, Episode, EpisodeError, ModelText
from c2c_env.errors import C2CError, ConfigError, raise_faults, unknown_name
from c2c_env.workflows.schema import Subtask, Workflow

EPISODE_FORMAT = 1
EPISODE_SUFFIX = ".episode.json.gz"
MOST_EPISODE_BYTES = 2**27  # of a file that is read, unpacked: 500 steps of 17 prompted agents have some 10**8
MOST_PIECES = 2**22  # texts, commas and brackets of such a file, which take memory: 500 steps of 17 agents have 10**5
MOST_ENTRIES = 50_000_000  # numbers of an environment that a file may ask for
_GZIP = b"\x1f\x8b"
_GZIP_BITS = 31  # tells zlib that it reads a file of gzip
_PIECE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|[,\[{]', re.DOTALL)
_KEYS = (
    *("format", "version", "workflow", "team", "config", "seed", "number", "policies", "policy_seed"),
    *("actions", "factors", "checks", "texts", "failure", "checksum"),
)
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
_SEED = integer_in(0, 2**64 - 1)
_CHECKS: Check = (lambda x: isinstance(x, str) and re.fullmatch(r"[0-9a-f]*", x) is not None, "hexadecimal digits")
_NAMES: Check = (
    lambda x: isinstance(x, list) and all(isinstance(name, str) for name in x),
    "a list with the name of a policy for each agent",
)


def write_episode(episode: Episode, path: str | os.PathLike[str]) -> None:
    """Write an episode whole or not at all.

    Raises:
        WriteError: the disk is full, or the place cannot be written.
    """
    write_whole(path, pack_episode(episode))


def write_episode_into(folder: str | os.PathLike[str], episode: Episode) -> Path:
    """Write an episode into a folder, and return its path; the same episode has the same name, another one another.

    Raises:
        WriteError: the disk is full, or the place cannot be written.
    """
    content = _content(episode)
    checksum = _checksum(content)
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{episode.workflow.name}--{episode.player}").strip("-")[:80] or "episode"
    which = f"seed{episode.seed}" + (f"-{episode.number}" if episode.number else "")
    path = Path(folder) / f"{words}--{which}--{checksum[:8]}{EPISODE_SUFFIX}"
    write_whole(path, _packed(content, checksum))
    return path


def pack_episode(episode: Episode) -> bytes:
    """What the file of an episode holds; the same episode gives the same bytes."""
    content = _content(episode)
    return _packed(content, _checksum(content))


def _packed(content: Mapping[str, Any], checksum: str) -> bytes:
    document = json.dumps({**content, "checksum": checksum}, separators=(",", ":"))
    return gzip.compress(document.encode(), compresslevel=6, mtime=0)  # 9 takes as long as the episode itself


def _content(episode: Episode) -> dict[str, Any]:
    everywhere = bool((episode.factors == 1.0).all())
    return {
        "format": EPISODE_FORMAT,
        "version": episode.version,
        "workflow": asdict(episode.workflow),
        "team": asdict(episode.team),
        "config": asdict(episode.config),
        "seed": int(episode.seed),
        "number": int(episode.number),
        "policies": list(episode.policies),
        "policy_seed": int(episode.policy_seed),
        "actions": episode.actions.tolist(),
        "factors": None if everywhere else episode.factors.tolist(),
        "checks": "".join(episode.checks),
        "texts": [_without_reasons(asdict(text)) for text in episode.texts],
        "failure": episode.failure,
    }


def _without_reasons(text: dict[str, Any]) -> dict[str, Any]:
    """The same without reasons if there are none, so that files of before stay what they were."""
    return text if text["reasons"] else {key: value for key, value in text.items() if key != "reasons"}


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# --- reading -------------------------------------------------------------------------------------------------------


def is_episode_file(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of an episode's file."""
    return Path(path).name.endswith((EPISODE_SUFFIX, EPISODE_SUFFIX.removesuffix(".gz")))


def read_episode(path: str | os.PathLike[str]) -> Episode:
    """Read the file of an episode.

    Raises:
        EpisodeError: there is none, or it is damaged, truncated, edited or too large.
    """
    where = f"episode file {os.fspath(path)!r}"
    content = parse_json(_unpacked(path, where), where, EpisodeError)
    if not isinstance(content, dict) or "format" not in content:
        raise EpisodeError(f"{where} holds no episode, expected an object with {', '.join(_KEYS)}")
    if content["format"] != EPISODE_FORMAT:
        raise EpisodeError(f"{where} has format {content['format']!r}, expected {EPISODE_FORMAT}")
    wrong = [f"there is no key {key!r}" for key in _KEYS if key not in content]
    wrong += [unknown_name("key", key, _KEYS) for key in content if key not in _KEYS]
    raise_faults(EpisodeError, f"{where} is damaged", wrong)
    if content.pop("checksum") != _checksum(content):
        raise EpisodeError(f"{where} is damaged: its checksum does not fit its content, so it was edited or cut")
    try:
        return _episode(content)
    except C2CError as error:
        raise EpisodeError(f"{where} is damaged: {error}") from error
    except _DAMAGE as error:
        raise EpisodeError(f"{where} is damaged: {type(error).__name__}: {error}") from error


def _unpacked(path: str | os.PathLike[str], where: str) -> bytes:
    content = read_bounded(path, "episode file", EpisodeError, MOST_EPISODE_BYTES)
    if content.startswith(_GZIP):
        content = _gunzipped(content, where)
    if len(content) > MOST_EPISODE_BYTES:
        raise EpisodeError(f"{where} holds more than {MOST_EPISODE_BYTES:,} bytes, which no episode does")
    if _has_too_many_pieces(content):
        raise EpisodeError(f"{where} holds more than {MOST_PIECES:,} values, which no episode does")
    return content


def _gunzipped(packed: bytes, where: str) -> bytes:
    """At most one byte more than may be; further members, which `gzip` would unpack as well, are damage."""
    reader = zlib.decompressobj(_GZIP_BITS)
    try:
        content = reader.decompress(packed, MOST_EPISODE_BYTES + 1)
    except zlib.error as error:
        raise EpisodeError(f"{where} is damaged or cut: {error}") from error
    if len(content) <= MOST_EPISODE_BYTES and not reader.eof:
        raise EpisodeError(f"{where} is damaged or cut: its compressed content has no end")
    if reader.unused_data:
        raise EpisodeError(f"{where} is damaged: {len(reader.unused_data):,} bytes follow its compressed content")
    return content


def _has_too_many_pieces(document: bytes) -> bool:
    """Whether a JSON document of few bytes would take much memory, before anything of it is made."""
    if sum(map(document.count, (b",", b"[", b"{", b'"'))) <= MOST_PIECES:  # signs within texts are counted as well
        return False
    return next(islice(_PIECE.finditer(document), MOST_PIECES, None), None) is not None


def _episode(content: Mapping[str, Any]) -> Episode:
    checks = [
        fault("version", content["version"], TEXT),
        fault("failure", content["failure"], TEXT),
        fault("seed", content["seed"], _SEED),
        fault("number", content["number"], integer_in(0, 2**62)),
        fault("policies", content["policies"], _NAMES),
        fault("policy_seed", content["policy_seed"], _SEED),
        fault("checks", content["checks"], _CHECKS),
    ]
    raise_faults(EpisodeError, "wrong values", only_faults(checks))
    workflow, team = workflow_from(content["workflow"]), team_from(content["team"])
    config = config_from(content["config"])
    if wrong := memory_fault(config, team.size, len(workflow.subtasks)):
        raise EpisodeError(wrong)
    actions = _integers(content["actions"], (team.size, len(part_names(config))))
    if len(content["policies"]) != team.size:
        raise EpisodeError(f"there are {len(content['policies'])} policies for {team.size} agents")
    if len(content["checks"]) != CHECK_DIGITS * len(actions):
        expected = f"{CHECK_DIGITS} for each of {len(actions)} steps"
        raise EpisodeError(f"there are {len(content['checks'])} digits of checks, expected {expected}")
    return Episode(
        workflow=workflow,
        team=team,
        config=config,
        seed=content["seed"],
        number=content["number"],
        actions=actions,
        factors=_factors(content["factors"], actions.shape[:2]),
        checks=tuple(re.findall("." * CHECK_DIGITS, content["checks"])),
        policies=tuple(content["policies"]),
        policy_seed=content["policy_seed"],
        texts=tuple(_text(text, *actions.shape[:2]) for text in content["texts"]),
        failure=content["failure"],
        version=content["version"],
    )


def workflow_from(data: Mapping[str, Any]) -> Workflow:
    """Make the workflow that `dataclasses.asdict` has taken apart."""
    return Workflow(**{**data, "subtasks": tuple(Subtask(**subtask) for subtask in data["subtasks"])})


def team_from(data: Mapping[str, Any]) -> Team:
    """Make the team that `dataclasses.asdict` has taken apart."""
    return Team(tuple(tuple(row) for row in data["skills"]), data["domains"])


def config_from(data: Mapping[str, Any]) -> EnvConfig:
    """Make the configuration that `dataclasses.asdict` has taken apart; what is not named is as usual."""
    known = [field.name for field in fields(EnvConfig)]
    wrong = [unknown_name("constant", name, known) for name in data if name not in known]
    raise_faults(ConfigError, "wrong constants", wrong)
    channels = {name: Channel(**data[name]) for name in CHANNELS if name in data}
    return EnvConfig(**{**data, **channels})


def memory_fault(config: EnvConfig, agents: int, subtasks: int) -> str:
    """Say that an environment would fill the memory, before anything of it is made; empty if it would not."""
    agents, subtasks = max(agents, config.max_agents or 0), max(subtasks, config.max_subtasks or 0)
    latency = max(config.chat.latency, config.email.latency)
    entries = agents * (subtasks * subtasks + (agents + subtasks) * (config.vocab_size + config.hidden_facts + 8))
    entries += agents * (2 * subtasks * config.hidden_facts + agents * (latency + 1))
    if entries <= MOST_ENTRIES:
        return ""
    what = f"{agents} agents, {subtasks} subtasks and a latency of {latency} steps"
    return f"it asks for {what}, which takes too much memory"


def _integers(rows: Any, shape: tuple[int, ...]) -> Array:
    _check_numbers("actions", rows, 3, (int,))
    actions = np.array(rows, dtype=object) if not rows else np.array(rows)
    if actions.ndim != 3 or actions.shape[1:] != shape or actions.dtype.kind != "i":
        found = f"{actions.dtype} of shape {actions.shape}"
        raise EpisodeError(f"actions are {found}, expected integers of shape (steps, {shape[0]}, {shape[1]})")
    if actions.min() < -(2**31) or actions.max() >= 2**31:
        raise EpisodeError(f"actions go from {actions.min()} to {actions.max()}, expected 32-bit integers")
    return actions.astype(np.int32)


def _factors(rows: Any, shape: tuple[int, ...]) -> Array:
    if rows is None:
        return np.ones(shape)
    _check_numbers("factors", rows, 2, (int, float))
    factors = np.array(rows, dtype=np.float64)
    if factors.shape != shape or not ((factors >= 0.0) & (factors <= 1.0)).all():
        raise EpisodeError(f"factors have shape {factors.shape}, expected numbers in [0, 1] of shape {shape}")
    return factors


def _check_numbers(name: str, rows: Any, depth: int, kinds: tuple[type, ...]) -> None:
    """Check lists in lists before numpy makes an array of them, which takes the longest text as the size of all."""
    level: list[Any] = [rows]
    for _ in range(depth):
        if not all(type(row) is list for row in level):
            raise EpisodeError(f"{name} are not lists of numbers, {depth} within each other")
        level = [value for row in level for value in row]
    wrong = [value for value in level if type(value) not in kinds]
    if wrong:
        expected = "integers" if kinds == (int,) else "numbers"
        raise EpisodeError(f"{name} hold {str(wrong[0])[:50]!r}, expected {expected}")


def _text(data: Mapping[str, Any], steps: int, agents: int) -> ModelText:
    known = [field.name for field in fields(ModelText)]
    wrong = [unknown_name("key of a text", key, known) for key in data if key not in known]
    tokens, reasons = or_none(integer_from(0)), data.get("reasons", ())
    wrong += only_faults(
        [
            fault("step", data["step"], integer_in(1, steps)),
            fault("answer", data["answer"], TEXT),
            fault("prompt_tokens", data["prompt_tokens"], tokens),
            fault("answer_tokens", data["answer_tokens"], tokens),
            fault("money", data["money"], or_none(NOT_NEGATIVE)),
            *(fault("agents", agent, integer_in(0, agents - 1)) for agent in data["agents"]),
            *(fault("labels", label, TEXT) for label in data["labels"]),
            *(fault("reasons", reason, TEXT) for reason in reasons),
            *(fault("prompt", part, TEXT) for pair in data["prompt"] for part in pair),
        ]
    )
    raise_faults(EpisodeError, "a text is damaged", wrong)
    prompt = tuple((role, content) for role, content in data["prompt"])
    tuples = {"agents": tuple(data["agents"]), "labels": tuple(data["labels"]), "reasons": tuple(reasons)}
    return ModelText(**{**data, **tuples, "prompt": prompt})
