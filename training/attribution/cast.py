"""Who decides when an episode is played again, and whether they decide in it as they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents import own_policy
from agents.mixed_team import SeatedTeam
from agents.play import decide_actions
from agents.policy import Array, Policy, PolicyContext
from agents.registry import FAMILIES, LANGUAGE_MODELS, POLICIES, asks_model, make_policy
from c2c_env import Batch
from c2c_env.episodes.episode import Episode, take_step
from c2c_env.errors import C2CError, nearest
from c2c_env.text.names import agent_name, one_line

CHECKED_ROWS = 2  # one would not tell policies whose random numbers depend on the row
_LONGEST_NAME = 60


class AttributionError(C2CError, ValueError):
    """What decisions were worth cannot be worked out, since nobody can be asked what else would have followed."""


@dataclass(frozen=True)
class Cast:
    """Who decides for which agents when an episode is played again.

    Attributes:
        parts: names of policies, each with the indices of its agents.
        asked_again: [N] whether each agent's own policy is asked again; the others are continued by another one.
        seed: of policies that draw random numbers.
    """

    parts: tuple[tuple[str, tuple[int, ...]], ...]
    asked_again: Array
    seed: int

    @property
    def continued(self) -> bool:
        """Whether somebody is continued by another policy than the one that was recorded."""
        return not self.asked_again.all()

    def team(self, batch: Batch) -> SeatedTeam:
        """The policies, made for a batch; they remember nothing yet."""
        context = PolicyContext.of(batch, self.seed)
        return SeatedTeam([(make_policy(name, context), np.array(agents)) for name, agents in self.parts])


def find_cast(episode: Episode, continued_by: str | None = None) -> Cast:
    """Find out who can be asked again, by asking in every step of the episode, in two copies of it.

    Args:
        episode: which was played.
        continued_by: name of the policy that plays on for those who cannot be asked again.

    Raises:
        AttributionError: somebody cannot be asked again and no policy plays on, or that one cannot be compared.
        ConfigError: there is no policy `continued_by`, or it does not play this environment.
    """
    if continued_by is not None:
        _check_continuing(episode, continued_by)
    parts: list[tuple[str, tuple[int, ...]]] = []
    again = np.ones(episode.actions.shape[1], dtype=bool)
    for name in dict.fromkeys(episode.policies):
        seats = tuple(agent for agent, own in enumerate(episode.policies) if own == name)
        if (fault := _why_not(episode, name, seats)) == "":
            parts.append((name, seats))
        elif continued_by is None:
            raise AttributionError(f"{fault}. With --with NAME, another policy plays on from the step that is changed")
        else:
            parts.append((continued_by, seats))
            again[list(seats)] = False
    return Cast(tuple(parts), again, episode.policy_seed)


def _why_not(episode: Episode, name: str, seats: tuple[int, ...]) -> str:
    """Say why a policy cannot be asked again; empty if it can."""
    shown, who = one_line(name, _LONGEST_NAME), agent_name(seats[0])
    if not name:
        return f"the episode does not say who decided for {who}, expected the name of a policy that can be asked again"
    kind = name.partition(":")[0]
    if asks_model(name):
        return f"policy {shown!r} of {who} is a language model, which would not answer again what it answered"
    known = [*POLICIES, *(family for family in FAMILIES if family != LANGUAGE_MODELS), *own_policy.offered_policies()]
    if kind not in known:  # a module that the file names is not loaded: the file may be anybody's
        return (
            f"policy {shown!r} of {who} is not known by its name{nearest(kind, known)}, "
            f"expected one of {', '.join(sorted(known))}"
        )
    batch = episode.batch(CHECKED_ROWS)
    try:
        policy = make_policy(name, PolicyContext.of(batch, episode.policy_seed))
    except C2CError as error:
        return f"policy {shown!r} of {who} cannot be made: {one_line(str(error))}"
    return _first_difference(episode, batch, policy, np.array(seats), shown)


def _first_difference(episode: Episode, batch: Batch, policy: Policy, seats: Array, shown: str) -> str:
    """Ask a policy in every step of the episode; name the first decision that is another one, if there is one."""
    for step, decided in _decisions(episode, batch, policy, seats):
        if fault := difference(step, episode.actions[step - 1, seats], decided, seats, shown):
            return fault
    return ""


def _check_continuing(episode: Episode, name: str) -> None:
    """Make sure that a policy can play on, and decides in copies of an episode the same."""
    shown = one_line(name, _LONGEST_NAME)
    if asks_model(name):
        raise AttributionError(
            f"--with is {shown!r}, which would ask a language model thousands of times; "
            "expected a policy without one, such as proactive"
        )
    batch = episode.batch(CHECKED_ROWS)
    policy = make_policy(name, PolicyContext.of(batch, episode.policy_seed))
    for step, decided in _decisions(episode, batch, policy, np.arange(batch.num_agents)):
        if (decided != decided[0]).any():
            raise AttributionError(
                f"--with is {shown!r}, which draws other random numbers in every copy of the episode (first in step "
                f"{step}), so that copies cannot be compared; expected a policy that draws none, such as proactive"
            )


def _decisions(episode: Episode, batch: Batch, policy: Policy, seats: Array) -> Iterator[tuple[int, Array]]:
    """Ask a policy in every step of an episode, in all copies of it; yield the step and decisions [R, A, parts]."""
    rows = np.arange(batch.num_envs)
    policy.reset(np.arange(batch.num_envs * batch.num_agents))
    for step, (actions, factors) in enumerate(zip(episode.actions, episode.factors, strict=True), 1):
        yield step, decide_actions(batch, policy, rows, seats)
        take_step(batch, actions, factors, rows)


def difference(step: int, recorded: Array, decided: Array, seats: Array, shown: str) -> str:
    """Say where decisions [R, A, parts] differ from those recorded [A, parts]; empty if they do not."""
    wrong = (decided != recorded).any(axis=-1)
    if not wrong.any():
        return ""
    row, place = np.argwhere(wrong)[0]
    return (
        f"policy {shown!r} of {agent_name(int(seats[place]))} cannot be asked again: in step {step} "
        f"{recorded[place].tolist()} was recorded, and now it decides {decided[row, place].tolist()}"
    )
