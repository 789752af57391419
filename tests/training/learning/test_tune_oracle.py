"""Tuning the oracle's rule: a whole run, on little."""

from __future__ import annotations

import pytest

from agents.oracle.rule import Rule, read_rules
from training.__main__ import main
from training.learning.learners.tune_oracle import KNOBS

LITTLE = ["tune_oracle", "--generations", "1", "--population", "8", "--workflows", "1"]


def test_a_run_leaves_a_file_of_rules_that_says_how_it_came_about(tmp_path):
    files = [tmp_path / name for name in ("one.toml", "same.toml", "other.toml")]
    for file, seed in zip(files, "334", strict=True):
        assert main([*LITTLE, "--seed", seed, "--out", str(file)]) == 0
    one, same, other = (file.read_text(encoding="utf-8") for file in files)
    assert one == same != other
    assert "\n#   c2c-env tune_oracle --generations 1 --population 8 --workflows 1 --spread" in one
    rules = [rule for tiers in read_rules(one, "here").values() for rule in tiers.values()]
    assert len(rules) == 6
    for rule in rules:
        assert rule != Rule()
        assert all(knob.low - 1e-4 <= getattr(rule, name) <= knob.high + 1e-4 for name, knob in KNOBS.items())


@pytest.mark.parametrize(
    "words",
    [
        ["--population", "7"],
        ["--workflows", "0"],
        ["--generations", "0"],
        ["--seed", "-1"],
        ["--spread", "nan"],
        ["--generations", "9" * 5000],
        ["--seed", "1.5"],
    ],
)
def test_sizes_that_are_too_small(words, tmp_path, capsys):
    out = tmp_path / "rules.toml"
    assert main([*LITTLE, *words, "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {words[0]} is ")
    assert "expected a" in line
    assert len(line) < 250
    assert not out.exists()
