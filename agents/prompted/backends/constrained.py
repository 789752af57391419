"""Holds what a local model writes to a grammar, token by token, through `llguidance`, and ends it when it is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from c2c_env.errors import EndpointError, needs_extra
from c2c_env.text.answer import AnswerError, read_json

with needs_extra("backend=transformers", "local"):
    import llguidance
    import llguidance.hf
    import torch

AllowedTokens = npt.NDArray[np.bool_]  # a mark for each token of the vocabulary
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
# as models write JSON; where blanks are free, small models write nothing else
_SPACING: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_SPARE = 8  # tokens beside the keys that ending an answer takes: quotes and brackets
_OPENED_BY_PROMPT = re.compile(r"(?:<[^<>\s]{1,30}>|\[[A-Za-z]{1,20}\]|\u25c1think\u25b7)\s*\Z")


class Grammars:
    """Makes grammars of JSON schemas for the vocabulary of one model.

    Raises:
        EndpointError: the library cannot read the tokenizer.
    """

    def __init__(self, model: str, tokenizer: Any, width: int, ends: Sequence[int]) -> None:
        try:
            self._tokenizer = llguidance.hf.from_tokenizer(
                tokenizer, n_vocab=max(width, len(tokenizer)), eos_token=list(ends) or None
            )
        except Exception as error:  # whatever the library meets in a file that it cannot read
            raise EndpointError(
                f"answers of {model!r} cannot be held to a form, because llguidance cannot read its tokenizer "
                f"({type(tokenizer).__name__}: {error}); answer_format=text asks for JSON by the prompt alone"
            ) from error
        beginnings = [self._tokenizer.decode_bytes([token])[:1] for token in range(self._tokenizer.vocab_size)]
        self._beginning = np.array([first[0] if first else 0 for first in beginnings], np.uint8)

    def held(self, schema: Mapping[str, Any], max_tokens: int) -> HeldAnswer:
        """Begin an answer that fits a schema.

        Raises:
            EndpointError: the schema asks for something that no grammar can say.
        """
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_SPACING)
        matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise EndpointError(f"no grammar can be made of the form of the answer: {matcher.get_error()}")
        ending = len(self._tokenizer.tokenize_str(" ".join(_keys(schema)))) + _SPARE
        return HeldAnswer(matcher, self._beginning, max_tokens - ending)


class HeldAnswer:
    """An answer that is being written: what may come next, and whether it is whole.

    When no more tokens are left than its end takes, strings, lists and numbers are ended as soon as they can be, so
    that a model which finds no end still gives a whole answer.

    Attributes:
        is_whole: nothing more can be written.
    """

    def __init__(self, matcher: llguidance.LLMatcher, beginning: npt.NDArray[np.uint8], free: int) -> None:
        self._matcher, self._beginning, self._free = matcher, beginning, free
        self.is_whole = False

    def mask(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take all tokens out that may not come next; a logits processor of transformers."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: len(self._beginning)].astype(bool)
        if self._free <= 0:
            allowed = self._ending(allowed)
        forbidden = torch.from_numpy(~allowed[: scores.shape[-1]])
        return scores.masked_fill(forbidden, -torch.inf)

    def has_ended(self, tokens: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Take note of the newest token; a stopping criterion of transformers."""
        self._matcher.consume_token(int(tokens[0, -1]))
        self._free -= 1
        self.is_whole = self._matcher.is_accepting()
        return torch.tensor([self._matcher.is_stopped()])

    def _ending(self, allowed: AllowedTokens) -> AllowedTokens:
        """Keep of what is allowed the tokens that lead to the end, if there are any."""
        in_string = (allowed & self._begins(b"k")).any()  # no number, no word and no bracket begins so
        for some in (b'"',) if in_string else (b"}]", b","):
            ways = allowed & self._begins(some)
            if ways.any():
                return ways
        return allowed

    def _begins(self, some: bytes) -> AllowedTokens:
        return np.isin(self._beginning, np.frombuffer(some, np.uint8))


class FreeAnswer:
    """An answer that is being written freely, and ends with its first JSON object behind the reasoning.

    Attributes:
        is_whole: the object is there.
    """

    def __init__(self, tokenizer: Any, prompt: str, start: int) -> None:
        opened = _OPENED_BY_PROMPT.search(prompt)  # some chat templates begin the reasoning for the model
        self._tokenizer, self._start = tokenizer, start
        self._before = opened[0] if opened else ""
        self.is_whole = False

    def has_ended(self, tokens: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Look for an object where a brace has just been closed; a stopping criterion of transformers."""
        if "}" in self._tokenizer.decode(tokens[0, -1:]):
            self.is_whole = _holds_object(self._before + self._tokenizer.decode(tokens[0, self._start :]))
        return torch.tensor([self.is_whole])


def _holds_object(text: str) -> bool:
    try:
        read_json(text)
    except AnswerError:
        return False
    return True


def _keys(schema: Any) -> Iterator[str]:
    """Yield the keys that answers have, written out, and the longest word of each enumeration."""
    if isinstance(schema, list):
        for part in schema:
            yield from _keys(part)
    elif isinstance(schema, dict):
        yield from (f'"{name}": , ' for name in schema.get("properties", {}))
        yield max((json.dumps(word) for word in schema.get("enum", [])), key=len, default="")
        for part in schema.values():
            yield from _keys(part)
