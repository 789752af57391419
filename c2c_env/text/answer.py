"""Answers: their schema, and the way from what a model wrote to a legal action or to a fault that is stated.

An answer is taken as it is (valid), after a repair of its form that cannot change its meaning (repaired, and it says
how), or not at all (invalid, and it says why). Nothing is guessed: a name that does not exist, a choice that the mask
forbids, or two JSON objects where one was asked for make the whole answer invalid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from c2c_env.core.constants import ASSIGN, SILENT, SPEECHES
from c2c_env.errors import needs_extra
from c2c_env.text.names import TEAM, agent_name, one_line, subtask_name
from c2c_env.text.observation_text import LegalChoices

with needs_extra("c2c_env.text.answer", "llm"):
    from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, create_model

Speech = Literal["silent", "chat_tell", "chat_ask", "email_tell", "email_ask", "meet", "assign"]
Label = Literal["valid", "repaired", "invalid"]
MAX_ANSWER = 100_000  # characters; a sensible answer is never longer
_NOTHING = ("", "null", "none", "nothing")
Model = TypeVar("Model", bound=BaseModel)


class AnswerError(ValueError):
    """Why an answer is invalid, in a few words."""


class Form(BaseModel):
    """Base of everything that a model is asked for: no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Work(Form):
    """What to do for one who may not speak now."""

    work: str | None = Field(description="subtask to work on, such as s3, or null")


class Choice(Work):
    """One agent's action."""

    speech: Speech = Field(default="silent", description="what kind of message to send, if any")
    recipient: str | None = Field(default=None, description="an agent's name or team; null when silent")
    topic: str | None = Field(default=None, description="the subtask that the message is about; null when silent")
    text: str = Field(default="", description="words of the message, one to three sentences; empty when silent")


class Building(Form):
    """In which variant to work; only with hidden facts."""

    variant: StrictInt | None = Field(
        default=None,
        description="number of the variant to build the subtask in, or null for the one that you know",
    )


@cache
def with_variant(form: type[BaseModel]) -> type[BaseModel]:
    """Make the same form with a place for a variant behind every choice, also of those in lists."""
    changed: dict[str, Any] = {}
    for name, field in form.model_fields.items():
        inner = _inner_form(form, name)
        if inner is not None:
            changed[name] = (list[with_variant(inner)], field)  # type: ignore[misc]
    bases = (Building, form) if issubclass(form, Work) else form
    return create_model(form.__name__, __base__=bases, __doc__=form.__doc__, **changed)


_RECENT_FORMS = 4096  # of `with_legal_choices` that are kept; a step has one for each agent


@lru_cache(_RECENT_FORMS)
def with_legal_choices(form: type[BaseModel], legal: LegalChoices) -> type[BaseModel]:
    """Make the same form with the names that the mask allows now in place of any, so that its schema lists them.

    Args:
        form: what one agent is asked for; forms with a choice for each of several agents stay as they are.
        legal: see `LegalChoices`. Speeches, recipients and topics are listed part by part, as the mask has them.
    """
    subtasks = [subtask_name(k) for k in legal.topics]
    people = [TEAM if j == legal.team else agent_name(j) for j in legal.recipients]
    speeches = [SPEECHES[n] for n in legal.speeches]
    names = {"work": [subtask_name(k) for k in legal.work], "recipient": people, "topic": subtasks, "speech": speeches}
    fields = {name: field for name, field in form.model_fields.items() if name in names}
    listed: dict[str, Any] = {
        name: (_one_of(names[name], field.annotation), field) for name, field in fields.items() if names[name]
    }
    return create_model(form.__name__, __base__=form, __doc__=form.__doc__, **listed)


def _one_of(names: Sequence[str], kind: Any) -> Any:
    """Return the type of one of the names that a type allows, or of nothing where it allows that."""
    allowed = [name for name in names if get_origin(kind) is not Literal or name in get_args(kind)]
    one: Any = Literal[tuple(allowed or names)]
    return one | None if type(None) in get_args(kind) else one


