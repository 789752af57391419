"""Configuration as frozen data: every constant of the simulator under its own name.

The published facts of *Communication to Completion* (C2C, arXiv 2510.19995) fix the structure: an Alignment
Factor in [0.01, 1], progress = hours x Alignment Factor, messages that cost time and only raise alignment,
simultaneous steps. The paper publishes hardly any constants, so **the defaults below are this project's own**
unless a field says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from c2c_env.checks import (
    BOOL,
    INNER_SHARE,
    LEAST_QUANTITY,
    MODERATE,
    MOST_QUANTITY,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_SHARE,
    SHARE,
    Check,
    fault,
    instance_of,
    integer_in,
    is_integer,
    one_of,
    only_faults,
    or_none,
    plain,
)
from c2c_env.core.constants import CHANNELS, LEAST_WEIGHTS, NUM_TERMS, REWARD_TERMS
from c2c_env.errors import ConfigError, raise_faults, unknown_name
from c2c_env.workflows.schema import DOMAINS, MAX_DOMAINS, domain_faults

MANAGER_SKILL = 0.4
PRIMARY_SKILL, SECONDARY_SKILL, BASE_SKILL = 1.0, 0.7, 0.4
MAX_SIZE = 2**15 - 1  # indices of agents, subtasks, symbols and variants are kept in 16 bits
MAX_STEPS = 10**9  # numbers of steps are kept in 32 bits, and a latency is added to them
TIER_VOLATILITY = {"simple": 0.0, "medium": 0.005, "complex": 0.01}


def _make_plain(settings: Any) -> None:
    """Turn numbers of numpy among the fields into those of Python."""
    for name, value in vars(settings).items():
        object.__setattr__(settings, name, plain(value))


@dataclass(frozen=True)
class Channel:
    """What a channel costs and carries.

    Attributes:
        send_hours: hours that the sender pays per message (only once, even if it goes to the whole team).
        read_hours: hours that every recipient pays per message; in a meeting, every invited participant pays them.
        latency: steps between sending and reading; it is 0 for meetings and for nothing else.
        richness: r in [1e-6, 1]; a message on a subtask of complexity kappa moves understanding by ``r**kappa``.
    """

    send_hours: float
    read_hours: float
    latency: int
    richness: float

    def __post_init__(self) -> None:
        _make_plain(self)


@dataclass(frozen=True)
class Team:
    """Who works together: agent 0 is the manager, the others are workers.

    Attributes:
        skills: one row for each agent and one column for each domain of the workflows that it works on, with numbers in
            [1e-6, 1]. There are at most 32767 agents.
        domains: the names of the columns; None takes those of the workflows, in their order.
    """

    skills: tuple[tuple[float, ...], ...]
    domains: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.domains, list):
            object.__setattr__(self, "domains", tuple(self.domains))
        try:
            rows = tuple(tuple(map(plain, row)) for row in self.skills)
        except TypeError:
            expected = "a list with one row for each agent, of one number for each domain"
            raise ConfigError(f"skills is {self.skills!r}, expected {expected}") from None
        object.__setattr__(self, "skills", rows)
        raise_faults(ConfigError, "bad team", _team_faults(rows, self.domains))

    @property
    def size(self) -> int:
        return len(self.skills)

    @property
    def agents(self) -> list[str]:
        """Names in the order of the indices: ``manager_0, worker_1, ...``."""
        return [f"worker_{i}" if i else "manager_0" for i in range(self.size)]

    @classmethod
    def default(cls, size: int, num_domains: int = len(DOMAINS)) -> Team:
        """Make a team with the usual skills for D domains, as this project has chosen them.

        The manager has 0.4 everywhere. Worker i has 1.0 in domain (i-1) mod D, 0.7 in the domain two further on (mod D)
        and 0.4 in the others; with one or two domains these two are the same, in which it has 1.0.
        """
        wrong = [fault("team_size", size, _SIZE), fault("num_domains", num_domains, integer_in(1, MAX_DOMAINS))]
        raise_faults(ConfigError, "no default team can be made", only_faults(wrong))
        rows = [(MANAGER_SKILL,) * num_domains]
        for i in range(1, int(size)):
            primary = (i - 1) % num_domains
            row = [BASE_SKILL] * num_domains
            row[(primary + 2) % num_domains] = SECONDARY_SKILL
            row[primary] = PRIMARY_SKILL
            rows.append(tuple(row))
        return cls(tuple(rows))

    def for_domains(self, domains: tuple[str, ...], whose: str) -> Team:
        """Return this team with a column for each of the domains, in their order.

        Args:
            domains: of workflows.
            whose: domains they are, for the error.

        Raises:
            ConfigError: the team has another number of columns, or columns of other names.
        """
        own, wanted = self.domains, f"{len(domains)} for {whose}: {', '.join(domains)}"
        if own is None:
            if len(self.skills[0]) != len(domains):
                raise ConfigError(f"the team has skills for {len(self.skills[0])} domains, expected {wanted}")
            return self
        if set(own) != set(domains):
            raise ConfigError(f"the team has skills for {len(own)} domains ({', '.join(own)}), expected {wanted}")
        columns = [own.index(name) for name in domains]
        return self if own == domains else Team(tuple(tuple(row[d] for d in columns) for row in self.skills), domains)


def _team_faults(rows: Sequence[Sequence[Any]], domains: Any) -> list[str]:
    """List every fault of skills, of which the names of the columns say how many there are, or else the first row."""
    faults = [] if domains is None else domain_faults(domains)
    if not 1 <= len(rows) <= MAX_SIZE:
        faults.append(f"a team has {len(rows)} agents, expected 1 to {MAX_SIZE}")
        rows = rows[:1]
    count = len(rows[0]) if rows else 1
    if not 1 <= count <= MAX_DOMAINS:
        return [*faults, f"skills[0] has {count} values, expected 1 to {MAX_DOMAINS} (one for each domain)"]
    expected = len(domains) if domains is not None and not faults else count
    for i, row in enumerate(rows):
        if len(row) != expected:
            faults.append(f"skills[{i}] has {len(row)} values, expected {expected} (one for each domain)")
        faults += only_faults([fault(f"skills[{i}][{d}]", x, POSITIVE_SHARE) for d, x in enumerate(row)])
    return faults


@dataclass(frozen=True)
class EnvConfig:
    """Every constant of the simulator. All faults are reported at once as a `ConfigError`.

    Time and work:
        dt: hours per step.
        horizon: steps until truncation; None takes ``max(ceil(horizon_factor * lower_bound / dt),
            ceil(horizon_factor * least_steps))`` of the workflow, see `c2c_env.bounds`.
        horizon_factor: how many lower bounds the default horizon is long, see `horizon`.
        rework_probability: p in [0, 1]; a finished subtask comes back with probability
            ``p * (1 - mean alignment of the hours worked on it)``.
        rework_share: the share of the effort that comes back.
        volatility: the probability that the requirements of an unfinished subtask change in a step; None takes the
            one of the tier of the workflow (simple 0, medium .005, complex .01).
        intent_retention: everybody's intent facet is multiplied by it when requirements change, except for the
            manager's, which is renewed.

    Alignment:
        alignment_floor: the least Alignment Factor; the paper has 0.01.
        facet_weights: the weights of intent, interface, constraints and context; a subtask without prerequisites has
            no interface, and the weights of every subtask are scaled to the sum 1.
        manager_intent, initial_intent, initial_interface, initial_context: understanding at reset.
        constraints_exponent: the constraints are understood by ``skill ** constraints_exponent`` at reset.
        context_rate: a rate per hour; h hours of work raise context by ``(1 - exp(-context_rate h)) (1 - context)``.
        answer_exponent: an answer to an open request moves understanding by ``r ** (answer_exponent * kappa)``.
        request_expiry: steps after which an unanswered request expires.
        chat, email, meeting: the channels.

    Reward:
        reward_weights: the weights of progress, alignment, communication, time, forecast and information; the last two
            are 0 where they are left out. `C2CParallelEnv` has the formula of each term.
        reward_sharing: "team" (every agent gets the reward of the team), "individual" (every agent gets its own
            share), or a number in [0, 1] that mixes the two, from 0 for the team to 1 for the individual.

    Interface:
        action_format: "multi_discrete" ([work, speech, recipient, topic]) or "discrete" (one catalogue).
        mask_format: the form of `info["action_mask"]` with multi_discrete actions: "tuple", as Gymnasium has it, or
            "flat", with the parts side by side, which most libraries take. The spaces here sample with either.
        mask_in_observation: observations become {"observation", "action_mask"}, with a flat mask.
        observation_key: the name of the first of these; RLlib's masking module wants "observations".
        mask_in_info: False leaves the mask out of infos.
        info_format: "nested" (`reward_terms` and, at the end, `episode_metrics` are dicts), or "flat" (numbers only,
            under the same keys at a reset and every step, so that libraries can stack them; masks are flat).
        relations: "onehot" (blocks of 0 and 1 for subtasks and agents) or "index" (compact scaled indices).
        max_agents, max_subtasks: observations and actions are padded to these sizes; None takes the real ones.
        vocab_size: V > 0 adds a fifth part to an action, a symbol out of V that the message carries.
        hidden_facts: F >= 2 lets every subtask be built in F variants, of which one is wanted: its fact, drawn at reset
            and known to the manager, and to whoever has made progress on it. An action gets a further part, the variant
            to build in. Work in another one than the wanted one makes no progress. 0 turns it off.
        exclusive_actions: an agent who speaks does no work in that step.
    """

    dt: float = 0.5
    horizon: int | None = None
    horizon_factor: float = 5.0
    rework_probability: float = 0.5
    rework_share: float = 0.3
    volatility: float | None = None
    intent_retention: float = 0.4
    alignment_floor: float = 0.01
    facet_weights: tuple[float, float, float, float] = (0.35, 0.25, 0.25, 0.15)
    manager_intent: float = 0.95
    initial_intent: float = 0.2
    initial_interface: float = 0.1
    initial_context: float = 0.0
    constraints_exponent: float = 2.0
    context_rate: float = 0.15
    answer_exponent: float = 0.5
    request_expiry: int = 8
    chat: Channel = field(default=Channel(send_hours=0.05, read_hours=0.05, latency=1, richness=0.45))
    email: Channel = field(default=Channel(send_hours=0.10, read_hours=0.05, latency=2, richness=0.60))
    meeting: Channel = field(default=Channel(send_hours=0.50, read_hours=0.50, latency=0, richness=0.90))
    reward_weights: tuple[float, ...] = (1.0, 0.5, 0.5, 0.5, 0.0, 0.0)
    reward_sharing: str | float = "team"
    action_format: str = "multi_discrete"
    mask_format: str = "tuple"
    mask_in_observation: bool = False
    observation_key: str = "observation"
    mask_in_info: bool = True
    info_format: str = "nested"
    relations: str = "onehot"
    max_agents: int | None = None
    max_subtasks: int | None = None
    vocab_size: int = 0
    hidden_facts: int = 0
    exclusive_actions: bool = False

    def __post_init__(self) -> None:
        for name in ("facet_weights", "reward_weights"):
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(map(plain, value)))
        object.__setattr__(self, "reward_weights", _with_all_terms(self.reward_weights))
        _make_plain(self)
        raise_faults(ConfigError, "bad configuration", _faults(self))

    @property
    def sharing(self) -> float:
        """`reward_sharing` as a number: 0 = team, 1 = individual."""
        named = {"team": 0.0, "individual": 1.0}
        return named[self.reward_sharing] if isinstance(self.reward_sharing, str) else float(self.reward_sharing)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels in the order of `c2c_env.core.constants.CHANNELS`."""
        return tuple(getattr(self, name) for name in CHANNELS)

    def with_fields(self, **changes: Any) -> EnvConfig:
        """Return a copy with some fields changed; an unknown field is a `ConfigError`."""
        valid = [f.name for f in fields(self)]
        faults = [unknown_name("configuration field", name, valid) for name in changes if name not in valid]
        changed = self
        try:
            changed = replace(self, **{name: value for name, value in changes.items() if name in valid})
        except ConfigError as error:
            faults += error.faults
        raise_faults(ConfigError, "bad configuration", faults)
        return changed

    @classmethod
    def paper(cls, **changes: Any) -> EnvConfig:
        """Make the configuration that is nearest to what the paper publishes.

        The paper has one action per agent and step, so whoever speaks does not work (`exclusive_actions`); an
        Alignment Factor in [0.01, 1], about 0.3 for the expert at the start; progress = hours x alignment;
        messages are read one step later (so email has the latency of chat here); requirements do not change, and
        finished subtasks do not come back. Everything else (costs and richness of channels, facets, skills, rewards)
        is this project's choice.
        """
        email = Channel(send_hours=0.10, read_hours=0.05, latency=1, richness=0.60)
        published = cls(exclusive_actions=True, volatility=0.0, rework_probability=0.0, email=email)
        return published.with_fields(**changes)


