"""Any endpoint that speaks chat completions, through the official `openai` package: hosted, vLLM, Ollama, llama.cpp."""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from email.utils import parsedate_to_datetime
from html import escape
from typing import Any
from urllib.parse import quote

import httpx2
import openai
from pydantic import BaseModel

from agents.prompted.backends.base import GOES_ON, PassingError, Question, Reply, RequestFailedError
from agents.prompted.backends.completion import (
    NoCompletionError,
    is_about_money,
    is_moderation,
    parse_body,
    quotas_of_error,
    read_completion,
    wait_of_error,
    words_of_error,
)
from agents.prompted.settings import NO_KEY, OPENAI_URL, ModelSettings
from c2c_env.errors import EndpointError, nearest
from c2c_env.text.answer import MAX_ANSWER, response_format, tool
from c2c_env.text.names import one_line

_PASSING = (408, 409, 425, 429)  # and every 5xx
_REFUSED = (401, 403)
_KEPT = MAX_ANSWER + 1  # characters of an answer; a longer one is invalid anyway
_MOST_BYTES = 16_000_000  # of the body of an answer
_MOST_TOKENS = 10**9  # that a server may claim to have counted
_READ, _SHOWN = 50_000, 110  # characters of a server's words that are looked at, and that are shown
_MOST_NAMES = 1000  # of models that are looked through for the nearest
LEAST_KEY = 8  # characters; what is shorter is no secret (EMPTY, ollama), and a part of many words


class OpenAIChat:
    """Makes one attempt per call: retries are left to the client, which also knows limit and budget."""

    def __init__(self, options: ModelSettings) -> None:
        self.options = options
        self._key = _read_key(options.key_variable)
        headers = {name: _read_header(name, variable) for name, variable in options.headers.items()}
        self._secret = _ways_to_write(self._key, *headers.values())
        self._client = openai.AsyncOpenAI(
            base_url=options.base_url,
            api_key=self._key or "none",
            max_retries=0,
            timeout=options.timeout,
            default_headers=headers,
            http_client=openai.DefaultAsyncHttpx2Client(follow_redirects=False),  # prompts go where the user says
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
                body = parse_body(await _body(self._client.models.with_streaming_response.list()))
        except openai.APIStatusError as error:
            if error.status_code in _REFUSED:
                raise EndpointError(self._refused(error)) from None
            if error.response.has_redirect_location:
                raise EndpointError(self._redirected(error)) from None
            return
        except (openai.APIConnectionError, TimeoutError) as error:
            raise EndpointError(self._unreachable(error)) from None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError):
            return
        entries = body.get("data")
        names = [str(entry["id"]) for entry in entries if _has_id(entry)] if isinstance(entries, list) else []
        if names and model not in names:
            names = [self._shown(name) for name in names[:_MOST_NAMES]]
            shown = f"{nearest(model, names)} (it has: {', '.join(sorted(names)[:12])})"
            raise EndpointError(f"unknown model {model!r} at {self.options.base_url}{shown}")

    async def complete(self, question: Question) -> Reply:
        """See `Backend.complete`."""
        start = time.monotonic()
        asking = self._client.chat.completions.with_streaming_response.create(**self._parameters(question))
        try:
            async with asyncio.timeout(self.options.timeout):
                body = parse_body(await _body(asking))
            return self._read(body, question, time.monotonic() - start)
        except NoCompletionError as error:
            raise self._answer_error(str(error)) from None
        except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError):
            raise PassingError(f"no answer within {self.options.timeout:g} s", paid=True) from None
        except openai.APIStatusError as error:
            raise self._status_error(error, question.model) from None
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            gone = isinstance(error.__cause__, httpx2.ConnectError)
            what = self._unreachable(error) if gone else f"the connection was dropped ({self._cause(error)})"
            raise PassingError(what, paid=not gone, unreachable=gone) from None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise PassingError(f"the server's answer cannot be read ({type(error).__name__})", paid=True) from None

    def _parameters(self, question: Question) -> dict[str, Any]:
        options = self.options
        sampling = {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "reasoning_effort": options.reasoning_effort,
            "seed": None if options.seed is None else options.seed + question.sample,
        }
        return {
            "model": question.model,
            "messages": [{"role": role, "content": content} for role, content in question.messages],
            self._token_limit: question.max_tokens,
            **{name: value for name, value in sampling.items() if value is not None},
            "extra_body": {**options.extra_body, **self._format(question.form)},
        }

    @property
    def _token_limit(self) -> str:
        """What the limit of an answer is called."""
        if self.options.token_limit != "auto":
            return self.options.token_limit
        hosted = self.options.base_url.rstrip("/") == OPENAI_URL
        return "max_completion_tokens" if hosted else "max_tokens"

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

    def _read(self, body: Mapping[str, Any], question: Question, seconds: float) -> Reply:
        """Take nothing on trust: servers differ."""
        wanted = tool(question.form)["function"]["name"]
        text, note = read_completion(body, wanted, self.options.answer_format == "tool")
        usage = body.get("usage")
        prompt = _count(usage, "prompt_tokens", sum(len(content) for _, content in question.messages))
        answered, cached = _count(usage, "completion_tokens", len(text)), min(_count_cached(usage), prompt)
        return Reply(self._hide(text)[:_KEPT], prompt, answered, seconds, note, prompt_tokens_cached=cached)

    # --- what went wrong --------------------------------------------------------------------------------------

    def _answer_error(self, words: str) -> Exception:
        """Status 200, and yet no answer: as long as it is not about money it may pass."""
        said = self._shown(words)
        if is_about_money(200, words):
            return EndpointError(self._unpaid(200, said))
        return PassingError(f"the server sent no answer: {said}", paid=True)

    def _status_error(self, error: openai.APIStatusError, model: str) -> Exception:
        status, words = error.status_code, words_of_error(error.body) or error.message
        said = self._shown(words.removesuffix(f" ({status})"))  # some repeat it as their own code
        if is_about_money(status, words, quotas_of_error(error.body)):
            return EndpointError(self._unpaid(status, said))
        if status == 403 and is_moderation(words):
            return RequestFailedError(f"the server does not like the prompt (status {status}): {said}")
        if status in _REFUSED:
            return EndpointError(self._refused(error))
        if error.response.has_redirect_location:
            return EndpointError(self._redirected(error))
        if status == 404:
            return EndpointError(f"{self.options.base_url} knows no model {model!r}, or is no endpoint: {said}")
        if status >= 500:
            return PassingError(f"status {status}: {said}{self._hint()}", wait=_retry_after(error))
        if status in _PASSING:
            return PassingError(f"status {status}: {said}", wait=_retry_after(error))
        return RequestFailedError(f"status {status}: {said}")

    def _hint(self) -> str:
        """Servers that cannot do what constrains an answer tend to break at it."""
        plain = self.options.answer_format == "text"
        return "" if plain else "; if it stays so, try another answer_format, such as text"

    def _unpaid(self, status: int, said: str) -> str:
        start = f"{self.options.base_url} answers nothing more for want of money or quota (status {status})"
        return f"{start}: {said}; {GOES_ON}"

    def _refused(self, error: openai.APIStatusError) -> str:
        said = self._shown(words_of_error(error.body) or error.message)
        given = self.options.key_variable
        start = f"{self.options.base_url} refuses the key (status {error.status_code})"
        return f"{start}; it was read from the variable {given}; the server says: {said}"

    def _redirected(self, error: openai.APIStatusError) -> str:
        to = self._shown(error.response.headers.get("location", ""))
        return (
            f"{self.options.base_url} redirects to {to} (status {error.status_code}), which is not followed; if that"
            " server is to be asked, give its address as base_url"
        )

    def _unreachable(self, error: Exception) -> str:
        return f"{self.options.base_url} cannot be reached: {self._cause(error)}"

    def _cause(self, error: Exception) -> str:
        cause = error.__cause__ or error
        return f"{type(cause).__name__} {self._shown(str(cause)) if str(cause) else ''}".rstrip()

    def _shown(self, words: str) -> str:
        """A server's words for a message: the key is hidden before anything is cut, and is not left in part."""
        whole = self._hide(one_line(words[:_READ]))
        longest = max(map(len, self._secret), default=0)
        return one_line(whole if len(words) <= _READ else whole[: -longest or None], _SHOWN) or "(no words)"

    def _hide(self, text: str) -> str:
        """Whatever a server sends back, the key and the values of headers stay out of it."""
        for written in self._secret:
            text = text.replace(written, "[key]")
        return text