def _inner_form(form: type[BaseModel], name: str) -> type[BaseModel] | None:
    """Return the form of the entries of a field, if it is a list of forms."""
    kinds = get_args(form.model_fields[name].annotation)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@dataclass(frozen=True)
class Decision:
    """How an answer ended: a label, the reason, and what the agent does, which is silence if it is invalid.

    `variant` is None where the answer names none.
    """

    label: Label
    how: str
    action: tuple[int, int, int, int]
    text: str = ""
    variant: int | None = None

    @classmethod
    def invalid(cls, why: str) -> Decision:
        """Decide to be silent and not to work."""
        return cls("invalid", one_line(why, 200), (0, SILENT, 0, 0))


# --- schema ---------------------------------------------------------------------------------------------------


@lru_cache(_RECENT_FORMS)
def json_schema(form: type[BaseModel]) -> dict[str, Any]:
    """Make the JSON schema of a form in the strict dialect, where every key is required and no other is allowed."""
    schema: dict[str, Any] = _strict(form.model_json_schema())
    return schema


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _strict(value) for key, value in node.items() if key not in ("title", "default")}
    if isinstance(node.get("properties"), dict):
        kept["properties"] = {key: _strict(value) for key, value in node["properties"].items()}
        kept["required"] = list(node["properties"])
    return kept


def response_format(form: type[BaseModel]) -> dict[str, Any]:
    """Make the `response_format` parameter of chat completions."""
    return {
        "type": "json_schema",
        "json_schema": {"name": form.__name__.lower(), "strict": True, "schema": json_schema(form)},
    }


def tool(form: type[BaseModel]) -> dict[str, Any]:
    """Make an entry of the `tools` parameter of chat completions."""
    function = {"name": form.__name__.lower(), "strict": True, "parameters": json_schema(form)}
    return {"type": "function", "function": {**function, "description": "Answer with this."}}


# --- from text to JSON ----------------------------------------------------------------------------------------


def read_json(text: str) -> tuple[dict[str, Any], list[str]]:
    """Read the one JSON object in a text, and say what had to be taken off around it.

    What stands before the last end of reasoning does not count. An object that is written twice is one.

    Raises:
        AnswerError: there is no JSON object, or more than one.
    """
    if len(text) > MAX_ANSWER:
        raise AnswerError(f"the answer has {len(text)} characters, expected at most {MAX_ANSWER}")
    found, rest, reasoned = _only_object(text)
    repairs = ["reasoning taken off"] if reasoned else []
    if len(found) > 1:
        repairs.append("the same JSON several times")
    if re.fullmatch(r"```(json)?```", rest, re.IGNORECASE):
        repairs.append("code fence taken off")
    elif rest:
        repairs.append("prose around the JSON taken off")
    return found[0], repairs


_TAGS = "think|thinking|thought|thoughts|reason|reasoning|analysis|reflection|scratchpad"
# how models of different makers begin and end their reasoning: with a tag, or with the channel that the answer goes to
_BEGIN_OF_REASONING = re.compile(
    rf"\s*(?:<(?:seed:)?(?:{_TAGS})>|\[(?:{_TAGS})\]|\u25c1think\u25b7|<\|(?:begin_of_thought|start_thinking|think)\|>"
    r"|<\|channel>thought|<\|channel\|>\s*analysis)",
    re.IGNORECASE,
)
_END_OF_REASONING = (
    rf"</(?:seed:)?(?:{_TAGS})>|\[/(?:{_TAGS})\]|\u25c1/think\u25b7|<\|(?:end_of_thought|end_thinking|/think)\|>"
    r"|<channel\|>|<\|channel\|>\s*(?:final|commentary)[^{}]{0,80}?<\|message\|>|assistantfinal(?=\s*[{`])"
)
_LANDMARK = re.compile(rf"(?P<end>{_END_OF_REASONING})|(?P<object>\{{(?=\s*[\"}}]))|\{{|(?P<close>\}})", re.IGNORECASE)
_BROKEN = "the JSON of the answer is broken or cut off"


