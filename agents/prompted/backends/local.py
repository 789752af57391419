"""A causal language model in a local folder, through `transformers`, on the processor.

Nothing is downloaded, and no code of the model is run: weights are safetensors only. On a GPU, let a server such as
vLLM answer, through `openai_chat`.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agents.prompted.backends.base import CUT_OFF, Question, Reply, RequestFailedError
from agents.prompted.client.answer_cache import question_key
from agents.prompted.settings import ModelSettings
from c2c_env.errors import EndpointError, needs_extra

with needs_extra("backend=transformers", "local"):
    import torch
    import transformers


class LocalModel:
    """Answers one question after the other, in a thread of its own."""

    def __init__(self, options: ModelSettings) -> None:
        self.options = options
        self._models: dict[str, tuple[Any, Any]] = {}
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

    def _load(self, model: str) -> tuple[Any, Any]:
        if model not in self._models:
            if not Path(model).is_dir():
                raise EndpointError(f"there is no folder {model!r}; backend=transformers takes the folder of a model")
            safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(model, **safe)
                network: Any = transformers.AutoModelForCausalLM.from_pretrained(model, use_safetensors=True, **safe)
            except (OSError, ValueError, KeyError, ImportError) as error:
                line = str(error).strip().splitlines()[0] if str(error).strip() else ""
                raise EndpointError(f"cannot load a model from {model!r}: {type(error).__name__}: {line}") from error
            self._models[model] = tokenizer, network.eval()
        return self._models[model]

    def _generate(self, question: Question) -> Reply:
        tokenizer, network = self._load(question.model)
        start = time.monotonic()
        tokens = tokenizer(_prompt(tokenizer, question), return_tensors="pt")["input_ids"]
        room = getattr(network.config, "max_position_embeddings", None)
        if room is not None and tokens.shape[1] + question.max_tokens > room:
            raise RequestFailedError(f"the prompt has {tokens.shape[1]} tokens, the model takes {room} with its answer")
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(int(question_key(question.content(self.options))[:15], 16))
            everything = torch.ones_like(tokens)
            whole = network.generate(
                tokens, attention_mask=everything, max_new_tokens=question.max_tokens, **self._sampling()
            )
            written = whole[0, tokens.shape[1] :]
        text = tokenizer.decode(written, skip_special_tokens=True)
        note = CUT_OFF if len(written) >= question.max_tokens else ""
        return Reply(text, tokens.shape[1], len(written), time.monotonic() - start, note)

    def _sampling(self) -> dict[str, Any]:
        if self.options.temperature == 0.0:
            return {"do_sample": False}
        given = {"temperature": self.options.temperature, "top_p": self.options.top_p}
        return {"do_sample": True, **{name: value for name, value in given.items() if value is not None}}


def _prompt(tokenizer: Any, question: Question) -> str:
    """Write the prompt by the chat template of the model, or as plain paragraphs."""
    if tokenizer.chat_template:
        chat = [{"role": role, "content": content} for role, content in question.messages]
        return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
    return "\n\n".join([f"{role}: {content}" for role, content in question.messages] + ["assistant: "])
