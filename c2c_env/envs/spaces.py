"""Spaces of actions and observations, and the forms of masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from c2c_env.config import EnvConfig
from c2c_env.core import constants
from c2c_env.core.arrays import Array


class Parts(spaces.MultiDiscrete):
    """`MultiDiscrete`, whose sampling takes a flat mask as well: the parts' masks side by side, int8 [M]."""

    def sample(self, mask: Any = None, probability: Any = None) -> Array:
        """Draw an action; see `gymnasium.spaces.MultiDiscrete.sample`."""
        split = [
            tuple(given[part] for part in part_slices(self.nvec.tolist())) if isinstance(given, np.ndarray) else given
            for given in (mask, probability)
        ]
        drawn: Array = super().sample(*split)
        return drawn

    def __repr__(self) -> str:
        return f"MultiDiscrete({self.nvec.tolist()})"


def action_sizes(config: EnvConfig, max_agents: int, max_subtasks: int) -> list[int]:
    """Number of choices of each part of an action; the discrete format has a single part."""
    n, k = max_agents, max_subtasks
    if config.action_format == "discrete":
        return [1 + k + (constants.ASSIGN - constants.CHAT_TELL) * (n + 1) + k * n]
    sizes = [1 + k, constants.NUM_SPEECHES, n + 1, k, config.vocab_size, config.hidden_facts]
    return [size for size in sizes if size]


def part_names(config: EnvConfig) -> list[str]:
    """Names of the parts of an action, in the order of `action_sizes`."""
    if config.action_format == "discrete":
        return ["action"]
    left_out = {"symbol": config.vocab_size == 0, "variant": config.hidden_facts == 0}
    return [name for name in constants.ACTION_PARTS if not left_out.get(name)]


def mask_size(config: EnvConfig, max_agents: int, max_subtasks: int) -> int:
    """Length of a flat mask."""
    return sum(action_sizes(config, max_agents, max_subtasks))


def action_space(config: EnvConfig, max_agents: int, max_subtasks: int) -> spaces.Space[Any]:
    """Make `MultiDiscrete([1+K, 7, N+1, K])` (and V symbols, and F variants), or `Discrete(1 + K + 5(N+1) + K N)`."""
    sizes = action_sizes(config, max_agents, max_subtasks)
    if config.action_format == "discrete":
        return spaces.Discrete(sizes[0])
    return Parts(sizes)


def observation_space(config: EnvConfig, size: int, max_agents: int, max_subtasks: int) -> spaces.Space[Any]:
    """Make a `Box` of so many numbers, or a `Dict` of the box and the mask."""
    box = spaces.Box(0.0, 1.0, shape=(size,), dtype=np.float32)
    return space_with_mask(config, box, mask_size(config, max_agents, max_subtasks))


def space_with_mask(config: EnvConfig, box: spaces.Box, size: int) -> spaces.Space[Any]:
    """Make the space of what `with_mask` makes, for a mask of some size."""
    if not config.mask_in_observation:
        return box
    return spaces.Dict({config.observation_key: box, "action_mask": spaces.Box(0, 1, shape=(size,), dtype=np.int8)})


def with_mask(config: EnvConfig, observation: Array, mask: Array) -> Any:
    """Give an observation its flat mask, if masks are to stand there."""
    return {config.observation_key: observation, "action_mask": mask} if config.mask_in_observation else observation


def mask_is_tuple(config: EnvConfig) -> bool:
    """Whether masks of infos are a tuple, with one for each dimension of a `MultiDiscrete` space."""
    return config.mask_format == "tuple" and config.info_format == "nested"


def part_slices(sizes: Sequence[int]) -> list[slice]:
    """Where the parts of an action stand in a flat mask."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