def _only_object(text: str) -> tuple[list[dict[str, Any]], str, bool]:
    """Return the only object after the reasoning as often as it stands there, what is around it, and if it is reasoned.

    Braces that close again without being JSON are prose. An object that is begun and not ended, like objects that
    differ, leaves open what is meant.
    """
    spans, start, fault = _landmarks(text)
    if _BEGIN_OF_REASONING.match(text, start):
        raise AnswerError("the reasoning has no end")
    if fault and not spans:
        raise AnswerError(fault)
    if not spans:
        raise AnswerError("no JSON object in the answer")
    found = [value for _, _, value in spans]
    if fault or any(_written(value) != _written(found[0]) for value in found[1:]):
        raise AnswerError("the answer has more than one JSON object, expected one")
    ends = [start, *(end for _, end, _ in spans)]
    starts = [*(begin for begin, _, _ in spans), len(text)]
    around = "".join(text[end:begin] for end, begin in zip(ends, starts, strict=True))
    return found, "".join(around.split()), start > 0


def _landmarks(text: str) -> tuple[list[tuple[int, int, dict[str, Any]]], int, str]:
    """Go once through a text: its objects with their places, the end of the reasoning, and why no object can count."""
    decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_no_constant)
    spans: list[tuple[int, int, dict[str, Any]]] = []
    start = position = depth = 0
    fault = ""
    while (mark := _LANDMARK.search(text, position)) is not None:
        position = mark.end()
        if mark.lastgroup == "end":  # all that came before is reasoning
            spans, start, depth, fault = [], position, 0, ""
        elif mark.lastgroup == "close":
            depth = max(0, depth - 1)
        elif mark.lastgroup != "object" or depth or fault:
            depth += 1
        else:
            try:
                value, position = decoder.raw_decode(text, mark.start())
                spans.append((mark.start(), position, value))
            except AnswerError as error:
                fault = str(error)
            except (ValueError, RecursionError):
                fault = _BROKEN
    return spans, start, fault or (_BROKEN if depth else "")


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise AnswerError("a key stands twice in the JSON")
    return table


def _no_constant(name: str) -> Any:
    raise AnswerError(f"{name} is not a JSON number")


# --- from JSON to a form --------------------------------------------------------------------------------------


def validate(form: type[Model], data: Mapping[str, Any], repairs: list[str]) -> Model:
    """Fill in a form; repairs of spelling are added to `repairs`.

    Raises:
        AnswerError: the answer does not fit the form.
    """
    try:
        return form.model_validate(normalised(form, data, repairs))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise AnswerError(f"{where}: {first['msg']}" if where else str(first["msg"])) from None


def normalised(form: type[BaseModel], data: Mapping[str, Any], repairs: list[str]) -> dict[str, Any]:
    """Drop unknown keys, and bring names and enums into their usual spelling."""
    known = set(form.model_fields)
    unknown = sorted(set(data) - known)
    if unknown:
        repairs.append(f"unknown key {one_line(unknown[0], 40)!r} dropped")
    kept = {key: _normalised_parts(form, key, value, repairs) for key, value in data.items() if key in known}
    for key, value in kept.items():
        usual = _spell(form.model_fields[key].annotation, key, value)
        if usual != value or type(usual) is not type(value):
            repairs.append(f"spelling of {key}")
            kept[key] = usual
    return kept


def _normalised_parts(form: type[BaseModel], key: str, value: Any, repairs: list[str]) -> Any:
    """Do the same for the forms in a list."""
    inner = _inner_form(form, key)
    if not isinstance(value, list) or inner is None:
        return value
    return [normalised(inner, item, repairs) if isinstance(item, dict) else item for item in value]


def _spell(kind: Any, key: str, value: Any) -> Any:
    """Spell a value as its field wants it: by the field's name, else by its type."""
    if key in _SPELLING:
        return _SPELLING[key](value)
    if get_origin(kind) is Literal:
        word = _spell_name(value)
        return word if word in get_args(kind) else value
    if value is None and kind is str:
        return ""
    return [] if value is None and get_origin(kind) is list else value


