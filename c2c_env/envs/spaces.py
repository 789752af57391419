"""Spaces of actions, observations and masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from c2c_env.config import EnvConfig
from c2c_env.core import constants


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
    return spaces.MultiDiscrete(sizes)


def observation_space(config: EnvConfig, size: int, max_agents: int, max_subtasks: int) -> spaces.Space[Any]:
    """Make a `Box`, or a `Dict` of the box and the mask."""
    box = spaces.Box(0.0, 1.0, shape=(size,), dtype=np.float32)
    if not config.mask_in_observation:
        return box
    sizes = action_sizes(config, max_agents, max_subtasks)
    mask: spaces.Space[Any] = spaces.MultiBinary(sum(sizes))
    if mask_is_tuple(config):
        mask = spaces.Tuple([spaces.MultiBinary(n) for n in sizes])
    return spaces.Dict({"observation": box, "action_mask": mask})


def mask_is_tuple(config: EnvConfig) -> bool:
    """Whether masks are a tuple with a part for each dimension, as the sampling of Gymnasium takes them."""
    return config.mask_format == "tuple" and config.action_format == "multi_discrete"


def part_slices(sizes: Sequence[int]) -> list[slice]:
    """Where the parts of an action stand in a flat mask."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
