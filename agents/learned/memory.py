"""What an agent remembers from its own observations and actions: whom it told what, and how fast others worked.

Both follow from the public rules: a message closes a known share of a gap, and the pace of work on the board shows
how well its worker understands it. Nobody's understanding but one's own is ever seen.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.learned.features import Reader
from agents.learned.network import NUM_SPOKEN
from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.workflows.pack import gap_share

TELLS = (c.CHAT_TELL, c.EMAIL_TELL, c.MEET, c.ASSIGN)  # what carries the speaker's understanding


class Memory:
    """The memory of N agents in each of E environments.

    Attributes:
        told: float16 [E, N, A, K], share of the gap to one's own understanding that one's messages have closed.
        pace: float16 [E, A, K], progress per hour and skill when each agent last worked on each subtask, 0 = never.
    """

    def __init__(self, reader: Reader, config: EnvConfig, num_envs: int, team_size: int) -> None:
        agents, subtasks = reader.num_agents, reader.num_subtasks
        self.reader, self.dt = reader, config.dt
        self.richness = torch.zeros(NUM_SPOKEN + 1)
        for speech in TELLS:
            self.richness[speech] = config.channels[c.CHANNEL_OF_SPEECH[speech]].richness
        self.told = torch.zeros(num_envs, team_size, agents, subtasks, dtype=torch.float16)
        self.pace = torch.zeros(num_envs, agents, subtasks, dtype=torch.float16)
        self.rest = torch.zeros(num_envs, subtasks)  # hours of effort left when last seen

    def forget(self, rows: Any) -> None:
        """Forget the episodes of these environments, where new ones start."""
        self.told[rows] = 0.0
        self.pace[rows] = 0.0
        self.rest[rows] = 0.0

    def see(self, board: Tensor, rows: Any = slice(None)) -> None:
        """Take in a new observation: the board part [E, board_size] of environments `rows`."""
        facts = self.reader.facts(board)
        done = (self.rest[rows] - facts.rest)[:, None] / (self.dt * facts.skill.clamp(min=1e-3))
        worked = facts.worked & (done > 0.0)
        self.pace[rows] = torch.where(worked, done.clamp(max=1.0).half(), self.pace[rows])
        self.rest[rows] = facts.rest

    def say(self, actions: Tensor, board: Tensor, rows: Any = slice(None)) -> None:
        """Take in multi-discrete actions [E, N, 4] that were chosen when the board was as given."""
        kappa = self.reader.facts(board).complexity
        _, speech, recipient, topic = actions.long().unbind(dim=-1)
        share = gap_share(self.richness[speech], kappa.gather(1, topic))
        agents, subtasks = self.told.shape[2:]
        to = (recipient[..., None] == torch.arange(agents)) | (recipient[..., None] == agents)
        closed = (share[..., None] * to)[..., None] * (topic[..., None, None] == torch.arange(subtasks))
        self.told[rows] = (1.0 - (1.0 - self.told[rows].float()) * (1.0 - closed)).half()
