"""Turns the words of a command line into values: lists, numbers, key=value settings and folders."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.seats import split_names
from c2c_env import Channel, EnvConfig
from c2c_env.config import MAX_SIZE
from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import ConfigError, raise_faults, unknown_name

LARGEST = 2**31 - 1  # of the numbers on a command line
LARGEST_SEED = 2**63 - 1
FIGURE_FORMATS = ("png", "pdf", "svg")


def split_list(text: str) -> list[str]:
    """Split a text into its comma-separated words; commas within ``team(...)`` belong to the word."""
    return split_names(text)


def unique(words: Sequence[str]) -> list[str]:
    """Drop words that stood before, and keep the order."""
    return list(dict.fromkeys(words))


def figure_formats(text: str) -> list[str]:
    """Read the formats of figures from a text like ``png,pdf``, or no format from ``none``; for `argparse`."""
    words = unique(split_list(text))
    if words == ["none"]:
        return []
    if not words or not set(words) <= set(FIGURE_FORMATS):
        raise argparse.ArgumentTypeError(
            f"is {shorten(text)}, expected {', '.join(FIGURE_FORMATS)}, several of them with commas, or none"
        )
    return words


def add_figures_argument(parser: argparse.ArgumentParser) -> None:
    """Take the formats of figures; see `figure_formats`."""
    parser.add_argument(
        "--figures",
        metavar="FORMATS",
        type=figure_formats,
        default="png",
        help="png, pdf, svg, several of them with commas, or none (default: %(default)s)",
    )


def parse_seeds(text: str) -> list[int]:
    """Read seeds from a text like ``1,2,3``.

    Raises:
        ConfigError: lists every word that is no seed.
    """
    words, faults, seeds = unique(split_list(text)), [], []
    for word in words:
        try:
            seeds.append(whole(0, LARGEST_SEED)(word))
        except argparse.ArgumentTypeError as error:
            faults.append(f"a seed {error}")
    raise_faults(ConfigError, "bad --seeds", faults)
    if not words:
        raise ConfigError(f"--seeds is {text!r}, expected at least one integer")
    return seeds


def parse_sizes(text: str) -> list[int]:
    """Read team sizes from a text like ``5,8,17``."""
    words = unique(split_list(text))
    faults = [
        f"--team-sizes has {shorten(word)}, expected integers in [1, {MAX_SIZE}], such as 5,8,17"
        for word in words
        if not _is_whole(word, MAX_SIZE)
    ]
    raise_faults(ConfigError, "bad arguments", faults)
    return [int(word) for word in words]


def _is_whole(word: str, high: int) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 30 and 1 <= int(word) <= high


def whole(low: int, high: int = LARGEST) -> Callable[[str], int]:
    """Return what reads an integer of a range; for `argparse`, which puts the name of the argument before the error."""

    def read(word: str) -> int:
        value = int(word) if re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", word) else None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"is {shorten(word) if value is None else value}, expected an integer in [{low}, {high}]"
            )
        return value

    return read


def file_ending(*suffixes: str) -> Callable[[str], Path]:
    """Return what reads the name of a file that ends like one of these; like `whole`."""

    def read(word: str) -> Path:
        if Path(word).suffix.lower() not in suffixes:
            expected = " or ".join([", ".join(suffixes[:-1]), suffixes[-1]] if suffixes[1:] else suffixes)
            raise argparse.ArgumentTypeError(f"is {shorten(word)}, expected a name that ends in {expected}")
        return Path(word)

    return read


def positive(high: float) -> Callable[[str], float]:
    """Return what reads a number above 0; like `whole`."""

    def read(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not 0 < value <= high:
            raise argparse.ArgumentTypeError(f"is {shorten(word)}, expected a number in (0, {high:g}]")
        return value

    return read


def shorten(word: str) -> str:
    """Quote a word for an error, which a word of thousands of letters would bury."""
    return repr(word if len(word) <= 60 else f"{word[:57]}...")


def parse_config(assignments: Sequence[str]) -> EnvConfig:
    """Read a configuration from ``key=value`` words, channels as ``chat.richness=0.5``; see `read_assignments`.

    Raises:
        ConfigError: lists every unknown field, with the nearest valid one, and every value that does not fit.
    """
    default, changes, faults = EnvConfig(), dict[str, Any](), list[str]()
    for name, value in read_assignments("--config", assignments, "dt=0.25"):
        key, dot, part = name.partition(".")
        value = {part: value} if dot else value
        channel = changes.get(key, getattr(default, key, None))
        if isinstance(channel, Channel) and isinstance(value, Mapping):
            valid = {f"{key}.{field}": field for field in vars(channel)}
            given = {f"{key}.{field}": new for field, new in value.items()}
            faults += [unknown_name("configuration field", field, valid) for field in given if field not in valid]
            value = replace(channel, **{valid[field]: new for field, new in given.items() if field in valid})
        changes[key] = value
    config = default
    try:
        config = default.with_fields(**changes)
    except ConfigError as error:
        faults += error.faults
    raise_faults(ConfigError, "bad configuration", faults)
    return config


def read_assignments(flag: str, words: Sequence[str], example: str, *, secret: bool = False) -> list[tuple[str, Any]]:
    """Names and values from ``key=value`` words; whether they fit is checked by whoever they are for.

    Args:
        flag: where the words stand, for the error.
        words: what is read.
        example: of such a word, for the error.
        secret: a word that cannot be read may be a key, so the error does not show it.

    Raises:
        ConfigError: words without a name or an equals sign; all of them are named.
    """
    split = [(word, *(part.strip() for part in word.partition("="))) for word in words]
    faults = [
        f"{flag} has {'something else' if secret else repr(word)}, expected key=value, such as {example}"
        for word, name, equals, _ in split
        if not (name and equals)
    ]
    raise_faults(ConfigError, "bad arguments", faults)
    return [(name, read_value(text)) for _, name, _, text in split]


def read_value(text: str) -> Any:
    """None for the word none, else the TOML value that the text is, else the text itself, which needs no quotes."""
    if text.lower() == "none":  # TOML has no word for it
        return None
    try:
        ((_, value),) = parse_toml(f"x = {text}", "a value", ConfigError).items()
    except ValueError:  # the text is no TOML value, or a line break makes it more than one
        return text
    return value


def output_folder(place: str | Path, option: str = "--out") -> Path:
    """Return the folder for results that an option names; it is made if need be."""
    folder = Path(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # a `ValueError` if no system has such a path
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot make the folder {str(place)!r} ({option}): {reason}") from error
    return folder


def add_llm_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how prompted policies ask their model; see `agents.prompted.settings`."""
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
    """Read options from a TOML file and from ``key=value`` words, which go before.

    Raises:
        ConfigError: a name or value that is wrong.
    """
    given: dict[str, Any] = {}
    if file is not None:
        text = read_text(file, "options (--llm-file)", ConfigError)
        given = parse_toml(text, f"options (--llm-file) {file!r}", ConfigError)
    given |= read_assignments("--llm", assignments, "temperature=0.7", secret=True)
    if given:
        from agents.prompted.settings import ModelSettings  # needs pydantic, which scripted policies do not

        ModelSettings.of(given)
    return given


def read_integers(flag: str, text: str) -> tuple[tuple[int, ...], list[str]]:
    """Read the ascending integers of a text like ``1,16,256``; return them and what is wrong with the text."""
    words = text.split(",")
    if not all(_is_whole(word, LARGEST) for word in words):
        return (), [f"{flag} is {shorten(text)}, expected integers in [1, {LARGEST}] between commas"]
    return tuple(sorted({int(word) for word in words})), []


def join_numbers(numbers: Iterable[int]) -> str:
    """Write integers as `read_integers` reads them."""
    return ",".join(map(str, numbers))
