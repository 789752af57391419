"""Weights played by torch, as they are while they learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from agents.learned.actions import Luck, choose_action, join_parts
from agents.learned.card import Manner
from agents.learned.features import Board, Features, LegalMasks, Own
from agents.learned.learned_team import TeamDecision
from agents.learned.network import Actor
from agents.learned.weights import load_policy
from agents.policy import Array


def load_decider(path: Path) -> tuple[TorchDecider, Manner]:
    """Load the weights of a file, and how they are played; see `weights.load_policy` for errors."""
    actor, manner = load_policy(path)
    return TorchDecider(actor), manner


class TorchDecider:
    """See `learned_team.Decider`."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @torch.no_grad()
    def decide(self, features: Features, picks: Array, speak: Array, what: Array, temperature: float) -> TeamDecision:
        """See `learned_team.Decider`."""
        luck = Luck(*map(torch.from_numpy, (picks, speak, what)))
        choice, _, _ = choose_action(self.actor, to_tensors(features), luck, torch.tensor(temperature))
        actions = join_parts(choice.work, choice.message, features.board.ready.shape[1])
        return TeamDecision(actions.numpy(), np.asarray(choice.plan.work))


def to_tensors(features: Features, device: torch.device | str = "cpu") -> Features:
    """Arrays of numpy as tensors on a device."""

    def tensors(part: Board | Own | LegalMasks) -> list[Tensor]:
        return [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in part]

    board, own, legal = features
    return Features(Board(*tensors(board)), Own(*tensors(own)), LegalMasks(*tensors(legal)))
