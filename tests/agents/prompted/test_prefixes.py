"""How much of a prompt earlier ones began with, of prompts that are made by hand."""

from __future__ import annotations

from agents.prompted.prefixes import PREFIX_CHUNK, PromptPrefixes


def test_what_an_earlier_prompt_begins_with_is_counted_in_whole_chunks():
    seen = PromptPrefixes()
    assert PREFIX_CHUNK == 64
    assert seen.shared(0, "m", "a" * 64 + "b" * 100) == 0  # the first shares nothing
    assert seen.shared(0, "m", "a" * 64 + "b" * 63 + "c" * 99) == 64  # 127 characters are alike, one whole chunk
    assert seen.shared(0, "m", "a" * 64 + "b" * 64) == 128
    assert seen.shared(0, "m", "a" * 63) == 0  # less than a chunk
    assert seen.shared(0, "m", "") == 0


def test_a_part_that_is_alike_further_on_is_no_prefix():
    seen = PromptPrefixes()
    seen.shared(0, "m", "a" * 64 + "b" * 64 + "c" * 64)
    assert seen.shared(0, "m", "d" * 64 + "b" * 64 + "c" * 64) == 0
    assert seen.shared(0, "m", "a" * 64 + "c" * 64) == 64  # c stood behind b


def test_the_longest_of_all_earlier_prompts_counts_and_repetition_is_no_prefix():
    seen = PromptPrefixes()
    seen.shared(0, "m", "a" * 64)
    assert seen.shared(0, "m", "a" * 192) == 64
    seen.shared(0, "m", "b" * 64)
    assert seen.shared(0, "m", "a" * 128 + "b" * 64) == 128


def test_other_episodes_and_models_share_nothing_and_prompts_can_be_forgotten():
    seen = PromptPrefixes()
    seen.shared(0, "m", "a" * 128)
    assert seen.shared(1, "m", "a" * 128) == 0
    assert seen.shared(0, "other", "a" * 128) == 0
    assert seen.shared(0, "m", "a" * 128) == 128
    seen.forget()
    assert seen.shared(0, "m", "a" * 128) == 0
