"""Weights played by torch, as they are while they learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from agents.learned.actions import Luck, choose_action, join_parts
from agents.learned.card import Manner
from agents.learned.features import Board, Features, LegalMasks, Own
from agents.learned.learned_team import TeamDecision, TeamLuck
from agents.learned.network import Actor
from agents.learned.weights import load_policy


def load_decider(path: Path) -> tuple[TorchDecider, Manner]:
    """Load the weights of a file, and how they are played; see `weights.load_policy` for errors."""
    actor, manner = load_policy(path)
    return TorchDecider(actor), manner


class TorchDecider:
    """See `learned_team.Decider`."""

    def __init__(self, actor: Actor) -> None:
        self.actor, self.device = actor, next(actor.parameters()).device
        self.vocab_size, self.hidden_facts = actor.vocab_size, actor.hidden_facts
        self.silent, self.schedule = actor.silent, actor.schedule

    @torch.no_grad()
    def decide(self, features: Features, luck: TeamLuck, temperature: float) -> TeamDecision:
        """See `learned_team.Decider`."""
        drawn = Luck(*(torch.from_numpy(numbers).to(self.device) for numbers in luck))
        heat = torch.tensor(temperature, device=self.device)
        choice, _, _ = choose_action(self.actor, to_tensors(features, self.device), drawn, heat)
        actions = join_parts(choice.work, choice.message, features.board.ready.shape[1])
        parts = (actions, choice.plan.work, choice.content.int())
        return TeamDecision(*(part.cpu().numpy() for part in parts))


def to_tensors(features: Features, device: torch.device | str = "cpu") -> Features:
    """Arrays of numpy as tensors on a device."""

    def tensors(part: Board | Own | LegalMasks) -> list[Tensor]:
        return [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in part]

    board, own, legal, symbols = features
    content = torch.from_numpy(np.ascontiguousarray(symbols)).to(device)
    return Features(Board(*tensors(board)), Own(*tensors(own)), LegalMasks(*tensors(legal)), content)