def _spell_subtask(value: Any) -> Any:
    """Make `s3` from 3, "3", "S3" or "s3 ", and null from words for nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return subtask_name(value)
    word = _spell_name(value)
    return subtask_name(int(word)) if isinstance(word, str) and re.fullmatch(r"[0-9]{1,4}", word) else word


def _spell_name(value: Any) -> Any:
    """Make `worker_1` from "Worker 1" and the like."""
    if not isinstance(value, str):
        return value
    word = re.sub(r"[\s-]+", "_", value.strip().lower())
    return None if word in _NOTHING else word


def _spell_speech(value: Any) -> Any:
    word = _spell_name(value)
    return SPEECHES[SILENT] if word is None else word


def _spell_variant(value: Any) -> Any:
    """Make 2 from "2", "variant 2" and the like, and null from words for nothing."""
    word = _spell_name(value)
    found = re.fullmatch(r"(?:variant_)?([0-9]{1,5})", word) if isinstance(word, str) else None
    return int(found[1]) if found else word


def _spell_amount(value: Any) -> Any:
    """Make 0 of null and of words for nothing."""
    return 0.0 if _spell_name(value) is None else value


_SPELLING: dict[str, Callable[[Any], Any]] = {
    "work": _spell_subtask, "speech": _spell_speech, "recipient": _spell_name, "topic": _spell_subtask,
    "agent": _spell_name, "expected_gain": _spell_amount, "cost_hours": _spell_amount,
    "variant": _spell_variant,
}  # fmt: skip


# --- from a form to an action ---------------------------------------------------------------------------------


def decide(choice: Work, legal: LegalChoices, num_agents: int, num_subtasks: int, repairs: list[str]) -> Decision:
    """Return the action that a choice stands for, or the reason why it is invalid."""
    try:
        action, text = to_action(choice, legal, num_agents, num_subtasks)
        variant = to_variant(choice, legal)
    except AnswerError as error:
        return Decision.invalid(str(error))
    return Decision("repaired" if repairs else "valid", "; ".join(repairs), action, text, variant)


def to_action(
    choice: Work, legal: LegalChoices, num_agents: int, num_subtasks: int
) -> tuple[tuple[int, int, int, int], str]:
    """Return the indices [work, speech, recipient, topic] and the words of the message.

    Raises:
        AnswerError: a name does not exist, or the mask forbids a choice.
    """
    subtasks = {subtask_name(k): k for k in range(num_subtasks)}
    people = {agent_name(i): i for i in range(num_agents)} | {TEAM: legal.team}
    work = 0 if choice.work is None else 1 + _pick("work", choice.work, subtasks, legal.work)
    if not isinstance(choice, Choice) or choice.speech == SPEECHES[SILENT]:
        return (work, SILENT, 0, 0), ""
    speech = _pick("speech", choice.speech, {name: n for n, name in enumerate(SPEECHES)}, legal.speeches)
    recipient = _pick("recipient", choice.recipient, people, legal.recipients)
    if speech == ASSIGN and recipient == legal.team:
        raise AnswerError(f"recipient {TEAM} is not allowed with {SPEECHES[ASSIGN]}, which makes one agent the owner")
    topic = _pick("topic", choice.topic, subtasks, legal.topics)
    return (work, speech, recipient, topic), choice.text.strip()


def to_variant(choice: Work, legal: LegalChoices) -> int | None:
    """Return the variant that a choice names; None if it names none or does no work.

    Raises:
        AnswerError: there is no such variant.
    """
    if not isinstance(choice, Building) or choice.work is None or choice.variant is None:
        return None
    if not 0 <= choice.variant < legal.variants:
        raise AnswerError(f"variant {choice.variant} does not exist, expected 0 to {legal.variants - 1}")
    return choice.variant


def _pick(what: str, name: str | None, known: Mapping[str, int], legal: tuple[int, ...]) -> int:
    if name is None:
        raise AnswerError(f"{what} is missing")
    if name not in known:
        raise AnswerError(f"{what} {one_line(name, 40)!r} does not exist")
    if known[name] not in legal:
        raise AnswerError(f"{what} {name} is not allowed now")
    return known[name]
