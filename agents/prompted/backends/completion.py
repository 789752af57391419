"""What stands in the body of an HTTP answer: the text of a completion, or the words of an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.prompted.backends.base import CUT_OFF, NOTHING_SAID, REFUSAL, TOOL_CALL, WRONG_TOOL

# ends of an answer that the server gives when it, and not the model, broke off
_BROKEN_OFF = ("error", "abort", "aborted", "cancelled", "canceled", "network_error", "insufficient_system_resource")
_FULL = ("length", "max_tokens", "model_length")  # there was no more room for the answer
_FILTERED = "content_filter"
_TEXT_PARTS = ("text", "output_text", None)
_SAYING = ("message", "detail", "details", "error_description", "msg", "title", "reason")
# what passes in a minute says "quota" too, so that word alone is not enough, unless the key is refused for it
_NO_MONEY = re.compile(
    r"insufficient[ _-]*(quota|credit|balance|fund)|balance( is)? (insufficient|too low|not enough)|credit balance"
    r"|exceeded_current_quota|(included|available|out of|no more) credits|arrearage|quota[_-]exceeded"
    r"|billing[ _](hard[ _]limit|not[ _]active)|(spending|spend|key) limit|payment required|\(402\)$|欠费|余额不足",
    re.IGNORECASE,
)
_LONG_PERIOD = re.compile(
    r"(\bper[ _-]?|-per-|/ ?)(day|month)\b|\b(daily|monthly)\b|[a-z]per(day|month)", re.IGNORECASE
)
_NO_QUOTA = re.compile(
    r"quota|(limit|credits?|free tier)\b.{0,40}\b(exceeded|reached|exhausted)", re.IGNORECASE | re.DOTALL
)
_WAIT = re.compile(r"^([0-9]{1,9}(?:\.[0-9]{1,9})?)s$")
_SAID = 600  # characters of an error in which it says what it is; prompts are echoed behind them
_MODERATED = re.compile(r"moderat|flagged|content[ _-]?(policy|filter)|safety|usage polic", re.IGNORECASE)
_DEPTH = 5  # of errors in errors, as gateways wrap them


class NoCompletionError(ValueError):
    """A body holds no answer of a model; the message is what the server says instead."""


def parse_body(body: bytes) -> dict[str, Any]:
    """Read the body of an HTTP answer as a JSON object.

    Raises:
        NoCompletionError: it is something else, such as a page of HTML.
    """
    if body.lstrip().startswith(b"data:"):
        said = body.decode("utf-8", "replace").strip()
        raise NoCompletionError(f"it is a stream of events, and a whole answer was asked for: {said}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        said = re.sub(r"<[^<>]{0,200}>", " ", body.decode("utf-8", "replace")).strip()
        raise NoCompletionError(f"it cannot be read ({type(error).__name__}): {said or 'it is empty'}") from None
    if not isinstance(content, dict):
        raise NoCompletionError(f"it is no JSON object: {json.dumps(content)}")
    return content


def read_completion(body: Mapping[str, Any], wanted_tool: str, tool_asked: bool) -> tuple[str, str]:
    """Read text and note (see `Reply`) of the first choice.

    Args:
        body: of the HTTP answer.
        wanted_tool: name of the only function that may be called.
        tool_asked: a call of it is what was asked for.

    Raises:
        NoCompletionError: the server says that something went wrong, or nothing that a model would say.
    """
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if body.get("error") or not isinstance(choice, dict) or choice.get("error") or not isinstance(message, dict):
        raise NoCompletionError(words_of_error([body, choice]) or "it has no choice with a message")
    end = choice.get("finish_reason")
    if isinstance(end, str) and end.lower() in _BROKEN_OFF:
        raise NoCompletionError(words_of_error([message]) or f"it broke off with finish_reason {end!r}")
    text, note = _read_message(message, wanted_tool, tool_asked)
    if note == NOTHING_SAID and end is None:
        raise NoCompletionError("it has neither text nor a finish_reason")
    if note == NOTHING_SAID and end == _FILTERED:
        return text, REFUSAL
    cut = isinstance(end, str) and end.lower() in _FULL and note in ("", NOTHING_SAID)
    return text, CUT_OFF if cut else note


def _read_message(message: Mapping[str, Any], wanted_tool: str, tool_asked: bool) -> tuple[str, str]:
    calls = list(dict.fromkeys(_calls(message)))
    if calls:
        if any(name not in (wanted_tool, None) for name, _ in calls):
            return "", WRONG_TOOL
        # different calls are several objects, which no reader of the answer takes
        return "\n".join(arguments for _, arguments in calls), "" if tool_asked else TOOL_CALL
    text, refusal = _joined(message.get("content"), "text"), message.get("refusal")
    refused = refusal if isinstance(refusal, str) and refusal.strip() else _joined(message.get("content"), "refusal")
    if refused.strip():
        return refused, REFUSAL
    return (text, "") if text.strip() else ("", NOTHING_SAID)


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
    """Names and arguments of the functions that are called."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    for function in [*functions, message.get("function_call")]:  # the latter is how it was once written
        if not isinstance(function, dict):
            continue
        name, arguments = function.get("name"), function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments)
        yield name if isinstance(name, str) else None, arguments if isinstance(arguments, str) else ""


