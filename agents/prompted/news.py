"""What has to happen to an agent before its model is asked again; until then it goes on with its work in silence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from c2c_env.core.constants import SILENT
from c2c_env.text.answer import Decision
from c2c_env.text.observation_text import Sight

_LEAST_CHANGE = 1e-6  # of an understanding or of hours; observations are 32-bit numbers
_COMPARED = ("status", "owner", "asks_me", "asked", "known_fact")


@dataclass(frozen=True)
class LastAnswer:
    """What an agent decided when it was asked last, and what it saw before its last step.

    Attributes:
        decision: of the last question.
        could_speak: whether it was allowed to say something when it was asked.
        sight: of the last step.
    """

    decision: Decision
    could_speak: bool
    sight: Sight

    @classmethod
    def after(cls, decision: Decision, sight: Sight) -> LastAnswer:
        """What stands after a question that was asked with this sight."""
        return cls(decision, _can_speak(sight), sight)

    def seeing(self, sight: Sight) -> LastAnswer:
        """The same after a step in which nothing was asked."""
        return LastAnswer(self.decision, self.could_speak, sight)

    @property
    def silent_work(self) -> tuple[int, int, int, int]:
        """The action of one who goes on and says nothing."""
        return (self.decision.action[0], SILENT, 0, 0)


def calls_for_question(standing: LastAnswer | None, sight: Sight) -> bool:
    """Whether something that matters to an agent has changed since its last step, or it cannot simply go on."""
    if standing is None or not _can_go_on(standing, sight):
        return True
    before = standing.sight
    if any(not np.array_equal(getattr(before, name), getattr(sight, name)) for name in _COMPARED):
        return True
    return _has_read(sight) or _has_lost(before, sight) or (_can_speak(sight) and not standing.could_speak)


def _can_go_on(standing: LastAnswer, sight: Sight) -> bool:
    """Whether the work that was chosen is still legal; who chose none goes on as long as there is none to do.

    A variant that was named and is not known to be the wanted one may be wrong, so that nobody goes on with it.
    """
    decision, work = standing.decision, standing.decision.action[0] - 1
    if decision.label == "invalid":
        return False
    if work < 0:
        return not sight.legal.work
    return work in sight.legal.work and decision.variant in (None, int(sight.known_fact[work]))


def _has_read(sight: Sight) -> bool:
    """Whether a message was read in the last step."""
    read = (sight.read_speech > 0) & (sight.read_age == 0)
    return bool(read.any()) or any(letter.age == 0 for letter in sight.letters)


def _has_lost(before: Sight, sight: Sight) -> bool:
    """Whether requirements of a subtask at hand have changed: it is understood less than before, or takes more."""
    hand = sight.at_hand
    forgotten = before.understanding[hand] - sight.understanding[hand] > _LEAST_CHANGE
    grown = sight.remaining[hand] - before.remaining[hand] > _LEAST_CHANGE
    return bool(forgotten.any() or grown.any())


def _can_speak(sight: Sight) -> bool:
    return any(speech != SILENT for speech in sight.legal.speeches)
