"""The words of the terse text and of the answers to it, as a tokenizer that transformers reads.

A word is a token, and so is each fixed part of the JSON of an answer: `{"work": "`, a name, `", "speech": "`, and so
on. An answer has nine tokens at most, and the name in it is the token that stands in the view.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from c2c_env.core.constants import SPEECHES
from c2c_env.errors import needs_extra
from c2c_env.text.names import TEAM, agent_name, subtask_name
from c2c_env.text.terse_text import TERSE_WORDS

with needs_extra("training a language model", "local"):
    import tokenizers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

MOST_AGENTS, MOST_SUBTASKS = 12, 40
PADDING, END, UNKNOWN_WORD = "<pad>", "<end>", "<unknown>"
ANSWER_PARTS = (
    '{"work": "', '{"work": null', '", "speech": "', ', "speech": "', '", "recipient": "', '", "recipient": null',
    '", "topic": "', ', "topic": null', '", "text": ""}', ', "text": ""}',
)  # fmt: skip
MOST_SILENT = 8  # words of an answer without a message, with its end
WORKER_WORDS = tuple(agent_name(index) for index in range(1, MOST_AGENTS))
SUBTASK_WORDS = tuple(subtask_name(index) for index in range(MOST_SUBTASKS))
_NAMES = (TEAM, agent_name(0), *WORKER_WORDS, *SUBTASK_WORDS)
VOCABULARY = (PADDING, END, UNKNOWN_WORD, *ANSWER_PARTS, *TERSE_WORDS, *SPEECHES, *_NAMES)
NUMBER = {word: number for number, word in enumerate(VOCABULARY)}
# the rules that stand before the view are for large models
_CHAT = "{% for message in messages if message.role == 'user' %}{{ message.content }} {% endfor %}"
_PIECES = re.compile(
    "|".join([*(re.escape(part) for part in sorted(ANSWER_PARTS, key=len, reverse=True)), r"\w+|[^\w\s]"])
)


def encode(text: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The numbers of the words of a view or an answer, as the tokenizer gives them."""
    return np.array([NUMBER.get(piece, NUMBER[UNKNOWN_WORD]) for piece in _PIECES.findall(text)])


def make_tokenizer() -> Any:
    """Make the tokenizer, with a chat template that leaves everything but the view out."""
    # whoever constrains answers reads tokens as bytes, in the alphabet of byte-level vocabularies
    vocabulary = {word.replace(" ", "\u0120"): number for word, number in NUMBER.items()}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN_WORD))
    pieces = pre_tokenizers.Split(tokenizers.Regex(_PIECES.pattern), "removed", invert=True)
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pieces, as_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PADDING, eos_token=END, unk_token=UNKNOWN_WORD, chat_template=_CHAT,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
