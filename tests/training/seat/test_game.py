"""The rules of a game: what the person and the partners do is what the simulator plays."""

from __future__ import annotations

import json

import numpy as np
import pytest
from game_parts import SMALL, own_work, play_on, small_game, small_setting

from agents import registry
from agents.member_env import MemberEnv
from agents.registry import make_policy
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError
from training.seat.choices import IllegalMoveError, Move
from training.seat.game import BROKEN_OFF, CHOOSING, ENDED, WAITING, Game, StaleStepError
from training.seat.setting import GameSetting


def test_a_game_is_the_episode_of_a_member_among_the_same_partners():
    env = MemberEnv(SMALL, 3, partners="proactive", role="worker_1")
    game = small_game()
    env.reset(seed=0)
    ended = False
    while not ended:
        move = Move(own_work(game), *((c.CHAT_ASK, 0, 1) if game.step == 0 else (0, 0, 0)))
        _, _, done, cut, _ = env.step(np.array([move.work, move.speech, move.recipient, move.topic]))
        game.take(move)
        ended = done or cut
        assert np.array_equal(env.team_env.batch.observations[0, 1], game.batch.observations[0, 1])
    assert game.phase == ENDED
    assert game.metrics["messages"] == env.team_env.batch.metrics()["messages"] > 0


def test_a_person_who_does_what_the_partners_would_do_is_as_fast_as_their_team():
    game = small_game()
    twin = make_policy("proactive", registry.PolicyContext.of(game.batch))
    twin.reset(np.arange(3))
    while game.phase == CHOOSING:
        own = twin.act(game.batch.observations[0, [1]], game.batch.action_masks[0, [1]], np.array([1]))[0]
        game.take(Move(*own.tolist()))
    team = game.yardsticks[0]
    assert (team.name, team.metrics["completion_time"]) == ("proactive", game.metrics["completion_time"])
    assert team.metrics["messages"] == game.metrics["messages"]


def test_the_end_has_other_teams_and_plain_data():
    data = play_on(small_game(partners="cost_aware")).as_data()
    result = json.loads(json.dumps(data, allow_nan=False))["result"]
    assert [row["name"] for row in result["rows"]] == ["you, as worker_1", "cost_aware", "proactive", "learned"]
    assert all(row["completion_time"] >= data["bound"] for row in result["rows"])
    # the critical path at full speed: 0.8 h by worker_2, then 0.5 h by worker_1, whose skill for data is 0.7
    assert data["bound"] == pytest.approx(0.8 + 0.5 / 0.7)


def test_own_hours_are_what_the_person_sent_and_read():
    game = small_game(partners="no_communication")
    game.take(Move(1, c.EMAIL_TELL, 3, 1))
    game.take(Move(own_work(game), c.CHAT_ASK, 2, 1))
    play_on(game)
    assert game.as_data()["result"]["own_hours"] == pytest.approx(0.10 + 0.05)  # nobody answers


def test_a_second_move_for_the_same_step_is_not_taken():
    game = small_game()
    game.begin(0, Move(1))
    assert game.phase == WAITING
    with pytest.raises(StaleStepError, match="for step 0, but the game is waiting at step 0"):
        game.begin(0, Move(1))
    game.finish()
    with pytest.raises(StaleStepError, match="for step 0, but the game is choosing at step 1"):
        game.begin(0, Move(1))
    assert game.step == int(game.batch.state.t[0]) == 1


def test_an_illegal_move_leaves_the_game_where_it_is():
    game = small_game()
    with pytest.raises(IllegalMoveError, match="'s2 Third' is not possible now: blocked: needs s0 and s1"):
        game.take(Move(3))
    assert (game.phase, game.step, int(game.batch.state.t[0])) == (CHOOSING, 0, 0)


def test_what_teammates_say_stands_in_the_mail():
    game = small_game(partners="broadcast:1")
    for _ in range(3):
        game.take(Move(own_work(game)))
    read = [entry for entry in game.mail if not entry.sent]
    assert read
    assert all(" told you by chat about s" in entry.said for entry in read)
    game.take(Move(own_work(game), c.CHAT_ASK, 3, 1))
    assert "you asked the whole team by chat about s1" in [entry.said for entry in game.mail if entry.sent]


def test_a_letter_is_listed_once_where_the_observation_shows_it_too():
    class Writers:
        """Teammates who write words with what they tell."""

        def __init__(self, context):
            self.team = make_policy("broadcast:1", context)
            self.reset = self.team.reset
            self.act = self.team.act

        def letters_to(self, agent, step, observation):
            from c2c_env.text.observation_text import Letter

            sight = observation[context_layout["message_recency"]]
            return tuple(Letter(j, c.CHAT_TELL, 0, "words", 0) for j in np.flatnonzero(sight[:3] == 1.0))

    game = small_game()
    context_layout = game.batch.layout
    game.partners = Writers(registry.PolicyContext.of(game.batch))
    for _ in range(2):
        game.take(Move(1))
    letters = [entry for entry in game.mail if entry.text == "words"]
    assert letters
    assert len({(entry.step, entry.said) for entry in game.mail}) == len(game.mail)


