"""An invalid answer is asked for once more, with what is wrong with it; the second answer counts."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from prompted_team import play_small, prompted, recorder_of, small_batch
from rule_server import answer_by_rule, choice, name_in

from agents.play import play
from agents.prompted.accounts import ASKED_AGAIN
from agents.prompted.client.client import client_of, close_all
from agents.prompted.prompted_team import SHOWN_AGAIN
from agents.prompted.replay import ReplayError, replay
from agents.prompted.settings import ModelSettings
from agents.prompted.transcript import read_transcript
from c2c_env.errors import BudgetError, ConfigError, EndpointError
from training.episodes.sources import load_episode

STRATEGIES = ("direct", "c2c", "fixed_steps:2", "react", "tme", "spp")
NOT_THERE = json.dumps(choice(work="s99"))


def is_second(body):
    return body["messages"][-2]["role"] == "assistant"


def first_part(body):
    """The body of the first question again."""
    return {**body, "messages": body["messages"][:-2]} if is_second(body) else body


def learns(body):
    """Name a subtask that is not there, and do better when told so."""
    return answer_by_rule(first_part(body)) if is_second(body) else NOT_THERE


def played(strategy, options, count=1, **fields):
    """Policy, batch and the lines of transcripts of whole episodes, and the texts of their steps."""
    batch = small_batch(count, **fields)
    policy = prompted(batch, strategy, options)
    recorder, lines = recorder_of(batch, policy, f"prompted:{strategy}@rule", range(count))
    texts = []

    def note():
        recorder.record()
        texts.extend(policy.model_texts(0, int(batch.state.t[0])))

    play(batch, policy, on_step=note)
    return policy, batch, lines, texts


@pytest.fixture
def again(options):
    return {**options, "reask": 1}


def test_the_second_question_is_the_first_with_the_answer_and_its_fault(server, again):
    server.rule = learns
    play_small("direct", {**again, "concurrency": 1}, size=1, horizon=1)
    first, second = server.bodies
    assert second["messages"][:-2] == first["messages"]
    assert second["messages"][-2:] == [
        {"role": "assistant", "content": NOT_THERE},
        {
            "role": "user",
            "content": "Your answer cannot be used, and this is what is wrong with it:\n"
            "- manager_0: work 's99' does not exist\n"
            "Answer the same question again with one whole corrected JSON object and nothing else.",
        },
    ]
    assert {name: first[name] for name in first if name != "messages"} == {
        name: second[name] for name in second if name != "messages"
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_second_answer_counts_and_both_are_paid_for(server, again, strategy):
    server.rule = learns
    policy, batch, _, texts = played(strategy, again)
    columns, steps = policy.episode_columns(0), batch.metrics(0)["steps"]
    assert batch.metrics(0)["success"] == 1
    assert columns["answers"] == columns["answers_valid"] == columns["answers_reasked"] == 3 * steps
    questions = 2 * steps * (1 if strategy == "spp" else 3)
    assert columns["questions"] == len(texts) == questions
    assert (columns["prompt_tokens"], columns["completion_tokens"]) == (100 * questions, 10 * questions)
    assert columns["invalid_reasons"] == "{}"


def test_an_answer_that_can_be_used_is_asked_for_once(server, options, again):
    once = played("direct", options)[0].episode_columns(0)
    assert played("direct", again)[0].episode_columns(0) == pytest.approx(once, nan_ok=True)
    assert once["answers_reasked"] == 0
    assert not any(is_second(body) for body in server.bodies)


def test_two_invalid_answers_are_invalid_and_nothing_is_asked_a_third_time(server, again):
    server.rule = lambda body: NOT_THERE
    policy, batch, _, _ = played("direct", again, horizon=2)
    columns = policy.episode_columns(0)
    assert (columns["answers_invalid"], columns["answers_reasked"], columns["questions"]) == (6, 6, 12)
    assert json.loads(columns["invalid_reasons"]) == {"work ... does not exist": 6}
    assert batch.metrics(0)["work_hours"] == 0
    with pytest.raises(EndpointError, match=r"50 of the first 50 answers of prompted:direct@rule cannot be used"):
        play_small("direct", again, horizon=20)


def test_the_first_answers_are_looked_at_as_they_count(server, again):
    server.rule = learns
    metrics, _, _ = play_small("direct", {**again, "most_invalid": 0}, count=2, size=5)
    assert all(row["success"] for row in metrics)
    assert sum(5 * row["steps"] for row in metrics) > 50


@pytest.mark.parametrize("fault", ["empty", "refusal", "wrong_tool", "cut_json", "broken_json", "two_objects"])
def test_answers_of_every_bad_form_are_asked_for_again(server, again, fault):
    server.fault = lambda number, body: None if is_second(body) else fault
    server.rule = lambda body: answer_by_rule(first_part(body))
    policy, _, _, _ = played("direct", again, horizon=2)
    columns = policy.episode_columns(0)
    assert columns["answers_valid"] == columns["answers_reasked"] == columns["answers"] == 6
    said = {body["messages"][-2]["content"] for body in server.bodies if is_second(body)}
    assert (said == {"-"}) == (fault in ("empty", "wrong_tool"))


def test_a_long_answer_is_cut_and_loses_what_no_request_can_hold(server, again):
    long = "\ud800\x07a\n" + "b" * 2 * SHOWN_AGAIN
    server.rule = lambda body: answer_by_rule(first_part(body)) if is_second(body) else long
    play_small("direct", again, horizon=1)
    (shown,) = {body["messages"][-2]["content"] for body in server.bodies if is_second(body)}
    assert shown == "a\n" + "b" * (SHOWN_AGAIN - 5) + "..."


def test_one_invalid_part_of_a_joint_answer_has_all_of_it_asked_again(server, again):
    def rule(body):
        whole = json.loads(answer_by_rule(first_part(body)))
        if not is_second(body):
            whole["actions"][1]["work"] = whole["actions"][2]["work"] = "s99"
        return json.dumps(whole)

    server.rule = rule
    policy, _, _, texts = played("spp", again, horizon=1)
    assert server.bodies[1]["messages"][-1]["content"].splitlines()[1] == (
        "- worker_1, worker_2: work 's99' does not exist"
    )
    columns = policy.episode_columns(0)
    assert (columns["answers"], columns["answers_valid"], columns["answers_reasked"]) == (3, 3, 3)
    assert [text.labels for text in texts] == [(ASKED_AGAIN,) * 3, ("valid",) * 3]
    fault = "work 's99' does not exist"
    assert [text.reasons for text in texts] == [("", fault, fault), ()]


def test_the_rule_of_events_treats_the_decision_that_counts(server, again):
    """Who was asked again and answered well goes on like one who answered well at once."""
    server.rule = learns
    policy, batch, _, _ = played("direct", {**again, "ask": "events"})
    columns = policy.episode_columns(0)
    assert columns["questions_skipped"] > 0
    assert columns["questions"] == 2 * columns["answers"]
    assert columns["answers"] + columns["questions_skipped"] == 3 * batch.metrics(0)["steps"]


def test_memory_holds_the_answer_that_counts(server, again):
    server.rule = learns
    play_small("react", again, horizon=2)
    later = [body for body in server.bodies if "earlier steps" in body["messages"][1]["content"]]
    assert later
    for body in later:
        assert "was invalid" not in body["messages"][1]["content"]
        assert body["messages"][1]["content"].count("\n- saw: ") == 1


# --- money --------------------------------------------------------------------------------------------------------


def test_the_budget_holds_for_both_questions(server, again):
    server.rule = learns
    limited = {**again, "budget_tokens": 8_000, "max_tokens": 50, "concurrency": 2}
    with pytest.raises(BudgetError):
        play_small("direct", limited)
    totals = client_of(ModelSettings.of(limited)).meter.totals
    assert any(is_second(body) for body in server.bodies)
    assert totals.prompt_tokens == 100 * len(server.bodies)
    assert totals.prompt_tokens + totals.completion_tokens <= 8_000


def test_both_answers_are_kept_so_that_nothing_is_asked_twice(server, again):
    server.rule = learns
    first = played("direct", again)[0].episode_columns(0)
    asked = len(server.prompts)
    close_all()
    assert played("direct", again)[0].episode_columns(0) == pytest.approx(first, nan_ok=True)
    assert len(server.prompts) == asked


# --- what is written down -------------------------------------------------------------------------------------------


def written(tmp_path, text):
    path = tmp_path / "transcript.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def half_learns(body):
    """Only a manager does better when told so; everybody's first answer is invalid in every second question."""
    me = name_in(first_part(body)["messages"][-1]["content"])
    if is_second(body):
        return answer_by_rule(first_part(body)) if me == "manager_0" else NOT_THERE
    return NOT_THERE if me != "worker_1" else answer_by_rule(body)


