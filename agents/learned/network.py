"""The entity network: subtasks and agents as tokens, their relations as edges, pointers as actions.

Nothing depends on how many agents and subtasks there are, so one set of weights plays any team on any workflow. What
everybody sees (the board) is encoded once an environment and gives the common plan; what only an agent sees is added
for each agent, and gives what it says.

Axes: E environments, N agents that decide, A agents that are seen, K subtasks, H hidden size, O own size, C key size,
S kinds of speech.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from agents.learned import features as f
from agents.learned.communication import WITH_SYMBOLS, Content, Method, is_subtask
from agents.learned.drawing import FAR_AWAY, split_index
from agents.learned.features import NUM_SPOKEN, Board, LegalMasks, Own
from agents.learned.plan import Open

SILENCE_PRIOR = 7.0  # of the logit of silence, so that a new network speaks rarely
NUM_PLAN_FEATURES = 2  # beside those of the schedule


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


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean [..., H] of the real ones of tokens [..., X, H]."""
    real = mask[..., None].to(tokens.dtype)
    return (tokens * real).sum(dim=-2) / real.sum(dim=-2).clamp(min=1.0)


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


class Encoder(nn.Module):
    """Turns a `Board` into `Tokens`, by rounds of exchange."""

    def __init__(self, hidden: int, rounds: int, pair_features: int) -> None:
        super().__init__()
        self.subtask = nn.Linear(f.NUM_SUBTASK_FEATURES, hidden)
        self.agent = nn.Linear(f.NUM_AGENT_FEATURES, hidden)
        self.situation = nn.Linear(f.NUM_SITUATION_FEATURES, hidden)
        self.rounds = nn.ModuleList(Exchange(hidden, pair_features) for _ in range(rounds))

    def forward(self, board: Board) -> Tokens:
        subtasks = (self.subtask(board.subtasks) + self.situation(board.situation)[:, None]).relu()
        agents = self.agent(board.agents).relu()
        for exchange in self.rounds:
            subtasks, agents, edges = exchange(subtasks, agents, board.pairs, board)
        return Tokens(subtasks, agents, edges, masked_mean(subtasks, board.is_subtask))


class Encoded(NamedTuple):
    """What every agent makes of the board, the plan and its own part."""

    edges: Tensor  # [E, A + 1, K, H / 2], the whole team last
    planned: Tensor  # [E, A + 1, K, NUM_PLAN_FEATURES] and those of the schedule, if it is read
    about: Tensor  # [E, N, K, O] subtasks
    contacts: Tensor  # [E, N, A + 1, O] the whole team last
    own_pairs: Tensor  # [E, N, A + 1, K, NUM_OWN_PAIR_FEATURES]
    context: Tensor  # [E, N, H]
    facts: Tensor  # [E, N, K, F] of each subtask the variant that is wanted, as far as known
    heard: Tensor  # [E, N, H] what is made of the symbols that were read; 0 before


