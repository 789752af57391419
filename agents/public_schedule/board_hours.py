"""How long everybody would take for each subtask, as far as the board lets one expect.

Nobody sees what others understand. But what they understand at a reset follows from the public rules, whoever
finished a prerequisite knows the interface, the time somebody worked tells its context, and the pace of its work shows
its Alignment Factor itself. Messages are not public, so of the gap to what the team could know a share is taken as
closed by the time that the work begins.

Axes: E environments, A agents, K subtasks.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from agents.oracle.schedule import hours_to_finish
from agents.policy import Array
from agents.public_schedule.schedule_arrays import Tasks
from agents.scripted.agent_view import facet_weights
from c2c_env.config import EnvConfig
from c2c_env.core import constants as c
from c2c_env.core.alignment import alignment_factor, gap_closed
from c2c_env.core.observation.layout import ObservationLayout

# The following are ours; the first three are those of the oracle's rule, see `agents.oracle.rule`.
TRUST, TRUST_READY = 0.5, 0.6  # share of the gap that is closed when work on a subtask begins, and if it is ready
STICK = 0.9  # factor on the hours of whoever worked on it in the last step, so that it tends to stay
ROUNDING = 0.1  # hours of a step that are lost when a subtask is done within it
LEAST_SKILL = 1e-3


class Seen(NamedTuple):
    """What the board shows, in natural units, and what is remembered of it."""

    status: Array  # [E, K], of padding: done
    skill: Array  # [E, A, K] of each agent for each subtask
    effort: Array  # [E, K] hours
    rest: Array  # [E, K] hours of effort left
    is_manager: Array  # bool [E, A]
    holds: Array  # bool [E, A, K], who finished a prerequisite
    works: Array  # bool [E, A, K], in the last step
    interface: Array  # [E, K] weight of the interface facet
    pace: Array  # [E, A, K] progress per hour and skill when each agent last worked on each subtask, 0 = never
    worked: Array  # [E, A, K] hours that each agent has worked on each subtask, counted in whole steps


class Belief(NamedTuple):
    """What everybody is believed to understand of a subtask, as shares of weighted understanding, all [E, A, K]."""

    now: Array
    reach: Array  # if it knew all that the team could tell it
    context: Array  # what is still to be learned by doing the work
    interface: Array  # what is still to be learned by finishing a prerequisite


def estimate_tasks(layout: ObservationLayout, config: EnvConfig, board: Array, pace: Array, worked: Array) -> Tasks:
    """What the schedule is made from.

    Args:
        layout: of the observations.
        config: of the environments.
        board: [E, board_size], the board part of observations.
        pace: [E, A, K], see `Seen`.
        worked: [E, A, K], see `Seen`.
    """
    seen = read_board(layout, board, pace, worked)
    best = seen.skill.max(axis=1)
    left = [np.rint(layout.get(board, f"{name}_left") * layout.sizes["K"]) for name in ("prerequisites", "dependents")]
    hours, inside = believed_hours(config, seen)
    return Tasks(
        num_agents=(layout.get(board, "skills") > 0).any(axis=-1).sum(axis=-1),
        status=seen.status.astype(np.int8),
        prerequisites_left=left[0].astype(np.int16),
        dependents_left=left[1].astype(np.int16),
        least=seen.rest / best,
        path=layout.get(board, "critical_path").astype(np.float64),
        hours=hours,
        inside=inside,
    )


def read_board(layout: ObservationLayout, board: Array, pace: Array, worked: Array) -> Seen:
    """Read the board."""
    get = partial(layout.get, board.astype(np.float64))
    status, share = get("status"), get("effort")
    effort = c.EFFORT_SCALE * share / (1.0 - share)
    holds, works = (layout.relation(board, name).swapaxes(-1, -2) for name in ("interface_holders", "working_on"))
    return Seen(
        status=np.where((status > 0).any(axis=-1), status.argmax(axis=-1), c.DONE),
        skill=np.maximum(get("skills") @ get("domain").swapaxes(-1, -2), LEAST_SKILL),
        effort=effort,
        rest=get("remaining") * effort,
        is_manager=get("roles") > 0.5,
        holds=holds,
        works=works,
        interface=get("interface_weight"),
        pace=pace,
        worked=worked,
    )


def believed_hours(config: EnvConfig, seen: Seen) -> tuple[Array, Array]:
    """Hours [E, A, K] in which everybody would finish each subtask, and the same after finishing a prerequisite.

    See `agents.oracle.schedule.expected_hours`, which knows what is guessed here.
    """
    belief, span = believe(config, seen), 1.0 - config.alignment_floor
    trust = np.where(seen.status == c.READY, TRUST_READY, TRUST)[:, None]
    understood = belief.now + gap_closed(trust, belief.reach, belief.now)
    alignment = alignment_factor(config.alignment_floor, understood)
    aligned, growth = seen.rest[:, None] / seen.skill, span * belief.context
    hours = hours_to_finish(aligned, alignment, growth, config.context_rate)
    chance = config.rework_probability * np.maximum(0.0, 1.0 - aligned / np.maximum(hours, 1e-9))
    again = chance * config.rework_share * seen.effort[:, None]
    again = again / (seen.skill * np.minimum(1.0, alignment + 0.5 * growth))
    hours = hours + again / (1.0 - np.minimum(chance, 0.9)) + ROUNDING
    hours = np.where(seen.works, STICK * hours, hours)
    hours = np.where(seen.rest[:, None] > 0.0, hours, 0.0)  # a milestone passes by itself
    missing = span * belief.interface * (1.0 - trust)
    return hours, hours * alignment / (alignment + missing)


def believe(config: EnvConfig, seen: Seen) -> Belief:
    """Work out what everybody is believed to understand."""
    weights = facet_weights(seen.interface, config)  # [E, K, FACETS]
    intent, interface, limits, context = np.moveaxis(weights, -1, 0)[:, :, None]
    constraints = seen.skill**config.constraints_exponent
    doing = 1.0 - (1.0 - config.initial_context) * np.exp(-config.context_rate * seen.worked)
    wanted = np.where(seen.is_manager, config.manager_intent, config.initial_intent)[..., None]
    joined = np.where(seen.holds, 1.0, config.initial_interface)
    now = intent * wanted + interface * joined + limits * constraints + context * doing
    shown = (seen.pace - config.alignment_floor) / (1.0 - config.alignment_floor)
    now = np.where(seen.pace > 0.0, np.clip(shown, 0.0, 1.0), now)
    told = intent * config.manager_intent + interface + limits * constraints.max(axis=1, keepdims=True)
    return Belief(now, told + context * doing, context * (1.0 - doing), interface * (1.0 - joined))
