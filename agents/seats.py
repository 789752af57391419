"""Names of mixed teams, `team(SEAT=POLICY, ...)` or `team(FILE.toml)`, read into a policy name for each agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from c2c_env.disk import parse_toml, read_text
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.text.names import agent_name

TEAM_FORM = "team(SEAT=POLICY, ...)"
_OPENING, _CLOSING, _FILE_ENDING = "team(", ")", ".toml"
_ROLES = ("manager", "worker")
Seats = list[tuple[str, str]]  # pairs of a seat and the name of its policy


def is_team_name(name: str) -> bool:
    """Whether a policy's name is meant to be that of a mixed team."""
    return name.startswith(_OPENING)


def split_names(text: str) -> list[str]:
    """Split a text at its commas, but for those within the brackets of a mixed team, into words."""
    return _split(text, lambda word: word.lstrip() + "(" == _OPENING)


def seat_file(name: str) -> Path | None:
    """The file that says who sits where, or None if the name itself says it."""
    inside = _inside(name)
    return Path(inside) if inside.endswith(_FILE_ENDING) and "=" not in inside else None


def seated_policies(name: str) -> list[str]:
    """The policies that a mixed team names, each once, as far as its name can be read."""
    return list(dict.fromkeys(policy for _, policy in _read_seats(name)[0]))


def agent_policies(name: str, num_agents: int) -> tuple[str, ...]:
    """Return for each agent the name of the policy that decides for it, whether the team is a mixed one or not.

    Raises:
        ConfigError: lists every fault of a mixed team's name.
    """
    names, faults = assign_seats(name, num_agents)
    raise_faults(ConfigError, f"bad team {name!r}", faults)
    return names


def assign_seats(name: str, num_agents: int) -> tuple[tuple[str, ...], list[str]]:
    """Return the name of each agent's policy, "" where it has none, and what is wrong with the team's name."""
    if not is_team_name(name):
        return (name,) * num_agents, []
    pairs, faults = _read_seats(name)
    agents = [agent_name(index) for index in range(num_agents)]
    faults += _seat_faults([seat for seat, _ in pairs], agents)
    faults += [
        f"seat {seat!r} is {policy!r}, expected a policy that is no mixed team"
        for seat, policy in pairs
        if is_team_name(policy)
    ]
    seats = dict(pairs)
    names = tuple(seats.get(agent, seats.get(_role_of(agent), "")) for agent in agents)
    empty = [agent for agent, policy in zip(agents, names, strict=True) if not policy]
    if empty and pairs:
        faults.append(
            f"nobody decides for {', '.join(empty)}; expected a policy for every agent, such as worker=learned"
        )
    return names, faults


def _seat_faults(seats: Sequence[str], agents: Sequence[str]) -> list[str]:
    """Say which seats are none of the team's, and which are given twice."""
    unknown = [unknown_name("seat", seat, {*_ROLES, *agents}) for seat in seats if seat not in (*_ROLES, *agents)]
    twice = [seat for seat in dict.fromkeys(seats) if seats.count(seat) > 1]
    return unknown + [f"seat {seat!r} is given {seats.count(seat)} times, expected once" for seat in twice]


def _role_of(agent: str) -> str:
    return agent.partition("_")[0]


def _read_seats(name: str) -> tuple[Seats, list[str]]:
    """The pairs of a mixed team's name or file, and what is wrong with them."""
    if not name.endswith(_CLOSING):
        return [], [f"got {name!r}, expected a closing bracket at its end, as in {TEAM_FORM}"]
    file = seat_file(name)
    if file is not None:
        return _read_file(file)
    words = _split(_inside(name), lambda _: True)
    pairs = [(seat.strip(), policy.strip()) for seat, _, policy in (word.partition("=") for word in words)]
    faults = [
        f"got {word!r}, expected SEAT=POLICY, such as manager=learned"
        for word, (seat, policy) in zip(words, pairs, strict=True)
        if not (seat and policy)
    ]
    if not words:
        faults = [
            f"got {name!r}, expected a policy for every agent, as in {TEAM_FORM}, or a file, as in team(FILE.toml)"
        ]
    return [(seat, policy) for seat, policy in pairs if seat and policy], faults


def _read_file(file: Path) -> tuple[Seats, list[str]]:
    """The lines `SEAT = "POLICY"` of a file."""
    try:
        seats = parse_toml(read_text(file, "team of policies", ConfigError), str(file), ConfigError)
    except ConfigError as error:
        return [], [str(error)]
    good = [(seat, policy) for seat, policy in seats.items() if isinstance(policy, str) and policy]
    faults = [
        f'{file}: {seat} is {policy!r}, expected the name of a policy, such as {seat} = "learned"'
        for seat, policy in seats.items()
        if (seat, policy) not in good
    ]
    return good, faults if seats else [f'{file}: is empty, expected lines such as worker = "learned"']


def _inside(name: str) -> str:
    return name.removeprefix(_OPENING).removesuffix(_CLOSING).strip()


def _split(text: str, may_open: Callable[[str], bool]) -> list[str]:
    """Split a text at commas outside of brackets; a bracket opens where `may_open` says so of the word before it."""
    words, depth = [""], 0
    for letter in text:
        if letter == "(" and (depth or may_open(words[-1])):
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        if letter == "," and not depth:
            words.append("")
        else:
            words[-1] += letter
    return [word.strip() for word in words if word.strip()]
