"""Learned content: what a message says beside its effect, and what is made of the messages that one has read.

With `vocab_size` V every message carries a symbol. It reaches those who read the message, when they read it and at its
price, and nobody else. What symbols mean is learned by whoever sends and reads them. The methods, by how a team uses
messages and their symbols:

- `silent`: nobody says anything.
- `plain`: messages have their effect on understanding; no symbol is sent or read.
- `mean`: the mean over what was last read from each team-mate, as in CommNet (arXiv 1605.07736).
- `gate`: the same, of those who gave their message content; symbol 0 says nothing (IC3Net, arXiv 1812.09755, whose
  other gate, whether to speak at all, every method here has).
- `attention`: each reader weighs what it has read by its own need (TarMAC, arXiv 1810.11187).

Axes: E environments, N agents that decide, A agents that are seen, K subtasks, H hidden size, O own size, V symbols, F
variants.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from agents.learned import features as f
from agents.learned.drawing import FAR_AWAY

Method = Literal["silent", "plain", "mean", "gate", "attention"]
METHODS: tuple[str, ...] = get_args(Method)
WITH_SYMBOLS = ("mean", "gate", "attention")
NO_CONTENT = 0  # the symbol that says nothing where there is a gate
FIRST_SPEECH = f.NUM_CONTACT_FEATURES - f.NUM_SPOKEN  # place of "last message read from it" among contact features


class Content(nn.Module):
    """Sends and reads symbols.

    Args:
        method: one of `WITH_SYMBOLS`.
        vocab_size: V.
        hidden_facts: F.
        hidden: H.
        own: O.
        key: length of the vectors that attention compares.
    """

    def __init__(self, method: str, vocab_size: int, hidden_facts: int, hidden: int, own: int, key: int) -> None:
        super().__init__()
        self.method = method
        self.say = nn.Sequential(nn.Linear(2 * own + hidden, hidden), nn.ReLU(), nn.Linear(hidden, vocab_size))
        self.tell = nn.Linear(hidden_facts, vocab_size, bias=False) if hidden_facts else None
        self.symbol = nn.Linear(2 * vocab_size, hidden, bias=False)
        self.sender = nn.Linear(hidden, hidden, bias=False)
        self.contact = nn.Linear(f.NUM_CONTACT_FEATURES + 1, hidden)
        self.heard = nn.Linear(hidden, hidden)
        if method == "attention":
            self.signature, self.query = nn.Linear(hidden, key), nn.Linear(hidden + own, key)

    def symbol_logits(self, about: Tensor, contact: Tensor, context: Tensor, fact: Tensor) -> Tensor:
        """Logits [..., V] of symbols.

        Args:
            about: [..., O], what an agent knows of the topic.
            contact: [..., O], of the recipient.
            context: [..., H], of all else.
            fact: [..., F], the topic's wanted variant as far as known, once more: what is to be told is learned from
                little, and a short way is learned soon.
        """
        logits: Tensor = self.say(torch.cat((about, contact, context), dim=-1))
        return logits if self.tell is None else logits + self.tell(fact)

    def read(self, symbols: Tensor, own: f.Own, agents: Tensor, work: Tensor, about: Tensor, context: Tensor) -> Tensor:
        """What each agent makes of the messages that it has read [E, N, H].

        Args:
            symbols: [E, N, A, V] of the last message read from each, as one of V or as its gradient wants it.
            own: what each agent sees.
            agents: tokens [E, A, H] of those who sent it.
            work: [E, N], 0 nothing, else the subtask + 1 that each works on, for which it may need what it has read.
            about: [E, N, O], what each knows of that subtask.
            context: [E, N, H], of all else.
        """
        mine: Tensor = (own.pairs[..., f.MESSAGE_TOPIC] * is_subtask(work, own.pairs.shape[3])[:, :, None]).sum(-1)
        known = self.contact(torch.cat((own.contacts, mine[..., None]), dim=-1))
        said = torch.cat((symbols, symbols * mine[..., None]), dim=-1)  # of what one works on, in its own place
        values = (self.symbol(said) + known + self.sender(agents)[:, None]).relu()  # [E, N, A, H]
        weights = self._weights(symbols, own.contacts[..., FIRST_SPEECH:].sum(-1), values, about, context)
        heard: Tensor = self.heard((weights[..., None] * values).sum(dim=2))
        return heard

    def _weights(self, symbols: Tensor, read: Tensor, values: Tensor, about: Tensor, context: Tensor) -> Tensor:
        """Weights [E, N, A] of what was read from each, where `read` [E, N, A] is 1 and not 0."""
        if self.method == "attention":
            query = self.query(torch.cat((context, about), dim=-1))
            scores = (self.signature(values) * query[:, :, None]).sum(-1) / query.shape[-1] ** 0.5
            scores = nn.functional.pad(scores.masked_fill(read == 0, FAR_AWAY), (0, 1))  # nothing is worth 0
            return scores.softmax(dim=-1)[..., :-1]
        if self.method == "gate":
            read = read * (1.0 - symbols[..., NO_CONTENT])
        return read / read.sum(dim=-1, keepdim=True).clamp(min=1.0)


def is_subtask(work: Tensor, num_subtasks: int) -> Tensor:
    """Which subtask is worked on, as numbers of 0 and 1 [..., K], of work [...] (0 nothing, else subtask + 1)."""
    return (work[..., None] == torch.arange(1, 1 + num_subtasks, device=work.device)).float()


def straight_through(logits: Tensor, symbol: Tensor) -> Tensor:
    """A sent symbol [...] as one of V [..., V], whose gradient is that of its probabilities (arXiv 1308.3432)."""
    probs = logits.softmax(dim=-1)
    return nn.functional.one_hot(symbol, logits.shape[-1]) + (probs - probs.detach())