def _read_key(variable: str) -> str:
    if variable == NO_KEY:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EndpointError(
            f"no key: set the environment variable {variable}, or give key_variable={NO_KEY} if the server wants none"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise EndpointError(f"the variable {variable} holds no key: a key is ASCII without blanks and line breaks")
    return key


def _read_header(name: str, variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise EndpointError(f"no value for the header {name}: set the environment variable {variable}")
    if not value.isascii() or not value.isprintable():
        raise EndpointError(f"the variable {variable} holds no value of a header: that is ASCII without line breaks")
    return value


def _ways_to_write(*secrets: str) -> list[str]:
    """Return secrets as they may stand in a server's words: plain, in JSON, in a URL, in HTML; the longest first."""
    ways: set[str] = set()
    for secret in secrets:
        if len(secret) >= LEAST_KEY:
            written = json.dumps(secret)[1:-1]
            ways |= {secret, written, written.replace("/", "\\/"), quote(secret, safe=""), escape(secret)}
    return sorted(ways, key=lambda way: (-len(way), way))


async def _body(asking: AbstractAsyncContextManager[Any]) -> bytes:
    """Read a body up to a limit, since a server may send without end."""
    body = bytearray()
    async with asking as response:
        async for part in response.iter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise NoCompletionError(f"it is longer than {_MOST_BYTES} bytes")
    return bytes(body)


def _has_id(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("id"), str)


def _count(usage: Any, name: str, characters: int) -> int:
    """Tokens as the server counts them; a quarter of the characters where it does not."""
    count = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(count, float) and math.isfinite(count):
        count = math.ceil(count)
    if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS:
        return count
    return -(-characters // 4)


def _count_cached(usage: Any) -> int:
    """Tokens of the prompt that the server had in its cache, in either of the places where servers say so."""
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    return _count(details, "cached_tokens", 0) or _count(usage, "prompt_cache_hit_tokens", 0)


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
    until, now = _seconds(headers.get("retry-after", "")), _seconds(headers.get("date", ""))
    if until is None:
        return wait_of_error(error.body)
    return max(0.0, until - (time.time() if now is None else now))


def _seconds(date: str) -> float | None:
    """Read a date of HTTP; both of an answer are by the server's clock, which may differ from this machine's."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
