"""Policies by name: `name` or `name:argument`, for example `fixed_steps:4`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from agents.oracle.lookahead.planner_team import PlannerTeam
from agents.oracle.oracle_team import OracleTeam
from agents.policy import Policy, PolicyContext
from agents.scripted import teams
from c2c_env.errors import ConfigError, needs_extra, unknown_name

Maker = Callable[[PolicyContext, str], Policy]

BASELINE = "no_communication"  # the policy that all others are compared with
POLICIES: dict[str, Maker] = {}
DESCRIPTIONS: dict[str, str] = {}
# families, whose argument says which: the module that makes them, loaded when asked for, and the extra that it needs
FAMILIES: dict[str, tuple[str, str]] = {
    "prompted": ("agents.prompted.prompted_team", "llm"),
    "learned": ("agents.learned.learned_team", "bench"),
}
SEES_STATE: set[str] = set()  # references that see more than an agent may


def register(name: str, maker: Maker, description: str) -> None:
    """Add a policy; `maker(context, argument)` gets what stands behind the colon, or ""."""
    POLICIES[name] = maker
    DESCRIPTIONS[name] = description


def make_policy(name: str, context: PolicyContext, connect: bool = True) -> Policy:
    """Make a policy for a context.

    Args:
        name: of the policy, with its argument.
        context: what it may know.
        connect: False makes teams that ask a model without one: they can be measured, and not played.

    Raises:
        ConfigError: unknown name (with the nearest valid one) or an argument that it does not take.
    """
    kind, _, argument = name.partition(":")
    if kind in FAMILIES:
        return _family(kind, connect)(context, argument)
    if kind not in POLICIES:
        raise ConfigError(unknown_name("policy", kind, [*POLICIES, *FAMILIES]))
    return POLICIES[kind](context, argument)


def _family(kind: str, connect: bool) -> Maker:
    module, extra = FAMILIES[kind]
    with needs_extra(f"a {kind} policy", extra):
        found = importlib.import_module(module)
    maker: Maker = found.make if connect else getattr(found, "make_unconnected", found.make)
    return maker


def close_clients(patient: bool = True) -> None:
    """End what prompted policies ask their models with, if there are any.

    Args:
        patient: let the answers that are under way arrive.
    """
    module = sys.modules.get("agents.prompted.client.client")
    if module is not None:
        module.close_all(patient)


def answers_under_way() -> int:
    """Count the questions that models were asked and have not answered yet."""
    module = sys.modules.get("agents.prompted.client.client")
    return module.count_under_way() if module is not None else 0


for _team in teams.TEAMS:
    register(_team.name, _team.make, _team.description)

for _reference in (OracleTeam, PlannerTeam):
    register(_reference.name, _reference.make, _reference.description)
    SEES_STATE.add(_reference.name)
