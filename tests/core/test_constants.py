"""Sizes come from the tables of constants: with another channel and another reward term an episode still plays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import c2c_env
from c2c_env.core import constants as c
from c2c_env.core.arrays import Outputs, Params, State, allocate, array_specs, shape_of
from c2c_env.workflows.schema import FACETS, MAX_COMPLEXITY

SOURCES = Path(c2c_env.__file__).parent

# what adding a channel (with a speech to tell and one to ask) and a reward term takes, file by file
CHANGES = {
    "core/constants.py": [
        ("EMAIL_ASK, MEET, ASSIGN = range(7)", "EMAIL_ASK, WIKI_TELL, WIKI_ASK, MEET, ASSIGN = range(9)"),
        ('"email_ask", "meet"', '"email_ask", "wiki_tell", "wiki_ask", "meet"'),
        ("CHAT, EMAIL, MEETING = range(3)", "CHAT, EMAIL, MEETING, WIKI = range(4)"),
        ('("chat", "email", "meeting")', '("chat", "email", "meeting", "wiki")'),
        ("(-1, CHAT, CHAT, EMAIL, EMAIL, MEETING, CHAT)", "(-1, CHAT, CHAT, EMAIL, EMAIL, WIKI, WIKI, MEETING, CHAT)"),
        ("(CHAT_ASK, EMAIL_ASK, MEET)", "(CHAT_ASK, EMAIL_ASK, MEET, WIKI_ASK)"),
        ("FORECAST, INFORMATION = range(6)", "FORECAST, INFORMATION, OWNERS = range(7)"),
        ('"forecast", "information")', '"forecast", "information", "owners")'),
    ],
    "config.py": [
        ("    meeting: Channel", "    wiki: Channel = field(default=Channel(0.2, 0.1, 3, 0.7))\n    meeting: Channel"),
        ("(1.0, 0.5, 0.5, 0.5, 0.0, 0.0)", "(1.0, 0.5, 0.5, 0.5, 0.0, 0.0, 0.25)"),
    ],
    "core/rewards.py": [
        ("        total =", "        terms[b, i, c.OWNERS] = p.reward_weights[c.OWNERS]\n        total =")
    ],
}  # fmt: skip

PLAY = """
import json, sys
import numpy as np
import c2c_env
from c2c_env.core import constants as c
from c2c_env.core.random_actions import choose_row
facts = {"channels": len(c.CHANNELS), "terms": len(c.REWARD_TERMS), "said": [], "tau": [], "gaps": [], "steps": 0}
for action_format in ("multi_discrete", "discrete"):
    for relations in ("onehot", "index"):
        config = c2c_env.EnvConfig(action_format=action_format, relations=relations)
        batch = c2c_env.Batch("csv-import-tool", c2c_env.Team.default(4), config, 2, backend="interpreted")
        batch.reset([0, 1])
        said = np.zeros(c.NUM_SPEECHES, dtype=int)
        for _ in range(40):
            for row in range(2):
                with np.errstate(over="ignore"):
                    choose_row(batch.state, batch.out, batch.action_buffer, batch.action_sizes, row)
            batch.step_written()
            gap = np.abs(batch.rewards - batch.reward_terms.sum(axis=-1)).max()
            facts["gaps"].append(float(gap))
            facts["steps"] += 1
        said += batch.state.speech_count.sum(axis=0)
        facts["said"].append(said.tolist())
        facts["tau"].append(list(batch.params.tau.shape))
        metrics = batch.metrics(0)
        facts["wiki"] = metrics["messages_wiki"]
        assert batch.reward_terms.shape == (2, 4, len(c.REWARD_TERMS))
        assert ((batch.observations >= 0.0) & (batch.observations <= 1.0)).all()
print(json.dumps(facts))
"""


@pytest.fixture
def extended(tmp_path):
    """A copy of the sources with a fourth channel and a seventh reward term."""
    shutil.copytree(SOURCES, tmp_path / "c2c_env", ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in CHANGES.items():
        path = tmp_path / "c2c_env" / name
        text = path.read_text(encoding="utf-8")
        for before, after in changes:
            assert text.count(before) == 1, (name, before)
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_fourth_channel_and_a_seventh_reward_term_play(extended):
    done = subprocess.run([sys.executable, "-c", PLAY], cwd=extended, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["channels"], facts["terms"], facts["steps"]) == (4, 7, 160)
    assert all(shape[2:] == [4, 2] for shape in facts["tau"])
    for said in facts["said"]:
        assert len(said) == 9
        assert min(said[5:7]) > 0  # the new speeches are legal and are sent
    assert max(facts["gaps"]) < 1e-6


def test_no_axis_of_an_array_is_a_plain_number_that_a_table_fixes():
    for kind in (Params, State, Outputs):
        for name, spec in array_specs(kind).items():
            numbers = [axis for axis in spec.axes.split() if axis.isdecimal()]
            assert set(numbers) <= {"2"}, f"{kind.__name__}.{name}: {spec.axes}"


def test_axes_have_the_length_of_their_tables():
    assert shape_of("B FACETS 2", {"B": 3}) == (3, 4, 2)
    lengths = ["B", "A", "N", "K", "K+1", "L", "C", "CONTACTS", "AGES", "O", "T", "S", "M", "E", "Z", "W", "DOMAINS"]
    sizes = dict.fromkeys(lengths, 2)
    assert allocate(State, sizes)["speech_count"].shape == (2, len(c.SPEECHES))
    assert allocate(Outputs, sizes)["reward_terms"].shape == (2, 2, len(c.REWARD_TERMS))
    assert allocate(Params, sizes)["tau"].shape == (2, 2, len(c.CHANNELS), 2)


def test_tables_agree_with_each_other_and_with_the_workflows():
    assert len(c.CHANNEL_OF_SPEECH) == len(c.ASKS) == len(c.SPEECHES)
    assert len(c.QUESTION_OF_CHANNEL) == len(c.CHANNELS)
    assert [c.CHANNEL_OF_SPEECH[speech] for speech in c.QUESTION_OF_CHANNEL] == list(range(c.NUM_CHANNELS))
    assert [name for name, asks in zip(c.SPEECHES, c.ASKS, strict=True) if asks] == ["chat_ask", "email_ask"]
    assert (len(FACETS), MAX_COMPLEXITY) == (c.NUM_FACETS, c.MAX_COMPLEXITY)
    assert np.array_equal(c2c_env.EnvConfig().reward_weights, (1.0, 0.5, 0.5, 0.5, 0.0, 0.0))
