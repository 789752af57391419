"""The entity network: subtasks and agents as tokens, their relations as edges, pointers as actions.

Nothing depends on how many agents and subtasks there are, so one set of weights plays any team on any workflow. What
everybody sees (the board) is encoded once an environment; what only an agent sees is added for each agent.

Axes: E environments, N agents that decide, A agents that are seen, K subtasks, H hidden size, S kinds of speech.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.learned import features as f
from agents.learned.features import Board, Features, LegalMasks, Own

NUM_SPOKEN = 6  # beside silence
FAR_AWAY = -1e9  # logit of what is illegal
SILENCE_PRIOR = 5.0


class Tokens(NamedTuple):
    """An encoded board."""

    subtasks: Tensor  # [E, K, H]
    agents: Tensor  # [E, A, H]
    edges: Tensor  # [E, A, K, H / 2]
    summary: Tensor  # [E, H]


def mlp(size_in: int, hidden: int, size_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size_in, hidden), nn.ReLU(), nn.Linear(hidden, size_out))


def attend(scores: Tensor, values: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Values [..., C] summed over `dim` by softmax of the scores [..., heads], each head for its share of C."""
    weights = scores.masked_fill(~mask[..., None], FAR_AWAY).softmax(dim=dim)
    heads = scores.shape[-1]
    split = values.reshape(*values.shape[:-1], heads, -1)
    return (weights[..., None] * split).sum(dim=dim).flatten(-2)


