"""What a team remembers: whom each member told what, how fast others worked, and who keeps to the common plan.

All of it follows from the public rules, one's own observations and one's own actions: a message closes a known share
of a gap, the pace of work on the board shows how well its worker understands it, and the board shows who works on
what. Nobody's understanding but one's own is ever seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agents.learned.features import NUM_SPOKEN, Reader, Remembered
from agents.policy import Array
from agents.public_schedule.scheduler import Scheduler
from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.workflows.pack import gap_share

TELLS = (c.CHAT_TELL, c.EMAIL_TELL, c.MEET, c.ASSIGN)  # what carries the speaker's understanding
NO_PLAN = -1  # since the board was seen last
LONGEST_STRAY = 6  # steps in a row without what the plan says, after which an agent is planned around; ours
TIME_OUT = 24  # steps for which it is


class Memory:
    """The memory of N agents in each of E environments.

    Args:
        reader: of observations.
        config: of the environments.
        num_envs: E.
        team_size: N.
        with_schedule: whether the public schedule is kept.

    Attributes:
        told: float32 [E, N, A, K], share of the gap to one's own understanding that one's messages have closed.
        pace: float32 [E, A, K], progress per hour and skill when each agent last worked on each subtask, 0 = never.
        strayed: int16 [E, A], see `count_strayed`; at `LONGEST_STRAY` an agent is planned around.
        scheduler: which keeps the public schedule, or None.
    """

    def __init__(
        self, reader: Reader, config: EnvConfig, num_envs: int, team_size: int, with_schedule: bool = False
    ) -> None:
        agents, subtasks = reader.num_agents, reader.num_subtasks
        self.reader, self.dt = reader, config.dt
        self.richness = np.zeros(NUM_SPOKEN + 1)
        for speech in TELLS:
            self.richness[speech] = config.channels[c.CHANNEL_OF_SPEECH[speech]].richness
        self.told = np.zeros((num_envs, team_size, agents, subtasks), dtype=np.float32)
        self.pace = np.zeros((num_envs, agents, subtasks), dtype=np.float32)
        self.rest = np.zeros((num_envs, subtasks), dtype=np.float32)  # hours of effort left when last seen
        self.plan = np.full((num_envs, agents), NO_PLAN)  # what each is to work on: 0 nothing, else k + 1
        self.strayed = np.zeros((num_envs, agents), dtype=np.int16)
        self.scheduler = Scheduler(reader.layout, config, num_envs) if with_schedule else None

    def take(self, other: Memory, rows: Array) -> None:
        """Remember what `other` remembers of environments `rows` [E]."""
        for name in ("told", "pace", "rest", "plan", "strayed"):
            getattr(self, name)[:] = getattr(other, name)[rows]
        if self.scheduler is not None and other.scheduler is not None:
            self.scheduler.take(other.scheduler, rows)

    def forget(self, rows: Any) -> None:
        """Forget the episodes of these environments, where new ones start."""
        for array in (self.told, self.pace, self.rest, self.strayed):
            array[rows] = 0
        self.plan[rows] = NO_PLAN
        if self.scheduler is not None:
            self.scheduler.forget(rows)

    def see(self, board: Array, rows: Any = slice(None)) -> None:
        """Take in a new observation: the board part [E, board_size] of environments `rows`."""
        facts = self.reader.facts(board)
        done = (self.rest[rows] - facts.rest)[:, None] / (self.dt * np.maximum(facts.skill, 1e-3))
        seen = facts.worked & (done > 0.0)
        self.pace[rows] = np.where(seen, np.minimum(done, 1.0), self.pace[rows])
        self.rest[rows] = facts.rest
        work = np.where(facts.worked.any(-1), 1 + facts.worked.argmax(-1), 0)
        self.strayed[rows] = count_strayed(self.strayed[rows], self.plan[rows], work)
        self.plan[rows] = NO_PLAN
        if self.scheduler is not None:
            self.scheduler.see(board, self.pace[rows], rows)

    def remembered(self, rows: Any = slice(None), agents: Any = slice(None)) -> Remembered:
        """Copies of what is remembered of environments `rows` [E], and by their `agents` [E, N] (default: all)."""
        told = self.told[rows] if isinstance(agents, slice) else self.told[rows[:, None], agents]
        pace = self.pace[rows].copy()
        unread = np.zeros((*pace.shape, 0), dtype=np.float32)
        schedule = unread if self.scheduler is None else self.scheduler.features(rows)
        return Remembered(told.copy(), pace, self.strayed[rows] < LONGEST_STRAY, schedule)

    def say(self, actions: Array, board: Array, rows: Array, agents: Array) -> None:
        """Take in actions [E, N, parts] of `agents` [E, N] that were chosen when the board was as given."""
        kappa = self.reader.facts(board).complexity
        _, speech, recipient, topic = np.moveaxis(actions[..., : c.SYMBOL], -1, 0)
        env, place = np.nonzero(self.richness[speech])
        to, about = recipient[env, place], topic[env, place]
        share = gap_share(self.richness[speech[env, place]], kappa[env, about])
        everybody = np.arange(self.told.shape[2])
        closed = share[:, None] * ((to[:, None] == everybody) | (to[:, None] == len(everybody)))  # [messages, A]
        place_of = (rows[env][:, None], agents[env, place][:, None], everybody, about[:, None])
        self.told[place_of] = 1.0 - (1.0 - self.told[place_of]) * (1.0 - closed)

    def agree(self, plan: Array, rows: Any = slice(None)) -> None:
        """Take in the common plan int [E, A] of this step."""
        self.plan[rows] = plan


def count_strayed(count: Array, plan: Array, work: Array) -> Array:
    """Steps in a row in which agents did not work on what the plan gave them, all [E, A].

    Whoever works as planned starts again at 0. Whoever has strayed for long gets `TIME_OUT` steps on top, which go by
    while it has nothing to do by the plan and does nothing: it may have been in meetings all the time.
    """
    strays = work != plan
    after = np.where(strays, count + 1, np.where(work > 0, 0, np.maximum(count - 1, 0)))
    out = LONGEST_STRAY + TIME_OUT
    after = np.where(strays & (after >= LONGEST_STRAY), out, after)
    return np.where(plan == NO_PLAN, count, after)
