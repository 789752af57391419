"""The numbers of the oracle's rule, and the file that holds the tuned ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from c2c_env.checks import NOT_NEGATIVE, POSITIVE, SHARE, fault, only_faults
from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.workflows import TIERS


class Rule(NamedTuple):
    """The numbers of the rule; hours are hours, worth is in hours of completion time per hour.

    Attributes:
        price: what the team gives for an hour of communication, beside the working time that it takes.
        idle_price: worth of an hour of an agent who has nothing to work on.
        slack_scale: hours of slack at which an hour saved on a subtask is worth `least_worth`; 0 slack is worth 1.
        least_worth: worth of an hour saved on a subtask that nobody waits for.
        foresight: hours ahead at which a predicted worker counts for a half.
        hurry: power of the share of its hours that a message saves, where several compete: 0 sends first what saves
            most, 1 what loses most by waiting.
        patience: hours until a message is needed at which it competes with half its weight.
        trust: share of the gap to the team's best understanding that the worker of a blocked subtask is expected
            to have closed when it starts.
        trust_ready: the same for subtasks that are ready.
        stick: factor on the hours of whoever worked on a subtask in the last step; below 1 it tends to stay.
        rounding: hours of a step that are lost when a subtask is done within it.
        least_net: hours that a message must save beyond its cost.
        least_pace: effort per hour from which an idle agent helps out on a subtask that waits for its best worker.
        least_handover: alignment x worth that a subtask's next worker must gain by finishing the one before it.
    """

    price: float = 0.1
    idle_price: float = 0.02
    slack_scale: float = 4.0
    least_worth: float = 0.03
    foresight: float = 0.8
    hurry: float = 0.5
    patience: float = 4.0
    trust: float = 0.5
    trust_ready: float = 0.6
    stick: float = 0.9
    rounding: float = 0.2
    least_net: float = 0.006
    least_pace: float = 0.15
    least_handover: float = 0.02


PATH = Path(__file__).with_name("tuned.toml")
BUDGETS = ("thrifty", "free")  # no more communication per effort than the scripted team, or as much as pays
# what the numbers may be; those that are not named here are not negative
_RANGES = {
    **dict.fromkeys(("slack_scale", "foresight", "patience"), POSITIVE),  # others are divided by sums with these
    "stick": POSITIVE,  # with 0, all hours of who has begun would be 0
    **dict.fromkeys(("trust", "trust_ready"), SHARE),
}


def load_rules(source: str) -> Mapping[str, Rule]:
    """Return rules by tier.

    Args:
        source: a budget, whose tuned rules are meant, or a file as `c2c-env tune_oracle` writes it, whose thrifty rules
            are meant.

    Raises:
        ConfigError: there is no such budget or file, or the file is faulty; all faults are listed at once.
    """
    if source in BUDGETS:
        return read_rules(PATH.read_text(encoding="utf-8"), PATH.name)[source]
    if not (source.endswith(".toml") or os.path.exists(source)):
        unknown = unknown_name("budget of the oracle", source, BUDGETS)
        raise ConfigError(f"{unknown}, or a file (.toml) with rules")
    return read_rules(read_text(source, "rules of the oracle", ConfigError), source)[BUDGETS[0]]


def read_rules(text: str, where: str) -> dict[str, dict[str, Rule]]:
    """Read rules by budget and tier from the text of a file; `where` names it in the error.

    Raises:
        ConfigError: a number is missing, unknown or out of its range.
    """
    tables = parse_toml(text, where, ConfigError)
    faults = [unknown_name("budget of the oracle", name, BUDGETS) for name in tables if name not in BUDGETS]
    rules: dict[str, dict[str, Rule]] = {budget: {} for budget in BUDGETS}
    for budget in BUDGETS:
        tiers = _table(tables, budget)
        faults += [f"{budget}: {unknown_name('tier', name, TIERS)}" for name in tiers if name not in TIERS]
        for tier in TIERS:
            numbers = _table(tiers, tier)
            given = _faults(numbers, f"{budget}.{tier}")
            faults += given
            if not given:
                rules[budget][tier] = Rule(**{name: float(number) for name, number in numbers.items()})
    raise_faults(ConfigError, f"bad rules of the oracle in {where}", faults)
    return rules


def _table(tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The table of a name; what is no table has no numbers, all of which are then missing."""
    table = tables.get(name)
    return table if isinstance(table, dict) else {}


def _faults(numbers: Mapping[str, object], place: str) -> list[str]:
    faults = [f"{place}.{name} is missing" for name in Rule._fields if name not in numbers]
    faults += [f"{place}: {unknown_name('number', name, Rule._fields)}" for name in numbers if name not in Rule._fields]
    known = {name: number for name, number in numbers.items() if name in Rule._fields}
    wrong = [fault(f"{place}.{name}", number, _RANGES.get(name, NOT_NEGATIVE)) for name, number in known.items()]
    return faults + only_faults(wrong)
