"""A learned policy as a `Policy`: own observation in, own action out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from agents.learned.actions import Inputs, choose_action, join_parts, read
from agents.learned.features import Reader
from agents.learned.memory import Memory
from agents.learned.network import Actor
from agents.learned.weights import TEMPERATURE, load_policy
from agents.policy import Array, PolicyContext
from c2c_env.checks import fault
from c2c_env.core.rng import uniform
from c2c_env.errors import ConfigError

STREAM_LEARNED = 102
SHIPPED = Path(__file__).parent / "checkpoints" / "team.safetensors"


def make(context: PolicyContext, argument: str) -> LearnedTeam:
    """Make the team of a file, played at the temperature that its card states; this is what the registry calls."""
    actor, card = load_policy(Path(argument) if argument else SHIPPED)
    return LearnedTeam(context, actor, float(card.get("temperature", 1.0)))


class LearnedTeam:
    """Plays the weights of an `Actor`.

    Args:
        context: what it may know.
        actor: the weights.
        temperature: 1 draws actions as they were learned, 0 takes the likeliest; the logits are divided by it.

    Raises:
        ConfigError: the actions are of the wrong format, or the temperature is out of range.
    """

    def __init__(self, context: PolicyContext, actor: Actor, temperature: float = 1.0) -> None:
        if context.config.action_format != "multi_discrete":
            raise ConfigError("a learned policy needs action_format='multi_discrete', got 'discrete'")
        if wrong := fault("temperature", temperature, TEMPERATURE):
            raise ConfigError(wrong)
        self.context, self.actor, self.temperature = context, actor, temperature
        self.reader = Reader(context.layout)
        # every agent remembers for itself: a row is an environment of which one agent is seen
        self.memory = Memory(self.reader, context.config, context.num_rows, 1)
        self.steps = np.zeros(context.num_rows, dtype=np.uint64)

    def reset(self, rows: Array) -> None:
        """Forget what is remembered of these rows."""
        self.memory.forget(torch.from_numpy(rows))
        self.steps[rows] = 0

    @torch.no_grad()
    def act(self, observations: Array, action_masks: Array, rows: Array) -> Array:
        """Actions [R, 4]; see `agents.policy.Policy`."""
        index, split = torch.from_numpy(rows), self.reader.split
        seen = torch.from_numpy(np.ascontiguousarray(observations))
        board = seen[:, :split]
        self.memory.see(board, index)
        masks = torch.from_numpy(np.ascontiguousarray(action_masks))
        inputs = Inputs(board, seen[:, None, split:], masks[:, None], self.memory.told[index], self.memory.pace[index])
        choice = choose_action(self.actor, read(self.reader, inputs), self._uniform(rows), self.temperature)
        actions = join_parts(choice.work, choice.message, self.reader.num_subtasks)
        self.memory.say(actions, board, index)
        self.steps[rows] += 1
        return actions[:, 0].numpy()

    def _uniform(self, rows: Array) -> torch.Tensor:
        with np.errstate(over="ignore"):
            key = np.uint64(self.context.seed) + rows.astype(np.uint64)
            drawn = [uniform(key, STREAM_LEARNED, self.steps[rows], part) for part in (0, 1)]
        return torch.from_numpy(np.stack(drawn, axis=-1).astype(np.float32))[:, None]
