"""The reward of every agent, term by term.

Short names: p are the parameters, s is the state and b is the row of an environment.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import team_alignment
from c2c_env.core.arrays import Outputs, Params, State


@compiled
def write_rewards(p: Params, s: State, out: Outputs, b: int) -> None:
    """Mix the team's reward with each agent's own: ``(1 - sharing) * team + sharing * individual``.

    An agent's own progress, communication hours and alignment credit count N-fold, and what else changed the
    alignment is shared equally, so the mean over agents is the team's reward.
    """
    w = s.workflow[b]
    value = team_alignment(p, s, b)
    gained = value - s.alignment_value[b]
    s.alignment_value[b] = value
    progress = credited = spoken = 0.0
    for i in range(p.num_agents):
        progress += s.progress_credit[b, i]
        credited += s.alignment_credit[b, i]
        spoken += s.spoken_hours[b, i]
    n, own = p.num_agents, p.sharing
    time = -p.reward_weights[c.TIME] * p.dt / p.lower_bound[w]
    price = -p.reward_weights[c.COMMUNICATION] / p.total_effort[w]  # of an hour
    for i in range(n):
        own_progress = n * s.progress_credit[b, i]
        own_gain = n * s.alignment_credit[b, i] + gained - credited
        hours = (1.0 - own) * spoken + own * n * s.spoken_hours[b, i]
        terms = out.reward_terms
        terms[b, i, c.PROGRESS] = p.reward_weights[c.PROGRESS] * ((1.0 - own) * progress + own * own_progress)
        terms[b, i, c.ALIGNMENT] = p.reward_weights[c.ALIGNMENT] * ((1.0 - own) * gained + own * own_gain)
        terms[b, i, c.COMMUNICATION] = price * hours
        terms[b, i, c.TIME] = time
        total = terms[b, i, 0]
        for term in range(1, c.NUM_TERMS):
            total += terms[b, i, term]
        out.reward[b, i] = total
