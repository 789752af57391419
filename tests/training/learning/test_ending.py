"""A run can be played from its first checkpoint on, and its end can be interrupted and made shorter."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from agents.learned import weights
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Team
from training.__main__ import main
from training.learning import run as learning_run
from training.learning import validation
from training.learning.run import LATEST_FILE, POLICY_FILE
from training.learning.validation import VALIDATION_FILE

RECIPE = """
imitation_chunk = 1
ppo_chunk = 1
[network]
hidden = 16
rounds = 1
own = 8
key = 4
[imitation]
updates = 1
[cost_to_go]
updates = 0
[ppo]
updates = 1
steps = 4
minibatches = 2
[[imitation_groups]]
tier = "simple"
team_size = 3
num_envs = 4
[[ppo_groups]]
tier = "simple"
team_size = 3
num_envs = 4
[validation]
num_workflows = 2
tiers = ["simple", "medium"]
team_sizes = [2, 3]
thresholds = [0.2, 0.5]
"""
PLAYS = 2 * (2 + 2)  # kinds x (two scripted teams and two thresholds)


class Stopped(Exception):
    pass


@pytest.fixture
def words(tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE)
    return ["train", str(recipe), "--out", str(tmp_path / "run"), "--no-onnx"]


def stop_at_play(monkeypatch, number):
    """Count plays of validation, and stop before one of them; return what was played."""
    played, play_row = [], validation.play_row

    def counted(actor, player, manners, where):
        if len(played) == number:
            raise Stopped
        played.append((where.tier, player, where.num_workflows))
        return play_row(actor, player, manners, where)

    monkeypatch.setattr(validation, "play_row", counted)
    return played


def card_of(path):
    return weights.read_tensors(path, "policy")[1]["card"]


@pytest.mark.parametrize(("stage", "threshold"), [("imitation", 0.5), ("ppo", None)])
def test_what_is_learned_can_be_played_at_every_checkpoint(words, tmp_path, monkeypatch, stage, threshold):
    save_latest = learning_run.Training.save_latest

    def stop(self, config):
        save_latest(self, config)
        if config.name == stage:
            raise Stopped

    monkeypatch.setattr(learning_run.Training, "save_latest", stop)
    with pytest.raises(Stopped):
        main(words)
    path = tmp_path / "run" / LATEST_FILE
    assert card_of(path)["threshold"] == threshold
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig(relations="index"), num_envs=1)
    batch.reset([0])
    assert play(batch, make_policy(f"learned:{path}", PolicyContext.of(batch)))[0]["steps"] > 0


def test_the_final_policy_takes_the_place_of_the_latest(words, tmp_path, capsys):
    assert main(words) == 0
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {POLICY_FILE} == left & {POLICY_FILE, LATEST_FILE, VALIDATION_FILE}
    assert f"learned:{tmp_path / 'run' / LATEST_FILE} can be played" in " ".join(capsys.readouterr().err.split())


def test_an_interrupted_validation_goes_on_where_it_was(words, tmp_path, monkeypatch):
    stop_at_play(monkeypatch, 3)
    with pytest.raises(Stopped):
        main(words)
    assert not (tmp_path / "run" / POLICY_FILE).exists()
    monkeypatch.undo()
    played = stop_at_play(monkeypatch, None)
    assert main([*words, "--resume"]) == 0
    assert len(played) == PLAYS - 3
    table = card_of(tmp_path / "run" / POLICY_FILE)["validation"]
    monkeypatch.undo()
    assert main([*words[:-2], str(tmp_path / "whole"), "--no-onnx"]) == 0
    assert card_of(tmp_path / "whole" / POLICY_FILE)["validation"] == table
    assert [row["tier"] for row in table] == ["simple"] * 4 + ["medium"] * 4


@pytest.mark.parametrize("change", ["other weights", "other workflows", "no JSON", "no table"])
def test_what_was_played_of_something_else_is_played_anew(words, tmp_path, monkeypatch, change):
    stop_at_play(monkeypatch, 3)
    with pytest.raises(Stopped):
        main(words)
    path = tmp_path / "run" / VALIDATION_FILE
    kept = json.loads(path.read_text())
    kept["weights"] = "0" * 16 if change == "other weights" else kept["weights"]
    texts = {"no JSON": "{", "no table": "[]"}
    path.write_text(texts.get(change, json.dumps(kept)))
    monkeypatch.undo()
    played = stop_at_play(monkeypatch, None)
    more = ["--validation", "3"] if change == "other workflows" else []
    assert main([*words, "--resume", *more]) == 0
    assert len(played) == PLAYS


def test_a_shorter_validation_changes_no_weights(words, tmp_path, monkeypatch):
    assert main(words) == 0
    played = stop_at_play(monkeypatch, None)
    out = [*words[:-2], str(tmp_path / "short"), "--no-onnx"]
    assert main([*out, "--validation", "1"]) == 0
    assert {workflows for _, _, workflows in played} == {1}
    first, second = (load_file(tmp_path / name / POLICY_FILE) for name in ("run", "short"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert main([*out, "--resume"]) == 0  # the recipe is the same
