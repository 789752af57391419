"""What a turn of a language model is rewarded by, chosen by name.

Each is a base, and for some a shaping that is added to it:

team
    The environment's reward as `EnvConfig.reward_sharing` shares it out.
individual
    The agent's own share, whatever `EnvConfig.reward_sharing` says: its own progress, alignment credit and hours of
    communication count N-fold, so that the mean over agents is the team's reward.
information_gain
    Team, and what the agent came to understand, I(after) - I(before): IGPO (arXiv 2510.14967), here exact.
forecast
    Team, and the fall of the forecast hours to the end: potential-based shaping (Ng, Harada and Russell 1999). The
    potential is 0 at the end, so all episodes of a task have the same sum of it, and the best policy stays the best.
time_to_go
    Minus the hours of the step, and the fall of the oracle's expected hours to the end (privileged). The potential is 0
    before the first step and at the end, so an episode's rewards sum to minus its completion time.
counterfactual
    Team, and what the agent's message gained in expected hours against silence (privileged): a difference reward
    (Wolpert and Tumer 2002), as in COMA (arXiv 1705.08926), simulated instead of estimated. It is added to the team's
    reward, since alone it would tell nothing of what the agent works on.

"+gated" behind a name, such as "information_gain+gated", lets the shaping count only in episodes that are finished:
gated reward accumulation (G-RA, arXiv 2508.10548). What a turn counts in the end is known at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from agents.language.privileged_rewards import MessageGain, StepHours, TimeToGo
from agents.policy import Array
from agents.potentials import forecast, information
from c2c_env import Batch
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError, unknown_name

GATED = "+gated"


class TurnReward(Protocol):
    """Rewards the steps of the one environment of a batch; made at the start of an episode."""

    def begin(self) -> None:
        """Take note of the state before a step, whose actions stand in the batch's `action_buffer`."""

    def earned(self) -> Array:
        """Return what each agent [N] earned in the step that was just taken."""


class TeamReward:
    """The environment's reward as `EnvConfig.reward_sharing` shares it out."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def begin(self) -> None:
        """Do nothing: the environment keeps what it needs."""

    def earned(self) -> Array:
        """See `TurnReward`."""
        mean: Array = self._batch.rewards[0].astype(float)
        return mean


class OwnReward:
    """Each agent's own share, as the environment itself hands it out where `reward_sharing` is "individual".

    Own progress, alignment credit and hours count N-fold in place of the team's sums; all else is the team's.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def begin(self) -> None:
        """Do nothing: the environment keeps what it needs."""

    def earned(self) -> Array:
        """See `TurnReward`."""
        batch = self._batch
        p, s, n = batch.params, batch.state, batch.num_agents
        price = p.reward_weights[c.COMMUNICATION] / p.total_effort[s.workflow[0]]
        own = p.reward_weights[c.PROGRESS] * s.progress_credit[0, :n]
        own = own + p.reward_weights[c.ALIGNMENT] * s.alignment_credit[0, :n] - price * s.spoken_hours[0, :n]
        share: Array = batch.rewards[0].astype(float).mean() + n * (own - own.mean())
        return share


class InformationGain:
    """What each agent came to understand in the step."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._before = self._known()

    def _known(self) -> Array:
        known: Array = information(self._batch.params, self._batch.state)[0]
        return known

    def begin(self) -> None:
        """See `TurnReward`."""
        self._before = self._known()

    def earned(self) -> Array:
        """See `TurnReward`."""
        gain: Array = self._known() - self._before
        return gain


class ForecastFall:
    """The fall of the forecast hours to the end, as a share of the lower bound; the end has 0 left."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._before = self._left()

    def _left(self) -> float:
        batch = self._batch
        ended = batch.terminated[0] or batch.truncated[0]
        return 0.0 if ended else float(forecast(batch.params, batch.state, 1, batch.backend)[0])

    def begin(self) -> None:
        """See `TurnReward`."""
        self._before = self._left()

    def earned(self) -> Array:
        """See `TurnReward`."""
        return np.full(self._batch.num_agents, self._before - self._left())


class RewardParts(NamedTuple):
    """What a reward of a name is made of."""

    base: Callable[[Batch], TurnReward]
    shaping: Callable[[Batch], TurnReward] | None = None


TURN_REWARDS: Mapping[str, RewardParts] = {
    "team": RewardParts(TeamReward),
    "individual": RewardParts(OwnReward),
    "information_gain": RewardParts(TeamReward, InformationGain),
    "forecast": RewardParts(TeamReward, ForecastFall),
    "time_to_go": RewardParts(StepHours, TimeToGo),
    "counterfactual": RewardParts(TeamReward, MessageGain),
}


class EpisodeRewards:
    """The rewards of one episode, turn by turn, and what they count once it is over.

    Args:
        batch: of one environment, just reset.
        base: what always counts.
        shaping: what is added to it; None for nothing.
        gated: whether the shaping counts only if the episode is finished.
    """

    def __init__(self, batch: Batch, base: TurnReward, shaping: TurnReward | None, gated: bool) -> None:
        self._batch, self._base, self._shaping, self._gated = batch, base, shaping, gated
        self._turns: list[tuple[Array, Array]] = []

    def begin(self) -> None:
        """See `TurnReward`."""
        self._base.begin()
        if self._shaping is not None:
            self._shaping.begin()

    def earned(self) -> Array:
        """Return base and shaping of the step that was just taken [N], whatever they will count."""
        base = self._base.earned()
        shaping = np.zeros_like(base) if self._shaping is None else self._shaping.earned()
        self._turns.append((base, shaping))
        return base + shaping

    def settled(self) -> Array:
        """Return what each turn counts in the end [T, N], once the episode is over."""
        counts = not self._gated or bool(self._batch.terminated[0])
        return np.array([base + counts * shaping for base, shaping in self._turns])


def check_turn_reward(name: str) -> RewardParts:
    """Return what a reward is made of.

    Raises:
        ConfigError: there is none of this name.
    """
    plain = name.removesuffix(GATED)
    if plain not in TURN_REWARDS:
        raise ConfigError(unknown_name("reward", plain, TURN_REWARDS))
    parts = TURN_REWARDS[plain]
    if plain != name and parts.shaping is None:
        shaped = ", ".join(other + GATED for other, made_of in TURN_REWARDS.items() if made_of.shaping is not None)
        raise ConfigError(f"reward is {name!r}, but {plain!r} has no shaping that could be gated, expected {shaped}")
    return parts


def make_turn_reward(name: str, batch: Batch) -> EpisodeRewards:
    """Make a reward for an episode that was just started.

    Raises:
        ConfigError: there is none of this name.
    """
    parts = check_turn_reward(name)
    shaping = None if parts.shaping is None else parts.shaping(batch)
    return EpisodeRewards(batch, parts.base(batch), shaping, name.endswith(GATED))
