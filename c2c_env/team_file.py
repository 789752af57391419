"""Teams from TOML files: a table of skills by domain for each member, of whom the first is the manager."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from c2c_env.checks import POSITIVE_SHARE, fault, only_faults
from c2c_env.config import Team
from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.workflows.schema import DOMAINS, domain_faults

TeamLike = str | os.PathLike[str] | Team
_TEAM_KEYS = ("domains", "members")
_MEMBER_KEYS = ("skills",)


def as_team(team: TeamLike) -> Team:
    """Return a team, which is loaded if `team` is the path of a file."""
    return team if isinstance(team, Team) else load_team(team)


def load_team(path: str | os.PathLike[str]) -> Team:
    """Load a team from a TOML file; every fault of the file stands in one `ConfigError`."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"path is {path!r}, expected a path to a TOML file")
    return parse_team(read_text(path, "team file", ConfigError), where=str(path))


def parse_team(text: str, where: str) -> Team:
    """Build a team from TOML text; `where` names the source in errors."""
    document = parse_toml(text, where, ConfigError)
    faults = [unknown_name("key", key, _TEAM_KEYS) for key in document if key not in _TEAM_KEYS]
    domains = document.get("domains", DOMAINS)
    domains = tuple(domains) if isinstance(domains, list) else domains
    wrong_domains = domain_faults(domains)
    members, wrong_members = _members(document)
    faults += wrong_domains + wrong_members
    for position, member in enumerate(members):
        faults += [f"member {position}: {wrong}" for wrong in _member_faults(member, () if wrong_domains else domains)]
    raise_faults(ConfigError, f"bad team file {where}", faults)
    return Team(tuple(tuple(member["skills"][name] for name in domains) for member in members), domains)


def _members(document: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], list[str]]:
    """Return the tables of members, and what is wrong with the list of them."""
    if "members" not in document:
        return [], ["missing key 'members'; write each as [[members]]"]
    members = document["members"]
    if not isinstance(members, list) or not all(isinstance(member, Mapping) for member in members):
        return [], ["members is not an array of tables; write each as [[members]]"]
    return members, [] if members else ["members is empty, expected at least one, the manager"]


def _member_faults(member: Mapping[str, Any], domains: Sequence[str]) -> list[str]:
    """List the faults of a member; domains are not looked at without names of them, which are faulty then."""
    faults = [unknown_name("key", key, _MEMBER_KEYS) for key in member if key not in _MEMBER_KEYS]
    if "skills" not in member:
        return [*faults, "missing key 'skills'"]
    skills = member["skills"]
    if not isinstance(skills, Mapping):
        return [*faults, f"skills is {skills!r}, expected a table of numbers by domain, such as {{ backend = 0.7 }}"]
    if domains:
        faults += [unknown_name("domain", name, domains) for name in skills if name not in domains]
        missing = [name for name in domains if name not in skills]
        faults += [f"skills lack {', '.join(missing)}, expected a number for every domain"] if missing else []
    return faults + only_faults([fault(f"skills.{name}", value, POSITIVE_SHARE) for name, value in skills.items()])
