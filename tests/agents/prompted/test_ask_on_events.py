"""Asking on events: a model is asked when something matters to its agent, and until then the agent works on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from prompted_team import Lines, play_small, prompted, small_batch
from rule_server import choice, name_in

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.news import LastAnswer, calls_for_question
from agents.prompted.replay import ReplayError, replay
from agents.prompted.transcript import TranscriptWriter, read_transcript
from agents.registry import make_policy
from c2c_env.core import constants as c
from c2c_env.errors import ConfigError
from c2c_env.text.answer import Decision
from c2c_env.text.observation_text import Letter, legal_choices, look

WORKS_ON_FIRST = Decision("valid", "", (1, c.SILENT, 0, 0))


@pytest.fixture
def on_events(options):
    return {**options, "ask": "events", "concurrency": 1}


def asked(server):
    """Who was asked, in order."""
    return [name_in(prompt[prompt.rindex("\nYou are ") + 1 :]) for prompt in server.prompts]


# --- what matters ------------------------------------------------------------------------------------------------


def first_sight(agent=1):
    batch = small_batch()
    legal = legal_choices(batch.action_masks[0, agent], batch.action_sizes.tolist())
    return look(batch.layout, batch.observations[0, agent], legal, 3)


def changed(sight, name, place, value):
    array = getattr(sight, name).copy()
    array[place] = value
    return replace(sight, **{name: array})


def test_nothing_new_calls_for_no_question():
    sight = first_sight()
    later = replace(changed(sight, "remaining", 0, 0.3), time_used=0.5, debt=0.1)  # own progress, and time, are no news
    assert not calls_for_question(LastAnswer.after(WORKS_ON_FIRST, sight), later)
    assert calls_for_question(None, sight)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("status", 2, c.READY),
        ("owner", 1, 2),
        ("asks_me", 0, 1),
        ("asked", 0, 1),
        ("remaining", 1, 5.0),
        ("understanding", (0, 0), 0.0),
    ],
)
def test_what_is_seen_to_change_calls_for_a_question(name, place, value):
    sight = first_sight()
    assert getattr(sight, name)[place] != value
    assert calls_for_question(LastAnswer.after(WORKS_ON_FIRST, sight), changed(sight, name, place, value))


def test_what_is_lost_of_a_subtask_that_is_not_at_hand_does_not_matter():
    sight = first_sight()
    assert sight.at_hand == [0, 1]
    assert not calls_for_question(LastAnswer.after(WORKS_ON_FIRST, sight), changed(sight, "understanding", (2, 0), 0.0))


def test_mail_that_was_read_in_the_last_step_calls_for_a_question():
    standing = LastAnswer.after(WORKS_ON_FIRST, first_sight())
    read = changed(changed(first_sight(), "read_speech", 0, c.CHAT_TELL), "read_age", 0, 0)
    assert calls_for_question(standing, read)
    assert not calls_for_question(standing, changed(read, "read_age", 0, 1))
    letter = Letter(0, c.CHAT_TELL, 0, "Words.", 0)
    assert calls_for_question(standing, replace(first_sight(), letters=(letter,)))
    assert not calls_for_question(standing, replace(first_sight(), letters=(replace(letter, age=1),)))


def test_who_cannot_go_on_is_asked():
    sight = first_sight()
    assert calls_for_question(LastAnswer.after(replace(WORKS_ON_FIRST, action=(3, 0, 0, 0)), sight), sight)  # not ready
    assert calls_for_question(LastAnswer.after(Decision.invalid("why"), sight), sight)
    idle = replace(WORKS_ON_FIRST, action=(0, 0, 0, 0))
    assert calls_for_question(LastAnswer.after(idle, sight), sight)
    nothing_to_do = replace(sight, legal=replace(sight.legal, work=()))
    assert not calls_for_question(LastAnswer.after(idle, nothing_to_do), nothing_to_do)


def test_who_could_not_speak_is_asked_when_it_can():
    sight = first_sight()
    mute = replace(sight, legal=replace(sight.legal, speeches=(c.SILENT,)))
    assert calls_for_question(LastAnswer.after(WORKS_ON_FIRST, mute), sight)
    assert not calls_for_question(LastAnswer.after(WORKS_ON_FIRST, mute).seeing(sight), mute)
    assert not calls_for_question(LastAnswer.after(WORKS_ON_FIRST, sight), mute)


def test_a_variant_that_may_be_wrong_is_not_gone_on_with():
    sight = first_sight()
    standing = LastAnswer.after(replace(WORKS_ON_FIRST, variant=1), sight)
    assert calls_for_question(standing, sight)  # the wanted one is not known
    known = changed(sight, "known_fact", 0, 1)
    assert not calls_for_question(standing.seeing(known), known)


# --- playing -----------------------------------------------------------------------------------------------------


def test_questions_and_those_that_were_skipped_are_counted(server, on_events):
    [metrics], policy, _ = play_small("direct", on_events)
    columns = policy.episode_columns(0)
    assert metrics["success"] == 1.0
    assert columns["questions"] == columns["answers"] == len(server.prompts)
    assert columns["questions"] + columns["questions_skipped"] == 3 * metrics["steps"]
    assert columns["questions_skipped"] > 0


def test_every_question_is_asked_without_the_option(server, options):
    [metrics], policy, _ = play_small("direct", options)
    columns = policy.episode_columns(0)
    assert (columns["questions"], columns["questions_skipped"]) == (3 * metrics["steps"], 0)


def test_who_is_not_asked_works_on_in_silence(server, on_events):
    """The first answers of all start work, that of the manager with a message; nothing happens in the second step."""

    def rule(body):
        work = {"manager_0": None, "worker_1": "s0", "worker_2": "s1"}[name_in(body["messages"][-1]["content"])]
        speech = ("chat_tell", "worker_1", "s0", "Hi.") if work is None else ()
        return json.dumps(choice(work, *speech))

    server.rule = rule
    batch, actions = small_batch(horizon=3), []
    play(batch, prompted(batch, "direct", on_events), on_step=lambda: actions.append(batch.action_buffer[0].tolist()))
    assert [one[1][:2] for one in actions] == [[1, 0]] * 3
    assert [one[2][:2] for one in actions] == [[2, 0]] * 3
    assert asked(server)[:3] == ["manager_0", "worker_1", "worker_2"]
    # owners change by the first step, so all are asked before the second; the chat is read before the third one
    assert asked(server)[3:6] == ["manager_0", "worker_1", "worker_2"]
    assert "worker_1" in asked(server)[6:]
    assert "worker_2" not in asked(server)[6:]


def test_one_question_for_all_is_asked_when_it_matters_to_one(server, on_events):
    [metrics], policy, _ = play_small("spp", on_events, volatility=0.1)
    columns = policy.episode_columns(0)
    assert columns["questions"] + columns["questions_skipped"] == metrics["steps"]
    assert columns["answers"] == 3 * columns["questions"]
    assert columns["questions_skipped"] > 0


def test_an_episode_begins_with_questions_to_all(server, on_events):
    """Both episodes are the same and end after a step, so that nothing has changed since the last question."""
    batch = small_batch(horizon=1)
    policy = prompted(batch, "direct", on_events)
    for _ in range(2):
        batch.reset([0])
        play(batch, policy)
        assert policy.episode_columns(0)["questions"] == 3


def decided(policy, batch, understood=None):
    """What three agents do in a step in which all see what they saw at the start, but for what worker_1 understands."""
    observations = batch.observations[0].copy()
    if understood is not None:
        batch.layout.get(observations, "own_understanding")[1, 0] = understood
    return policy.act(observations, batch.action_masks[0], np.arange(3)).tolist()


def test_silent_work_follows_a_message(server, on_events):
    server.rule = lambda body: json.dumps(choice("s1", "chat_tell", "team", "s0", "Hi."))
    batch = small_batch()
    policy = prompted(batch, "direct", on_events)
    policy.reset(np.arange(3))
    assert decided(policy, batch) == [[2, c.CHAT_TELL, 3, 0]] * 3
    assert decided(policy, batch) == [[2, c.SILENT, 0, 0]] * 3
    assert policy.turns == {}


@pytest.mark.parametrize(("strategy", "agents"), [("direct", (1,)), ("spp", (0, 1, 2))])
def test_what_one_agent_loses_is_compared_with_its_last_step(server, on_events, strategy, agents):
    """What is understood rises to 0.9 while nothing is asked, and falls to 0.8, which is above that of the question."""
    if strategy == "direct":
        server.rule = lambda body: json.dumps(choice("s1"))  # nobody writes
    batch = small_batch()
    policy = prompted(batch, strategy, on_events)
    policy.reset(np.arange(3))
    turns = []
    for understood in (0.5, 0.9, 0.8, 0.8):
        decided(policy, batch, understood)
        turns.append([turn.agents for turn in policy.turns.get(0, [])])
    assert turns[1:] == [[], [agents], []]


def test_a_strategy_by_the_clock_is_refused(options):
    with pytest.raises(
        ConfigError, match=r"'fixed_steps' has to be asked in every step; ask is 'events', expected 'always'"
    ):
        prompted(small_batch(), "fixed_steps:2", {**options, "ask": "events"})
    with pytest.raises(ConfigError, match="ask is 'event', expected 'always' or 'events'"):
        prompted(small_batch(), "direct", {**options, "ask": "event"})


# --- transcripts -------------------------------------------------------------------------------------------------


def transcribed(tmp_path, name, options):
    batch = small_batch(volatility=0.2)
    team = make_policy(name, PolicyContext.of(batch, 0, options))
    lines = Lines()
    recorder = TranscriptWriter(batch, team, name, [0], [lines], getattr(team, "names", ()))
    [metrics] = play(batch, team, on_step=recorder.record)
    path = tmp_path / "events.jsonl"
    path.write_text(lines.text)
    assert team.episode_columns(0)["questions_skipped"] > 0
    return path, metrics


@pytest.mark.parametrize(
    "name",
    [f"prompted:{one}@rule" for one in ("direct", "c2c", "react", "tme", "spp")]
    + ["team(manager=prompted:c2c@rule,worker_1=prompted:react@rule,worker=proactive)"],
)
def test_transcripts_are_replayed_with_what_was_not_asked(server, on_events, tmp_path, name):
    path, metrics = transcribed(tmp_path, name, on_events)
    server.close()
    np.testing.assert_equal(replay(read_transcript(path)).batch.metrics(), metrics)


def test_older_transcripts_do_not_count_questions_and_false_counts_are_found_out(server, on_events, tmp_path):
    path, _ = transcribed(tmp_path, "prompted:direct@rule", on_events)
    *lines, end = path.read_text().splitlines()
    last = json.loads(end)
    last["columns"]["questions_skipped"] += 1
    path.write_text("\n".join([*lines, json.dumps(last)]))
    with pytest.raises(ReplayError, match="the sum questions_skipped is"):
        replay(read_transcript(path))
    del last["columns"]["questions_skipped"], last["columns"]["questions"]
    path.write_text("\n".join([*lines, json.dumps(last)]))
    replay(read_transcript(path))
