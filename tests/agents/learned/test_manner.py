"""How weights are played: the threshold of speaking, which may rise with what there is to do for each agent."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from agents.learned.card import Manner, WeightsError, manner_of
from agents.learned.learned_team import SHIPPED, LearnedTeam
from agents.learned.onnx_decider import load_decider
from agents.play import play
from agents.policy import PolicyContext
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from training.learning import validation
from training.learning.validation import ValidationConfig, choose_manner, manner_name


def test_the_threshold_rises_with_the_load_and_stays_a_probability():
    load = np.array([0.5, 2.0, 40.0])
    assert Manner(0.4, 0.0, 0.05).least_probability(load).tolist() == pytest.approx([0.425, 0.5, 1.0])
    assert Manner(0.4).least_probability(load).tolist() == [0.4, 0.4, 0.4]
    assert Manner(None, 1.0, 0.05).least_probability(load) is None


def workflow(number):
    return Workflow(
        f"of {number}", "simple", tuple(Subtask(f"s{k}", "data", 2.0, complexity=1.0) for k in range(number))
    )


def messages(manner, number, team_size, pool):
    batch = Batch([workflow(k) for k in pool], Team.default(team_size), EnvConfig(relations="index"), num_envs=1)
    batch.reset([0], workflows=[pool.index(number)])
    decider, _ = load_decider(SHIPPED)
    return play(batch, LearnedTeam(PolicyContext.of(batch), decider, manner))[0]["messages"]


def test_the_load_is_of_the_workflow_that_is_played_and_not_of_the_largest():
    # at a rise of .25, four subtasks for two agents add .5, and twelve would add 1.5, so that nobody ever spoke
    rising, flat = Manner(0.0, 0.0, 0.25), Manner(0.5)
    assert messages(rising, 4, 2, [4, 12]) == messages(flat, 4, 2, [4, 12]) > 0
    assert messages(rising, 12, 2, [4, 12]) == 0
    assert messages(flat, 12, 2, [4, 12]) > 0


def test_every_threshold_is_tried_with_every_rise_and_drawing_once():
    manners = ValidationConfig(thresholds=(0.4, 0.5), rises=(0.0, 0.03), temperatures=(0.0, 1.0), drawn=True).manners
    assert len(manners) == len(set(manners)) == len({manner_name(manner) for manner in manners}) == 2 * (4 + 1)
    assert Manner(0.5, 1.0, 0.03) in manners
    assert manner_name(Manner(0.5, 0.0, 0.03)) == "learned, threshold 0.5 + 0.03 x load, temperature 0"


def test_cards_without_a_rise_have_none_and_wrong_ones_are_refused():
    assert manner_of({"threshold": 0.3}, "f") == Manner(0.3, 0.0, 0.0)
    with pytest.raises(WeightsError, match=r"rise is 2, expected a number in \[0, 1\]"):
        manner_of({"rise": 2}, "f")


CONFIG = ValidationConfig(tiers=("simple", "medium"), team_sizes=(5, 5), thresholds=(0.3, 0.4, 0.5, 0.6))


@pytest.mark.parametrize(
    ("changes", "talks", "threshold"),
    [
        # the fastest, of those that do not talk more than the limit of .2 a row
        ((-0.50, -0.45, -0.40, -0.30), (0.21, 0.20, 0.19, 0.10), 0.4),
        # all talk more than the limit: the least excess, however slow
        ((-0.50, -0.45, -0.40, -0.30), (0.26, 0.25, 0.24, 0.23), 0.6),
    ],
)
def test_the_fastest_manner_within_the_limit_of_talk_is_chosen(monkeypatch, changes, talks, threshold):
    rows = [{"policy": "proactive", "tier": tier, "talk": 0.2, "change": -0.4} for tier in CONFIG.tiers]
    rows += [
        {"policy": manner_name(manner), "tier": tier, "talk": talk, "change": change}
        for manner, change, talk in zip(CONFIG.manners, changes, talks, strict=True)
        for tier in CONFIG.tiers
    ]
    monkeypatch.setattr(validation, "play_all", lambda *_: rows)
    monkeypatch.setattr(validation, "shown", lambda *_: "")
    assert choose_manner(None, CONFIG, Console(quiet=True)) == (Manner(threshold), rows)


def test_people_see_a_row_for_each_manner_and_which_one_is_chosen():
    manners = [Manner(0.4), Manner(0.45, rise=0.03), Manner(None, temperature=1.0)]
    names = ["proactive", *map(manner_name, manners)]
    rows = [
        {"tier": tier, "team_size": 5, "policy": name, "change": change - place / 10, "talk": 0.2, "finished": finished}
        for tier, change, finished in (("simple", -0.1, 1.0), ("medium", 0.02, 0.5))
        for place, name in enumerate(names)
    ]
    text = io.StringIO()
    Console(file=text, width=100).print(validation.shown(rows, manners, manners[1]))
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert "threshold of speaking simple 5 medium 5 mean" in lines
    shown = [line for line in lines if "!" in line]
    assert shown == [
        "proactive -10.0 (0.20) +2.0! (0.20) -4.0",
        "0.4 -20.0 (0.20) -8.0! (0.20) -14.0",
        "* 0.45 + 0.03 x load -30.0 (0.20) -18.0! (0.20) -24.0",
        "drawn, temperature 1 -40.0 (0.20) -28.0! (0.20) -34.0",
    ]
