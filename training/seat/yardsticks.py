"""What a game is measured by: teams that play the same episode, each for real and as a whole team."""

from __future__ import annotations

from dataclasses import dataclass

from agents.play import play
from agents.policy import PolicyContext
from agents.registry import asks_model, make_policy
from c2c_env.errors import C2CError
from c2c_env.text.names import one_line
from training.arguments import unique
from training.seat.setting import GameSetting

COMPARED = ("completion_time", "score", "communication_hours", "messages", "mean_alignment", "success")
OTHERS = ("proactive", "learned")  # beside the policy of the partners
LONGEST_REASON = 200  # characters


@dataclass(frozen=True)
class Yardstick:
    """How a team did.

    Attributes:
        name: of its policy.
        metrics: those of `COMPARED`; empty if it could not play.
        reason: why it could not play, or "".
    """

    name: str
    metrics: dict[str, float]
    reason: str = ""


def play_yardsticks(setting: GameSetting) -> list[Yardstick]:
    """Play the episode of a game with whole teams: of the partners' policy and of `OTHERS`."""
    return [_play_one(setting, name) for name in unique([setting.partners, *OTHERS])]


def _play_one(setting: GameSetting, name: str) -> Yardstick:
    if asks_model(name):
        return Yardstick(name, {}, "not played as a whole team, since it would ask its model again")
    try:
        batch = setting.start_batch()
        policy = make_policy(name, PolicyContext.of(batch, setting.seed, setting.options))
        [metrics] = play(batch, policy)
    except C2CError as error:  # such as a library that is not installed
        return Yardstick(name, {}, one_line(str(error), LONGEST_REASON))
    except Exception as error:  # policies of other people may raise anything, and the game is played all the same
        return Yardstick(name, {}, one_line(f"{type(error).__name__}: {error}", LONGEST_REASON))
    return Yardstick(name, {measure: metrics[measure] for measure in COMPARED})
