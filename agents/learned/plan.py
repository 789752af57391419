"""The common plan: who works on what, worked out by everybody alike from the public board.

A network scores (agent, subtask) pairs. For each subtask a softmax over the agents and "nobody" gives the chances of
each to be its worker; a sequence of picks turns them into a matching. A pick takes one of the pairs that are still
possible with a probability in proportion to its chance (Plackett and Luce's model of rankings, so that the
log-probability of the sequence is exact), or the surest pair. Nothing that is ready waits while somebody is free:
what everybody left to somebody else would wait for ever.

Axes: E environments, A agents (padded), K subtasks (padded).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from agents.learned.drawing import FAR_AWAY, draw_category, entropy_of, log_prob_of


class Plan(NamedTuple):
    """A matching."""

    work: Tensor  # long [E, A] of every agent: 0 nothing, else subtask + 1
    picks: Tensor  # long [E, A] in the order of picking: agent * K + subtask, or -1 when nothing was left to pick


class Open(NamedTuple):
    """Pairs that can still be picked are those of both."""

    agents: Tensor  # bool [E, A]
    subtasks: Tensor  # bool [E, K]


def pick_pairs(scores: Tensor, possible: Open, uniform: Tensor, temperature: Tensor) -> Plan:
    """Pick until everything ready has a worker or everybody has work.

    Args:
        scores: logits [E, A + 1, K] of who works on each subtask, nobody last.
        possible: who can work, and what can be worked on.
        uniform: numbers in [0, 1) [E, A], one for each pick.
        temperature: scalar; 0 picks the surest pair, 1 draws as learned.
    """
    agents, subtasks = (torch.arange(part.shape[1], device=part.device) for part in possible)
    agent_of, subtask_of = (part.flatten() for part in torch.meshgrid(agents, subtasks, indexing="ij"))
    last = agents.max()
    nothing = torch.zeros_like(uniform, dtype=torch.long)

    def goes_on(number: Tensor, _work: Tensor, _picks: Tensor, free: Tensor, waiting: Tensor) -> Tensor:
        return (number <= last) & (free.any(dim=1) & waiting.any(dim=1)).any()

    def pick(
        number: Tensor, work: Tensor, picks: Tensor, free: Tensor, waiting: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        logits = pair_logits(scores, Open(free, waiting))
        pair = draw_category(logits, uniform.index_select(1, number[None])[:, 0], temperature)
        found = (free.any(dim=1) & waiting.any(dim=1))[:, None]
        is_agent = (agents == agent_of[pair][:, None]) & found
        is_subtask = (subtasks == subtask_of[pair][:, None]) & found
        work = torch.where(is_agent, 1 + subtask_of[pair][:, None], work)
        picks = torch.where((agents == number) & found, pair[:, None], picks)
        return number + 1, work, picks, free & ~is_agent, waiting & ~is_subtask

    state = (torch.zeros_like(last), nothing, nothing - 1, *possible)
    if torch.compiler.is_exporting():  # as one loop of the exported graph
        state = while_loop(goes_on, pick, state)
    else:
        while goes_on(*state):
            state = pick(*state)
    return Plan(state[1], state[2])


def pair_logits(scores: Tensor, possible: Open) -> Tensor:
    """Log-weights [E, A K] of the pairs that can be picked, agent-major: each subtask's chances over free agents."""
    free = torch.nn.functional.pad(possible.agents, (0, 1), value=True)  # nobody always is
    chances = scores.masked_fill(~free[..., None], FAR_AWAY).log_softmax(dim=1)[:, :-1]
    allowed = possible.agents[..., None] & possible.subtasks[:, None]
    return chances.masked_fill(~allowed, FAR_AWAY).flatten(1)


def judge_picks(scores: Tensor, picks: Tensor, possible: Open) -> tuple[Tensor, Tensor]:
    """Log-probability [E] of a sequence of picks [E, A], and the summed entropies [E] of its picks, in nats."""
    log_prob, entropy = scores.new_zeros(len(scores)), scores.new_zeros(len(scores))
    free, waiting = possible
    pairs = torch.arange(free.shape[1] * waiting.shape[1], device=picks.device)
    for place in picks.unbind(dim=1):
        found, logits = place >= 0, pair_logits(scores, Open(free, waiting))
        log_prob = log_prob + log_prob_of(logits, place.clamp(min=0)) * found
        entropy = entropy + entropy_of(logits) * found
        picked = (pairs == place[:, None]).unflatten(1, (free.shape[1], waiting.shape[1]))
        free, waiting = free & ~picked.any(dim=2), waiting & ~picked.any(dim=1)
    return log_prob, entropy
