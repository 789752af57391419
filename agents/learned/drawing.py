"""Draws from categorical distributions by given random numbers, with log-probabilities and entropies."""

from __future__ import annotations

import torch
from torch import Tensor

FAR_AWAY = -1e9  # logit of what is impossible


def draw_category(logits: Tensor, uniform: Tensor, temperature: Tensor) -> Tensor:
    """Index [...] drawn by softmax of logits [..., C] / temperature with a uniform number [...] in [0, 1).

    A temperature of 0 (a scalar tensor) takes the likeliest one.
    """
    cumulated = (logits / temperature.clamp(min=1e-6)).softmax(dim=-1).cumsum(dim=-1)
    # what is impossible has probability 0 and is stepped over; rounding cannot reach beyond the last possible entry
    drawn = (cumulated <= uniform[..., None] * (1.0 - 1e-6) * cumulated[..., -1:]).sum(dim=-1)
    return torch.where(temperature > 0.0, drawn, logits.argmax(dim=-1))


def log_prob_of(logits: Tensor, index: Tensor) -> Tensor:
    """Log-probability [...] of index [...] among logits [..., C]."""
    return logits.gather(-1, index[..., None]).squeeze(-1) - logits.logsumexp(dim=-1)


def entropy_of(logits: Tensor) -> Tensor:
    """Entropy [...] in nats of softmax of logits [..., C]; impossible entries add nothing."""
    log_probs = logits.log_softmax(dim=-1)
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def split_index(index: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Row and column of an index into a flattened matrix whose rows have this length."""
    row = index // length
    return row, index - row * length  # `%` with a length known at run time cannot be exported
