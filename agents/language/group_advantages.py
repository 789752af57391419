"""Advantages from a group of episodes of the same task, compared turn by turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.policy import Array
from c2c_env.errors import ConfigError

LEAST_DEVIATION = 1e-8  # added to a deviation, as learners do


def turn_advantages(rewards: Sequence[Sequence[float]]) -> list[Array]:
    """Rewards minus their mean and over their deviation, among those of the same turn.

    This is the group normalisation of GRPO (arXiv 2402.03300) turn by turn: what is early in an episode is compared
    with what is early. The mean is 0 at every turn; a turn that only one episode has gets 0. Hand it what is summed up
    to the end (returns) if a turn is to answer for what came after it.

    Args:
        rewards: of G episodes of a task, each with a number for each of its turns.

    Returns:
        G arrays as long as the episodes.

    Raises:
        ConfigError: there is no episode, or a reward is not finite.
    """
    if not len(rewards):
        raise ConfigError("got no episodes, expected at least one")
    lengths = [len(episode) for episode in rewards]
    table = np.zeros((len(rewards), max(lengths)))
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    for row, episode in zip(table, rewards, strict=True):
        row[: len(episode)] = episode
    if not np.isfinite(table).all():
        row, turn = np.argwhere(~np.isfinite(table))[0].tolist()
        raise ConfigError(f"rewards[{row}][{turn}] is {table[row, turn]}, expected a finite number")
    count = np.maximum(there.sum(axis=0), 1)
    apart = np.where(there, table - table.sum(axis=0) / count, 0.0)
    apart = np.where(there, apart - apart.sum(axis=0) / count, 0.0)  # what rounding has left would count among equals
    advantages = apart / (np.sqrt((apart**2).sum(axis=0) / count) + LEAST_DEVIATION)
    return [advantage[:length] for advantage, length in zip(advantages, lengths, strict=True)]