def _with_all_terms(weights: Any) -> Any:
    """Return weights with 0 for the last terms where those are left out; what is no such tuple stays as it is."""
    if isinstance(weights, tuple) and LEAST_WEIGHTS <= len(weights) < NUM_TERMS:
        return (*weights, *(0.0,) * (NUM_TERMS - len(weights)))
    return weights


_SIZE = integer_in(1, MAX_SIZE)
_FACETS: Check = (
    lambda x: isinstance(x, tuple) and len(x) == 4 and all(map(NOT_NEGATIVE[0], x)) and x[0] >= LEAST_QUANTITY,
    f"four numbers in [0, {MOST_QUANTITY:g}] (intent at least {LEAST_QUANTITY:g})",
)
_REWARDS: Check = (
    lambda x: isinstance(x, tuple) and len(x) == NUM_TERMS and all(map(MODERATE[0], x)),
    f"{LEAST_WEIGHTS} to {NUM_TERMS} numbers in [-{MOST_QUANTITY:g}, {MOST_QUANTITY:g}], "
    f"one for each of {', '.join(REWARD_TERMS)}",
)
_CHANNEL = instance_of(Channel, "a Channel")
_CHECKS: Mapping[str, Check] = {
    "dt": POSITIVE,
    "horizon": or_none(integer_in(1, MAX_STEPS)),
    "horizon_factor": POSITIVE,
    "rework_probability": SHARE,
    "rework_share": POSITIVE_SHARE,
    "volatility": or_none(SHARE),
    "intent_retention": SHARE,
    "alignment_floor": INNER_SHARE,
    "facet_weights": _FACETS,
    "manager_intent": SHARE,
    "initial_intent": SHARE,
    "initial_interface": SHARE,
    "initial_context": SHARE,
    "constraints_exponent": NOT_NEGATIVE,
    "context_rate": NOT_NEGATIVE,
    "answer_exponent": NOT_NEGATIVE,
    "request_expiry": integer_in(0, MAX_STEPS),
    "chat": _CHANNEL,
    "email": _CHANNEL,
    "meeting": _CHANNEL,
    "reward_weights": _REWARDS,
    "reward_sharing": (
        lambda x: x in ("team", "individual") if isinstance(x, str) else SHARE[0](x),
        "'team', 'individual' or a number in [0, 1]",
    ),
    "action_format": one_of("multi_discrete", "discrete"),
    "mask_format": one_of("tuple", "flat"),
    "mask_in_observation": BOOL,
    "observation_key": one_of("observation", "observations"),
    "mask_in_info": BOOL,
    "info_format": one_of("nested", "flat"),
    "relations": one_of("onehot", "index"),
    "max_agents": or_none(_SIZE),
    "max_subtasks": or_none(_SIZE),
    "vocab_size": integer_in(0, MAX_SIZE),
    "hidden_facts": (lambda x: is_integer(x) and (x == 0 or 2 <= x <= MAX_SIZE), f"0 or an integer in [2, {MAX_SIZE}]"),
    "exclusive_actions": BOOL,
}


