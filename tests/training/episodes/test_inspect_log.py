"""Logs for inspect_ai: a conversation for each agent, with scores and tokens. A consumer reads one with the library."""

from __future__ import annotations

import json
from dataclasses import replace
from zipfile import ZipFile

import pytest
from prompted_team import SMALL

from c2c_env import Batch, EnvConfig, Team
from c2c_env.episodes.episode import EpisodeError, ModelText
from c2c_env.episodes.episode_file import write_episode
from c2c_env.episodes.history import simulate
from c2c_env.errors import WriteError
from training.__main__ import main
from training.episodes.inspect_log import write_inspect_log
from training.episodes.sources import play_episode

RULES = ("system", "Rules.")
MODEL = "prompted:c2c@rule"


def text(step, agents, user, answer, *labels, **fields):
    """A question with the rules and what the user says, or with a whole prompt, and its answer."""
    prompt = (RULES, ("user", user)) if isinstance(user, str) else user
    return ModelText(step, agents, prompt, answer, labels, **fields)


ASKED_AGAIN = (RULES, ("user", "Step 2."), ("assistant", "bad"), ("user", "Again."))
TEXTS = (  # as they come: step by step
    text(1, (0,), "Step 1.", "one", "valid", prompt_tokens=100, answer_tokens=10, money=0.5),
    text(1, (2,), "Step 1 of 2.", "two", "repaired", prompt_tokens=50, answer_tokens=5),
    text(2, (0,), "Step 2.", "bad", "asked again", prompt_tokens=200, answer_tokens=20, money=0.25),
    text(2, (0,), ASKED_AGAIN, "worse", "invalid", prompt_tokens=300, answer_tokens=30, money=1.0),
)


@pytest.fixture(scope="module")
def scripted():
    """The episode of a team of three, which no model played."""
    return play_episode(Batch(SMALL, Team.default(3), EnvConfig(rework_probability=0.0), 1), "no_communication", 4)


@pytest.fixture
def episode(scripted):
    """The same, with what models would have been asked."""
    return replace(scripted, texts=TEXTS, policies=(MODEL, "no_communication", "prompted:direct@small"))


def documents(path):
    """Every document of a log by its name, in the order in which they were written."""
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def written(tmp_path, **episodes):
    path = tmp_path / "log.eval"
    write_inspect_log(episodes, path)
    return documents(path)


def sample_of(log, who, epoch=1):
    return log[f"samples/small-team3-seed4-{who}_epoch_{epoch}.json"]


def said(sample):
    return [(message["role"], message["content"], message["metadata"]) for message in sample["messages"]]


# --- samples -----------------------------------------------------------------------------------------------------


def test_each_agent_has_its_conversation_in_which_nothing_is_said_twice(episode, tmp_path):
    log = written(tmp_path, one=episode)
    names = [f"samples/small-team3-seed4-{who}_epoch_1.json" for who in ("manager_0", "worker_2")]
    assert list(log) == [*names, "summaries.json", "header.json"]
    assert said(sample_of(log, "manager_0")) == [
        ("system", "Rules.", {"step": 1}),
        ("user", "Step 1.", {"step": 1}),
        ("assistant", "one", {"step": 1, "label": "valid"}),
        ("user", "Step 2.", {"step": 2}),  # the rules are those of before
        ("assistant", "bad", {"step": 2, "label": "asked again"}),
        ("user", "Again.", {"step": 2}),  # the question goes on
        ("assistant", "worse", {"step": 2, "label": "invalid"}),
    ]
    answers = [message for message in sample_of(log, "manager_0")["messages"] if message["role"] == "assistant"]
    assert {(message["source"], message["model"]) for message in answers} == {("generate", "rule")}
    assert said(sample_of(log, "worker_2"))[-1] == ("assistant", "two", {"step": 1, "label": "repaired"})


def test_a_question_that_is_put_twice_and_other_rules_are_shown_again(episode, tmp_path):
    other = (("system", "Other rules."), ("user", "Go on."))
    texts = [text(1, (0,), "Go on.", "a"), text(2, (0,), "Go on.", "b"), text(3, (0,), other, "c")]
    log = written(tmp_path, one=replace(episode, texts=tuple(texts)))
    roles = [(role, content) for role, content, _ in said(sample_of(log, "manager_0"))]
    begin, again = [RULES, ("user", "Go on."), ("assistant", "a")], [("user", "Go on."), ("assistant", "b")]
    assert roles == [*begin, *again, *other, ("assistant", "c")]


