"""From what a model writes to an action: what is taken, what is repaired, what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c2c_env.core.constants import SPEECHES
from c2c_env.text.answer import (
    MAX_ANSWER,
    AnswerError,
    Choice,
    Decision,
    Speech,
    Work,
    decide,
    json_schema,
    read_json,
    response_format,
    tool,
    validate,
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
    ],
)
def test_repaired(text, how):
    decision = taken(text)
    assert decision.label == "repaired"
    assert how in decision.how
    assert decision.action == (3, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("I work on s2", "no JSON"),
        ("[1, 2]", "no JSON"),
        (full()[:-3], "broken or cut off"),
        ('{"memory": [{"work": "s2"}', "broken or cut off"),  # not the object inside
        (f"{full()} {full()}", "more than one"),
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
KEYS = st.sampled_from(["work", "speech", "recipient", "topic", "text", "more"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES), st.sampled_from(["", "well: ", "```json\n"]))
def test_no_answer_makes_a_forbidden_action(data, before):
    work, speech, recipient, topic = taken(before + json.dumps(data)).action
    assert work == 0 or work - 1 in LEGAL.work
    assert speech in LEGAL.speeches
    assert speech == 0 or (recipient in LEGAL.recipients and topic in LEGAL.topics)


@settings(deadline=None)
@given(st.text())
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
