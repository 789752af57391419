"""The reward of every agent, term by term, and the potentials whose changes are two of the terms.

Short names: p are the parameters, s is the state, b is the row of an environment, w is the row of a packed workflow,
i is an agent, k is a subtask and x is a number.
"""

from __future__ import annotations

from c2c_env.compiled import compiled
from c2c_env.core import constants as c
from c2c_env.core.alignment import holder, team_alignment
from c2c_env.core.arrays import Array, Outputs, Params, State

LEAST_SPEED = 1e-3  # skill x Alignment Factor below which a forecast does not go
LN_2, ROOT_OF_HALF = 0.6931471805599453, 0.7071067811865476


@compiled
def write_rewards(p: Params, s: State, out: Outputs, b: int) -> None:
    """Mix the team's reward with each agent's own: ``(1 - sharing) * team + sharing * individual``.

    An agent's own progress, communication hours and alignment credit count N-fold, and what else changed the
    alignment is shared equally, so the mean over agents is the team's reward. Time and the two potentials cannot be
    split: every agent has the team's.
    """
    w = s.workflow[b]
    value = team_alignment(p, s, b)
    gained = value - s.alignment_value[b]
    s.alignment_value[b] = value
    hours_before, known_before = s.forecast_value[b], s.information_value[b]
    note_potentials(p, s, b)
    forecast = p.reward_weights[c.FORECAST] * (hours_before - s.forecast_value[b]) / p.lower_bound[w]
    information = p.reward_weights[c.INFORMATION] * (s.information_value[b] - known_before)
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
        terms[b, i, c.FORECAST] = forecast
        terms[b, i, c.INFORMATION] = information
        total = terms[b, i, 0]
        for term in range(1, c.NUM_TERMS):
            total += terms[b, i, term]
        out.reward[b, i] = total


@compiled
def note_potentials(p: Params, s: State, b: int) -> None:
    """Keep what the changes in the next step are counted from; a potential without a weight costs no time and is 0."""
    if p.reward_weights[c.FORECAST] != 0.0:
        s.forecast_value[b] = forecast_hours(p, s, b)
    if p.reward_weights[c.INFORMATION] != 0.0:
        s.information_value[b] = team_information(p, s, b)


@compiled
def forecast_rows(p: Params, s: State, hours: Array) -> None:
    """Write `forecast_hours` of every environment into hours [B], whatever the term's weight; an entry point."""
    for b in range(hours.shape[0]):
        hours[b] = forecast_hours(p, s, b)


@compiled
def forecast_hours(p: Params, s: State, b: int) -> float:
    """Hours to the end with today's owners and Alignment Factors: those of the longest chain, or all shared equally.

    The larger one counts, as in `bounds.lower_bound`.
    """
    w = s.workflow[b]
    longest = total = 0.0
    for n in range(p.num_subtasks[w]):
        k = p.order[w, n]
        s.chain_hours[b, k] = 0.0
        if s.status[b, k] != c.DONE:
            hours = hours_left(p, s, b, k)
            s.chain_hours[b, k] = hours + longest_before(p, s, b, k)
            longest = max(longest, s.chain_hours[b, k])
            total += hours
    return max(longest, total / p.num_agents)


@compiled
def hours_left(p: Params, s: State, b: int, k: int) -> float:
    """Hours that the owner of unfinished subtask k, else whoever is fastest, needs for it as aligned as today."""
    d = p.domain[s.workflow[b], k]
    owner = s.owner[b, k]
    speed = LEAST_SPEED
    for i in range(p.num_agents):
        if owner == i or owner < 0:
            speed = max(speed, p.skill[i, d] * s.alignment[b, i, k])
    return s.remaining[b, k] / speed


@compiled
def longest_before(p: Params, s: State, b: int, k: int) -> float:
    """Hours of the longest chain up to a prerequisite of subtask k."""
    w = s.workflow[b]
    longest = 0.0
    first = p.first_prerequisite[w, k]
    for n in range(first, first + p.num_prerequisites[w, k]):
        longest = max(longest, s.chain_hours[b, p.prerequisites[w, n]])
    return longest


@compiled
def team_information(p: Params, s: State, b: int) -> float:
    """Effort-weighted log-probability of the true facets, at most 0: sum_k effort_k / E * log p_k.

    It is the potential of IGPO (arXiv 2510.14967). There a model estimates the probability of the right answer; here
    it is exact, as an understanding is read as the probability with which an agent gives the true facet. Whoever has
    finished a subtask knows all of it, so that one adds 0.
    """
    w = s.workflow[b]
    total = 0.0
    for k in range(p.num_subtasks[w]):
        if s.status[b, k] != c.DONE:
            total += p.effort[w, k] * log_understood(p, s, b, holder(p, s, b, k), k)
    return total / p.total_effort[w]


@compiled
def log_understood(p: Params, s: State, b: int, i: int, k: int) -> float:
    """Weighted log of agent i's understanding of the facets of subtask k, none below the floor."""
    w = s.workflow[b]
    total = 0.0
    for f in range(c.NUM_FACETS):
        total += p.weights[w, k, f] * logarithm(max(s.understanding[b, i, k, f], p.alignment_floor))
    return total


@compiled
def logarithm(x: float) -> float:
    """Natural logarithm of x in (0, 1] from basic arithmetic only, so that no machine's libm matters; good to 1e-15.

    With x = y / 2**n and y near 1 it is ``log y - n log 2``, and ``log y = 2 artanh z`` with z = (y - 1) / (y + 1),
    by ten terms of the Taylor series.
    """
    halvings = 0
    while x < ROOT_OF_HALF:
        x *= 2.0
        halvings += 1
    z = (x - 1.0) / (x + 1.0)
    series = 0.0
    for n in range(19, 0, -2):
        series = series * z * z + 1.0 / n
    return 2.0 * z * series - halvings * LN_2
