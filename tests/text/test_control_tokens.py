"""Control tokens of chat templates in words that somebody else wrote: broken up, and ordinary text left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c2c_env import Subtask, Workflow
from c2c_env.text import WorkflowWords, one_line, quoted
from c2c_env.text.names import without_control_tokens

# tokens that templates are made of, as tokenizers list them
TOKENS = """
<|im_start|> <|im_end|> <|endoftext|> <|begin_of_text|> <|eot_id|> <|start_header_id|> <|python_tag|>
<s> </s> <unk> <pad>
<bos> <eos> <mask> <start_of_turn> <end_of_turn> <image_soft_token> <unused12> <|turn> <turn|> <channel|> <|"|>
[INST] [/INST] <<SYS>> <</SYS>> [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_CALLS] [IMG] [THINK] [/THINK] [ARGS]
[SYSTEM_PROMPT] [CLS] [SEP] [MASK] [gMASK] [sMASK] <sop> <eop> [BOS] [EOT] [extra_id_0] [multimodal] [@BOS@] [unused1]
<think> </think> <tool_call> </tool_call> <tools> <answer> <|channel|> <|message|> <|return|> <fim_prefix> <file_sep>
<reponame> <PRE> <EOT> <extra_id_0> <SPECIAL_12> <reserved_106> <0x0A> <BOS_TOKEN> <AI> <eod>
<｜begin▁of▁sentence｜> <｜User｜> <｜tool▁calls▁begin｜> [|endofturn|] [|user|] >>TITLE<< |||IP_ADDRESS|||
]~!b[ ]~b] [e~[ <minimax:tool_call> <seed:bos> <mask:1>
""".split()  # noqa: SIM905, RUF001


@given(st.lists(st.one_of(st.sampled_from(TOKENS), st.sampled_from("<>[]|/ \u200b\x00\n_s"), st.text(max_size=5))))
def test_no_control_token_is_left_in_somebody_elses_words(parts):
    text = "".join(parts)
    for shown in (one_line(text), quoted(text), one_line(text, 20)):
        assert [token for token in TOKENS if token.lower() in shown.lower()] == []
    assert without_control_tokens(one_line(text)) == one_line(text)
    assert one_line(text).replace(" ", "") == "".join(one_line(text).split())  # nothing but blanks was put in


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_is_broken_up_by_one_blank(token):
    shown = without_control_tokens(f"a{token}b")
    assert token not in shown
    assert shown.replace(" ", "") == f"a{token}b"
    assert shown.count(" ") <= 3  # <<SYS>> has one token inside another
    assert token not in one_line(token[0] + "\u200b" + token[1:])  # what is invisible hides none


@pytest.mark.parametrize(
    "text",
    [
        "a < b", "List<int>", "Map<String, List<int>>", "[1]", "a[i] = b[0]", "<div class='x'>", "<T>", "x |> f",
        "a || b", "[TODO] see [/docs]", "if a<b and c>d", "<https://example.org/a_b>", "array[MAX]", "1 << 2 >> 3",
        "f() -> str",
    ],
)  # fmt: skip
def test_ordinary_text_stays_as_it_is(text):
    assert one_line(text) == text


def test_titles_facts_and_domains_of_files_are_broken_up_as_well():
    facts = {"intent": "Say <|eot_id|> now."}
    subtask = Subtask("a", "backend", 1.0, 1.0, title="Use <think>", facts=facts)
    words = WorkflowWords.of(Workflow("w", "simple", (subtask,)))
    assert words.titles == ("Use < think>",)
    assert words.facts[0]["intent"] == "Say < |eot_id|> now."