def _joined(content: Any, kind: str) -> str:
    """Join the parts of a content that are "text" (without thoughts and pictures), or those that are a "refusal"."""
    return "".join(_part(part, kind) for part in (content if isinstance(content, list) else [content]))


def _part(part: Any, kind: str) -> str:
    if isinstance(part, str):
        return part if kind == "text" else ""
    kinds = _TEXT_PARTS if kind == "text" else (kind,)
    text = part.get(kind) if isinstance(part, dict) and part.get("type") in kinds else None
    return text if isinstance(text, str) else ""


# --- errors ---------------------------------------------------------------------------------------------------


def words_of_error(body: Any, depth: int = _DEPTH) -> str:
    """Find what a server says in a body of whatever form: `error`, `detail`, `message` and so on, with its code."""
    if isinstance(body, str):
        return body.strip()
    if isinstance(body, list):
        parts = [words_of_error(part, depth - 1) for part in body[:3]] if depth else []
        return "; ".join(part for part in parts if part)
    if not isinstance(body, dict) or not depth:
        return ""
    said = (body.get("error"), *(body.get(key) for key in _SAYING), body.get("metadata"))
    words = next((found for part in said if (found := words_of_error(part, depth - 1))), "")
    codes = [str(body[key]) for key in ("code", "type", "status") if isinstance(body.get(key), str | int)]
    kind = next((code for code in codes if code not in words), "")
    return f"{words} ({kind})" if words and kind else words


def wait_of_error(body: Any) -> float | None:
    """Find the seconds that a server asks to wait where it says so in the body, as `{"retryDelay": "17.5s"}`."""
    return next((float(found[1]) for text in _texts_under("retryDelay", body) if (found := _WAIT.match(text))), None)


def quotas_of_error(body: Any) -> str:
    """Find the names of the quotas that are used up where a server lists them, as in `{"quotaId": "...PerDay..."}`."""
    return " ".join(_texts_under("quotaId", body))


def _texts_under(key: str, body: Any, depth: int = _DEPTH + 3) -> Iterator[str]:
    """Yield the texts under a key, in the order of the body; lists within an error lie deeper than its words."""
    if not depth or not isinstance(body, dict | list):
        return
    if isinstance(body, dict) and isinstance(text := body.get(key), str):
        yield text
    for part in body.values() if isinstance(body, dict) else body[:20]:
        yield from _texts_under(key, part, depth - 1)


def is_about_money(status: int, words: str, quotas: str = "") -> bool:
    """Whether an error says that nothing is answered for hours, or until somebody pays; see `quotas_of_error`."""
    said = f"{quotas[:_SAID]} {words[:_SAID]}"
    if status == 402 or _NO_MONEY.search(said):
        return True
    refused, limited = status in (401, 403), status == 429
    return bool((refused and _NO_QUOTA.search(said)) or (limited and _LONG_PERIOD.search(said)))


def is_moderation(words: str) -> bool:
    """Whether an error says that this one prompt was not liked."""
    return bool(_MODERATED.search(words))