class Actor(nn.Module):
    """Says who is to work on what, from the board alone; then what each agent says, given the plan.

    Args:
        hidden: H, a multiple of 8.
        rounds: of exchange between subtasks and agents.
        own: O.
        key: C.
        vocab_size: V, of the environment.
        hidden_facts: F, of the environment.
        communication: how messages and their symbols are used, see `agents.learned.communication`.
        schedule: whether the public schedule is read, see `agents.public_schedule`.
    """

    def __init__(
        self,
        hidden: int = 64,
        rounds: int = 2,
        own: int = 32,
        key: int = 16,
        vocab_size: int = 0,
        hidden_facts: int = 0,
        communication: Method = "plain",
        schedule: bool = False,
    ) -> None:
        super().__init__()
        edge = hidden // 2
        scheduled = f.NUM_SCHEDULE_FEATURES if schedule else 0
        planned = NUM_PLAN_FEATURES + scheduled
        self.vocab_size, self.hidden_facts, self.silent = vocab_size, hidden_facts, communication == "silent"
        self.schedule = schedule
        self.encoder = Encoder(hidden, rounds, f.NUM_PAIR_FEATURES + scheduled)
        self.plan_edge = nn.Linear(edge, own)
        self.plan_agent = nn.Linear(hidden, own, bias=False)
        self.plan_subtask = nn.Linear(hidden, own, bias=False)
        self.plan_score = nn.Linear(own, 1)
        self.nobody = nn.Linear(hidden, 1)
        self.subtask = nn.Linear(hidden, own)
        self.own_subtask = nn.Linear(edge + f.NUM_OWN_SUBTASK_FEATURES + hidden_facts + planned, own)
        self.contact = nn.Linear(f.NUM_CONTACT_FEATURES, own)
        self.agent = nn.Linear(hidden, own)
        self.team_contact = nn.Parameter(torch.zeros(own))
        self.context = mlp(2 * hidden + own + f.NUM_OWN_FEATURES, hidden, hidden)
        self.about = nn.Linear(own + hidden, own)
        self.pair_edge = nn.Linear(edge + planned, key)
        self.pair_about = nn.Linear(own, key, bias=False)
        self.pair_contact = nn.Linear(own, key, bias=False)
        self.pair_own = nn.Linear(f.NUM_OWN_PAIR_FEATURES, key, bias=False)
        self.pair_score = nn.Linear(key, 1)
        self.silence = nn.Linear(hidden, 1)
        kind = edge + planned + 2 * own + f.NUM_OWN_PAIR_FEATURES + hidden
        self.kind = mlp(kind, hidden, NUM_SPOKEN)
        self.content, self.variant = None, None
        if communication in WITH_SYMBOLS:
            self.content = Content(communication, vocab_size, hidden_facts, hidden, own, key)
        if hidden_facts:
            self.variant = mlp(own + hidden, hidden, hidden_facts)
            self.variant_heard = nn.Linear(hidden, hidden_facts, bias=False)
        with torch.no_grad():
            self.silence.bias.add_(SILENCE_PRIOR)

    def plan_scores(self, tokens: Tokens, board: Board) -> Tensor:
        """Return logits [E, A + 1, K] of who works on each subtask, nobody last; the same for all who see the board."""
        pairs = self.plan_edge(tokens.edges) + self.plan_agent(tokens.agents)[:, :, None]
        scores = self.plan_score((pairs + self.plan_subtask(tokens.subtasks)[:, None]).relu()).squeeze(-1)
        scores = scores.masked_fill(~board.is_agent[..., None], FAR_AWAY)
        return torch.cat((scores, self.nobody(tokens.subtasks).transpose(1, 2)), dim=1)

    def encode(self, board: Board, own: Own, tokens: Tokens, scores: Tensor, work: Tensor) -> Encoded:
        """Encode what every agent sees, given the scores [E, A + 1, K] and the plan [E, A] (0 nothing, else k + 1)."""
        rows = torch.arange(own.me.shape[0], device=own.me.device)[:, None]
        chances = scores.detach().softmax(dim=1)[:, :-1]
        planned = torch.stack((is_subtask(work, scores.shape[2]), chances), dim=-1)
        planned = torch.cat((planned, board.pairs[..., f.NUM_PAIR_FEATURES :]), dim=-1)
        mine = torch.cat((tokens.edges, planned), dim=-1)[rows, own.me]  # [E, N, K, .]
        topics = self.subtask(tokens.subtasks)[:, None]
        about = (affine(self.own_subtask, mine, own.subtasks) + topics).relu()
        contacts = (self.contact(own.contacts) + self.agent(tokens.agents)[:, None]).relu()
        me, seen = tokens.agents[rows, own.me], masked_mean(about, board.is_subtask[:, None])
        context = self.context(torch.cat((me, seen, tokens.summary[:, None].expand_as(me), own.scalars), dim=-1))
        about = affine(self.about, about, context[:, :, None]).relu()
        team = self.team_contact.expand(*contacts.shape[:2], 1, -1)
        return Encoded(
            with_team(tokens.edges, board.is_agent),
            with_team(planned, board.is_agent),
            about,
            torch.cat((contacts, team), dim=2),
            nn.functional.pad(own.pairs, (0, 0, 0, 0, 0, 1)),
            context,
            own.subtasks[..., f.NUM_OWN_SUBTASK_FEATURES :],
            torch.zeros_like(context),
        )

    def hear(self, encoded: Encoded, own: Own, tokens: Tokens, work: Tensor, symbols: Tensor) -> Encoded:
        """Take the symbols [E, N, A, V] in that were read last, for the work [E, N] at hand."""
        if self.content is None:
            return encoded
        about = at_work(encoded.about, work)
        heard = self.content.read(symbols, own, tokens.agents, work, about, encoded.context)
        return encoded._replace(context=encoded.context + heard, heard=heard)

    def variant_logits(self, encoded: Encoded, work: Tensor) -> Tensor:
        """Logits [E, N, F] of the variant in which each builds what it works on [E, N].

        Who knows which variant is wanted has nothing to choose.
        """
        assert self.variant is not None  # nobody asks without hidden facts
        known = at_work(encoded.facts, work)
        logits = self.variant(torch.cat((at_work(encoded.about, work), encoded.context), dim=-1))
        logits = logits + self.variant_heard(encoded.heard)  # a short way, which is learned soon
        other = (known == 0) & (known.sum(dim=-1, keepdim=True) > 0)
        possible: Tensor = logits.masked_fill(other, FAR_AWAY)
        return possible

    def message_logits(self, encoded: Encoded, legal: LegalMasks) -> tuple[Tensor, Tensor]:
        """Return the log-odds [E, N] of saying something, and logits [E, N, (A + 1) K] of to whom and about what.

        Silence is weighed against all that could be said together.
        """
        edges = affine(self.pair_edge, encoded.edges, encoded.planned)[:, None]
        said = edges + self.pair_about(encoded.about)[:, :, None]  # [E, N, A + 1, K, C], the largest of all: in place
        said += self.pair_contact(encoded.contacts)[:, :, :, None]
        said += self.pair_own(encoded.own_pairs)
        scores = self.pair_score(said.relu_()).squeeze(-1)
        allowed = legal.recipient[..., None] & legal.topic[:, :, None]
        logits = scores.masked_fill(~allowed, FAR_AWAY).flatten(2)
        odds = logits.logsumexp(dim=-1) - self.silence(encoded.context).squeeze(-1)
        mute = ~legal.speech[..., 1:].any(dim=-1)
        return odds.masked_fill(torch.ones_like(mute) if self.silent else mute, FAR_AWAY), logits

    def kind_logits(self, encoded: Encoded, legal: LegalMasks, pairs: Tensor) -> Tensor:
        """Return logits [E, N, X, S] of the kinds of speech for pairs [E, N, X] of recipient * K + topic."""
        envs, agents, _ = pairs.shape
        env = torch.arange(envs, device=pairs.device)[:, None, None]
        agent = torch.arange(agents, device=pairs.device)[:, None]
        to, topic = split_index(pairs, encoded.about.shape[2])
        about = (
            encoded.edges[env, to, topic], encoded.planned[env, to, topic], encoded.about[env, agent, topic],
            encoded.contacts[env, agent, to], encoded.own_pairs[env, agent, to, topic],
        )  # fmt: skip
        logits: Tensor = self.kind(torch.cat((*about, encoded.context[:, :, None].expand(*pairs.shape, -1)), dim=-1))
        return logits.masked_fill(~legal.speech[:, :, None, 1:], FAR_AWAY)


