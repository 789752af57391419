"""From the words of a command line to values: lists, numbers, key=value settings and folders."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.prompted.settings import ModelSettings
from c2c_env import Channel, EnvConfig
from c2c_env.errors import ConfigError, nearest, raise_faults, unknown_name
from training.throughput.peer_loops import PEER_NAMES
from training.throughput.rows import ThroughputConfig, available_cores

ALL_PEERS, NO_PEERS = "all", "none"
THROUGHPUT_DEFAULTS: dict[str, Any] = {"batch_sizes": "1,16,256,1024,4096,65536", "runs": 5, "seconds": 0.3}
THROUGHPUT_QUICK: dict[str, Any] = {"batch_sizes": "1,64", "runs": 2, "seconds": 0.02}


def split_list(text: str) -> list[str]:
    """Comma-separated words."""
    return [word.strip() for word in text.split(",") if word.strip()]


def unique(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def parse_sizes(text: str) -> list[int]:
    """Team sizes from ``5,8,17``."""
    words = unique(split_list(text))
    faults = [f"--team-sizes has {w!r}, expected integers >= 1, such as 5,8,17" for w in words if not w.isdecimal()]
    raise_faults(ConfigError, "bad arguments", faults)
    return [_at_least("--team-sizes", int(word), 1) for word in words]


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise ConfigError(f"{name} is {value}, expected an integer >= {least}")
    return value


def parse_config(assignments: Sequence[str]) -> EnvConfig:
    """Configuration from ``key=value`` words; values as in TOML, channels as ``chat.richness=0.5``."""
    changes: dict[str, Any] = {}
    default = EnvConfig()
    for text in assignments:
        key, value = _parse_assignment(text)
        if isinstance(value, Mapping) and isinstance(getattr(default, key, None), Channel):
            value = _channel(key, changes.get(key, getattr(default, key)), value)
        changes[key] = value
    return default.with_fields(**changes)


def _parse_assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key:
        raise ConfigError(f"--config has {text!r}, expected key=value, such as dt=0.25")
    if value.lower() == "none":  # TOML has no word for it
        return key, None
    if value.isidentifier() and value not in ("true", "false", "inf", "nan"):
        value = f'"{value}"'  # so that words need no quotes of their own inside those of the shell
    try:
        ((name, parsed),) = tomllib.loads(f"{key} = {value}").items()
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ConfigError(f"--config has {text!r}, whose value is no TOML value: {error}") from error
    return name, parsed


def _channel(name: str, channel: Channel, changes: Mapping[str, Any]) -> Channel:
    valid = list(vars(channel))
    faults = [f"unknown field {name}.{key}{nearest(key, valid)} (valid: {', '.join(valid)})" for key in changes
              if key not in valid]  # fmt: skip
    raise_faults(ConfigError, "bad configuration", faults)
    return replace(channel, **changes)


def output_folder(text: str) -> Path:
    """The folder for results, made if need be."""
    folder = Path(text)
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {text!r} (--out): {error.strerror or error}") from error
    return folder


def add_llm_arguments(parser: argparse.ArgumentParser) -> None:
    """How prompted policies ask their model; see `agents.prompted.settings`."""
    parser.add_argument(
        "--llm",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="options of prompted policies, for example base_url=http://127.0.0.1:8000/v1 key_variable=none",
    )
    parser.add_argument("--llm-file", metavar="FILE", help="TOML file with such options; --llm goes before it")


def read_options(assignments: Sequence[str], file: str | None) -> dict[str, Any]:
    """Options from a TOML file and from ``key=value`` words, which go before.

    Raises:
        ConfigError: a name or value that is wrong.
    """
    given: dict[str, Any] = {}
    if file is not None:
        try:
            given = tomllib.loads(Path(file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read options from {file!r} (--llm-file): {error}") from error
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError("--llm takes key=value, such as temperature=0.7; got something else")  # maybe a key
        given[key.strip()] = _value(value.strip())
    ModelSettings.of(given)
    return given


def _value(text: str) -> Any:
    """A TOML value, or a word."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


# --- throughput ----------------------------------------------------------------------------------------------


def throughput_config(args: argparse.Namespace) -> ThroughputConfig:
    """What the command ``throughput`` is to measure, with defaults where nothing is given.

    Raises:
        ConfigError: arguments that cannot be used; all of them are named.
    """
    defaults = {"cores": join_numbers({1, available_cores()})} | (
        THROUGHPUT_QUICK if args.quick else THROUGHPUT_DEFAULTS
    )
    given = {
        name: getattr(args, name) if getattr(args, name) is not None else value for name, value in defaults.items()
    }
    peers = {ALL_PEERS: list(PEER_NAMES), NO_PEERS: []}.get(args.peers, args.peers.split(","))
    faults = [f"--{name} is {given[name]}, expected more than 0" for name in ("runs", "seconds") if not given[name] > 0]
    numbers = {}
    for name, text in (*((name, given[name]) for name in ("batch_sizes", "cores")), ("agents", args.agents),
                       ("subtasks", args.subtasks)):  # fmt: skip
        numbers[name], fault = read_integers(f"--{name.replace('_', '-')}", text)
        faults += fault
    if numbers["cores"] and numbers["cores"][-1] > available_cores():
        faults.append(f"--cores is {numbers['cores'][-1]}, but only {available_cores()} can be used here")
    faults += [unknown_name("peer", name, PEER_NAMES) for name in peers if name not in PEER_NAMES]
    found = {path: shutil.which(path) for path in args.peers_python}
    faults += [f"--peers-python is {path!r}, which cannot be run" for path, there in found.items() if not there]
    raise_faults(ConfigError, "nothing can be measured", faults)
    pythons = (sys.executable, *(os.path.abspath(str(path)) for path in found.values()))
    return ThroughputConfig(
        runs=given["runs"], seconds=given["seconds"], peers=tuple(peers), pythons=pythons, **numbers
    )


def read_integers(flag: str, text: str) -> tuple[tuple[int, ...], list[str]]:
    """The ascending integers of a text like ``1,16,256``, and what is wrong with it."""
    words = text.split(",")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        return (), [f"{flag} is {text!r}, expected integers >= 1 between commas"]
    return tuple(sorted({int(word) for word in words})), []


def join_numbers(numbers: Iterable[int]) -> str:
    """The reverse of `read_integers`."""
    return ",".join(map(str, numbers))
