"""The vocabulary: answers come back as they were written, in few words, and no word of a view is unknown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agents.language.tasks import TextTask
from agents.language.teacher import taught_turns, written_action
from c2c_env.core.constants import EMAIL_ASK, MEET, SILENT
from training.language_model.vocabulary import (
    ANSWER_PARTS,
    MOST_SILENT,
    NUMBER,
    UNKNOWN_WORD,
    VOCABULARY,
    encode,
    make_tokenizer,
)

ACTIONS = [[0, SILENT, 0, 0], [4, SILENT, 0, 0], [4, EMAIL_ASK, 2, 3], [0, MEET, 5, 39], [40, EMAIL_ASK, 0, 0]]


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.mark.parametrize("action", ACTIONS)
def test_an_answer_has_few_words_and_comes_back_as_it_was(tokenizer, action):
    answer = written_action(np.array(action), team=5)
    numbers = encode(answer)
    assert len(numbers) <= (MOST_SILENT - 1 if action[1] == SILENT else 9)
    assert tokenizer.decode(numbers.tolist()) == answer
    json.loads(answer)


def test_it_splits_texts_as_the_tokenizer_does(tokenizer):
    task = TextTask("train", "simple", 5, 3)
    for turn in list(taught_turns(task, "proactive", strategy="terse"))[::7]:
        _, view, answer = (message["content"] for message in turn["messages"])
        for text in (view, answer):
            assert encode(text).tolist() == tokenizer(text)["input_ids"]
            assert NUMBER[UNKNOWN_WORD] not in encode(text)


def test_the_chat_template_leaves_the_rules_out(tokenizer):
    chat = [{"role": "system", "content": "rules"}, {"role": "user", "content": "me worker_1"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert encode(text).tolist() == encode("me worker_1").tolist()


def test_words_are_there_once():
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert not any(" " in word for word in set(VOCABULARY) - set(ANSWER_PARTS))