def test_an_answer_for_several_agents_is_one_of_theirs_together(episode, tmp_path):
    texts = (
        text(1, (0, 1, 2), "All.", "a", "valid", "invalid", "valid", reasons=("", "no work", "")),
        text(1, (0, 2), "Two.", "b", "valid", "valid"),
    )
    log = written(tmp_path, one=replace(episode, texts=texts, policies=(MODEL,) * 3))
    team, two = sample_of(log, "team"), sample_of(log, "manager_0+worker_2")
    labels = {"manager_0": "valid", "worker_1": "invalid", "worker_2": "valid"}
    assert said(team)[-1][2] == {"step": 1, "labels": labels, "reasons": {"worker_1": "no work"}}
    assert team["metadata"]["agents"] == list(labels)
    assert team["scores"]["validity"]["value"] == pytest.approx(2 / 3)
    assert two["metadata"]["agents"] == ["manager_0", "worker_2"]


def test_a_sample_says_what_was_played_and_what_came_out(episode, tmp_path):
    log, metrics = written(tmp_path, one=episode), simulate(episode).metrics
    sample = sample_of(log, "manager_0")
    assert sample["input"] == "manager_0 of a team of 3 works on small, seed 4"
    told = ("episode", "workflow", "tier", "policy", "seed", "steps", "version")
    assert [sample["metadata"][key] for key in told] == [
        *("one", "small", "simple", MODEL, 4, episode.length, episode.version)
    ]
    assert [len(row) for row in sample["metadata"]["team"]] == [len(Team.default(3).skills[0])] * 3
    values = {name: score["value"] for name, score in sample["scores"].items()}
    assert values.pop("validity") == 0.5  # one valid, one invalid; the one that was asked again does not count
    assert values == {name: metrics[name] for name in ("score", "completion_time", "communication_hours")}
    # 100 + 200 + 300 tokens of prompts, 10 + 20 + 30 of answers, 0.5 + 0.25 + 1 dollars
    usage = {"input_tokens": 600, "output_tokens": 60, "total_tokens": 660, "total_cost": 1.75}
    assert sample["model_usage"] == {"rule": usage}
    unpriced = {"input_tokens": 50, "output_tokens": 5, "total_tokens": 55, "total_cost": None}
    assert sample_of(log, "worker_2")["model_usage"] == {"small": unpriced}
    assert log["header.json"]["stats"]["model_usage"] == {"rule": usage, "small": unpriced}
    assert sample["turn_count"] == 3


def test_tokens_of_several_samples_of_a_model_add_up(episode, tmp_path):
    log = written(tmp_path, one=replace(episode, policies=(MODEL,) * 3))
    total = {"input_tokens": 650, "output_tokens": 65, "total_tokens": 715, "total_cost": None}
    assert log["header.json"]["stats"]["model_usage"] == {"rule": total}


# --- the head ----------------------------------------------------------------------------------------------------


def test_every_episode_counts_once_in_the_means_however_many_agents_were_asked(episode, tmp_path):
    other = replace(episode, texts=(text(1, (0,), "Step 1.", "x", "invalid"),))
    head = written(tmp_path, one=episode, two=other)["header.json"]
    scores = {score["name"]: score for score in head["results"]["scores"]}
    # the first: half for the manager and 1 for the worker, so 0.75; the second: 0
    assert scores["validity"]["metrics"]["mean"]["value"] == (0.75 + 0) / 2
    assert scores["validity"]["scored_samples"] == 3
    assert list(scores) == ["score", "completion_time", "communication_hours", "validity"]
    assert scores["score"]["metrics"]["mean"]["value"] == pytest.approx(simulate(episode).metrics["score"])


def test_the_same_again_is_another_epoch_of_the_same_sample(episode, tmp_path):
    log = written(tmp_path, one=episode, two=replace(episode, texts=TEXTS[:1]))
    assert [sample_of(log, "manager_0", epoch)["metadata"]["episode"] for epoch in (1, 2)] == ["one", "two"]
    spec = log["header.json"]["eval"]
    assert spec["config"] == {"epochs": 2}
    assert spec["dataset"]["sample_ids"] == [f"small-team3-seed4-{who}" for who in ("manager_0", "worker_2")]
    assert (spec["model"], spec["solver"]) == ("rule, small", f"{MODEL}, prompted:direct@small")


