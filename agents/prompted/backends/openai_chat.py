"""Any endpoint that speaks chat completions, through the official `openai` package: hosted, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
import math
import os
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai
from pydantic import BaseModel

from agents.prompted.backends.base import PassingError, Question, Reply, RequestFailedError
from agents.prompted.settings import NO_KEY, OPENAI_URL, ModelSettings
from c2c_env.errors import EndpointError, nearest
from c2c_env.text.answer import MAX_ANSWER, response_format, tool
from c2c_env.text.names import one_line

_PASSING = (408, 409, 425, 429)  # and every 5xx
_REFUSED = (401, 403)
_KEPT = MAX_ANSWER + 1  # characters of an answer; a longer one is invalid anyway
NOTHING_THERE = "no answer"
LEAST_KEY = 8  # characters; what is shorter is no secret (EMPTY, ollama), and a part of many words


class OpenAIChat:
    """Makes one attempt per call: retries are left to the client, which also knows limit and budget."""

    def __init__(self, options: ModelSettings) -> None:
        self.options = options
        self._key = _read_key(options.key_variable)
        self._client = openai.AsyncOpenAI(
            base_url=options.base_url, api_key=self._key or "none", max_retries=0, timeout=options.timeout
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def check(self, model: str) -> None:
        """Ask for the list of models; a server without one is taken at its word.

        Raises:
            EndpointError: unreachable, key refused, or the model is not in the list.
        """
        try:
            async with asyncio.timeout(self.options.timeout):
                listed = await self._client.models.list()
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED:
                raise EndpointError(self._refused(error.status_code)) from None
            return
        except (openai.APIConnectionError, TimeoutError) as error:
            raise EndpointError(self._unreachable(error)) from None
        except (openai.OpenAIError, ValueError):
            return
        entries = getattr(listed, "data", None)
        names = [str(entry.id) for entry in entries if hasattr(entry, "id")] if isinstance(entries, list) else []
        if names and model not in names:
            shown = self._hide(f"{nearest(model, names)} (it has: {', '.join(sorted(names)[:12])})")
            raise EndpointError(f"unknown model {model!r} at {self.options.base_url}{shown}")

    async def complete(self, question: Question) -> Reply:
        """See `Backend.complete`."""
        start = time.monotonic()
        try:
            async with asyncio.timeout(self.options.timeout):
                raw = await self._client.chat.completions.create(**self._parameters(question))
        except (openai.APITimeoutError, TimeoutError):
            raise PassingError(f"no answer within {self.options.timeout:g} s", paid=True) from None
        except openai.APIStatusError as error:
            raise self._status_error(error, question.model) from None
        except openai.APIConnectionError as error:
            gone = isinstance(error.__cause__, httpx2.ConnectError)
            what = self._unreachable(error) if gone else "the connection was dropped"
            raise PassingError(what, paid=not gone, unreachable=gone) from None
        except (openai.OpenAIError, ValueError) as error:
            raise PassingError(f"the server's answer cannot be read ({type(error).__name__})", paid=True) from None
        return self._read(raw, question, time.monotonic() - start)

    def _parameters(self, question: Question) -> dict[str, Any]:
        hosted = self.options.base_url.rstrip("/") == OPENAI_URL
        parameters: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": role, "content": content} for role, content in question.messages],
            "max_completion_tokens" if hosted else "max_tokens": question.max_tokens,
        }
        if self.options.temperature is not None:
            parameters["temperature"] = self.options.temperature
        return {**parameters, "extra_body": self._format(question.form)}

    def _format(self, form: type[BaseModel]) -> dict[str, Any]:
        """How JSON is asked for; as part of the body, since the package is slow to walk through schemas."""
        if self.options.answer_format == "json_schema":
            return {"response_format": response_format(form)}
        if self.options.answer_format == "json_object":
            return {"response_format": {"type": "json_object"}}
        if self.options.answer_format == "tool":
            wanted = tool(form)
            chosen = {"type": "function", "function": {"name": wanted["function"]["name"]}}
            return {"tools": [wanted], "tool_choice": chosen}
        return {}

    # --- what came back ---------------------------------------------------------------------------------------

    def _read(self, raw: Any, question: Question, seconds: float) -> Reply:
        """Take nothing on trust: servers differ, and the package does not check what they send."""
        if not hasattr(raw, "choices"):
            raise PassingError("the server's answer is no chat completion", paid=True)
        text, note = self._read_choice(raw.choices)
        usage = getattr(raw, "usage", None)
        prompt = _count(usage, "prompt_tokens", sum(len(content) for _, content in question.messages))
        return Reply(self._hide(text)[:_KEPT], prompt, _count(usage, "completion_tokens", len(text)), seconds, note)

    def _read_choice(self, choices: Any) -> tuple[str, str]:
        """Text and note of the first choice."""
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        if message is None:
            return "", NOTHING_THERE
        called = _tool_arguments(message)
        if called is not None:
            return called, "" if self.options.answer_format == "tool" else "tool call"
        refusal, content = getattr(message, "refusal", None), getattr(message, "content", None)
        if isinstance(refusal, str) and refusal:
            return refusal, "refusal"
        if not isinstance(content, str) or not content.strip():
            return "", NOTHING_THERE
        return content, "cut off" if getattr(choices[0], "finish_reason", None) == "length" else ""

    # --- what went wrong --------------------------------------------------------------------------------------

    def _status_error(self, error: openai.APIStatusError, model: str) -> Exception:
        status, said = error.status_code, self._hide(one_line(str(error), 200))
        if status in _REFUSED:
            return EndpointError(self._refused(status))
        if status == 404:
            return EndpointError(f"{self.options.base_url} knows no model {model!r}, or is no endpoint: {said}")
        if status in _PASSING or status >= 500:
            return PassingError(f"status {status}", wait=_retry_after(error))
        return RequestFailedError(f"status {status}: {said}")

    def _refused(self, status: int) -> str:
        given = self.options.key_variable
        return f"{self.options.base_url} refuses the key (status {status}); it was read from the variable {given}"

    def _unreachable(self, error: Exception) -> str:
        cause = error.__cause__ or error
        said = one_line(str(cause), 120)
        return self._hide(f"{self.options.base_url} cannot be reached: {type(cause).__name__} {said}".rstrip())

    def _hide(self, text: str) -> str:
        """Whatever a server sends back, the key stays out of it."""
        return text.replace(self._key, "[key]") if len(self._key) >= LEAST_KEY else text


def _read_key(variable: str) -> str:
    if variable == NO_KEY:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EndpointError(
            f"no key: set the environment variable {variable}, or give key_variable={NO_KEY} if the server wants none"
        )
    return key


def _tool_arguments(message: Any) -> str | None:
    calls = getattr(message, "tool_calls", None)
    function = getattr(calls[0], "function", None) if isinstance(calls, list) and calls else None
    arguments = getattr(function, "arguments", None)
    return arguments if isinstance(arguments, str) else None


def _count(usage: Any, name: str, characters: int) -> int:
    """Tokens as the server counts them; a quarter of the characters where it does not."""
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and count >= 0 else -(-characters // 4)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait, in either of the forms that HTTP has, or the finer one of some servers."""
    headers = error.response.headers
    for header, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wait = float(headers.get(header, "")) / unit
        except ValueError:
            continue
        if 0.0 <= wait < math.inf:
            return wait
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, until.timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None
