"""The scripted teams. Each is a rule for one agent, written over rows of agents (see `agents.policy`)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from agents.policy import Array, PolicyContext, choose_known_variants, no_actions
from agents.scripted.agent_view import AgentView, read_agent_view
from agents.scripted.message_value import (
    exchange_cost,
    expected_understanding,
    hours_saved,
    hours_saved_by_asking,
)
from agents.scripted.schedule import NO_SUBTASK, schedule
from c2c_env.core import constants as c
from c2c_env.core.rng import uniform
from c2c_env.envs.spaces import action_sizes
from c2c_env.errors import ConfigError
from c2c_env.workflows.pack import gap_share

STREAM_SCRIPTED = 100  # of the counter-based random numbers; the simulator uses the first few
LEAST_GAIN = 0.1  # hours that an exchange must save beyond its cost
LEAST_HANDOVER_GAIN = 1.0
ASK_BY_CHANNEL = np.array(c.QUESTION_OF_CHANNEL)


class ScriptedTeam:
    """Works by the common schedule and is silent; subclasses say more."""

    name: ClassVar[str] = "no_communication"
    description: ClassVar[str] = "works by the common schedule, never speaks"
    argument: ClassVar[str] = ""  # what may stand behind the colon; "" takes nothing
    plays_catalogue: ClassVar[bool] = False  # whether it takes action_format="discrete" too

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        if context.config.action_format != "multi_discrete" and not self.plays_catalogue:
            raise ConfigError(f"policy {self.name} needs action_format='multi_discrete', got 'discrete'")
        if argument and not self.argument:
            raise ConfigError(f"policy {self.name} takes no argument, got {argument!r}")
        self.context, self.config = context, context.config
        self.steps = np.zeros(context.num_rows, dtype=np.int64)  # of the running episode, one row for each agent

    @classmethod
    def make(cls, context: PolicyContext, argument: str) -> ScriptedTeam:
        """Make the team; this is what the registry calls."""
        return cls(context, argument)

    def reset(self, rows: Array) -> None:
        """Forget what is remembered of these rows."""
        self.steps[rows] = 0

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Actions [R, parts]; see `agents.policy.Policy`."""
        view = read_agent_view(observations, self.context)
        actions = no_actions(self.config, len(rows))
        mine = self.assign_work(view)[view.rows, view.me]
        actions[:, c.WORK] = mine + 1
        if self.context.num_agents > 1:
            self.speak(actions, view, mine, rows)
        choose_known_variants(actions, observations, self.context.layout)
        self.steps[rows] += 1
        return actions

    def assign_work(self, view: AgentView) -> Array:
        """Return the subtask [R, A] of every agent."""
        return schedule(view)

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        """Write speech, recipient and topic; `mine` [R] is what each works on."""


def write_message(actions: Array, where: Array, speech: Array | int, recipient: Array | int, topic: Array) -> None:
    """Write a message in the rows `where` that are still silent."""
    chosen = where & (actions[:, c.SPEECH] == c.SILENT)
    for part, value in ((c.SPEECH, speech), (c.RECIPIENT, recipient), (c.TOPIC, topic)):
        actions[chosen, part] = np.broadcast_to(value, chosen.shape)[chosen]


def answer_requests(actions: Array, view: AgentView) -> None:
    """Answer the oldest open request (ties: lowest agent), by the channel it came through."""
    open_ = view.asks_me & view.unfinished[:, :, None]
    age = np.where(open_.any(axis=1), view.request_age, -1)
    asker = age.argmax(axis=1)
    topic = open_[view.rows, :, asker].argmax(axis=1)
    speech = np.where(view.by_email[view.rows, asker], c.EMAIL_TELL, c.CHAT_TELL)
    write_message(actions, age.max(axis=1) >= 0, speech, asker, topic)


