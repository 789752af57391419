"""Turns logits into actions and back.

A message is numbered 0 for silence, else 1 + (recipient * K + topic) * S + kind, as `Actor.message_logits` lists them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from agents.learned.features import Features, LegalMasks, Reader
from agents.learned.network import NUM_SPOKEN, Actor


class Inputs(NamedTuple):
    """What decisions are made from, as the simulator gives it and memory adds to it."""

    board: Tensor  # [E, board_size], the same for all agents of an environment
    own: Tensor  # [E, N, D - board_size]
    masks: Tensor  # int8 [E, N, M]
    told: Tensor  # float16 [E, N, A, K], see `agents.learned.memory`
    pace: Tensor  # float16 [E, A, K]


class ChosenAction(NamedTuple):
    """What every agent chose; each tensor is [E, N]."""

    work: Tensor  # 0 none, else subtask + 1
    message: Tensor
    log_prob: Tensor  # of both together


def read(reader: Reader, inputs: Inputs) -> Features:
    """Read the features out of inputs."""
    legal = legal_actions(inputs.masks, reader.num_agents, reader.num_subtasks)
    return Features(reader.board(inputs.board, inputs.pace), reader.own(inputs.own, inputs.told), legal)


def legal_actions(masks: Tensor, num_agents: int, num_subtasks: int) -> LegalMasks:
    """Masks int8 [E, N, M] of the multi-discrete format as `LegalMasks`."""
    return LegalMasks(*masks.bool().split([1 + num_subtasks, 1 + NUM_SPOKEN, num_agents + 1, num_subtasks], dim=-1))


def choose_action(actor: Actor, features: Features, uniform: Tensor, temperature: float = 1.0) -> ChosenAction:
    """Draw actions, or take the likeliest with temperature 0.

    Args:
        uniform: numbers in [0, 1) [E, N, 2], for work and for the message.
        temperature: the logits are divided by it.
    """
    encoded = actor.encode(features.board, features.own)
    logits = actor.work_logits(encoded, features.legal)
    work = sample_index(logits, uniform[..., 0], temperature)
    log_prob = log_prob_of(logits, work)
    logits = actor.message_logits(encoded, features, work)
    message = sample_index(logits, uniform[..., 1], temperature)
    return ChosenAction(work, message, log_prob + log_prob_of(logits, message))


def sample_index(logits: Tensor, uniform: Tensor, temperature: float = 1.0) -> Tensor:
    """Index [...] drawn by softmax of logits [..., C] / temperature with a uniform number [...] in [0, 1)."""
    if temperature == 0.0:
        return logits.argmax(dim=-1)
    cumulated = (logits / temperature).softmax(dim=-1).cumsum(dim=-1)
    # what is illegal has probability 0 and is stepped over; rounding cannot reach beyond the last legal entry
    return (cumulated <= uniform[..., None] * (1.0 - 1e-6) * cumulated[..., -1:]).sum(dim=-1)


def log_prob_of(logits: Tensor, index: Tensor) -> Tensor:
    """Log-probability [...] of index [...] among logits [..., C]."""
    return logits.gather(-1, index[..., None]).squeeze(-1) - logits.logsumexp(dim=-1)


def entropy_of(logits: Tensor) -> Tensor:
    """Entropy [...] in nats of softmax of logits [..., C]; illegal entries add nothing."""
    log_probs = logits.log_softmax(dim=-1)
    return -(log_probs.exp() * log_probs).sum(dim=-1)


def join_parts(work: Tensor, message: Tensor, num_subtasks: int) -> Tensor:
    """Multi-discrete actions int32 [..., 4] of work [...] and message numbers [...]."""
    pair, kind = (message - 1).div(NUM_SPOKEN, rounding_mode="floor"), (message - 1) % NUM_SPOKEN
    recipient, topic = pair.div(num_subtasks, rounding_mode="floor"), pair % num_subtasks
    spoken = message > 0
    return torch.stack((work, (kind + 1) * spoken, recipient * spoken, topic * spoken), dim=-1).int()


def split_parts(actions: Tensor, num_subtasks: int) -> tuple[Tensor, Tensor]:
    """Work and message numbers of multi-discrete actions [..., 4]."""
    work, speech, recipient, topic = actions.long().unbind(dim=-1)
    message = 1 + (recipient * num_subtasks + topic) * NUM_SPOKEN + speech - 1
    return work, torch.where(speech > 0, message, 0)