def test_an_episode_that_failed_has_its_reason_and_no_scores(episode, tmp_path):
    log = written(tmp_path, one=episode, two=replace(episode, seed=4, failure="the server is gone"))
    failed = sample_of(log, "manager_0", 2)
    assert (failed["error"]["message"], failed["scores"]) == ("the server is gone", None)
    assert sample_of(log, "manager_0")["error"] is None
    results = log["header.json"]["results"]
    assert (results["total_samples"], results["completed_samples"]) == (4, 2)
    assert {(score["scored_samples"], score["unscored_samples"]) for score in results["scores"]} == {(2, 2)}
    assert [one["error"] for one in log["summaries.json"]] == [None, None, *["the server is gone"] * 2]


def test_summaries_are_the_samples_without_their_messages(episode, tmp_path):
    log = written(tmp_path, one=episode)
    sample, summary = sample_of(log, "manager_0"), log["summaries.json"][0]
    assert summary["message_count"] == 7
    assert "messages" not in summary
    for key in ("id", "epoch", "input", "metadata", "scores", "model_usage", "turn_count"):
        assert summary[key] == sample[key]


# --- text of others ----------------------------------------------------------------------------------------------


def test_hostile_text_stays_text_and_steers_nothing(episode, tmp_path):
    hostile = '\x1b[31mred\x00\u202e"}]}<script>\tattachment://1\r\nend'
    prompt = (RULES, ("developer\x1b", hostile))
    policies = ("prompted:c2c@m\x1b[2J/../x",) * 3
    dirty = replace(episode, texts=(text(1, (0,), prompt, hostile, "va\x1blid"),), policies=policies)
    log = written(tmp_path, **{"a\x07": replace(dirty, failure="b\x1b[0m")})
    sample = sample_of(log, "manager_0")
    shown = '[31mred"}]}<script>    attachment://1\nend'  # a tab is four blanks
    assert said(sample) == [
        ("system", "Rules.", {"step": 1}),
        ("user", shown, {"step": 1}),
        ("assistant", shown, {"step": 1, "label": "valid"}),
    ]
    assert sample["metadata"]["episode"] == "a"
    assert list(sample["model_usage"]) == ["m[2J/../x"]
    raw = json.dumps(log, ensure_ascii=False).replace("\\n", "")
    assert not [ch for ch in raw if not ch.isprintable()]


def test_a_workflow_cannot_name_a_place_outside_of_the_samples(episode, tmp_path):
    named = replace(episode, workflow=replace(episode.workflow, name="../a b/c"))
    assert next(iter(written(tmp_path, one=named))) == "samples/..-a-b-c-team3-seed4-manager_0_epoch_1.json"


# --- files and the command ---------------------------------------------------------------------------------------


def test_a_log_is_whole_or_the_old_one_stays(episode, tmp_path, small_files):
    path = tmp_path / "log.eval"
    path.write_bytes(b"old")
    other_way = replace(episode, checks=("0" * 8, *episode.checks[1:]))
    with pytest.raises(EpisodeError, match="step 1 does not come out"):
        write_inspect_log({"one": episode, "two": other_way}, path)
    with small_files(300), pytest.raises(WriteError, match=r"cannot write '.*log\.eval': File too large"):
        write_inspect_log({"one": episode}, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_leaves_out_episodes_without_models_and_says_so(episode, scripted, tmp_path, capsys):
    write_episode(episode, tmp_path / "model.episode.json.gz")
    write_episode(scripted, tmp_path / "scripted.episode.json.gz")
    out = tmp_path / "log.eval"
    assert main(["export", str(tmp_path), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 2 samples of 1 of 2 episodes\n"
    assert len(documents(out)) == 2 + 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["-o", "log.eval"], "got 1 episodes in which no language model was asked; expected at least one"),
        (["-o", "log.eval", "--values"], "got --values and a log (.eval), which has no such column; expected a table"),
        (["-o", "log.evil"], "is 'log.evil', expected a name that ends in .parquet, .csv or .eval"),
    ],
)
def test_wrong_words_of_a_log_are_explained(scripted, tmp_path, monkeypatch, capsys, words, error):
    monkeypatch.chdir(tmp_path)
    write_episode(scripted, tmp_path / "scripted.episode.json.gz")
    assert _status(["export", "scripted.episode.json.gz", *words]) == 2
    assert error in " ".join(capsys.readouterr().err.split())
    assert len(list(tmp_path.iterdir())) == 1


def _status(words):
    try:
        return main(words)
    except SystemExit as end:
        return end.code