@pytest.mark.parametrize("judge", [False, True])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_such_episodes_are_replayed_bit_for_bit_and_show_both_exchanges(server, again, tmp_path, strategy, judge):
    server.rule = learns if strategy == "spp" or judge else half_learns
    if judge:
        server.rule = lambda body: '{"score": 0.37}' if len(body["messages"]) == 1 else learns(body)
    _, batch, lines, texts = played(strategy, {**again, "judge": judge}, count=2, volatility=0.1, horizon=8)
    server.close()
    for env, text in enumerate(lines):
        path = written(tmp_path, text.text)
        np.testing.assert_equal(replay(read_transcript(path)).batch.metrics(0), batch.metrics(env))
    episode = load_episode(written(tmp_path, lines[0].text))
    assert list(episode.texts) == texts
    pairs = [(one, two) for one, two in pairwise(texts) if one.labels[0] == ASKED_AGAIN]
    assert pairs
    for one, two in pairs:
        assert (one.step, one.agents, one.prompt) == (two.step, two.agents, two.prompt[:-2])
        assert two.prompt[-2] == ("assistant", one.answer)
        assert ASKED_AGAIN not in two.labels


def test_an_episode_that_fails_at_the_second_question_is_replayed_too(server, again, tmp_path):
    server.rule = learns
    server.fault = lambda number, body: "status_400" if is_second(body) and number > 12 else None
    policy, _, (lines,), _ = played("direct", {**again, "concurrency": 1})
    failure = policy.model_failure(0)
    assert failure.startswith("status 400")
    server.close()
    transcript = read_transcript(written(tmp_path, lines.text))
    replay(transcript)
    assert transcript.failures[-1] == failure


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda turn: turn["rejected"]["answer"].__setitem__("text", json.dumps(choice())), ReplayError, "number of"),
        (lambda turn: turn["rejected"]["agents"][0].__setitem__("how", "x"), ReplayError, "how is work 's99' does not"),
        (lambda turn: turn["rejected"]["answer"].__setitem__("prompt_tokens", 7), ReplayError, "the sum prompt_tokens"),
        (lambda turn: turn["answer"].__setitem__("text", "{}"), ReplayError, "label is invalid"),
        (lambda turn: turn.pop("rejected"), ReplayError, "the sum questions is 11.0"),
        (lambda turn: turn.__setitem__("rejected", 3), ConfigError, "is damaged"),
        (lambda turn: turn.__setitem__("rejected", {}), ConfigError, "is damaged"),
    ],
)
def test_a_transcript_that_was_changed_is_found_out(server, again, tmp_path, change, error, words):
    server.rule = learns
    _, _, (lines,), _ = played("direct", again, horizon=2)
    parts = [json.loads(line) for line in lines]
    change(parts[1]["turns"][1])
    changed = "".join(json.dumps(part) + "\n" for part in parts)
    with pytest.raises(error, match=words):
        replay(read_transcript(written(tmp_path, changed)))


def test_a_transcript_from_before_is_replayed(server, options, tmp_path):
    _, _, (lines,), _ = played("direct", options, horizon=2)
    parts = [json.loads(line) for line in lines]
    del parts[-1]["columns"]["answers_reasked"], parts[-1]["columns"]["prompt_tokens_cached"]
    replay(read_transcript(written(tmp_path, "".join(json.dumps(part) + "\n" for part in parts))))