class RandomTeam(ScriptedTeam):
    """Takes any legal action, every part drawn on its own."""

    name = "random"
    description = "any legal action"
    plays_catalogue = True

    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Actions [R, parts]; the draws depend on the seed, the row and the step alone, not on who else acts."""
        layout = self.context.layout
        sizes = action_sizes(self.config, layout.sizes["A"], layout.sizes["K"])
        parts = np.split(action_masks, np.cumsum(sizes)[:-1], axis=1)
        actions = np.empty((len(rows), len(sizes)), dtype=np.int64)
        with np.errstate(over="ignore"):
            for part, legal in enumerate(parts):
                key = np.uint64(self.context.seed) + rows.astype(np.uint64)
                draw = uniform(key, STREAM_SCRIPTED, self.steps[rows].astype(np.uint64), part)
                rank = np.floor(draw * legal.sum(axis=1)).astype(np.int64)
                actions[:, part] = (legal.cumsum(axis=1) > rank[:, None]).argmax(axis=1)
        self.steps[rows] += 1
        return actions


class SoloTeam(ScriptedTeam):
    """The first worker does everything alone (the manager, in a team of one)."""

    name = "solo"
    description = "one worker does everything alone"

    def assign_work(self, view: AgentView) -> Array:
        plan = np.full(view.real.shape, NO_SUBTASK)
        urgency = np.where(view.ready, view.critical_path, -1.0)
        plan[:, min(1, self.context.num_agents - 1)] = np.where(
            view.ready.any(axis=1), urgency.argmax(axis=1), NO_SUBTASK
        )
        return plan


class FixedStepsTeam(ScriptedTeam):
    """Every m steps asks the manager by email about its own subtask."""

    name = "fixed_steps"
    description = "asks the manager by email every m = 4 steps (fixed_steps:m)"
    argument = "m"

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        super().__init__(context, argument)
        self.every = whole_number(self.name, argument, default=4)

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        answer_requests(actions, view)
        due = (mine >= 0) & (view.me != c.MANAGER) & (self.steps[rows] % self.every == 0)
        write_message(actions, due, c.EMAIL_ASK, c.MANAGER, np.maximum(mine, 0))


class BroadcastTeam(ScriptedTeam):
    """Every m steps tells the whole team by chat about an unfinished subtask, one after the other."""

    name = "broadcast"
    description = "tells the whole team by chat every m = 4 steps, subtask after subtask (broadcast:m)"
    argument = "m"

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        super().__init__(context, argument)
        self.every = whole_number(self.name, argument, default=4)

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        turn = self.steps[rows] + view.me  # staggered, so that not all speak at once
        count = np.maximum(view.unfinished.sum(axis=1), 1)
        rank = (turn // self.every) % count
        topic = (view.unfinished.cumsum(axis=1) > rank[:, None]).argmax(axis=1)
        everybody = view.real.shape[1]
        write_message(actions, (turn % self.every == 0) & view.unfinished.any(axis=1), c.CHAT_TELL, everybody, topic)


class UnconstrainedTeam(ScriptedTeam):
    """Asks at every step, the teammates in turn, by chat in one round and by email in the next; answers everybody."""

    name = "unconstrained"
    description = "asks somebody at every step, whatever it costs"

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        answer_requests(actions, view)
        others = self.context.num_agents - 1
        rounds, turn = np.divmod(self.steps[rows], others)
        teammate = (view.me + 1 + turn) % self.context.num_agents
        write_message(
            actions, mine >= 0, np.where(rounds % 2 == 0, c.CHAT_ASK, c.EMAIL_ASK), teammate, np.maximum(mine, 0)
        )


class CostAwareTeam(ScriptedTeam):
    """Answers first; then asks or meets where that saves more than it costs both sides (C2C)."""

    name = "cost_aware"
    description = "asks or meets where that saves more hours than it costs (C2C)"

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        answer_requests(actions, view)
        net = hours_saved_by_asking(view, mine, self.config) - exchange_cost(self.config)
        ask_best(actions, view, mine, net, least=LEAST_GAIN)


def ask_best(actions: Array, view: AgentView, mine: Array, value: Array, least: float) -> None:
    """Take the exchange [R, A, channels] of the greatest value above `least`; never ask anybody twice at once."""
    k = np.maximum(mine, 0)
    value = np.where(view.asked[view.rows, k][:, :, None], -np.inf, value)
    flat = value.reshape(len(value), -1)
    best = flat.argmax(axis=1)
    worth = flat[view.rows, best]
    recipient, channel = np.divmod(best, value.shape[2])
    write_message(actions, (worth > least) & np.isfinite(worth), ASK_BY_CHANNEL[channel], recipient, k)


class ProactiveTeam(CostAwareTeam):
    """Is cost-aware, and whoever has nothing to say hands over what the next worker of a subtask will lack."""

    name = "proactive"
    description = "cost-aware, and hands over what the next worker will lack"

    def __init__(self, context: PolicyContext, argument: str = "") -> None:
        super().__init__(context, argument)
        sizes = context.layout.sizes
        self.told = np.zeros((context.num_rows, sizes["K"], sizes["A"]), dtype=bool)  # never the same twice

    def reset(self, rows: Array) -> None:
        super().reset(rows)
        self.told[rows] = False

    def speak(self, actions: Array, view: AgentView, mine: Array, rows: Array) -> None:
        super().speak(actions, view, mine, rows)
        likely = likely_workers(view)
        value = value_of_telling(view, likely, self.context)
        told = self.told[rows[:, None], np.arange(likely.shape[1]), np.maximum(likely, 0)]
        value[told] = -np.inf
        flat = value.reshape(len(value), -1)
        topic, channel = np.divmod(flat.argmax(axis=1), value.shape[2])
        recipient = likely[view.rows, topic]
        silent = actions[:, c.SPEECH] == c.SILENT
        hands_over = silent & (flat.max(axis=1) > LEAST_HANDOVER_GAIN)
        write_message(actions, hands_over, np.where(channel == 0, c.CHAT_TELL, c.EMAIL_TELL), recipient, topic)
        self.told[rows[hands_over], topic[hands_over], recipient[hands_over]] = True


def likely_workers(view: AgentView) -> Array:
    """Who will work [R, K] on each subtask that is about to become ready (one prerequisite left); -1 else."""
    soon = view.unfinished & ~view.ready & (view.prerequisites_left == 1)
    best = np.where(view.real[:, :, None], view.skill, -1.0).argmax(axis=1)
    return np.where(soon, best, NO_SUBTASK)


def value_of_telling(view: AgentView, likely: Array, context: PolicyContext) -> Array:
    """Net hours [R, K, 2] that telling the likely worker [R, K] of each subtask saves, by chat and by email."""
    config = context.config
    rows, subtasks = view.rows[:, None], np.arange(likely.shape[1])[None, :]
    j = np.maximum(likely, 0)
    before = expected_understanding(view, config)[rows, j, subtasks]
    pace = view.rest / np.maximum(view.skill[rows, j, subtasks], 1e-9)
    value = np.empty((*likely.shape, 2))
    for channel, rule in enumerate(config.channels[:2]):
        tau = gap_share(rule.richness, view.complexity)
        saved = hours_saved(before, view.understanding, tau, view.weights, pace, config)
        value[..., channel] = saved - rule.send_hours - rule.read_hours
    value[(likely < 0) | (likely == view.me[:, None])] = -np.inf
    return value


def whole_number(name: str, argument: str, default: int) -> int:
    """The argument of a policy as an integer >= 1."""
    if not argument:
        return default
    if not argument.isdigit() or int(argument) < 1:
        raise ConfigError(f"policy {name} takes an integer >= 1 behind the colon, got {argument!r}")
    return int(argument)


TEAMS: tuple[type[ScriptedTeam], ...] = (
    ScriptedTeam,
    FixedStepsTeam,
    UnconstrainedTeam,
    BroadcastTeam,
    CostAwareTeam,
    ProactiveTeam,
    SoloTeam,
    RandomTeam,
)
