"""The value of a message: the hours that the team saved by it, since without it the episode ends later.

This is the difference reward of Wolpert and Tumer (2002) with silence as the default action, or COMA's counterfactual
baseline (arXiv 1705.08926) with what really followed in the place of a learned critic.
"""

from __future__ import annotations

from c2c_env.core import constants as c
from c2c_env.core.arrays import Array
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.history import History, simulate
from training.attribution.cast import Cast, find_cast
from training.attribution.variants import ROWS, Change, OnProgress, compare_changes


def message_values(
    episode: Episode,
    history: History | None = None,
    *,
    continued_by: str | None = None,
    on_progress: OnProgress | None = None,
) -> list[float | None]:
    """Hours that the team saved by each message, negative if it lost them; aligned with `History.messages`.

    The value is the completion time of the episode without the message minus that with it. An episode that is not
    finished counts with its horizon; if it is finished neither with the message nor without, the value is None.

    Args:
        episode: as it was played.
        history: the same episode simulated, if it is at hand.
        continued_by: name of the policy that plays on, from the message's step, for agents whose own policy cannot be
            asked again. It plays on with the message as well as without, so that the two are comparable.
        on_progress: gets the number of variants that are played, and that of all.

    Raises:
        AttributionError: an agent's policy cannot be asked again, and `continued_by` is None.
        ConfigError: there is no policy `continued_by`, or it does not play this environment.
        EpisodeError: the episode comes out otherwise than it was recorded.
    """
    history = history or simulate(episode)
    return values_under(find_cast(episode, continued_by), history, on_progress)


def values_under(
    cast: Cast, history: History, on_progress: OnProgress | None = None, rows: int = ROWS
) -> list[float | None]:
    """The values of an episode's messages when a cast plays on; see `message_values` and `compare_changes`."""
    changes = [
        Change(message.step, message.sender, silenced_action(history, message.step, message.sender))
        for message in history.messages
    ]
    return [found.later for found in compare_changes(history.episode, cast, changes, on_progress, rows)]


def silenced_action(history: History, step: int, agent: int) -> tuple[int, ...]:
    """The action that an agent took in a step, without what it said."""
    episode: Episode = history.episode
    if episode.config.action_format == "discrete":  # whoever says something goes on with its work
        return (int(history.trace.work[step - 1, agent]) + 1,)
    action: Array = episode.actions[step - 1, agent].copy()
    action[c.SPEECH : c.TOPIC + 1] = 0
    if episode.config.vocab_size:
        action[c.SYMBOL] = 0
    return tuple(action.tolist())
