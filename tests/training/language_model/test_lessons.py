"""Lessons: read from what the command dataset writes, and told apart by routine."""

from __future__ import annotations

import json

import pytest

from c2c_env.errors import ConfigError
from training.__main__ import main
from training.language_model.lessons import read_lessons
from training.language_model.vocabulary import END, NUMBER, encode

WORK = '{"work": "s1", "speech": "silent", "recipient": null, "topic": null, "text": ""}'
ASK = '{"work": "s1", "speech": "chat_ask", "recipient": "worker_2", "topic": "s1", "text": ""}'


def example(answer, task="train/simple/n5/0", agent="worker_1", view="me worker_1 free worker_1"):
    messages = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": view},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "task": task, "step": 1, "agent": agent, "teacher": "oracle"}


def write(path, *examples):
    path.write_text("".join(json.dumps(one) + "\n" for one in examples), encoding="utf-8")
    return path


def test_what_goes_on_in_silence_is_routine(tmp_path):
    others = example(WORK, agent="worker_2")
    next_task = example(WORK, task="train/simple/n5/1")
    path = write(tmp_path / "a.jsonl", example(WORK), others, example(WORK), example(ASK), example(ASK), next_task)
    lessons = read_lessons([path])
    assert lessons.routine.tolist() == [False, False, True, False, False, False]
    assert lessons.tasks.tolist() == [0, 0, 0, 0, 0, 1]
    assert lessons.views.tolist() == [4] * 6
    assert lessons.tokens[0].tolist() == [*encode("me worker_1 free worker_1"), *encode(WORK), NUMBER[END]]


def test_it_reads_what_the_command_dataset_writes(tmp_path):
    path = tmp_path / "lessons.jsonl.gz"
    given = ["--teacher", "proactive", "--episodes", "2", "--tiers", "simple", "--team-sizes", "3"]
    assert main(["dataset", "--strategy", "terse", "--disturbed", "0.2", *given, "-o", str(path)]) == 0
    lessons = read_lessons([path])
    assert set(lessons.tasks) == {0, 1}
    assert 0.3 < lessons.routine.mean() < 0.95


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "cannot read examples"),
        ("[]", "line 1 is no example"),
        ('{"messages": [{"role": "user"}]}', "line 1 is no example"),
        (json.dumps(example(WORK, view="You are worker_1.")), "words that the vocabulary lacks"),
        (json.dumps(example(WORK) | {"task": 3}), "line 1 is no example"),
        ("", "there are no lessons"),
    ],
)
def test_other_files_are_refused(tmp_path, line, words):
    path = tmp_path / "a.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_lessons([path])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.jsonl"):
        read_lessons([tmp_path / "none.jsonl"])