class Exchange(nn.Module):
    """One round of attention along the edges: subtasks hear from agents, agents from subtasks."""

    def __init__(self, hidden: int, pair_features: int, heads: int = 4) -> None:
        super().__init__()
        edge = hidden // 2
        self.from_pair = nn.Linear(pair_features, edge)
        self.from_agent = nn.Linear(hidden, edge, bias=False)
        self.from_subtask = nn.Linear(hidden, edge, bias=False)
        self.scores = nn.Linear(edge, 2 * heads)
        self.subtask_update = mlp(2 * hidden + edge, hidden, hidden)
        self.agent_update = mlp(2 * hidden + edge, hidden, hidden)
        self.subtask_norm, self.agent_norm = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.heads = heads

    def forward(self, subtasks: Tensor, agents: Tensor, pairs: Tensor, board: Board) -> tuple[Tensor, Tensor, Tensor]:
        edges = self.from_pair(pairs)
        edges = edges + self.from_agent(agents)[:, :, None]
        edges = (edges + self.from_subtask(subtasks)[:, None]).relu()
        to_subtask, to_agent = self.scores(edges).split(self.heads, dim=-1)
        heard_of_agents = attend(to_subtask, edges, board.is_agent[:, :, None], dim=1)
        heard_of_subtasks = attend(to_agent, edges, board.is_subtask[:, None, :], dim=2)
        everything = masked_mean(subtasks, board.is_subtask)[:, None]
        subtasks = subtasks + self.subtask_update(
            torch.cat((self.subtask_norm(subtasks), heard_of_agents, everything.expand_as(subtasks)), dim=-1)
        )
        agents = agents + self.agent_update(
            torch.cat((self.agent_norm(agents), heard_of_subtasks, everything.expand_as(agents)), dim=-1)
        )
        return subtasks, agents, edges


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean [..., H] of the real ones of tokens [..., X, H]."""
    real = mask[..., None].to(tokens.dtype)
    return (tokens * real).sum(dim=-2) / real.sum(dim=-2).clamp(min=1.0)


class Encoder(nn.Module):
    """Turns a `Board` into `Tokens`, by rounds of exchange."""

    def __init__(self, hidden: int, rounds: int, pair_features: int, agent_features: int) -> None:
        super().__init__()
        self.subtask = nn.Linear(f.NUM_SUBTASK_FEATURES, hidden)
        self.agent = nn.Linear(agent_features, hidden)
        self.time = nn.Linear(1, hidden)
        self.rounds = nn.ModuleList(Exchange(hidden, pair_features) for _ in range(rounds))

    def forward(self, board: Board) -> Tokens:
        subtasks = (self.subtask(board.subtasks) + self.time(board.time_used)[:, None]).relu()
        agents = self.agent(board.agents).relu()
        for exchange in self.rounds:
            subtasks, agents, edges = exchange(subtasks, agents, board.pairs, board)
        return Tokens(subtasks, agents, edges, masked_mean(subtasks, board.is_subtask))


class Encoded(NamedTuple):
    """The encoded view of every agent."""

    tokens: Tokens
    subtasks: Tensor  # [E, K, N, O]
    contacts: Tensor  # [E, N, A, O]
    context: Tensor  # [E, N, H]


class Actor(nn.Module):
    """Chooses what to work on, then what to say: silence, or a kind of speech to somebody about something."""

    def __init__(self, hidden: int = 64, rounds: int = 2, own: int = 32, key: int = 16) -> None:
        super().__init__()
        edge = hidden // 2
        self.encoder = Encoder(hidden, rounds, f.NUM_PAIR_FEATURES, f.NUM_AGENT_FEATURES)
        self.subtask = nn.Linear(hidden, own)
        self.own_subtask = nn.Linear(edge + f.NUM_OWN_SUBTASK_FEATURES, own)
        self.contact = nn.Linear(f.NUM_CONTACT_FEATURES, own)
        self.agent = nn.Linear(hidden, own)
        self.context = mlp(2 * hidden + own + f.NUM_OWN_FEATURES, hidden, hidden)
        self.work_key = nn.Linear(own + hidden, own)
        self.work_logit = nn.Linear(own, 1)
        self.no_work = nn.Linear(hidden, 1)
        self.about = nn.Linear(own + hidden + 1, own)
        self.query = nn.Linear(own, NUM_SPOKEN * key, bias=False)
        self.edge_key = nn.Linear(edge, key)
        self.address = nn.Linear(own, NUM_SPOKEN)
        self.team_key = nn.Parameter(torch.zeros(key))
        self.from_pair = nn.Linear(f.NUM_OWN_PAIR_FEATURES, NUM_SPOKEN)
        self.silence = nn.Linear(hidden, 1)

    def encode(self, board: Board, own: Own) -> Encoded:
        """Encode the board once per environment, and then as each agent sees it."""
        tokens = self.encoder(board)
        rows = torch.arange(len(own.me), device=own.me.device)[:, None]
        mine = tokens.edges[rows, own.me].transpose(1, 2)
        subtasks = affine(self.own_subtask, mine, own.subtasks.transpose(1, 2))
        subtasks = (subtasks + self.subtask(tokens.subtasks)[:, :, None]).relu()
        contacts = (self.contact(own.contacts) + self.agent(tokens.agents)[:, None]).relu()
        me = tokens.agents[rows, own.me]
        about = masked_mean(subtasks.transpose(1, 2), board.is_subtask[:, None])
        context = self.context(torch.cat((me, about, tokens.summary[:, None].expand_as(me), own.scalars), dim=-1))
        return Encoded(tokens, subtasks, contacts, context)

    def work_logits(self, encoded: Encoded, legal: LegalMasks) -> Tensor:
        """Return logits [E, N, 1 + K] of no work, then of the subtasks."""
        keys = affine(self.work_key, encoded.subtasks, encoded.context[:, None]).relu()
        logits = torch.cat((self.no_work(encoded.context), self.work_logit(keys).squeeze(-1).transpose(1, 2)), dim=-1)
        return logits.masked_fill(~legal.work, FAR_AWAY)

    def message_logits(self, encoded: Encoded, features: Features, work: Tensor) -> Tensor:
        """Return logits [E, N, 1 + (A + 1) K S] of silence, then recipient-major, given what one works on [E, N]."""
        board, own, legal = features
        tokens, subtasks, contacts, context = encoded
        chosen = nn.functional.one_hot(work, subtasks.shape[1] + 1)[..., 1:].to(subtasks.dtype)
        about = affine(self.about, subtasks, context[:, None], chosen.transpose(1, 2)[..., None]).relu()
        edges = self.edge_key(tokens.edges).transpose(1, 2)  # [E, K, A, C]
        team = masked_mean(edges, board.is_agent[:, None]) + self.team_key
        say = pair_scores(torch.cat((edges, team[:, :, None]), dim=2), self.query(about))
        own_pairs = self.from_pair(own.pairs) + self.address(contacts)[:, :, :, None]
        say = say + nn.functional.pad(own_pairs, (0, 0, 0, 0, 0, 1))
        allowed = legal.recipient[..., None, None] & legal.topic[:, :, None, :, None]
        say = say.masked_fill(~(allowed & legal.speech[:, :, None, None, 1:]), FAR_AWAY)
        return torch.cat((self.silence(context) + SILENCE_PRIOR, say.flatten(2)), dim=-1)


def affine(layer: nn.Linear, *inputs: Tensor) -> Tensor:
    """`layer` of the inputs side by side; those of fewer entries are spread after their own, smaller product."""
    weights = layer.weight.split([part.shape[-1] for part in inputs], dim=1)
    total = nn.functional.linear(inputs[0], weights[0], layer.bias)
    for part, weight in zip(inputs[1:], weights[1:], strict=True):
        total = total + nn.functional.linear(part, weight)
    return total


def pair_scores(edges: Tensor, query: Tensor) -> Tensor:
    """Dot products [E, N, A, K, S] of edges [E, K, A, C] with queries [E, K, N, S * C]."""
    e, k, a, size = edges.shape
    n = query.shape[2]
    scores = edges @ query.reshape(e, k, -1, size).transpose(2, 3)
    return scores.reshape(e, k, a, n, -1).permute(0, 3, 2, 1, 4)


class Critic(nn.Module):
    """Value of every agent's future, from what all agents see together (training only)."""

    def __init__(self, hidden: int = 64, rounds: int = 2) -> None:
        super().__init__()
        pairs = f.NUM_PAIR_FEATURES + f.NUM_OWN_SUBTASK_FEATURES + f.NUM_OWN_PAIR_FEATURES
        self.encoder = Encoder(hidden, rounds, pairs, f.NUM_AGENT_FEATURES + f.NUM_OWN_FEATURES)
        self.value = mlp(2 * hidden, hidden, 1)

    def forward(self, board: Board, own: Own) -> Tensor:
        """Return the values [E, N]."""
        tokens = self.encoder(joint_board(board, own))
        agents = tokens.agents.gather(1, own.me[..., None].expand(-1, -1, tokens.agents.shape[-1]))
        values: Tensor = self.value(torch.cat((agents, tokens.summary[:, None].expand_as(agents)), dim=-1)).squeeze(-1)
        return values


def joint_board(board: Board, own: Own) -> Board:
    """The board with what the N deciding agents see laid beside it, each at its own place among the A agents."""
    place = nn.functional.one_hot(own.me, board.agents.shape[1]).to(own.scalars.dtype)  # [E, N, A]
    pairs = torch.cat((own.subtasks, own.pairs.sum(dim=2)), dim=-1)
    return board._replace(
        agents=torch.cat((board.agents, torch.einsum("ena,enf->eaf", place, own.scalars)), dim=-1),
        pairs=torch.cat((board.pairs, torch.einsum("ena,enkf->eakf", place, pairs)), dim=-1),
    )
