"""How the observations of all agents of an environment lie side by side in memory, and the views of them.

In the flat form each agent has a row of its own: the board, then its own part. In the shared form the board stands
once, and then comes the own part of every agent. Either way number x of agent i is at i * `row_stride` + x, and number
x of the board is there for each i below `num_boards`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from c2c_env.core.observation.layout import ObservationLayout


@dataclass(frozen=True)
class ObservationForm:
    """The form of the observations of an environment.

    Attributes:
        layout: of one agent's row.
        num_agents: of an environment.
        shared: whether the board stands once and not in the row of every agent.
    """

    layout: ObservationLayout
    num_agents: int
    shared: bool

    @property
    def num_boards(self) -> int:
        """How many times the board is written."""
        return 1 if self.shared else self.num_agents

    @property
    def row_stride(self) -> int:
        """How far a number of an agent is from the same number of the next agent."""
        return self.layout.size - self.layout.board_size * self.shared

    @property
    def size(self) -> int:
        """The length of the observations of an environment."""
        return self.num_agents * self.row_stride + self.layout.board_size * self.shared

    def rows(self, memory: Any) -> Any:
        """Everybody's whole observations [B, N, D] in memory [B, size] of the flat form."""
        return memory.reshape(len(memory), self.num_agents, self.layout.size)

    def board(self, memory: Any) -> Any:
        """The board [B, D_board] in memory [B, size]."""
        return memory[:, : self.layout.board_size]

    def own(self, memory: Any) -> Any:
        """The own part [B, N, D - D_board] of everybody in memory [B, size]."""
        if not self.shared:
            return self.rows(memory)[..., self.layout.board_size :]
        own = memory[:, self.layout.board_size :]
        return own.reshape(len(memory), self.num_agents, self.row_stride)
