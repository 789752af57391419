"""Recipes that start from the weights of a policy: which ones, what of them is taken, and what is refused."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import tomli_w
import torch
from rich.console import Console
from safetensors.torch import load

from agents.learned.network import Actor
from agents.learned.weights import NetworkConfig, load_policy, save_policy
from training.__main__ import main
from training.learning.learners.imitation import ImitationConfig
from training.learning.learners.mappo import PPOConfig
from training.learning.recipe import GroupConfig, Recipe, load_recipe
from training.learning.run import CHECKPOINT_FILE, POLICY_FILE, Ending, Training
from training.learning.side_by_side import Chunk, files_of, train_chunk
from training.learning.validation import ValidationConfig

SMALL = NetworkConfig(hidden=16, rounds=1, own=8, key=4)
CPU, QUIET = torch.device("cpu"), Console(quiet=True)


def saved(path, seed, network=SMALL):
    torch.manual_seed(seed)
    actor = Actor(**asdict(network))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_policy(path, actor, network, {})
    return actor.state_dict()


TINY = Recipe(
    network=SMALL, imitation=ImitationConfig(updates=0), ppo=PPOConfig(updates=2, steps=2, minibatches=1),
    ppo_groups=(GroupConfig(team_size=2, num_envs=2),), ppo_chunk=1,
    validation=ValidationConfig(num_workflows=1, tiers=("simple",), team_sizes=(2,)),
)  # fmt: skip


def begun(folder, **fields):
    """A run of a tiny recipe that has begun, or goes on."""
    folder.mkdir(exist_ok=True)
    training = Training(replace(TINY, **fields), folder, CPU)
    training.begin((folder / CHECKPOINT_FILE).exists(), QUIET)
    return training


def same(weights, others):
    return all(torch.equal(weights[name], others[name]) for name in weights)


def test_the_team_starts_from_the_policy_of_its_seed_and_the_critic_from_nothing(tmp_path):
    given = {seed: saved(tmp_path / f"seed-{seed}" / POLICY_FILE, 10 + seed) for seed in (1, 2)}
    start = str(tmp_path / "seed-{seed}" / POLICY_FILE)
    for seed in (1, 2):
        training, plain = begun(tmp_path / f"run-{seed}", start=start, seed=seed), begun(tmp_path / "plain", seed=seed)
        assert same(training.actor.state_dict(), given[seed])
        assert not same(plain.actor.state_dict(), given[seed])
        assert same(training.critic.state_dict(), plain.critic.state_dict())


def played_to_the_end(training):
    for _ in training.chunks(QUIET):
        pass
    return training.actor.state_dict()


@pytest.mark.parametrize("chunks", [0, 1])
def test_a_run_that_has_begun_needs_the_policy_no_more(tmp_path, chunks):
    path = tmp_path / POLICY_FILE
    saved(path, 5)
    whole = played_to_the_end(begun(tmp_path / "whole", start=str(path)))
    going = begun(tmp_path / "run", start=str(path)).chunks(QUIET)
    for _ in range(chunks):
        next(going)
    path.unlink()
    assert same(played_to_the_end(begun(tmp_path / "run", start=str(path))), whole)


def test_a_chunk_carries_what_it_starts_from(tmp_path):
    path = tmp_path / POLICY_FILE
    given = saved(path, 7)
    training = begun(tmp_path / "run", start=str(path), ppo=replace(TINY.ppo, updates=1, critic_updates=1))
    path.unlink()  # as on another machine
    run = Chunk(tmp_path / "run", training.recipe, files_of(tmp_path / "run"), Ending(export=False))
    files = train_chunk(run)
    tensors = load(files[CHECKPOINT_FILE])
    assert same(
        given, {name.removeprefix("actor."): value for name, value in tensors.items()}
    )  # the critic has learned


def test_runs_side_by_side_start_from_it_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = saved(tmp_path / "from" / POLICY_FILE, 7)
    recipe = replace(TINY, start=f"from/{POLICY_FILE}", ppo=replace(TINY.ppo, updates=1, critic_updates=1))
    said = {name: value for name, value in asdict(recipe).items() if value is not None}  # TOML has no word for None
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(said))
    words = ["train", "mine.toml", "--seeds", "1,2", "--workers", "1", "--no-onnx", "--out", "out"]
    assert main(words) == 0
    written = list((tmp_path / "out").rglob(POLICY_FILE))
    assert len(written) == 2
    assert all(same(given, load_policy(path)[0].state_dict()) for path in written)


def test_the_shipped_policy_has_a_name(tmp_path):
    training = begun(tmp_path / "run", start="shipped", network=load_recipe("team").network)
    assert len(training.actor.state_dict()) > 0


def test_what_does_not_fit_is_named(tmp_path, capsys):
    path = tmp_path / POLICY_FILE
    saved(path, 0, NetworkConfig(hidden=24, rounds=1, own=8, key=4))
    (tmp_path / "mine.toml").write_text(f'start = "{path}"\n[network]\nhidden = 16\nrounds = 1\nown = 8\nkey = 4\n')
    words = ["train", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "which the recipe starts from, do not fit the network" in said
    path.unlink()
    assert main(words) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{path}, which the recipe starts from, is not there; train that first" in said


@pytest.mark.parametrize(("name", "before"), [("scratch_all", "scratch"), ("scratch_fine", "scratch_all")])
def test_a_shipped_recipe_goes_on_from_another_one_with_the_same_seed(name, before):
    recipe, base = load_recipe(name), load_recipe(before)
    assert (recipe.name, base.name) == (name, before)
    assert recipe.start == f"results/train/{before}/seed-{{seed}}/{POLICY_FILE}"
    assert recipe.network == base.network


@pytest.mark.parametrize("start", [3, True])
def test_a_start_is_a_text(start, tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(f"start = {str(start).lower()}\n")
    assert main(["train", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "start is" in capsys.readouterr().err