class Stumbling:
    """A policy that raises at its second step."""

    def __init__(self, *_):
        self.steps = 0

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        self.steps += 1
        if self.steps == 2:
            raise RuntimeError("lost\x1b[31m the plot")
        return np.zeros((len(rows), 4), dtype=int)


def test_an_error_of_a_partner_ends_the_game_with_its_reason(monkeypatch):
    monkeypatch.setitem(registry.POLICIES, "stumbling", lambda context, argument: Stumbling())
    kept = []
    game = small_game(partners="stumbling", keep=kept.append)
    game.take(Move(1))
    assert game.phase == CHOOSING
    game.take(Move(1))
    assert game.phase == BROKEN_OFF
    assert game.trouble == "The partners (stumbling) cannot go on: RuntimeError: lost[31m the plot"
    assert kept == []
    assert game.as_data()["result"] is None


def test_partners_that_tell_of_their_failure_end_the_game(monkeypatch):
    class Failing(Stumbling):
        """A policy whose model gives no answer."""

        def episode_columns(self, env):
            return {"failed": 1, "failure": "no answer in 20 s"}

    monkeypatch.setitem(registry.POLICIES, "failing", lambda context, argument: Failing())
    game = small_game(partners="failing")
    game.take(Move(1))
    assert (game.phase, game.step) == (BROKEN_OFF, 0)
    assert game.trouble.endswith("cannot go on: no answer in 20 s")


def test_a_judge_of_partners_is_told_to_the_simulator(monkeypatch):
    class Judged(Stumbling):
        """Teammates who tell everything to everybody, in words that are worth nothing."""

        def act(self, observations, action_masks, rows):
            return np.array([[0, c.CHAT_TELL, 3, 0]] * len(rows))

        def message_factors(self, rows):
            return np.zeros(len(rows))

    monkeypatch.setitem(registry.POLICIES, "judged", lambda context, argument: Judged())
    game = small_game(partners="judged")
    before = game.sight.understanding[0].copy()
    for _ in range(3):
        game.take(Move())
    assert np.array_equal(game.sight.understanding[0], before)
    assert len(game.mail) > 0


def test_a_team_that_stumbles_afterwards_takes_nothing_from_the_game(monkeypatch):
    made = []

    def make(context, argument):
        made.append(context)
        if len(made) == 1:  # the partners of the game
            return make_policy("proactive", context)
        raise RuntimeError("no second time")

    monkeypatch.setitem(registry.POLICIES, "once", make)
    kept = []
    game = play_on(small_game(partners="once", keep=lambda played: kept.append(played) or "kept"))
    assert (game.phase, game.note, kept) == (ENDED, "kept", [game])
    assert game.yardsticks[0].reason == "RuntimeError: no second time"
    assert game.yardsticks[1].metrics["success"] == 1.0


def test_an_unknown_agent_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown --as 'worker_9'; did you mean 'worker_"):
        small_setting("worker_9").start_batch()


def test_a_person_alone_plays_too():
    game = play_on(small_game("manager_0", partners="solo", size=1))
    assert game.phase == ENDED
    assert {choice.reason for choice in game.choices.speech[1:]} == {"you have no teammates"}


def test_words_of_language_models_reach_the_person_and_they_are_not_asked_again(options):
    game = Game(GameSetting(SMALL, "file", "worker_1", "prompted:fixed_steps:2@rule", 3, options=options))
    play_on(game)
    assert (game.phase, game.trouble) == (ENDED, "")
    written = [entry for entry in game.mail if entry.text]
    assert written
    assert all(not entry.sent for entry in written)
    assert len({(entry.step, entry.said, entry.text) for entry in written}) == len(written)
    first = game.yardsticks[0]
    assert first.reason == "not played as a whole team, since it would ask its model again"
    assert first.metrics == {}


def test_a_model_that_does_not_answer_ends_the_game(options, server):
    game = Game(
        GameSetting(
            SMALL, "file", "worker_1", "prompted:direct@rule", 3, options={**options, "attempts": 1, "timeout": 2}
        )
    )
    server.__exit__(None, None, None)
    game.take(Move(1))
    assert (game.phase, game.step) == (BROKEN_OFF, 0)
    assert game.trouble.startswith("The partners (prompted:direct@rule) cannot go on: ")
