"""Transcripts: everything is in them, and they play again without a model, bit for bit."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prompted_team import SMALL, STRATEGIES, prompted, recorder_of, small_batch
from rule_server import answer_by_rule, form_of

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted import transcript
from agents.prompted.replay import ReplayError, replay
from agents.prompted.transcript import TranscriptFile, TranscriptWriter, read_transcript
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.episodes.episode_file import read_episode, write_episode
from c2c_env.episodes.history import simulate
from c2c_env.errors import ConfigError, WriteError
from training.__main__ import main
from training.episodes.sources import load_episode, play_episode


def recorded(strategy, options, count=1, **fields):
    """The texts of transcripts, and the metrics of their episodes."""
    batch = small_batch(count, **fields)
    policy = prompted(batch, strategy, options)
    recorder, transcripts = recorder_of(batch, policy, f"prompted:{strategy}@rule", range(count))
    metrics = play(batch, policy, on_step=recorder.record)
    assert all(lines.closed for lines in transcripts)
    return [lines.text for lines in transcripts], metrics


def written(tmp_path, text):
    path = tmp_path / "transcript.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_episode_is_replayed_without_a_model(server, options, tmp_path, strategy):
    texts, metrics = recorded(strategy, options, count=3, volatility=0.1)
    server.close()
    assert len({row["steps"] for row in metrics} | {json.dumps(row) for row in metrics}) > 1
    for text, row in zip(texts, metrics, strict=True):
        trace = replay(read_transcript(written(tmp_path, text)))
        np.testing.assert_equal(trace.batch.metrics(), row)
        assert trace.length == row["steps"]


def lines_of(folder):
    """The lines of every file of a folder, by its name."""
    return {path.name: gzip.decompress(path.read_bytes()).decode().splitlines() for path in folder.glob("*.jsonl.gz*")}


def test_lines_are_on_the_disk_as_soon_as_they_are_played(server, options, tmp_path):
    """So a run that is killed at any moment leaves whole lines, under names that nothing takes for a transcript."""
    batch = small_batch(2, volatility=0.1)
    policy = prompted(batch, "direct", options)
    files = [TranscriptFile(tmp_path / f"{n}.jsonl.gz") for n in range(2)]
    recorder = TranscriptWriter(batch, policy, "prompted:direct@rule", range(2), files)

    def check():
        recorder.record()
        for n, left in enumerate((batch.terminated | batch.truncated) == 0):
            ((name, lines),) = [(name, lines) for name, lines in lines_of(tmp_path).items() if name.startswith(f"{n}.")]
            kinds = [json.loads(line)["kind"] for line in lines]
            assert kinds == ["episode"] + ["step"] * int(batch.state.t[n]) + ([] if left else ["end"])
            assert name.endswith(".tmp") == left

    metrics = play(batch, policy, on_step=check)
    assert sorted(lines_of(tmp_path)) == ["0.jsonl.gz", "1.jsonl.gz"]
    for file, row in zip(files, metrics, strict=True):
        file.discard()  # does nothing to what is whole
        np.testing.assert_equal(replay(read_transcript(file.path)).batch.metrics(), row)


def test_what_was_begun_is_replaced_and_what_fails_leaves_nothing(tmp_path):
    one, other = TranscriptFile(tmp_path / "a.jsonl.gz"), TranscriptFile(tmp_path / "a.jsonl.gz")
    for file in (one, other):
        file.write("{}\n")
    assert len(list(tmp_path.iterdir())) == 2  # two runs in one folder do not meet
    one.close()
    other.discard()
    assert lines_of(tmp_path) == {"a.jsonl.gz": ["{}"]}
    with pytest.raises(WriteError, match=r"cannot write transcript '.*none/b\.jsonl\.gz': No such file"):
        TranscriptFile(tmp_path / "none" / "b.jsonl.gz").write("{}\n")


def test_a_full_disk_is_one_clear_error_of_the_transcript_and_leaves_nothing(tmp_path, small_files):
    file = TranscriptFile(tmp_path / "a.jsonl.gz")
    file.write("{}\n")
    with small_files(30), pytest.raises(WriteError, match=r"cannot write transcript '.*a\.jsonl\.gz': File too large"):
        file.write("{}\n")
    assert len(list(tmp_path.iterdir())) == 1
    file.discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw[:40] + b"?" + raw[41:], lambda raw: raw + b"x"]
)
def test_damaged_compressed_transcripts_are_found_out(server, options, tmp_path, damage):
    (text,), _ = recorded("direct", options, horizon=2)
    path = tmp_path / "transcript.jsonl.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert len(read_transcript(path).effects) == 2
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ConfigError, match="transcript"):
        read_transcript(path)


def test_a_transcript_that_unpacks_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(transcript, "MOST_BYTES", 10**6)
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(bytes(10**7)))
    with pytest.raises(ConfigError, match="holds more than 1,000,000 bytes"):
        read_transcript(path)


def test_judged_episodes_too(server, options, tmp_path):
    server.rule = lambda body: '{"score": 0.37}' if form_of(body) == "score" else answer_by_rule(body)
    (text,), (metrics,) = recorded("direct", {**options, "judge": True})
    assert '"factor": 0.37' in text
    trace = replay(read_transcript(written(tmp_path, text)))
    np.testing.assert_equal(trace.batch.metrics(), metrics)
    factors = [min(json.loads(line)["factors"]) for line in text.splitlines()[1:-1]]
    assert min(factors) < 1.0 == max(factors)


def test_a_step_holds_prompt_answer_label_tokens_latency_action_and_effect(server, options):
    server.fault = lambda number, body: (
        "no_such_subtask" if "You are worker_2." in body["messages"][-1]["content"] else None
    )
    (text,), (metrics,) = recorded("direct", options, horizon=4)
    head, *steps, end = [json.loads(line) for line in text.splitlines()]
    assert (head["kind"], end["kind"], len(steps)) == ("episode", "end", metrics["steps"])
    assert (head["policy"], head["seed"]) == ("prompted:direct@rule", 0)
    assert head["workflow"]["name"] == SMALL.name
    assert head["options"]["temperature"] == 0.0
    assert "cache" not in head["options"]
    turns = steps[0]["turns"]
    assert [turn["agents"][0]["agent"] for turn in turns] == ["manager_0", "worker_1", "worker_2"]
    first, _, last = turns
    assert [part["role"] for part in first["prompt"]] == ["system", "user"]
    assert "\n\nYou are manager_0. " in first["prompt"][1]["content"]
    assert json.loads(first["answer"]["text"])["speech"] == "silent"
    assert (first["answer"]["prompt_tokens"], first["answer"]["completion_tokens"]) == (100, 10)
    assert first["answer"]["seconds"] > 0
    assert first["agents"][0]["label"] == "valid"
    assert (last["agents"][0]["label"], last["agents"][0]["action"]) == ("invalid", [0, 0, 0, 0])
    assert last["agents"][0]["how"] == "work 's99' does not exist"
    assert steps[0]["actions"][0] == first["agents"][0]["action"]
    assert steps[0]["effect"]["remaining"][0] < 0.8
    assert end["metrics"]["steps"] == metrics["steps"]
    assert end["columns"]["answers_invalid"] == metrics["steps"]


def test_transcripts_from_the_cache_are_the_same(server, options):
    first, _ = recorded("react", options)
    again, _ = recorded("react", options)
    assert first == again


def test_a_failed_episode_says_so(server, options, tmp_path, capsys):
    server.fault = lambda number, body: "status_400" if number == 5 else None
    (text,), _ = recorded("direct", {**options, "concurrency": 1})
    failures = [json.loads(line)["failure"] for line in text.splitlines()[1:-1]]
    assert failures[0] == ""
    assert all(failure.startswith("status 400") for failure in failures[1:])
    assert main(["replay", str(written(tmp_path, text)), "--no-colour"]) == 0
    out = capsys.readouterr().out
    assert "The episode failed: status 400" in out
    assert "every one as it was. Answers: 5 valid." in out


def change(text, line, edit):
    lines = text.splitlines()
    content = json.loads(lines[line])
    edit(content)
    lines[line] = json.dumps(content)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("line", "edit", "message"),
    [
        (2, lambda s: s["actions"][1].__setitem__(0, 0), r"step \d+: \w+ is"),
        (2, lambda s: s["factors"].__setitem__(0, 7.0), r"factors of the transcript are not all in \[0, 1\]"),
        (2, lambda s: s["factors"].__setitem__(0, float("nan")), "factors"),
        (2, lambda s: s["effect"].__setitem__("hash", "0"), "step 2: hash is"),
        (0, lambda s: s.__setitem__("seed", -1), "seeds|seed"),
        (0, lambda s: s["workflow"].__setitem__("tier", "x"), "unknown tier"),
        (0, lambda s: s["workflow"].pop("subtasks"), "head of the transcript is damaged"),
        (0, lambda s: s["config"].__setitem__("dtt", 1), "unknown constant 'dtt'; did you mean 'dt'"),
        (0, lambda s: s["team"].pop(), "have shape"),
        (0, lambda s: s.__setitem__("format", 99), "format 99, expected 1"),
        (0, lambda s: s.__setitem__("kind", "step"), "no whole transcript"),
        (
            2,
            lambda s: s["turns"][0]["agents"][0].__setitem__("label", "repaired"),
            "step 2: manager_0's label is valid",
        ),
        (2, lambda s: s["turns"][1]["agents"][0].__setitem__("how", "so"), "step 2: worker_1's how is"),
        (2, lambda s: s["turns"][1]["agents"][0].__setitem__("text", "so"), "step 2: worker_1's text is"),
        (2, lambda s: s["turns"][1]["agents"][0].__setitem__("agent", "worker_2"), "step 2: worker_1's agent is"),
        (2, lambda s: s["turns"][1]["answer"].__setitem__("text", "{"), "step 2: worker_1's label is invalid"),
        (2, lambda s: s["turns"][1]["answer"].__setitem__("note", "refusal"), "step 2: worker_1's label is invalid"),
        (2, lambda s: s["turns"][1]["answer"].pop("text"), "step 2 of the transcript is damaged"),
        (2, lambda s: s["turns"][1]["answer"].__setitem__("prompt_tokens", 7), "the sum prompt_tokens is"),
        (2, lambda s: s["turns"].pop(), "the transcript has no answer"),
        (2, lambda s: s["turns"].append(s["turns"][0]), "number of answers is 3, the transcript has 4"),
        (2, lambda s: s.__setitem__("failure", "gone"), "failure is , the transcript has gone"),
        (2, lambda s: s.__setitem__("turns", 5), "damaged"),
        (2, lambda s: s["effect"].__setitem__("\x1b[31m", "\u202e\x9b"), "the transcript has"),
        (2, lambda s: s["actions"][1].__setitem__(0, 10**30), "an integer of more than 64 bits"),
        (0, lambda s: s.__setitem__("policy", "prompted:\x1b[31m\u202e@m"), "unknown strategy"),
        (0, lambda s: s["config"].__setitem__("max_agents", 30_000), "too much memory"),
        (0, lambda s: s["config"].__setitem__("max_subtasks", 30_000), "too much memory"),
        (0, lambda s: s["config"]["email"].__setitem__("latency", 30_000_000), "email.latency is 30000000, expected"),
        (0, lambda s: s["config"].__setitem__("vocab_size", 10**9), "vocab_size is 1000000000, expected"),
        (0, lambda s: s["config"].__setitem__("hidden_facts", 10**9), "hidden_facts is 1000000000, expected 0 or"),
        (-1, lambda s: s["columns"].__setitem__("answers_valid", 3), "the sum answers_valid is"),
        (-1, lambda s: s.pop("columns"), "end of the transcript is damaged"),
        (-1, lambda s: s["metrics"].__setitem__("steps", 3), "metric steps is"),
        (-1, lambda s: s.pop("metrics"), "end of the transcript is damaged"),
    ],
)
def test_changed_transcripts_are_found_out_in_one_line(server, options, tmp_path, capsys, line, edit, message):
    (text,), _ = recorded("direct", options)
    path = written(tmp_path, change(text, line, edit))
    assert main(["replay", str(path)]) == 2
    shown = capsys.readouterr().err
    assert re.search(message, shown)
    assert shown.startswith("error: ")
    assert "Traceback" not in shown
    assert shown.replace("\n", "").isprintable()


def test_a_damaged_prompt_is_one_clear_error(server, options, tmp_path):
    """Its words do not matter to what is played, but the recorded episode has them."""
    (text,), _ = recorded("direct", options, horizon=2)
    head, step, *rest = text.splitlines()
    turn = json.loads(step)
    turn["turns"][0]["prompt"] = [{"content": "no role"}]
    path = written(tmp_path, "\n".join([head, json.dumps(turn), *rest]))
    with pytest.raises(ConfigError, match="the questions of the transcript are damaged: KeyError"):
        load_episode(path)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5),
    st.sampled_from([10**12, -(10**40), 1e308, "", "\x1b[31m", [], {}, [[1]]]),
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_ends_in_one_clear_error(server, options, tmp_path, capsys, data):
    """Any value of a transcript, however deep, is replaced; what does not matter may stay unnoticed."""
    if not (tmp_path / "whole.jsonl").exists():
        (tmp_path / "whole.jsonl").write_text(recorded("direct", options)[0][0], encoding="utf-8")
    lines = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text(encoding="utf-8").splitlines()]
    place, key = lines, data.draw(st.sampled_from([0, 1, len(lines) - 1]))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 5)):
        place = place[key]
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(SCALARS)
    path = written(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    status = main(["replay", str(path), "--no-colour"])
    out, err = capsys.readouterr()
    assert status in (0, 2)
    assert "Traceback" not in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]\n[2]\n", "cos\nsystem\n", '{"kind": "episode"}\n{"kind": "end"}\n', "\x00"]
)
def test_what_is_no_transcript(tmp_path, text):
    with pytest.raises(ConfigError, match="transcript"):
        read_transcript(written(tmp_path, text))


def test_no_file_at_all(tmp_path):
    with pytest.raises(ConfigError, match="cannot read transcript"):
        read_transcript(tmp_path / "none.jsonl")


def test_a_cut_transcript_is_no_whole_one(server, options, tmp_path):
    (text,), _ = recorded("direct", options)
    lines = text.splitlines(keepends=True)
    with pytest.raises(ConfigError):
        read_transcript(written(tmp_path, "".join(lines[:-1])))
    with pytest.raises((ConfigError, ReplayError)):
        replay(read_transcript(written(tmp_path, "".join([*lines[:3], *lines[4:]]))))


def test_only_prompted_teams_leave_transcripts():
    batch = small_batch()
    context = PolicyContext.of(batch)
    with pytest.raises(ConfigError, match="solo is not a prompted one"):
        TranscriptWriter(batch, make_policy("solo", context), "solo", [0], [])


# --- as recorded episodes ----------------------------------------------------------------------------------------


def test_a_transcript_is_an_episode_with_its_texts(server, options, tmp_path):
    """It has the same texts as an episode that was recorded while it was played, but for the price."""
    prices = options | {"price_in": 2.0, "price_out": 4.0}
    batch = small_batch(1, volatility=0.1)
    live = play_episode(batch, "prompted:direct@rule", 0, prices)
    (text,), _ = recorded("direct", options, volatility=0.1)
    server.close()
    episode = load_episode(written(tmp_path, text))
    assert simulate(episode).metrics["steps"] == episode.length
    np.testing.assert_array_equal(episode.actions, live.actions)
    assert episode.policies == ("prompted:direct@rule",) * 3
    assert [replace(one, money=None) for one in live.texts] == list(episode.texts)
    first = live.texts[0]
    assert (first.step, first.agents, first.labels) == (1, (0,), ("valid",))
    assert first.money == pytest.approx((2 * first.prompt_tokens + 4 * first.answer_tokens) / 1e6)
    assert {one.step for one in live.texts} == set(range(1, live.length + 1))
    path = tmp_path / "live.episode.json.gz"
    write_episode(live, path)
    assert read_episode(path).texts == live.texts


def test_a_joint_question_names_everybody_whom_it_was_about(server, options, tmp_path):
    (text,), _ = recorded("c2c", options)
    agents = {one.agents for one in load_episode(written(tmp_path, text)).texts}
    assert (0,) in agents or (0, 1, 2) in agents


def test_a_transcript_among_larger_workflows_is_replayed(server, options, tmp_path):
    """The environments of a batch have room for the largest workflow of all, which observations show."""
    larger = Workflow("larger", "simple", (*SMALL.subtasks, Subtask("four", "data", 0.5, 1.0, title="Fourth")))
    batch = Batch([SMALL, larger], Team.default(3), EnvConfig(), 2)
    batch.reset([0, 1], workflows=[0, 1])
    policy = prompted(batch, "direct", options)
    recorder, transcripts = recorder_of(batch, policy, "prompted:direct@rule", range(2))
    play(batch, policy, on_step=recorder.record)
    for lines, workflow in zip(transcripts, (SMALL, larger), strict=True):
        assert load_episode(written(tmp_path, lines.text)).workflow == workflow
