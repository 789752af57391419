"""Credit: what a learner is told of how good each agent's actions were.

team
    The team's reward, the same for all (`EnvConfig.reward_sharing`).
individual
    An agent's own progress, hours and alignment credit; the mean over agents is the team's reward.
information gain
    What an agent came to understand: the change of the log-probability that its understanding gives the true facets.
    IGPO (arXiv 2510.14967) estimates it with a model; here it is exact.
forecast
    The fall of the forecast hours to the end, the team's: potential-based shaping (Ng, Harada and Russell 1999).
counterfactual
    What an agent's message gained against silence, under the same luck, played on by the same actor: COMA
    (arXiv 1705.08926) with the difference simulated instead of estimated. Played on to the end, or for a few steps;
    after these the critic may say what the states that they led to are worth.

The first four are functions of two consecutive states. `individual` and the team's forms of information gain and
forecast are also terms of the environment's reward, with weights of its own (`EnvConfig.reward_weights`).

Axes: E environments, N agents, K subtasks, F facets, T steps, M messages that are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.copies import Copies
from agents.learned.actions import BoardView, ChosenAction, Luck, OwnView, choose_action
from agents.learned.features import Features
from agents.learned.memory import Memory
from agents.learned.network import Actor, Encoded, Tokens
from agents.learned.torch_decider import to_tensors
from agents.policy import Array
from agents.potentials import Potentials, forecast, information, potentials
from c2c_env.core.rng import hash_counter, uniform
from training.learning.learners.environments import Group
from training.learning.ranges import Count, NotNegative, Share, Whole

Expect = Callable[[Encoded, Tokens], Tensor]  # what a critic expects of states [E, N]

STREAM_REHEARSAL = 106  # of the counter-based random numbers, see `environments`
EARLY_STEPS = 3  # by when a message has been read and acted upon


@dataclass(frozen=True)
class CreditConfig:
    """What an agent's reward and the advantage of its message are made of.

    Attributes:
        individual: 0 = everybody gets the team's reward, 1 = each its own share, between: mixed. What information
            gain adds is mixed in the same way.
        information_gain: weight of what agents came to understand.
        forecast: weight of the fall of the forecast hours to the end, as a share of the lower bound.
        counterfactual: weight of what a message gained against silence, in its advantage.
        alone: False adds it to the advantage of all that the agent's team did. True leaves the latter out: a message is
            judged by what it gained alone, scaled to a root mean square of 1, one that was not looked at by nothing.
            Silence is what messages are compared with, so it gains nothing itself. What messages carry cannot be
            learned so, nor in which variant to build.
        messages: that are looked at in a step of a group.
        every: steps from one in which messages are looked at to the next one.
        horizon: steps that are played on for; 0 to the end of the episode.
        measure: "reward" (what the learner is told, discounted), "value" (the reward of these steps and what the critic
            expects after them) or "hours" (cost-to-go: hours saved, which takes horizon 0 to differ from 0).
    """

    individual: Share = 0.0
    information_gain: NotNegative = 0.0
    forecast: NotNegative = 0.0
    counterfactual: NotNegative = 0.0
    alone: bool = False
    messages: Count = 8
    every: Count = 1
    horizon: Whole = 3
    measure: Literal["reward", "value", "hours"] = "reward"


class Credit:
    """Turns the rewards of a group into what its learner is told.

    Args:
        config: what counts how much.
        group: whose environments are played.
    """

    def __init__(self, config: CreditConfig, group: Group) -> None:
        self.config, self.group = config, group
        self.before: Potentials | None = None

    @property
    def _shapes(self) -> bool:
        return self.config.information_gain > 0.0 or self.config.forecast > 0.0

    def begin(self) -> None:
        """Take note of the state before a step."""
        if self._shapes:
            self.before = potentials(self.group.batch)

    def earned(self, rewards: Tensor) -> Tensor:
        """What each agent is told of the step that was just taken [E, N], of its own rewards [E, N]."""
        own, forecast = rewards, torch.zeros_like(rewards)
        if self._shapes and self.before is not None:
            gained = potentials(self.group.batch)
            information = as_tensor(gained.information - self.before.information, rewards)
            own = own + self.config.information_gain * information
            forecast = self.config.forecast * as_tensor(self.before.forecast - gained.forecast, rewards)[:, None]
        team = own.mean(dim=1, keepdim=True)
        return (1.0 - self.config.individual) * team + self.config.individual * own + forecast


def as_tensor(numbers: Array, like: Tensor) -> Tensor:
    return torch.from_numpy(numbers.astype(np.float32)).to(like.device)


def normalised_by_step(advantages: Tensor, step: Tensor) -> Tensor:
    """Advantages [T, E, N] minus their mean and over their deviation, among decisions at the same step of an episode.

    This is the group normalisation of GRPO (arXiv 2402.03300) turn by turn: what is early in an episode is compared
    with what is early. The mean is 0 at every step.

    Args:
        advantages: see above.
        step: long [T, E] of the episode.
    """
    count = int(step.max()) + 1
    each = advantages.shape[2]
    sums, squares, numbers = (torch.zeros(count, device=advantages.device) for _ in range(3))
    place = step.flatten()
    numbers.index_add_(0, place, torch.full(place.shape, float(each), device=advantages.device))
    sums.index_add_(0, place, advantages.sum(dim=2).flatten())
    mean = (sums / numbers.clamp(min=1.0))[step][..., None]
    squares.index_add_(0, place, (advantages - mean).square().sum(dim=2).flatten())
    spread = (squares / numbers.clamp(min=1.0)).sqrt()[step][..., None]
    return (advantages - mean) / (spread + 1e-8)


# --- counterfactuals ----------------------------------------------------------------------------------------------


class PlayedOn(NamedTuple):
    """What copies have come to; each float [copies], or of the same shape."""

    reward: Array  # discounted sum of the team's rewards, and of what was expected of the last state
    hours: Array  # that passed; to the end, the cost-to-go
    early: Array  # the same sum over the first steps only
    information: Array  # `Potentials.information` after the first steps, mean over agents
    forecast: Array  # `Potentials.forecast` after the first steps


class Counterfactual(NamedTuple):
    """Messages that were looked at, and what they gained against silence."""

    env: Array  # long [M]
    agent: Array  # long [M]
    reward: Array  # float [M], more reward with the message
    hours: Array  # float [M], hours saved by the message


class Rehearsal:
    """Plays copies of a group's environments on with the actor, so that one message can be compared with silence.

    Args:
        group: whose environments are copied.
        actor: what decides after the first step, drawing as learned; both copies of a pair draw the same numbers.
        discount: gamma per step.
        expect: what the rewards from a state on are expected to come to [copies, N]; None where only what is played
            counts.
    """

    def __init__(self, group: Group, actor: Actor, discount: float, expect: Expect | None = None) -> None:
        self.group, self.actor, self.discount, self.expect = group, actor, discount, expect
        self.copies = Copies(group.batch, observed=True)

    def gain_of(self, choice: ChosenAction, count: int, horizon: int) -> Counterfactual:
        """Look at up to `count` of the messages that are about to be said, drawn at random.

        Args:
            choice: what the team is about to do in the group's present states.
            count: M at most.
            horizon: steps that are played on for; 0 to the end.
        """
        env, agent = self.drawn(choice, count)
        spoken, silent = self.compare(choice, env, agent, 1, horizon)
        return Counterfactual(env, agent, (spoken.reward - silent.reward)[:, 0], (silent.hours - spoken.hours)[:, 0])

    def compare(
        self, choice: ChosenAction, env: Array, agent: Array, lucks: int, horizon: int
    ) -> tuple[PlayedOn, PlayedOn]:
        """What comes of messages [M], and of silence in their place: each [M, S], under S shared lucks.

        Args:
            choice: see `gain_of`.
            env, agent: long [M], who is about to say them.
            lucks: S.
            horizon: see `gain_of`.
        """
        work, message, content = (part[env].cpu() for part in (choice.work, choice.message, choice.content))
        silent = message.clone()
        silent[torch.arange(len(env)), agent] = 0
        actions = self.group.joined(*map(torch.cat, ((work, work), (message, silent), (content, content))))
        with np.errstate(over="ignore"):
            key = (self.group.key + env.astype(np.uint64))[:, None]
            keys = hash_counter(key, STREAM_REHEARSAL, self.group.steps, np.arange(lucks))
        plan = choice.plan.work[env].cpu().numpy()
        sources, plans = np.repeat(np.tile(env, 2), lucks), np.repeat(np.tile(plan, (2, 1)), lucks, axis=0)
        done = self.play(sources, np.tile(keys, (2, 1)).reshape(-1), np.repeat(actions, lucks, axis=0), plans, horizon)
        halves = [part.reshape(2, len(env), lucks) for part in done]
        return PlayedOn(*(half[0] for half in halves)), PlayedOn(*(half[1] for half in halves))

    def drawn(self, choice: ChosenAction, count: int) -> tuple[Array, Array]:
        """Environments and agents [M] of up to `count` messages, drawn at random."""
        env, agent = np.nonzero(choice.message.cpu().numpy())
        with np.errstate(over="ignore"):
            order = uniform(self.group.key, STREAM_REHEARSAL, np.uint64(self.group.steps), np.arange(len(env)) + 1)
        chosen = np.argsort(order, kind="stable")[:count]
        return env[chosen], agent[chosen]

    @torch.no_grad()
    def play(self, sources: Array, keys: Array, actions: Array, plan: Array, horizon: int) -> PlayedOn:
        """Take actions in copies of environments and play on.

        Args:
            sources: environments of the group [copies].
            keys: uint64 [copies]; copies with the same key meet the same luck.
            actions: int32 [copies, N, parts] of the first step.
            plan: long [copies, A] of the first step.
            horizon: steps after the first; 0 to the end.
        """
        going, memory = self.copies.take(sources, keys), self._memory_of(sources)
        first, earned = self.copies.state.t[going].copy(), np.zeros(len(sources))
        early: tuple[Array, Potentials] | None = None
        agents = np.broadcast_to(np.arange(self.group.team_size), (len(sources), self.group.team_size))
        board = self.group.board[sources]
        for step in range(1 + horizon if horizon else self.copies.params.horizon.max()):
            if step:
                board, actions, plan = self._decide(memory, going, keys[going], step)
            memory.say(actions, board, going, agents[going])
            memory.agree(plan, going)
            self.copies.actions[going] = actions
            played, going = going, self.copies.step(going)
            earned[played] += self.discount**step * self.copies.out.reward[played].mean(axis=1)
            if step + 1 == EARLY_STEPS:
                early = earned.copy(), self._potentials(len(sources))
            if not len(going):
                break
        if self.expect is not None and len(going):
            earned[going] += self.discount ** (step + 1) * self._expected(memory, going, keys[going], step + 1)
        soon, known = early or (earned, self._potentials(len(sources)))
        hours = (self.copies.state.t[: len(sources)] - first) * self.copies.params.dt
        return PlayedOn(earned, hours, soon, known.information.mean(axis=1), known.forecast)

    def _potentials(self, count: int) -> Potentials:
        p, s = self.copies.params, self.copies.state
        return Potentials(information(p, s)[:count], forecast(p, s, count, self.copies.batch.backend))

    def _memory_of(self, sources: Array) -> Memory:
        """A memory that starts with what the group's teams remember."""
        group = self.group
        mine = Memory(group.reader, group.batch.config, len(sources), group.team_size, group.with_schedule)
        mine.take(group.memory, sources)
        return mine

    def _decide(self, memory: Memory, rows: Array, keys: Array, step: int) -> tuple[Array, Array, Array]:
        """Boards, actions and plans of copies `rows`."""
        board, features = self._read(memory, rows)
        choice, _, _ = self._choose(features, keys, step)
        actions = self.group.joined(choice.work, choice.message, choice.content)
        return board, actions, choice.plan.work.cpu().numpy()

    def _expected(self, memory: Memory, rows: Array, keys: Array, step: int) -> Array:
        """What is expected from the present states of copies `rows` on, mean over agents."""
        assert self.expect is not None  # nobody asks otherwise
        _, features = self._read(memory, rows)
        _, seen, own = self._choose(features, keys, step)
        expected: Array = self.expect(own.encoded, seen.tokens).mean(dim=1).cpu().numpy()
        return expected

    def _choose(self, features: Features, keys: Array, step: int) -> tuple[ChosenAction, BoardView, OwnView]:
        heat = torch.ones((), device=self.group.device)
        return choose_action(self.actor, features, self._luck(keys, step), heat)

    def _read(self, memory: Memory, rows: Array) -> tuple[Array, Features]:
        """Boards and features of copies `rows`, which are remembered as seen."""
        seen, form = self.copies.out.observation[rows], self.group.batch.form
        board = np.ascontiguousarray(form.board(seen))
        memory.see(board, rows)
        masks = self.copies.out.action_mask[rows]
        read = self.group.reader.read(board, form.own(seen), masks, memory.remembered(rows))
        return board, to_tensors(read, self.group.device)

    def _luck(self, keys: Array, step: int) -> Luck:
        """The random numbers of a step, the same for the same keys."""
        agents, team = self.group.num_agents, self.group.team_size
        with np.errstate(over="ignore"):
            numbers = uniform(keys[:, None], STREAM_REHEARSAL, np.uint64(step), np.arange(agents + 5 * team))
        drawn = torch.from_numpy(numbers.astype(np.float32)).to(self.group.device)
        picks, own, content = drawn.split((agents, 3 * team, 2 * team), dim=1)
        own = own.unflatten(1, (team, 3))
        return Luck(picks, own[..., 0], own[..., 1:], content.unflatten(1, (team, 2)))
