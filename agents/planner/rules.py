"""The tuned numbers of the rule, from ``rules.toml``; that file says which command made it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from agents.planner.plan import Rule
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.workflows import TIERS

PATH = Path(__file__).with_name("rules.toml")
BUDGETS = ("thrifty", "free")  # no more communication per effort than the scripted team, or as much as pays


@cache
def load_rules(budget: str) -> Mapping[str, Rule]:
    """Tier -> rule of a budget."""
    if budget not in BUDGETS:
        raise ConfigError(unknown_name("budget of the planner", budget, BUDGETS))
    return read_rules(PATH.read_text(encoding="utf-8"))[budget]


def read_rules(text: str) -> dict[str, dict[str, Rule]]:
    """Budget -> tier -> rule, from the text of a file.

    Raises:
        ConfigError: a number is missing, unknown or no number.
    """
    tables = tomllib.loads(text)
    faults: list[str] = []
    rules: dict[str, dict[str, Rule]] = {budget: {} for budget in BUDGETS}
    for budget in BUDGETS:
        for tier in TIERS:
            numbers = tables.get(budget, {}).get(tier, {})
            given = _faults(numbers, f"{budget}.{tier}")
            faults += given
            if not given:
                rules[budget][tier] = Rule(**numbers)
    raise_faults(ConfigError, "bad rules of the planner", faults)
    return rules


def _faults(numbers: Mapping[str, object], place: str) -> list[str]:
    faults = [f"{place}.{name} is missing" for name in Rule._fields if name not in numbers]
    faults += [f"{place}: {unknown_name('number', name, Rule._fields)}" for name in numbers if name not in Rule._fields]
    return faults + [f"{place}.{n} is {x!r}, expected a float" for n, x in numbers.items() if not isinstance(x, float)]


def write_rules(rules: Mapping[str, Mapping[str, Rule]], head: str) -> str:
    """The text of a file, with a comment at its head."""
    lines = [f"# {line}" for line in head.splitlines()]
    for budget, tiers in rules.items():
        for tier, rule in tiers.items():
            lines += ["", f"[{budget}.{tier}]", *(f"{name} = {x:.4f}" for name, x in rule._asdict().items())]
    return "\n".join(lines) + "\n"
