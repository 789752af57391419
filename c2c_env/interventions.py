"""Interventions on communication, to see who really uses talk: the same team, with its messages tampered with.

- `off`: nothing is said.
- `without:ask`: questions are not said, neither by chat nor by email. The other forms of speech are `tell`, `meet` and
  `assign`; several are joined, as in `without:ask+meet`.
- `free`: sending, reading and meeting cost no time.
- `delayed:N`: chats and emails arrive N steps later.
- `lossy:P`: with probability P the words of a message are lost: it is paid and read, and has no effect.
- `shuffled`: what is meant for one agent goes to another one, drawn anew each time.
- `scrambled`: a message is about another subtask that is not done, and carries another symbol, drawn anew each time.
- `unheard`: messages cost and teach as ever, but nobody sees in its observations what was read or asked.

What is drawn depends on the episode, the step and the agent alone (counter-based), so that two policies meet the same
luck. `free` and `delayed` change the constants of the environment, `unheard` the observations, the others the actions
before a step. Policies that see the true state hear all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.core.rng import uniform
from c2c_env.envs.batch import Batch
from c2c_env.envs.parallel_env import C2CParallelEnv
from c2c_env.errors import ConfigError, raise_faults, unknown_name

STREAM_INTERVENTION = 50  # of the counter-based random numbers; the simulator uses the first few
WITH_AMOUNT = {"delayed": (r"[1-9]\d{0,3}", "steps in [1, 9999]"), "lossy": (r"0?\.\d+|1|1\.0", "a number in (0, 1]")}
FORMS_OF_SPEECH = {  # and the speeches of each
    "tell": (c.CHAT_TELL, c.EMAIL_TELL),
    "ask": (c.CHAT_ASK, c.EMAIL_ASK),
    "meet": (c.MEET,),
    "assign": (c.ASSIGN,),
}
KINDS = ("off", "without", "free", "delayed", "lossy", "shuffled", "scrambled", "unheard")
CHANGING_ACTIONS = ("off", "without", "lossy", "shuffled", "scrambled")
# fields of an observation that tell what others said
HEARD = ("request_to_me", "message_recency", "message_speech", "message_symbol", "asks_me", "message_topic")


@dataclass(frozen=True)
class Intervention:
    """What is done to messages; see the module for the kinds.

    Attributes:
        kind: one of `KINDS`.
        amount: steps of "delayed", the probability of "lossy"; 0 otherwise.
        unsaid: the forms of speech that "without" leaves out, in the order of `FORMS_OF_SPEECH`; none otherwise.
    """

    kind: str
    amount: float = 0.0
    unsaid: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Intervention:
        """Read "off", "delayed:3", "lossy:0.2", "without:ask+meet" ...

        Raises:
            ConfigError: there is no such kind or form of speech, or the amount is missing or out of range.
        """
        kind, _, amount = text.partition(":")
        if kind not in KINDS:
            raise ConfigError(unknown_name("intervention", kind, KINDS))
        if kind == "without":
            return cls(kind, unsaid=_read_forms(amount, text))
        pattern, expected = WITH_AMOUNT.get(kind, ("", "nothing"))
        if not re.fullmatch(pattern, amount):
            raise ConfigError(f"intervention {text!r}: behind the colon is {amount!r}, expected {expected}")
        return cls(kind, float(amount or 0.0))

    def __str__(self) -> str:
        if self.unsaid:
            return f"{self.kind}:{'+'.join(self.unsaid)}"
        return f"{self.kind}:{self.amount:g}" if self.amount else self.kind

    def constants(self, config: EnvConfig) -> EnvConfig:
        """The constants under this intervention.

        Raises:
            ConfigError: actions are of the discrete format, whose messages cannot be changed one by one.
        """
        if config.action_format == "discrete" and self.kind in CHANGING_ACTIONS:
            raise ConfigError(f"intervention {self.kind!r} needs action_format='multi_discrete', got 'discrete'")
        channels = dict(zip(c.CHANNELS, config.channels, strict=True))
        if self.kind == "free":
            return config.with_fields(
                **{name: replace(one, send_hours=0.0, read_hours=0.0) for name, one in channels.items()}
            )
        if self.kind == "delayed":
            later = {name: replace(one, latency=one.latency + int(self.amount)) for name, one in channels.items()}
            return config.with_fields(chat=later["chat"], email=later["email"])
        return config

    def change(self, batch: Batch, rows: Array, actions: Array, judged: Array | None = None) -> Array:
        """What agents of environments really do, instead of what they chose.

        Args:
            batch: before the step. How much its messages count is written into its `message_factors` by "lossy".
            rows: [R], of the environments.
            actions: [R, N, parts], as chosen.
            judged: [R, N], how much messages would count otherwise; None is 1 for all.
        """
        actions = actions.copy()
        speaks = actions[..., c.SPEECH] != c.SILENT
        if self.kind == "off":
            actions[..., c.SPEECH] = c.SILENT
        elif self.kind == "without":
            left_out = [speech for form in self.unsaid for speech in FORMS_OF_SPEECH[form]]
            actions[..., c.SPEECH][np.isin(actions[..., c.SPEECH], left_out)] = c.SILENT
        elif self.kind == "lossy":
            lost = speaks & (_draw(batch, rows, 0) < self.amount)
            batch.message_factors[rows] = np.where(lost, 0.0, 1.0 if judged is None else judged)
        elif self.kind == "shuffled":
            actions[..., c.RECIPIENT] = _other_recipients(batch, rows, actions[..., c.RECIPIENT], speaks)
        elif self.kind == "scrambled":
            actions[..., c.TOPIC] = _other_topics(batch, rows, actions[..., c.TOPIC], speaks)
            if batch.config.vocab_size:
                symbols = (_draw(batch, rows, 1) * batch.config.vocab_size).astype(actions.dtype)
                actions[..., c.SYMBOL] = np.where(speaks, symbols, actions[..., c.SYMBOL])
        return actions

    def hide(self, layout: ObservationLayout, observations: Array) -> Array:
        """What agents see instead of observations [..., D]: with "unheard", as if nobody had said anything."""
        if self.kind != "unheard":
            return observations
        observations = observations.copy()
        for name in HEARD:
            observations[..., layout.slices[name]] = 0.0
        return observations


def _read_forms(words: str, text: str) -> tuple[str, ...]:
    """Forms of speech such as "ask+meet", each once and in the order of `FORMS_OF_SPEECH`.

    Raises:
        ConfigError: one is not known.
    """
    named = words.split("+")
    raise_faults(
        ConfigError,
        f"bad intervention {text!r}",
        [unknown_name("form of speech", word, FORMS_OF_SPEECH) for word in named if word not in FORMS_OF_SPEECH],
    )
    return tuple(form for form in FORMS_OF_SPEECH if form in named)


def intervene(env: C2CParallelEnv, what: str) -> C2CParallelEnv:
    """A new environment like a given one, under an intervention such as "off" or "delayed:3".

    Raises:
        ConfigError: see `Intervention`.
    """
    return IntervenedEnv(env, Intervention.parse(what))


class IntervenedEnv(C2CParallelEnv):
    """An environment like another one, in which agents do what an intervention makes of their actions."""

    def __init__(self, env: C2CParallelEnv, intervention: Intervention) -> None:
        batch = env.batch
        constants = intervention.constants(batch.config)
        super().__init__(Batch(batch.pool, batch.team, constants, backend=batch.backend), env.render_mode)
        self.intervention = intervention

    def _write_actions(self, actions: Mapping[str, Any]) -> None:
        super()._write_actions(actions)
        buffer = self.batch.action_buffer
        buffer[...] = self.intervention.change(self.batch, np.arange(1), buffer)

    def _rows(self) -> Array:
        return self.intervention.hide(self.layout, super()._rows())


def _draw(batch: Batch, rows: Array, place: int) -> Array:
    """Numbers in [0, 1) for every agent [R, N] of this step; `place` tells draws of one step apart."""
    state, agents = batch.state, np.arange(batch.num_agents, dtype=np.uint64)
    index = agents * np.uint64(2) + np.uint64(place)
    step = state.t[rows][:, None].astype(np.uint64)
    with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
        return np.asarray(uniform(state.key[rows][:, None], STREAM_INTERVENTION, step, index))


def _other_recipients(batch: Batch, rows: Array, chosen: Array, speaks: Array) -> Array:
    """Another recipient [R, N] than the chosen one, where that is a single agent and there is another one."""
    n, me = batch.num_agents, np.arange(batch.num_agents)
    if n < 3:
        return chosen
    other = (_draw(batch, rows, 0) * (n - 2)).astype(chosen.dtype)
    other = other + (other >= np.minimum(me, chosen))
    other = other + (other >= np.maximum(me, chosen))
    return np.where(speaks & (chosen < n) & (chosen != me), other, chosen)


def _other_topics(batch: Batch, rows: Array, chosen: Array, speaks: Array) -> Array:
    """Another subtask [R, N] than the chosen one that is not done, where there is another one."""
    state, subtasks = batch.state, np.arange(batch.max_subtasks)
    real = subtasks < batch.params.num_subtasks[state.workflow[rows]][:, None]
    left = real & (state.status[rows] != c.DONE)
    possible = left[:, None] & (subtasks != chosen[..., None])  # [R, N, K]
    place = (_draw(batch, rows, 0) * possible.sum(axis=-1)).astype(np.int64)
    other = (possible.cumsum(axis=-1) > place[..., None]).argmax(axis=-1)
    return np.where(speaks & possible.any(axis=-1), other, chosen)
