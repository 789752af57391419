"""A tiny random model and its tokenizer, made on this machine, to try the training without a download or a GPU.

It uses the chat template of Qwen 2.5, which knows tools. A random model would never write a call of a tool, so its
decoding is constrained to calls that can be read, as guided decoding does it: among the texts that are allowed, the
model chooses token by token with its own probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import trl
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import LogitsProcessor, LogitsProcessorList, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CALL = '<tool_call>\n{{"name": "act", "arguments": {arguments}}}\n</tool_call><|im_end|>'
ARGUMENTS = ["{}", *(f'{{"work": "s{k}"}}' for k in range(6))]
ARGUMENTS += [f'{{"speech": "chat_ask", "recipient": "manager_0", "topic": "s{k}", "text": "What?"}}' for k in range(6)]


def make_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of bytes whose merges are learned from texts."""
    inner = Tokenizer(BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=1500, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.add_tokens(["<tool_call>", "</tool_call>"])
    template = Path(trl.__file__).parent / "chat_templates" / "qwen2_5.jinja"
    tokenizer.chat_template = template.read_text(encoding="utf-8")
    return tokenizer


class OnlyCalls(LogitsProcessor):
    """Leaves only tokens with which what was generated remains the beginning of an allowed text.

    Args:
        allowed: tokens of the allowed texts.
        begun: tokens before the first that is generated.
    """

    def __init__(self, allowed: Sequence[Sequence[int]], begun: int) -> None:
        self.begun, self.following = begun, dict[tuple[int, ...], set[int]]()
        for tokens in allowed:
            for place, token in enumerate(tokens):
                self.following.setdefault(tuple(tokens[:place]), set()).add(token)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return scores without all other tokens."""
        only = torch.full_like(scores, -torch.inf)
        for row, tokens in enumerate(input_ids[:, self.begun :].tolist()):
            choices = sorted(self.following.get(tuple(tokens), ()))
            if choices:
                only[row, choices] = scores[row, choices]
            else:  # the text is complete, and what follows is padding
                only[row] = scores[row]
        return only


class CallingModel(Qwen2ForCausalLM):
    """A model of which every generated text is one of the allowed calls."""

    allowed: list[list[int]]

    def generate(self, input_ids: torch.Tensor, **settings: Any) -> Any:
        """Generate as usual, with constrained decoding."""
        only = OnlyCalls(self.allowed, input_ids.shape[1])
        return super().generate(input_ids=input_ids, logits_processor=LogitsProcessorList([only]), **settings)


def make_tiny_model(texts: Sequence[str], seed: int = 0) -> tuple[CallingModel, PreTrainedTokenizerFast]:
    """A random model of two layers with a tokenizer that was made of texts."""
    tokenizer = make_tokenizer([*texts, *(CALL.format(arguments=arguments) for arguments in ARGUMENTS)])
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=16384, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    model = CallingModel(config)
    model.allowed = [tokenizer.encode(CALL.format(arguments=arguments)) for arguments in ARGUMENTS]
    return model, tokenizer
