"""Decides for a team: the common plan, then whether each agent speaks, to whom about what, and how.

A message is numbered 0 for silence, else 1 + (recipient * K + topic) * S + kind.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from agents.learned.drawing import draw_category, entropy_of, log_prob_of, split_index
from agents.learned.features import NUM_SPOKEN, Board, Features, LegalMasks
from agents.learned.network import Actor, Encoded, Tokens, at_place, possible_pairs
from agents.learned.plan import Plan, pick_pairs

FAR_BELOW = -60.0  # a log-probability of what never happens


class Luck(NamedTuple):
    """The random numbers of a decision, uniform in [0, 1)."""

    picks: Tensor  # [E, A], the same for the whole team
    speak: Tensor  # [E, N]; an agent speaks if its probability to speak is larger
    what: Tensor  # [E, N, 2], for whom about what, and for how
    content: Tensor  # [E, N, 2], for the symbol and for the variant, if there are any


class ChosenAction(NamedTuple):
    """What a team chose."""

    work: Tensor  # long [E, N]: 0 none, else subtask + 1
    message: Tensor  # long [E, N]
    plan: Plan
    content: Tensor  # long [E, N, 2]: the symbol of the message and the variant of the work, 0 if there are none


class BoardView(NamedTuple):
    """What everybody makes of the board."""

    tokens: Tokens
    scores: Tensor  # [E, A + 1, K] of the plan, see `Actor.plan_scores`


class OwnView(NamedTuple):
    """What every agent makes of the board, a plan and its own part."""

    encoded: Encoded
    unread: Tensor  # [E, N, H] context before what was read is taken in, by which symbols are chosen
    odds: Tensor  # [E, N] log-odds of speaking
    pairs: Tensor  # [E, N, (A + 1) K] logits of to whom and about what


class Judgement(NamedTuple):
    """How likely something is, in nats."""

    log_prob: Tensor
    entropy: Tensor


def view_board(actor: Actor, board: Board) -> BoardView:
    """Encode the board."""
    tokens = actor.encoder(board)
    return BoardView(tokens, actor.plan_scores(tokens, board))


def view_own(actor: Actor, features: Features, seen: BoardView, plan: Tensor) -> OwnView:
    """Encode what every agent sees, given the plan [E, A]."""
    encoded = actor.encode(features.board, features.own, seen.tokens, seen.scores, plan)
    return view_heard(actor, features, seen, encoded, plan)


def view_heard(actor: Actor, features: Features, seen: BoardView, encoded: Encoded, plan: Tensor) -> OwnView:
    """Take in what was read, given what is encoded of all else."""
    heard = actor.hear(encoded, features.own, seen.tokens, plan.gather(1, features.own.me), features.symbols)
    return OwnView(heard, encoded.context, *actor.message_logits(heard, features.legal))


def choose_action(
    actor: Actor, features: Features, luck: Luck, temperature: Tensor
) -> tuple[ChosenAction, BoardView, OwnView]:
    """Choose what a team does.

    Args:
        actor: the weights.
        features: what they read.
        luck: with a constant for `luck.speak`, an agent speaks if its probability to speak is above that.
        temperature: scalar; all logits but those of speaking at all are divided by it; 0 takes the likeliest.
    """
    seen = view_board(actor, features.board)
    plan = pick_pairs(seen.scores, possible_pairs(features.board), luck.picks, temperature)
    own = view_own(actor, features, seen, plan.work)
    work, message = plan.work.gather(1, features.own.me), draw_message(actor, own, features.legal, luck, temperature)
    return ChosenAction(work, message, plan, draw_content(actor, own, work, message, luck, temperature)), seen, own


def draw_message(actor: Actor, own: OwnView, legal: LegalMasks, luck: Luck, temperature: Tensor) -> Tensor:
    """Numbers [E, N] of the messages that are said."""
    pair = draw_category(own.pairs, luck.what[..., 0], temperature)
    kinds = actor.kind_logits(own.encoded, legal, pair[..., None]).squeeze(2)
    kind = draw_category(kinds, luck.what[..., 1], temperature)
    return torch.where(own.odds.sigmoid() > luck.speak, 1 + pair * NUM_SPOKEN + kind, 0)


def judge_message(actor: Actor, own: OwnView, legal: LegalMasks, message: Tensor) -> Judgement:
    """Judge messages [E, N].

    The entropy is that of speaking or not and, weighed by the probability to speak, that of whom and what about; of
    the kind of speech it is that for the pair at hand. So a bonus on it pays for talk as well: without that, a team
    that starts from nothing falls silent before it has found out what talk is good for.
    """
    pair, _ = split_index((message - 1).clamp(min=0), NUM_SPOKEN)
    kinds = actor.kind_logits(own.encoded, legal, pair[..., None])
    log_speak, log_silent = logsigmoid(own.odds), logsigmoid(-own.odds)
    speak = log_speak.exp()
    entropy = -speak * log_speak.clamp(min=FAR_BELOW) - log_silent.exp() * log_silent.clamp(min=FAR_BELOW)
    entropy = entropy + speak * entropy_of(own.pairs) + (message > 0) * entropy_of(kinds.squeeze(2))
    return Judgement(log_probs_of(own, kinds, message[..., None]).squeeze(2), entropy)


def draw_content(actor: Actor, own: OwnView, work: Tensor, message: Tensor, luck: Luck, temperature: Tensor) -> Tensor:
    """Symbols of messages [E, N] and variants of work [E, N], as numbers [E, N, 2]."""
    symbol, variant = torch.zeros_like(message), torch.zeros_like(message)
    if actor.content is not None:
        logits = symbol_logits(actor, own.encoded, own.unread, message)
        symbol = draw_category(logits, luck.content[..., 0], temperature) * (message > 0)
    if actor.variant is not None:
        logits = actor.variant_logits(own.encoded, work)
        variant = draw_category(logits, luck.content[..., 1], temperature) * (work > 0)
    return torch.stack((symbol, variant), dim=-1)


def judge_content(actor: Actor, own: OwnView, choice: ChosenAction) -> Tensor:
    """Log-probability [E, N] of symbols and variants together."""
    total = torch.zeros_like(own.odds)
    if actor.content is not None:
        logits = symbol_logits(actor, own.encoded, own.unread, choice.message)
        total = total + log_prob_of(logits, choice.content[..., 0]) * (choice.message > 0)
    if actor.variant is not None:
        logits = actor.variant_logits(own.encoded, choice.work)
        total = total + log_prob_of(logits, choice.content[..., 1]) * (choice.work > 0)
    return total


def symbol_logits(actor: Actor, encoded: Encoded, unread: Tensor, message: Tensor) -> Tensor:
    """Logits [E, N, V] of the symbols that messages [E, N] carry."""
    assert actor.content is not None  # nobody asks without symbols
    pair, _ = split_index((message - 1).clamp(min=0), NUM_SPOKEN)
    to, topic = split_index(pair, encoded.about.shape[2])
    fact = at_place(encoded.facts, topic)
    about, contact = at_place(encoded.about, topic), at_place(encoded.contacts, to)
    return actor.content.symbol_logits(about, contact, unread, fact)


def log_probs_of(own: OwnView, kinds: Tensor, messages: Tensor) -> Tensor:
    """Log-probabilities [E, N, X] of messages [E, N, X], with the logits [E, N, X, S] of kinds for their pairs."""
    pair, kind = split_index((messages - 1).clamp(min=0), NUM_SPOKEN)
    pairs = own.pairs.gather(-1, pair) - own.pairs.logsumexp(dim=-1, keepdim=True)
    said = logsigmoid(own.odds)[..., None] + pairs + log_prob_of(kinds, kind)
    return torch.where(messages > 0, said, logsigmoid(-own.odds)[..., None])


def without_content(work: Tensor, message: Tensor, plan: Plan) -> ChosenAction:
    """Return an action of a team that knows nothing of symbols and variants."""
    return ChosenAction(work, message, plan, torch.zeros((*message.shape, 2), dtype=torch.long, device=message.device))


def join_parts(work: Tensor, message: Tensor, num_subtasks: int) -> Tensor:
    """Multi-discrete actions int32 [..., 4] of work [...] and message numbers [...]."""
    pair, kind = split_index((message - 1).clamp(min=0), NUM_SPOKEN)
    recipient, topic = split_index(pair, num_subtasks)
    spoken = message > 0
    return torch.stack((work, (kind + 1) * spoken, recipient * spoken, topic * spoken), dim=-1).int()


def split_parts(actions: Tensor, num_subtasks: int) -> tuple[Tensor, Tensor]:
    """Work and message numbers of multi-discrete actions [..., 4]."""
    work, speech, recipient, topic = actions.long().unbind(dim=-1)
    message = 1 + (recipient * num_subtasks + topic) * NUM_SPOKEN + speech - 1
    return work, torch.where(speech > 0, message, 0)
