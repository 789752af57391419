"""A game: an episode in which a person plays one agent, and the others follow the policy of their partners."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.play import decide_actions
from agents.policy import Accounting, Array, Judging, PolicyContext, Writing, choose_known_variants, no_actions
from agents.registry import make_policy
from agents.seats import agent_policies
from c2c_env.bounds import lower_bound
from c2c_env.core import constants as c
from c2c_env.episodes.episode import Episode
from c2c_env.episodes.recorder import EpisodeRecorder
from c2c_env.episodes.trace import Trace
from c2c_env.errors import C2CError
from c2c_env.text.names import WorkflowWords, agent_name, one_line, subtask_name
from c2c_env.text.observation_text import Letter, Sight, legal_choices, look
from training.benchmark.human_games import HUMAN
from training.benchmark.play_cell import Returns
from training.episodes.sources import verbal_one
from training.seat.choices import TEAM_LABEL, IllegalMoveError, Move, SeatChoices, make_choices
from training.seat.own_view import describe_sight
from training.seat.setting import GameSetting
from training.seat.yardsticks import COMPARED, Yardstick, play_yardsticks

CHOOSING, WAITING, COMPARING, ENDED, BROKEN_OFF = "choosing", "waiting", "comparing", "ended", "failed"
ONLY = np.arange(1)  # the one environment of a game
SAID = (
    "", "{} told {} by chat about {}", "{} asked {} by chat about {}", "{} told {} by email about {}",
    "{} asked {} by email about {}", "{} called a meeting with {} about {}", "{} assigned {} by chat: {}",
)  # fmt: skip
LONGEST_TROUBLE = 500  # characters


class StaleStepError(C2CError, RuntimeError):
    """A move for a step that is not the present one, such as that of a second click."""


@dataclass(frozen=True)
class MailEntry:
    """A message that the person has read or sent, as far as the agent's own observation shows it.

    Attributes:
        step: in which it was read or sent.
        sent: whether the person sent it.
        said: who said what to whom about what.
        text: the words that it carried, if any.
    """

    step: int
    sent: bool
    said: str
    text: str = ""


class Game:
    """The rules of a game, which page and terminal share.

    A step has two halves: `begin` checks the move and takes it in, and `finish` lets the partners decide, which may be
    slow, and steps. What can be read in between is that of the step before.

    Attributes:
        setting: what is played.
        batch: of one environment; change nothing in it.
        phase: CHOOSING, WAITING for partners, COMPARING with other teams, ENDED, or BROKEN_OFF through a partner.
        step: number of steps taken.
        sight: what the person sees.
        choices: what the person may do.
        mail: what the person has read and sent, oldest first.
        trouble: why the game failed, or "".
        metrics: of the episode, once it has ended.
        episodes: the recorded one, once it has ended.
        yardsticks: how other teams did, once it has ended.
        note: what became of the result, see `keep`.

    Args:
        setting: see above.
        keep: is called once with a game that was played to its end, and says what became of it.

    Raises:
        ConfigError: there is no such agent or policy.
    """

    def __init__(self, setting: GameSetting, keep: Callable[[Game], str] | None = None) -> None:
        self.setting, self.batch = setting, setting.start_batch()
        self.place = self.batch.team.agents.index(setting.role)
        self.workflow = self.batch.workflow()
        self.words, self.bound = WorkflowWords.of(self.workflow), lower_bound(self.workflow, self.batch.team)
        self.partners = make_policy(setting.partners, PolicyContext.of(self.batch, setting.seed, dict(setting.options)))
        self.partners.reset(np.arange(self.batch.num_agents))
        self.trace, self.returns = Trace(self.batch), Returns(self.batch)
        self.episodes: list[Episode] = []
        self._recorder = self._start_recorder()
        self.phase, self.step, self.trouble, self.note = CHOOSING, 0, "", ""
        self.mail: list[MailEntry] = []
        self.metrics: dict[str, float] = {}
        self.yardsticks: list[Yardstick] = []
        self.sight: Sight
        self.choices: SeatChoices
        self._keep, self._lock, self._move = keep, threading.Lock(), Move()
        self._see()

    def _start_recorder(self) -> EpisodeRecorder:
        names = list(agent_policies(self.setting.partners, self.batch.num_agents))
        names[self.place] = HUMAN
        verbal = verbal_one(self.partners)
        return EpisodeRecorder(self.batch, self.episodes.append, names, self.setting.seed, verbal=verbal)

    # --- a step ----------------------------------------------------------------------------------------------

    def take(self, move: Move) -> None:
        """Take a whole step; see `begin` and `finish`."""
        self.begin(self.step, move)
        self.finish()

    def begin(self, step: int, move: Move) -> None:
        """Take in the move for a step.

        Args:
            step: number of steps that had been taken when the move was chosen.
            move: what the person does.

        Raises:
            StaleStepError: the game is at another step, or waits for none.
            IllegalMoveError: the mask forbids it; the game has not moved.
        """
        with self._lock:
            if self.phase != CHOOSING or step != self.step:
                raise StaleStepError(
                    f"the move is for step {step}, but the game is {self.phase} at step {self.step}; it was not taken"
                )
            if faults := self.choices.faults(move):
                raise IllegalMoveError("; ".join(faults))
            self.phase, self._move = WAITING, move

    def finish(self) -> None:
        """Let the partners decide, step, and at the end compare; whatever a partner does wrong ends the game."""
        try:
            self._step()
        except Exception as error:  # policies of other people may raise anything
            self._fail(f"{type(error).__name__}: {error}")

    def _fail(self, why: str) -> None:
        reason = one_line(why, LONGEST_TROUBLE)
        with self._lock:
            self.trouble = f"The partners ({one_line(self.setting.partners)}) cannot go on: {reason}"
            self.phase = BROKEN_OFF

    def _step(self) -> None:
        actions = self._decide()
        if trouble := self._partners_failure():
            self._fail(trouble)
            return
        self.batch.action_buffer[0] = actions
        self.batch.step_written(ONLY)
        self.trace.record()
        self.returns.record()
        self._recorder.record()
        ended = bool(self.batch.terminated[0] or self.batch.truncated[0])
        with self._lock:
            self.step += 1
            self._note_sent()
            self._see()
            self.phase = COMPARING if ended else CHOOSING
        if ended:
            self._end()

    def _decide(self) -> Array:
        """Actions [N, parts] of everybody."""
        batch, others = self.batch, np.delete(np.arange(self.batch.num_agents), self.place)
        actions = no_actions(batch.config, batch.num_agents)
        actions[self.place] = self._own_action()
        if len(others):
            actions[others] = decide_actions(batch, self.partners, ONLY, others)[0]
            if isinstance(self.partners, Judging) and (factors := self.partners.message_factors(others)) is not None:
                batch.message_factors[0, others] = factors
        return actions

    def _own_action(self) -> Array:
        move, action = self._move, no_actions(self.batch.config, 1)
        spoken = (move.recipient, move.topic) if move.speech != c.SILENT else (0, 0)
        action[0, :4] = (move.work, move.speech, *spoken)
        choose_known_variants(action, self.batch.observations[0, [self.place]], self.batch.layout)
        own: Array = action[0]
        return own

    def _partners_failure(self) -> str:
        """Why partners that tell it have stopped playing, or ""."""
        columns = self.partners.episode_columns(0) if isinstance(self.partners, Accounting) else {}
        return str(columns.get("failure") or "no reason was given") if columns.get("failed") else ""

    def _end(self) -> None:
        """Keep the game before other teams play, which may take a while."""
        self.metrics = self.batch.metrics()
        self.note = self._kept()
        yardsticks = play_yardsticks(self.setting)
        with self._lock:
            self.yardsticks, self.phase = yardsticks, ENDED

    def _kept(self) -> str:
        try:
            return self._keep(self) if self._keep else ""
        except (C2CError, OSError) as error:
            return one_line(f"The result could not be written: {error}", LONGEST_TROUBLE)

    # --- what the person sees --------------------------------------------------------------------------------

    def _see(self) -> None:
        """Read the agent's own observation and mask."""
        batch = self.batch
        observation, mask = batch.observations[0, self.place].copy(), batch.action_masks[0, self.place].copy()
        letters: tuple[Letter, ...] = ()
        if isinstance(self.partners, Writing):
            letters = self.partners.letters_to(self.place, self.step, observation)
        legal = legal_choices(mask, batch.action_sizes.tolist(), batch.config.hidden_facts)
        self.sight = look(batch.layout, observation, legal, batch.num_agents, letters)
        self.choices = make_choices(self.sight, mask, self.workflow, self.words.titles, batch.config)
        self.mail += [self._read_entry(letter) for letter in letters_read_now(self.sight)]

    def _read_entry(self, letter: Letter) -> MailEntry:
        said = SAID[letter.speech].format(agent_name(letter.sender), "you", subtask_name(letter.topic))
        return MailEntry(self.step, False, said, letter.text)

    def _note_sent(self) -> None:
        move = self._move
        if move.speech != c.SILENT:
            to = TEAM_LABEL if move.recipient == self.batch.max_agents else agent_name(move.recipient)
            said = SAID[move.speech].format("you", to, subtask_name(move.topic))
            self.mail.append(MailEntry(self.step, True, said))

    # --- as data ---------------------------------------------------------------------------------------------

    def as_data(self) -> dict[str, Any]:
        """All that the person may know, as plain data that JSON can hold."""
        with self._lock:
            horizon = int(self.batch.params.horizon[0])
            return {
                "step": self.step,
                "phase": self.phase,
                "trouble": self.trouble,
                "workflow": one_line(self.workflow.title or self.workflow.name),
                "partners": one_line(self.setting.partners),
                "bound": self.bound,
                "view": describe_sight(self.sight, self.workflow, self.words, horizon, self.batch.config.dt),
                "choices": self.choices.as_data(),
                "mail": [vars(entry) for entry in self.mail],
                "result": self._result() if self.phase == ENDED else None,
            }

    def _result(self) -> dict[str, Any]:
        own = {name: self.metrics[name] for name in COMPARED}
        rows = [Yardstick(f"you, as {self.setting.role}", own), *self.yardsticks]
        return {
            "rows": [{"name": one_line(r.name), "reason": r.reason, **without_nan(r.metrics)} for r in rows],
            "own_hours": float(self.trace.spoken_hours[:, self.place].sum()),
            "finished": bool(self.metrics["success"]),
            "note": self.note,
        }


def letters_read_now(sight: Sight) -> list[Letter]:
    """List what an agent has read in the last step: the letters with words, and what its observation shows."""
    letters = [letter for letter in sight.letters if letter.age == 0]
    known = {(letter.sender, letter.speech, letter.topic) for letter in letters}
    for j in np.flatnonzero((sight.read_age == 0) & (sight.read_speech > 0)).tolist():
        shown = (j, int(sight.read_speech[j]), int(sight.read_topic[j]))
        if shown not in known:
            letters.append(Letter(*shown, "", 0))
    return letters


def without_nan(metrics: dict[str, float]) -> dict[str, float | None]:
    """Write NaN as None, since JSON has no NaN."""
    return {name: None if np.isnan(value) else float(value) for name, value in metrics.items()}
