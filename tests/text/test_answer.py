"""From what a model writes to an action: what is taken, what is repaired, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from c2c_env.core.constants import SPEECHES
from c2c_env.text.answer import (
    MAX_ANSWER,
    AnswerError,
    Choice,
    Decision,
    Form,
    Speech,
    Work,
    decide,
    json_schema,
    read_json,
    response_format,
    tool,
    validate,
    with_legal_choices,
    with_variant,
)
from c2c_env.text.observation_text import LegalChoices

LEGAL = LegalChoices(work=(0, 2), speeches=(0, 1, 2, 3, 4, 5), recipients=(0, 2, 3), topics=(0, 2, 3), team=3)


def taken(text, form=Choice, legal=LEGAL):
    try:
        data, repairs = read_json(text)
        answer = validate(form, data, repairs)
    except AnswerError as error:
        return Decision.invalid(str(error))
    return decide(answer, legal, 3, 4, repairs)


def full(**changes):
    return json.dumps({"work": "s2", "speech": "silent", "recipient": None, "topic": None, "text": ""} | changes)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (full(), (3, 0, 0, 0)),
        ('{"work": null}', (0, 0, 0, 0)),
        (full(speech="chat_tell", recipient="worker_2", topic="s3", text="hi"), (3, 1, 2, 3)),
        (full(speech="meet", recipient="team", topic="s0"), (3, 5, 3, 0)),
        (full(recipient="nobody", topic="s77"), (3, 0, 0, 0)),  # silent: they mean nothing
    ],
)
def test_valid(text, action):
    decision = taken(text)
    assert (decision.label, decision.how, decision.action) == ("valid", "", action)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (f"```json\n{full()}\n```", "code fence"),
        (f"Here it is: {full()} Good luck.", "prose"),
        (f"<think>{{a}} or {{b}}</think>{full()}", "reasoning"),
        (full(work=2), "spelling of work"),
        (full(work=" S2 "), "spelling of work"),
        (full(speech="Silent"), "spelling of speech"),
        (full(why="because"), "unknown key 'why' dropped"),
        (full(text=None), "spelling of text"),
        (f"{full()} {full()}", "the same JSON several times"),
        (f"{full()}\n```json\n{json.dumps(json.loads(full()), indent=1)}\n```", "the same JSON several times"),
        (f"I may {{work}} or {{wait}}. {full()}", "prose"),
        (full(speech="None"), "spelling of speech"),
    ],
)
def test_repaired(text, how):
    decision = taken(text)
    assert decision.label == "repaired"
    assert how in decision.how
    assert decision.action == (3, 0, 0, 0)


REASONING = 'First {work} or "{wait}"? {"work": "s0"} is one. {"'


@pytest.mark.parametrize(
    "before",
    [
        f"{REASONING}\n</think>\n\n",  # the template has opened it
        f"<think>{REASONING}</think>",
        f"<think>a</think> b <think>{REASONING}</think>",
        f"<thinking>\n{REASONING}\n</thinking>\n",
        f"<THINK>{REASONING}</THINK>",
        f"<reasoning>{REASONING}</reasoning>",
        f"<thought>{REASONING}</thought>",
        f"<seed:think>{REASONING}</seed:think>",
        f"[THINK]{REASONING}[/THINK]",
        f"\u25c1think\u25b7{REASONING}\u25c1/think\u25b7",
        f"<|begin_of_thought|>{REASONING}<|end_of_thought|>",
        f"<|START_THINKING|>{REASONING}<|END_THINKING|>",
        f"<|channel>thought\n{REASONING}<channel|>",
        f"<|channel|>analysis<|message|>{REASONING}<|end|><|start|>assistant<|channel|>final<|message|>",
        f"<|channel|>analysis<|message|>{REASONING}<|end|><|channel|>final <|constrain|>json<|message|>",
        "<|channel|>commentary to=functions.choice <|constrain|>json<|message|>",
        f"analysis{REASONING} So.assistantfinal",
    ],
)
@pytest.mark.parametrize("answer", [full(), full(text="I </think> wrote {"), f"```json\n{full()}\n```"])
def test_what_follows_the_last_end_of_reasoning_is_the_answer(before, answer):
    decision = taken(before + answer)
    assert (decision.label, decision.action) == ("repaired", (3, 0, 0, 0))
    assert decision.how.startswith("reasoning taken off")


@pytest.mark.parametrize("text", ["</think>", 'say "</think>" {', "<think>", "[/THINK] {}"])
def test_marks_of_reasoning_inside_an_answer_are_words(text):
    decision = taken(full(speech="chat_tell", recipient="worker_2", topic="s3", text=text))
    assert (decision.label, decision.text) == ("valid", text)


VARIANTS = replace(LEGAL, variants=3)


@pytest.mark.parametrize(
    ("changes", "label", "variant"),
    [
        ({"variant": 2}, "valid", 2),
        ({"variant": 0}, "valid", 0),
        ({"variant": None}, "valid", None),
        ({}, "valid", None),
        ({"variant": "1"}, "repaired", 1),
        ({"variant": " Variant 1"}, "repaired", 1),
        ({"variant": "none"}, "repaired", None),
        ({"work": None, "variant": 7}, "valid", None),  # without work it means nothing
    ],
)
@pytest.mark.parametrize("form", [Choice, Work])
def test_a_variant_is_read(form, changes, label, variant):
    whole = json.loads(full()) if form is Choice else {"work": "s2"}
    decision = taken(json.dumps(whole | changes), with_variant(form), VARIANTS)
    assert (decision.label, decision.variant) == (label, variant)


@pytest.mark.parametrize(
    ("variant", "why"),
    [(3, "variant 3 does not exist, expected 0 to 2"), (-1, "variant -1 does not exist"), ("blue", "variant: "),
     (1.0, "variant: "), (True, "variant: "), ([1], "variant: "), ("1 or 2", "variant: ")],
)  # fmt: skip
def test_a_variant_that_is_none_makes_the_answer_invalid(variant, why):
    decision = taken(full(variant=variant), with_variant(Choice), VARIANTS)
    assert (decision.label, decision.action, decision.variant) == ("invalid", (0, 0, 0, 0), None)
    assert why in decision.how


def test_without_hidden_facts_a_variant_is_an_unknown_key():
    decision = taken(full(variant=1))
    assert (decision.label, decision.how, decision.variant) == ("repaired", "unknown key 'variant' dropped", None)


class Joint(Form):
    """A form with choices in a list."""

    note: str
    parts: list[Choice] = Field(default=[], max_length=2, description="of everybody")


def test_a_form_with_variants_asks_for_them_behind_every_choice():
    for form in (Choice, Work):
        asked = with_variant(form)
        assert with_variant(form) is asked
        assert issubclass(asked, form)
        assert json_schema(asked)["required"] == [*form.model_fields, "variant"]
        assert asked.__name__ == form.__name__
    schema = json_schema(with_variant(Joint))
    assert schema["required"] == ["note", "parts"]
    assert schema["$defs"]["Choice"]["required"] == [*Choice.model_fields, "variant"]
    answer = validate(with_variant(Joint), {"note": "", "parts": [{"work": "s2", "variant": "2"}]}, [])
    assert answer.parts[0].variant == 2
    assert schema["properties"]["parts"]["description"] == "of everybody"
    assert schema["properties"]["parts"]["maxItems"] == 2
    assert validate(with_variant(Joint), {"note": ""}, []).parts == []


class Intended(Choice):
    """A form with further kinds of fields."""

    intention: Literal["work", "seek_help"]
    expected_gain: float
    notes: list[str]


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"intention": "Work"}, "spelling of intention"),
        ({"intention": "seek help"}, "spelling of intention"),
        ({"intention": " Seek-Help"}, "spelling of intention"),
        ({"expected_gain": None}, "spelling of expected_gain"),
        ({"expected_gain": "none"}, "spelling of expected_gain"),
        ({"notes": None}, "spelling of notes"),
    ],
)
def test_other_fields_are_repaired_likewise(changes, how):
    whole = json.loads(full()) | {"intention": "work", "expected_gain": 0.5, "notes": []}
    assert taken(json.dumps(whole), Intended).label == "valid"
    decision = taken(json.dumps(whole | changes), Intended)
    assert (decision.label, decision.how) == ("repaired", how)


@pytest.mark.parametrize(
    "piece", ["{", "}", "{}", '{"', '{"a":', '{"a":[', "{ ", "</think>", "<|channel|>final", "[", '"', "\\", "{a", "\n"]
)
def test_long_texts_of_any_piece_are_read_once(piece):
    """Each would take minutes if the text were gone through again for every brace."""
    assert taken(piece * (90_000 // len(piece))).label == "invalid"
    assert taken(piece * 1_000_000).label == "invalid"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("I work on s2", "no JSON"),
        ("[1, 2]", "no JSON"),
        (full()[:-3], "broken or cut off"),
        ('{"memory": [{"work": "s2"}', "broken or cut off"),  # not the object inside
        (f"{full()} {full(work='s0')}", "more than one"),
        (f"{full(work=None)} {full(work=False)}", "more than one"),
        (f"<think>{full()}</think>", "no JSON"),
        (f"I think of {full()}.</think>", "no JSON"),
        (f"<think>I would say {full()}", "the reasoning has no end"),
        (f"<think>{full()}</think>{full()[:-3]}", "broken or cut off"),
        (f"{{work: {full()}}}", "no JSON"),
        (f"Maybe {{ then {full()}", "broken or cut off"),
        (f"{full()} {{", "more than one"),
        ('{"work": "s2", "work": "s0"}', "twice"),
        ('{"work": NaN}', "NaN"),
        ('{"work": true}', "work"),
        ("{}", "work: Field required"),
        ('{"action": "s2"}', "work: Field required"),
        (full(work="s1"), "work s1 is not allowed now"),
        (full(work="s9"), "work 's9' does not exist"),
        (full(work="s2 or s0"), "does not exist"),
        (full(work=-1), "does not exist"),
        (full(speech="shout"), "speech"),
        (full(speech="assign", recipient="worker_2", topic="s2"), "speech assign is not allowed"),
        (full(speech="chat_tell", recipient="worker_1", topic="s2"), "recipient worker_1 is not allowed"),
        (full(speech="chat_tell", recipient="worker_9", topic="s2"), "recipient 'worker_9' does not exist"),
        (full(speech="chat_tell", recipient=None, topic="s2"), "recipient is missing"),
        (full(speech="chat_tell", recipient="team", topic="s1"), "topic s1 is not allowed"),
        (full(text=5), "text"),
        (full(text="x" * MAX_ANSWER), "characters"),
        ('{"a":' * 20_000, "broken or cut off"),
        ("{" * 90_000, "broken or cut off"),
    ],
)
def test_invalid_is_silent_no_work(text, why):
    decision = taken(text)
    assert decision.label == "invalid"
    assert why in decision.how
    assert decision.action == (0, 0, 0, 0)
    assert decision.text == ""
    assert len(decision.how) <= 200


def test_one_who_may_not_speak_has_no_place_for_a_message():
    decision = taken(full(speech="chat_tell", recipient="team", topic="s0"), Work)
    assert (decision.label, decision.action) == ("repaired", (3, 0, 0, 0))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 99), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from([*SPEECHES, "s0", "s1", "s2", "s3", "S3", "worker_1", "worker 2", "team", "manager_0"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
KEYS = st.sampled_from(["work", "speech", "recipient", "topic", "text", "variant", "more"])


@given(st.dictionaries(KEYS, VALUES), st.sampled_from(["", "well: ", "```json\n"]))
def test_no_answer_makes_a_forbidden_action(data, before):
    decision = taken(before + json.dumps(data), with_variant(Choice), VARIANTS)
    assert decision.variant in (None, 0, 1, 2)
    work, speech, recipient, topic = decision.action
    assert work == 0 or work - 1 in LEGAL.work
    assert speech in LEGAL.speeches
    assert speech == 0 or (recipient in LEGAL.recipients and topic in LEGAL.topics)


PIECES = st.sampled_from([
    "{", "}", '{"', '"', ":", ",", "[", "]", "null", '"work"', '"s2"', full(), full(work="s0"), "<think>", "</think>",
    "[/THINK]", "<|channel|>final<|message|>", "```json", "\n", "\\", "\ud800", "\x1b[31m",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_any_text_ends_with_one_label(text):
    assert taken(text).label in ("valid", "repaired", "invalid")


def test_published_schema_is_strict():
    for form in (Choice, Work):
        schema = json_schema(form)
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"]) == list(form.model_fields)
    assert json_schema(Choice)["properties"]["speech"]["enum"] == list(SPEECHES) == list(Speech.__args__)
    assert response_format(Choice)["json_schema"]["strict"] is True
    assert tool(Work)["function"]["parameters"] == json_schema(Work)


# --- schemas that list what is legal ---------------------------------------------------------------------------


class Spoken(Choice):
    """A choice of one who must speak."""

    speech: Literal["chat_tell", "chat_ask", "meet"] = Field(description="what kind")


def names_in(schema, name):
    """The names that a schema lists for a field, and whether it may be null."""
    kinds = schema["properties"][name].get("anyOf", [schema["properties"][name]])
    listed = [
        kind.get("enum", [kind["const"]] if "const" in kind else None) for kind in kinds if kind != {"type": "null"}
    ]
    return listed[0], {"type": "null"} in kinds


def test_a_schema_lists_what_the_mask_allows():
    schema = json_schema(with_legal_choices(Choice, LEGAL))
    assert names_in(schema, "work") == (["s0", "s2"], True)
    assert names_in(schema, "speech") == (list(SPEECHES[:6]), False)
    assert names_in(schema, "recipient") == (["manager_0", "worker_2", "team"], True)
    assert names_in(schema, "topic") == (["s0", "s2", "s3"], True)
    assert list(schema["properties"]) == list(json_schema(Choice)["properties"])
    assert schema["required"] == json_schema(Choice)["required"]


def test_a_form_keeps_what_it_does_not_allow_itself():
    """One who must speak has no silence to choose, whatever the mask says; one who only works has nothing else."""
    assert names_in(json_schema(with_legal_choices(Spoken, LEGAL)), "speech") == (
        ["chat_tell", "chat_ask", "meet"],
        False,
    )
    assert list(json_schema(with_legal_choices(Work, LEGAL))["properties"]) == ["work"]
    alone = replace(LEGAL, work=(1,), speeches=(0,))
    assert names_in(json_schema(with_legal_choices(Choice, alone)), "speech") == (["silent"], False)
    assert names_in(json_schema(with_legal_choices(Choice, alone)), "work") == (["s1"], True)
    variant = json_schema(with_legal_choices(with_variant(Choice), LEGAL))
    assert "variant" in variant["properties"]
    assert names_in(variant, "work") == (["s0", "s2"], True)


@given(
    work=st.sampled_from(["s0", "s2", None]),
    speech=st.sampled_from(SPEECHES[:6]),
    recipient=st.sampled_from(["manager_0", "worker_2", "team"]),
    topic=st.sampled_from(["s0", "s2", "s3"]),
)
def test_whoever_keeps_to_the_list_is_legal(work, speech, recipient, topic):
    text = json.dumps({"work": work, "speech": speech, "recipient": recipient, "topic": topic, "text": ""})
    assert taken(text, with_legal_choices(Choice, LEGAL)).label == "valid"
    assert taken(text.replace("s2", "s1"), with_legal_choices(Choice, LEGAL)).label == (
        "invalid" if "s2" in text else "valid"
    )
