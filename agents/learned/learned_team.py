"""A learned team as a `Policy`: own observations in, own actions out.

Every agent works out the common plan from the public board. Since all of an environment see the same board, it is
encoded once for all of them that are asked about together.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from agents.learned.card import Manner
from agents.learned.features import OWNER, TOLD_BY_ME, WORKED_ON, Features, Reader
from agents.learned.memory import Memory
from agents.policy import Array, PolicyContext, choose_known_variants, no_actions
from c2c_env.core.constants import ASSIGN, RECIPIENT, SPEECH, SYMBOL, TOPIC
from c2c_env.core.rng import uniform
from c2c_env.envs.spaces import part_names
from c2c_env.errors import ConfigError, needs_extra

# streams of the counter-based random numbers
STREAM_LEARNED = 102
STREAM_PLAN = 104
ASSIGN_AFTER = 3  # steps in a row that somebody leaves planned work lying, after which the manager assigns it; ours
EXPLAINED = 0.5  # share of the gap that a manager closes for those whom the team plans around; ours
SHIPPED = Path(__file__).parent / "checkpoints" / "team.onnx"


class TeamDecision(NamedTuple):
    """What a team does."""

    actions: Array  # int32 [E, N, 4], multi-discrete
    plan: Array  # long [E, A]: what everybody works on, 0 nothing, else subtask + 1
    content: Array  # int32 [E, N, 2]: symbol and variant, 0 if the weights know of none


class TeamLuck(NamedTuple):
    """Random numbers of a decision, float32 in [0, 1)."""

    picks: Array  # [E, A], for the plan
    speak: Array  # [E, N]; an agent speaks if its probability to speak is larger
    what: Array  # [E, N, 2], for what is said
    content: Array  # [E, N, 2], for the symbol and the variant


class Decider(Protocol):
    """Weights that decide, whatever runs them.

    Attributes:
        vocab_size, hidden_facts: of the environment that they have learned in, 0 if they know nothing of symbols and
            variants.
        silent: whether they have learned to play without a word.
        schedule: whether they read the public schedule.
    """

    vocab_size: int
    hidden_facts: int
    silent: bool
    schedule: bool

    def decide(self, features: Features, luck: TeamLuck, temperature: float) -> TeamDecision:
        """Decide for teams.

        Args:
            features: arrays of numpy.
            luck: what chance decides by.
            temperature: see `card.Manner`.
        """


Load = Callable[[Path], tuple[Decider, Manner]]


def make(context: PolicyContext, argument: str) -> LearnedTeam:
    """Make the team of a file, played as its card says; this is what the registry calls.

    Files that end in .onnx are played by onnxruntime, .safetensors by torch.
    """
    path = Path(argument) if argument else SHIPPED
    module, extra = ("torch_decider", "train") if path.suffix == ".safetensors" else ("onnx_decider", "bench")
    with needs_extra(f"playing {path.name}", extra):
        load: Load = import_module(f"agents.learned.{module}").load_decider
    return LearnedTeam(context, *load(path))


class LearnedTeam:
    """Plays weights.

    Args:
        context: what it may know.
        decider: the weights.
        manner: how they are played.

    Raises:
        ConfigError: the actions are of the wrong format, or the weights have learned with another number of symbols or
            variants.
    """

    def __init__(self, context: PolicyContext, decider: Decider, manner: Manner) -> None:
        if context.config.action_format != "multi_discrete":
            raise ConfigError("a learned policy needs action_format='multi_discrete', got 'discrete'")
        for name in ("vocab_size", "hidden_facts"):
            learned, given = getattr(decider, name), getattr(context.config, name)
            if learned not in (0, given):
                raise ConfigError(f"the weights have learned with {name}={learned}, but the environment has {given}")
        self.context, self.decider, self.manner = context, decider, manner
        self.reader = Reader(context.layout, with_variants=decider.hidden_facts > 0)
        names = part_names(context.config)
        sizes = {"symbol": decider.vocab_size, "variant": decider.hidden_facts}
        self.learned = {name: names.index(name) for name, size in sizes.items() if size}  # columns of an action
        self.team_size = context.num_agents
        num_envs = context.num_rows // self.team_size
        self.memory = Memory(self.reader, context.config, num_envs, self.team_size, decider.schedule)
        self.steps = np.zeros(num_envs, dtype=np.uint64)

    def reset(self, rows: Array) -> None:
        """Forget what is remembered of these rows."""
        envs = np.unique(rows // self.team_size)
        self.memory.forget(envs)
        self.steps[envs] = 0

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Actions [R, parts]; see `agents.policy.Policy`.

        Weights that have learned without symbols say the first, and without variants those that are known.
        """
        envs, places = teams_of(rows // self.team_size)
        agents, split = rows[places] % self.team_size, self.reader.split
        board = np.ascontiguousarray(observations[places[:, 0], :split])
        self.memory.see(board, envs)
        remembered = self.memory.remembered(envs, agents)
        features = self.reader.read(board, observations[places][..., split:], action_masks[places], remembered)
        load = features.board.is_subtask.sum(-1) / features.board.is_agent.sum(-1)
        decision = self.decider.decide(features, self._luck(envs, rows[places], load), self.manner.temperature)
        if not self.decider.silent:
            help_strangers(decision, features, self.memory.strayed[envs])
        self.memory.say(decision.actions, board, envs, agents)
        self.memory.agree(decision.plan, envs)
        self.steps[envs] += 1
        actions = no_actions(self.context.config, len(rows))
        actions[:, :SYMBOL][places] = decision.actions
        choose_known_variants(actions, observations, self.context.layout)
        for place, name in enumerate(("symbol", "variant")):
            if name in self.learned:
                actions[:, self.learned[name]][places] = decision.content[..., place]
        return actions

    def _luck(self, envs: Array, rows: Array, load: Array) -> TeamLuck:
        """Random numbers for teams `envs` [E] with so many subtasks an agent [E], and their members `rows` [E, N]."""
        parts, seed = np.arange(max(5, self.reader.num_agents), dtype=np.uint64), np.uint64(self.context.seed)
        with np.errstate(over="ignore"):
            shared = (seed + envs.astype(np.uint64))[:, None]
            own = (seed + rows.astype(np.uint64))[..., None]
            picks = uniform(shared, STREAM_PLAN, self.steps[envs][:, None], parts[: self.reader.num_agents])
            numbers = uniform(own, STREAM_LEARNED, self.steps[envs][:, None, None], parts[:5])
        least = self.manner.least_probability(load)
        speak = numbers[..., 0] if least is None else np.broadcast_to(least[:, None], rows.shape)
        drawn = (picks, speak, numbers[..., 1:3], numbers[..., 3:])
        return TeamLuck(*(part.astype(np.float32) for part in drawn))


def help_strangers(decision: TeamDecision, features: Features, strayed: Array) -> None:
    """Let managers assign work to those who stray [E, A] from the plan, in place of what they were to say.

    Whoever goes by owners waits for the owner of a subtask, however idle it is itself, and takes up what is assigned.
    """
    topic, needs = needs_of_strangers(decision.plan, features, strayed)
    env, place = np.nonzero(needs.any(-1))
    to = needs[env, place].argmax(-1)
    for part, value in ((SPEECH, ASSIGN), (RECIPIENT, to), (TOPIC, topic[env, to])):
        decision.actions[env, place, part] = value


def needs_of_strangers(plan: Array, features: Features, strayed: Array) -> tuple[Array, Array]:
    """Return a subtask [E, A] for everybody, and who may and should assign it to whom, bool [E, N, A].

    That is what is planned for somebody who leaves it lying and does not own it; and what those who are planned around
    work on, until it is explained to them: the messages that the network learned follow the plan, in which they have
    no part.
    """
    board, own, legal = features.board, features.own, features.legal
    works = board.pairs[..., WORKED_ON] > 0
    work = np.where(works.any(-1), 1 + works.argmax(-1), 0)
    what = np.where(board.follows, plan, work)
    topic = np.maximum(what - 1, 0)
    owns = np.take_along_axis(board.pairs[..., OWNER], topic[..., None], -1)[..., 0] > 0
    told = np.take_along_axis(own.pairs[..., TOLD_BY_ME], topic[:, None, :, None], -1)[..., 0]
    unsettled = ~owns[:, None] | (~board.follows[:, None] & (told < EXPLAINED))
    strays = (what > 0) & (strayed >= ASSIGN_AFTER)
    legal_topic = np.take_along_axis(legal.topic, topic[:, None], -1)
    may = legal.speech[..., ASSIGN, None] & legal.recipient[..., :-1] & legal_topic
    return topic, strays[:, None] & unsettled & may


def teams_of(envs: Array) -> tuple[Array, Any]:
    """Group rows by their environments [R]: the different ones [E], and the places [E, n] of their rows.

    Where an environment has fewer rows than another one, its first row stands for those that are missing.
    """
    found, which, counts = np.unique(envs, return_inverse=True, return_counts=True)
    order = np.argsort(which, kind="stable")
    first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    column = np.arange(counts.max(initial=1))
    column = np.where(column < counts[:, None], column, 0)
    return found, order[first[:, None] + column]
