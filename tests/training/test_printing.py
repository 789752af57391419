"""Names in tables: broken where a reader would break them, with nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.benchmark.tables import policy_cell
from training.printing import in_lines


@pytest.mark.parametrize(
    ("policy", "lines"),
    [
        ("cost_aware", ["cost_aware"]),
        ("oracle", ["oracle +"]),
        ("oracle:results/rules/late.toml", ["oracle:results/rules/", "late.toml +"]),
        ("learned:results/train/small/seed-1/policy.onnx", ["learned:results/train/", "small/seed-1/", "policy.onnx"]),
        ("team(manager=learned, worker=proactive)", ["team(manager=learned,", "worker=proactive)"]),
        ("a_name_that_is_longer_than_the_column", ["a_name_that_is_longer_than_the_column"]),
    ],
)
def test_a_policy_is_broken_behind_its_parts(policy, lines):
    assert policy_cell(policy).split("\n") == lines


@given(st.text(alphabet="ab/:,@ _-"), st.integers(1, 30))
def test_lines_keep_every_sign_and_are_as_short_as_their_longest_part(name, width):
    lines = in_lines(name, width).split("\n")
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    longest = max(map(len, re.split("(?<=[/:,@ ])", name)))
    assert all(len(line) <= max(width, longest) for line in lines)
