"""Policies by name: `name` or `name:argument`, for example `fixed_steps:4`, and own ones as `module:name`.

A team of several policies is named `team(SEAT=POLICY, ...)`, see `agents.seats`.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents import own_policy
from agents.mixed_team import SeatedTeam
from agents.oracle.lookahead.planner_team import PlannerTeam
from agents.oracle.oracle_team import OracleTeam
from agents.policy import Policy, PolicyContext
from agents.scripted import teams
from agents.seats import TEAM_FORM, assign_seats, is_team_name, seat_file, seated_policies
from c2c_env.episodes.episode import Episode
from c2c_env.errors import ConfigError, needs_extra, raise_faults, unknown_name

Maker = Callable[[PolicyContext, str], Policy]


@dataclass(frozen=True)
class Family:
    """Policies whose argument says which; their module is loaded when one of them is asked for.

    Attributes:
        module: it makes them.
        extra: it needs this one.
        description: of the family, in a line.
    """

    module: str
    extra: str
    description: str


LANGUAGE_MODELS = "prompted"  # the family of teams that ask a language model
BASELINE = "no_communication"  # the policy that all others are compared with
POLICIES: dict[str, Maker] = {}
DESCRIPTIONS: dict[str, str] = {}
FAMILIES = {
    "learned": Family(
        "agents.learned.learned_team", "bench", "a trained network: the shipped one, or learned:FILE for another"
    ),
    LANGUAGE_MODELS: Family(
        "agents.prompted.prompted_team", "llm", "a language model: prompted:STRATEGY@MODEL, with --llm for the endpoint"
    ),
}
SEES_STATE: set[str] = set()  # references that see more than an agent may


def register(name: str, maker: Maker, description: str) -> None:
    """Add a policy; `maker(context, argument)` gets what stands behind the colon, or "".

    Raises:
        ConfigError: there is a policy of this name already.
    """
    if name in POLICIES or name in FAMILIES:
        raise ConfigError(f"there is a policy {name!r} already; expected another name")
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
    if is_team_name(name):
        return _seated_team(name, context, connect)
    kind, _, argument = name.partition(":")
    if kind in FAMILIES:
        return _family(kind, connect)(context, argument)
    if kind in POLICIES:
        return POLICIES[kind](context, argument)
    maker, argument = _own_maker(name)
    return own_policy.make_own(maker, name, context, argument)


def asks_model(name: str, num_agents: int | None = None) -> bool:
    """Whether a policy asks a language model, for any of the agents if it is a mixed team.

    Args:
        name: of the policy; of a faulty one, what can be read counts.
        num_agents: of the team that it plays in; None looks at all seats that are named, also at those of larger teams.
    """
    if not is_team_name(name):
        return name.partition(":")[0] == LANGUAGE_MODELS
    members = seated_policies(name) if num_agents is None else assign_seats(name, num_agents)[0]
    return any(member.partition(":")[0] == LANGUAGE_MODELS for member in members)


def _seated_team(name: str, context: PolicyContext, connect: bool) -> Policy:
    """Make a mixed team, with each of its policies once, however many agents follow it."""
    names, faults = assign_seats(name, context.num_agents)
    members: dict[str, Policy] = {}
    for member in dict.fromkeys(names):
        if member and not is_team_name(member):
            try:
                members[member] = make_policy(member, context, connect)
            except ConfigError as error:
                faults.append(str(error))
    raise_faults(ConfigError, f"bad team {name!r}", list(dict.fromkeys(faults)))
    seats = [
        (policy, np.array([agent for agent, own in enumerate(names) if own == member]))
        for member, policy in members.items()
    ]
    if not asks_model(name, context.num_agents):
        return SeatedTeam(seats)
    team: Policy = importlib.import_module("agents.prompted.prompted_seats").PromptedSeats(names, seats)
    return team


def _own_maker(name: str) -> tuple[Callable[..., Policy], str]:
    """What makes a policy from outside of this project, and the argument for it."""
    offered, (kind, _, argument) = own_policy.offered_policies(), name.partition(":")
    if kind in offered:
        return own_policy.load_offered(offered[kind]), argument
    own = own_policy.parse_own(name)
    maker = own_policy.load_maker(own) if own else None
    if own is None or maker is None:
        known = unknown_name("policy", kind, [*POLICIES, *FAMILIES, *offered, TEAM_FORM])
        where = f"there is no module {kind!r} either" if own else own_policy.HOW
        raise ConfigError(f"{known}; {where}")
    return maker, own.argument


def policy_files(name: str) -> list[Path]:
    """The files outside of this project that determine a policy: its sources, and the file or folder in its argument.

    Raises:
        ConfigError: there is no such policy.
    """
    if is_team_name(name):
        file = seat_file(name)
        members = [path for member in seated_policies(name) for path in policy_files(member)]
        return [*([file] if file is not None and file.exists() else []), *dict.fromkeys(members)]
    kind, _, argument = name.partition(":")
    sources: list[Path] = []
    if kind in POLICIES:
        sources = own_policy.source_files_of(POLICIES[kind])
    elif kind not in FAMILIES:
        maker, argument = _own_maker(name)
        sources = own_policy.source_files_of(maker)
    return [*sources, *([Path(argument)] if argument and os.path.exists(argument) else [])]


def _family(kind: str, connect: bool) -> Maker:
    family = FAMILIES[kind]
    with needs_extra(f"a {kind} policy", family.extra):
        found = importlib.import_module(family.module)
    maker: Maker = found.make if connect else getattr(found, "make_unconnected", found.make)
    return maker


def strategy_summaries() -> dict[str, str]:
    """The strategies of prompted policies with a line on each, read from their sources, which need an extra to run."""
    files = sorted((Path(__file__).parent / "prompted" / "strategies").glob("*.py"))
    texts = {file.stem: ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "" for file in files}
    summaries = {stem: " ".join(text.partition("\n\n")[0].split()) for stem, text in texts.items()}
    return {stem: summary for stem, summary in summaries.items() if stem not in ("__init__", "base")}


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


def replay_transcript(path: str | os.PathLike[str]) -> Episode:
    """Play the transcript of a prompted team again, without its model, and return its episode.

    Raises:
        ConfigError: there is none, or it is damaged.
        ReplayError: a step, a label or the metrics differ.
        MissingExtraError: what reads transcripts is not installed.
    """
    with needs_extra("a transcript", FAMILIES[LANGUAGE_MODELS].extra):
        module = importlib.import_module("agents.prompted.replay")
    episode: Episode = module.replayed_episode(os.fspath(path))
    return episode


for _team in teams.TEAMS:
    register(_team.name, _team.make, _team.description)

for _reference in (OracleTeam, PlannerTeam):
    register(_reference.name, _reference.make, _reference.description)
    SEES_STATE.add(_reference.name)