def _faults(config: EnvConfig) -> list[str]:
    faults = only_faults([fault(name, getattr(config, name), check) for name, check in _CHECKS.items()])
    for name in CHANNELS:
        channel = getattr(config, name)
        if isinstance(channel, Channel):
            faults += [f"{name}.{wrong}" for wrong in _channel_faults(channel, meeting=name == "meeting")]
    if is_integer(config.vocab_size) and config.vocab_size > 0 and config.action_format == "discrete":
        faults.append("vocab_size > 0 needs action_format='multi_discrete' (the discrete catalogue has no symbols)")
    if is_integer(config.hidden_facts) and config.hidden_facts > 0 and config.action_format == "discrete":
        faults.append("hidden_facts > 0 needs action_format='multi_discrete' (the discrete catalogue has no variants)")
    return faults


def _channel_faults(channel: Channel, meeting: bool) -> list[str]:
    at_once: Check = (lambda x: is_integer(x) and x == 0, "0 (a meeting happens at once)")
    found = [fault(name, getattr(channel, name), NOT_NEGATIVE) for name in ("send_hours", "read_hours")]
    found.append(fault("richness", channel.richness, POSITIVE_SHARE))
    found.append(fault("latency", channel.latency, at_once if meeting else _SIZE))
    return only_faults(found)
