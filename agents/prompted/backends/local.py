"""A causal language model in a local folder, through `transformers`, on the processor.

Nothing is downloaded, and no code of the model is run: weights are safetensors only. Answers are held to their form
while they are written (`constrained`). On a GPU, let a server such as vLLM answer, through `openai_chat`.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.prompted.backends.base import CUT_OFF, Question, Reply, RequestFailedError
from agents.prompted.backends.constrained import ANY_OBJECT, FreeAnswer, Grammars, HeldAnswer
from agents.prompted.client.answer_cache import question_key
from agents.prompted.settings import ModelSettings
from c2c_env.errors import EndpointError, needs_extra
from c2c_env.text.answer import json_schema

with needs_extra("backend=transformers", "local"):
    import torch
    import transformers


@dataclass(frozen=True)
class Loaded:
    """A model in memory.

    Attributes:
        ends: tokens that end an answer.
        grammars: None where answers are written freely.
    """

    tokenizer: Any
    network: Any
    ends: tuple[int, ...]
    grammars: Grammars | None


class LocalModel:
    """Answers one question after the other, in a thread of its own."""

    def __init__(self, options: ModelSettings) -> None:
        if options.answer_format == "tool":
            raise EndpointError(
                "answer_format=tool is for endpoints; with backend=transformers it is json_schema, json_object or text"
            )
        self.options = options
        self._models: dict[str, Loaded] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")

    async def check(self, model: str) -> None:
        """Load the model."""
        await self._in_thread(self._load, model)

    async def complete(self, question: Question) -> Reply:
        """See `Backend.complete`."""
        reply: Reply = await self._in_thread(self._generate, question)
        return reply

    async def close(self) -> None:
        """Forget the models."""
        self._thread.shutdown()
        self._models.clear()

    async def _in_thread(self, work: Any, argument: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, argument)

    def _load(self, model: str) -> Loaded:
        if model not in self._models:
            tokenizer, network = _read_folder(model)
            ends = _ends(tokenizer, network)
            free = self.options.answer_format == "text"
            grammars = None if free else Grammars(model, tokenizer, network.config.vocab_size, ends)
            self._models[model] = Loaded(tokenizer, network, ends, grammars)
        return self._models[model]

    def _generate(self, question: Question) -> Reply:
        model = self._load(question.model)
        start = time.monotonic()
        prompt = _prompt(model.tokenizer, question)
        tokens = model.tokenizer(prompt, return_tensors="pt")["input_ids"]
        room = getattr(model.network.config, "max_position_embeddings", None)
        if room is not None and tokens.shape[1] + question.max_tokens > room:
            raise RequestFailedError(f"the prompt has {tokens.shape[1]} tokens, the model takes {room} with its answer")
        answer = self._begin(model, question, prompt, tokens.shape[1])
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(int(question_key(question.content(self.options))[:15], 16))
            everything = torch.ones_like(tokens)
            whole = model.network.generate(
                tokens, attention_mask=everything, max_new_tokens=question.max_tokens, **_watched_by(answer),
                **self._sampling(),
            )  # fmt: skip
            written = whole[0, tokens.shape[1] :]
        text = model.tokenizer.decode(written, skip_special_tokens=True)
        ended = answer.is_whole or int(written[-1]) in model.ends
        return Reply(text, tokens.shape[1], len(written), time.monotonic() - start, "" if ended else CUT_OFF)

    def _begin(self, model: Loaded, question: Question, prompt: str, start: int) -> HeldAnswer | FreeAnswer:
        if model.grammars is None:
            return FreeAnswer(model.tokenizer, prompt, start)
        any_object = self.options.answer_format == "json_object"
        schema = ANY_OBJECT if any_object else json_schema(question.form)
        return model.grammars.held(schema, question.max_tokens)

    def _sampling(self) -> dict[str, Any]:
        if self.options.temperature == 0.0:
            return {"do_sample": False}
        given = {"temperature": self.options.temperature, "top_p": self.options.top_p}
        return {"do_sample": True, **{name: value for name, value in given.items() if value is not None}}


def _read_folder(model: str) -> tuple[Any, Any]:
    """Read tokenizer and network from a folder, and nothing from elsewhere."""
    if not Path(model).is_dir():
        raise EndpointError(f"there is no folder {model!r}; backend=transformers takes the folder of a model")
    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, **safe)
        network: Any = transformers.AutoModelForCausalLM.from_pretrained(model, use_safetensors=True, **safe)
    except (OSError, ValueError, KeyError, ImportError) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise EndpointError(f"cannot load a model from {model!r}: {type(error).__name__}: {line}") from error
    return tokenizer, network.eval()


def _ends(tokenizer: Any, network: Any) -> tuple[int, ...]:
    """Return the tokens that end an answer, of which chat models have several."""
    named = network.generation_config.eos_token_id
    ends = named if isinstance(named, list) else [tokenizer.eos_token_id if named is None else named]
    return tuple(end for end in ends if end is not None)


def _watched_by(answer: HeldAnswer | FreeAnswer) -> dict[str, Any]:
    """Return the arguments of `generate` that let an answer be held and ended."""
    watched: dict[str, Any] = {"stopping_criteria": transformers.StoppingCriteriaList([answer.has_ended])}
    if isinstance(answer, HeldAnswer):
        watched["logits_processor"] = transformers.LogitsProcessorList([answer.mask])
    return watched


def _prompt(tokenizer: Any, question: Question) -> str:
    """Write the prompt by the chat template of the model, or as plain paragraphs."""
    if tokenizer.chat_template:
        chat = [{"role": role, "content": content} for role, content in question.messages]
        return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
    return "\n\n".join([f"{role}: {content}" for role, content in question.messages] + ["assistant: "])