def at_work(parts: Tensor, work: Tensor) -> Tensor:
    """Those of parts [E, N, K, C] that belong to what each works on [E, N]: [E, N, C], 0 if that is nothing."""
    return at_place(parts, (work - 1).clamp(min=0)) * (work > 0)[..., None]


def at_place(parts: Tensor, topic: Tensor) -> Tensor:
    """Those of parts [E, N, X, C] at a place [E, N]: [E, N, C]."""
    place = topic[..., None, None].expand(-1, -1, 1, parts.shape[-1])
    return parts.gather(2, place).squeeze(2)


def possible_pairs(board: Board) -> Open:
    """Who can be given what: those who keep to the plan, and what is ready and not in the hands of others."""
    working = board.pairs[..., f.WORKED_ON] > 0
    elsewhere = (working & ~board.follows[..., None]).any(dim=1)
    return Open(board.is_agent & board.follows, board.ready & ~elsewhere)


def with_team(parts: Tensor, is_agent: Tensor) -> Tensor:
    """Parts [E, A, K, C] of the agents, and their mean as that of the whole team: [E, A + 1, K, C]."""
    team = masked_mean(parts.transpose(1, 2), is_agent[:, None])
    return torch.cat((parts, team[:, None]), dim=1)


def affine(layer: nn.Linear, *inputs: Tensor) -> Tensor:
    """`layer` of the inputs side by side; those of fewer entries are spread after their own, smaller product."""
    weights = layer.weight.split([part.shape[-1] for part in inputs], dim=1)
    total = nn.functional.linear(inputs[0], weights[0], layer.bias)
    for part, weight in zip(inputs[1:], weights[1:], strict=True):
        total = total + nn.functional.linear(part, weight)
    return total


class Critic(nn.Module):
    """Value of every agent's future, from what the actor has encoded.

    A central critic (MAPPO) reads the mean over the team beside one's own view; it exists in training only.

    Args:
        hidden: H of the actor.
        central: whether it sees what all agents see together.
    """

    def __init__(self, hidden: int = 64, central: bool = True) -> None:
        super().__init__()
        self.central = central
        self.value = mlp((3 if central else 2) * hidden, hidden, 1)

    def forward(self, encoded: Encoded, tokens: Tokens) -> Tensor:
        """Return the values [E, N]."""
        own = encoded.context
        views = [own, tokens.summary[:, None].expand_as(own)]
        if self.central:
            views.append(own.mean(dim=1, keepdim=True).expand_as(own))
        values: Tensor = self.value(torch.cat(views, dim=-1)).squeeze(-1)
        return values
