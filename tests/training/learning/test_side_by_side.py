"""Runs side by side come to the weights of runs alone, also after a kill and on a cluster."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from killing import kill_when
from rich.console import Console
from safetensors.torch import load_file

from training.__main__ import main
from training.executors.base import Outcome
from training.learning.recipe import load_recipe
from training.learning.run import CHECKPOINT_FILE, METRICS_FILE, POLICY_FILE, Ending
from training.learning.side_by_side import train_all

ROOT = Path(__file__).parents[3]
RECIPE = """
name = "tiny"
imitation_chunk = 2
ppo_chunk = 2
[network]
hidden = 16
rounds = 1
own = 8
key = 4
[imitation]
updates = 4
[ppo]
updates = 4
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
tiers = ["simple"]
team_sizes = [2]
thresholds = [0.5]
"""


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def alone(recipe_file, tmp_path_factory):
    """Runs of seeds 1 and 2, one after the other."""
    out = tmp_path_factory.mktemp("alone")
    threads = torch.get_num_threads()
    for seed in ("1", "2"):
        words = ["train", str(recipe_file), "--seed", seed, "--out", str(out / seed), "--no-onnx"]
        assert main(words) == 0
    torch.set_num_threads(threads)
    return out


def same_weights(alone, out):
    for seed in ("1", "2"):
        tensors = [load_file(folder / POLICY_FILE) for folder in (alone / seed, out / "tiny" / f"seed-{seed}")]
        assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


def test_seeds_side_by_side_come_to_the_weights_of_each_alone(recipe_file, alone, tmp_path, capsys):
    words = ["train", str(recipe_file), "--seeds", "1,2", "--out", str(tmp_path), "--no-onnx", "--workers", "2"]
    assert main(words) == 0
    same_weights(alone, tmp_path)
    folder = tmp_path / "tiny" / "seed-2"
    assert (folder / METRICS_FILE).read_text().count("\n") == 5  # a header and two rows for each stage
    assert list((folder / "tensorboard").iterdir())
    assert main(words) == 2
    assert "holds a run already; add --resume" in capsys.readouterr().err


class LastFirst:
    """An executor that takes the newest job first and plays nothing: a run ends with its third chunk."""

    def __init__(self, faulty=()):
        self.faulty, self.taken = faulty, []

    def run(self, _, jobs):
        while jobs:
            job = jobs.pop()
            self.taken.append(job.recipe.seed)
            count = self.taken.count(job.recipe.seed)
            files = {**job.files, METRICS_FILE: b"stage,update\n"} | ({POLICY_FILE: b"weights"} if count == 3 else {})
            yield Outcome(job, files, "broken" if job.recipe.seed in self.faulty else "")


@pytest.mark.parametrize(("faulty", "taken"), [((), [2, 2, 2, 1, 1, 1]), ((2,), [2, 1, 1, 1])])
def test_a_run_goes_on_whatever_becomes_of_the_others(recipe_file, tmp_path, faulty, taken):
    runs = {tmp_path / str(seed): replace(load_recipe(str(recipe_file)), seed=seed) for seed in (1, 2)}
    executor = LastFirst(faulty)
    faults = train_all(runs, executor, Console(quiet=True), resume=False, ending=Ending(export=False))
    assert executor.taken == taken
    assert faults == {tmp_path / str(seed): "broken" for seed in faulty}
    assert [(tmp_path / str(seed) / POLICY_FILE).exists() for seed in (1, 2)] == [True, not faulty]


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_weights(recipe_file, alone, tmp_path):
    words = [
        sys.executable, "-m", "training", "train", str(recipe_file), "--seeds", "1,2", "--out", str(tmp_path),
        "--no-onnx", "--workers", "1",
    ]  # fmt: skip
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    kill_when(process, lambda: list(tmp_path.rglob(CHECKPOINT_FILE)))
    assert not list(tmp_path.rglob(POLICY_FILE))
    assert subprocess.run([*words, "--resume"], cwd=ROOT, capture_output=True).returncode == 0
    same_weights(alone, tmp_path)


@pytest.mark.slow
def test_a_cluster_comes_to_the_same_weights(recipe_file, alone, tmp_path):
    words = ["--seeds", "1,2", "--out", str(tmp_path), "--no-onnx", "--ray", "--workers", "2"]
    command = [sys.executable, "-m", "training", "train", str(recipe_file), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    same_weights(alone, tmp_path)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["team", "--seeds", "1", "--seed", "2"], "got --seed 2 and --seeds 1, expected one of them"),
        (["team", "--seeds", "1,x,-2"], "a seed is 'x', expected an integer"),
        (["team", "--seeds", ","], "--seeds is ',', expected at least one integer"),
        (["team", "--seeds", "1,2", "--device", "cuda"], "--device is 'cuda', expected cpu"),
        (["team,nowhere"], "unknown recipe 'nowhere'"),
        (["team", "--ray", "x"], "--ray is 'x', expected local, auto"),
    ],
)
def test_wrong_words_are_one_clear_error(words, fault, tmp_path, capsys):
    assert main(["train", *words, "--out", str(tmp_path)]) == 2
    assert fault in " ".join(capsys.readouterr().err.split())


def test_recipes_of_one_name_are_refused(recipe_file, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text(RECIPE)
    assert main(["train", f"{recipe_file},{other}", "--out", str(tmp_path)]) == 2
    assert "several of the recipes have the name 'tiny'" in capsys.readouterr().err
