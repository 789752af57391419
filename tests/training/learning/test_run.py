"""Learners: estimates by hand, recipes and files that are wrong, and runs that survive."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from killing import kill_when
from safetensors.torch import load_file, save_file

from agents.learned import weights
from agents.learned.card import WEIGHTS_FORMAT, Manner, WeightsError
from agents.learned.network import Actor, Critic
from agents.learned.weights import NetworkConfig
from c2c_env import EnvConfig
from c2c_env.disk import temporary_name
from c2c_env.errors import ConfigError
from training.__main__ import main
from training.learning.checkpoint import optimizer_tensors, put_optimizer_tensors
from training.learning.credit import CreditConfig
from training.learning.learners.environments import Group
from training.learning.learners.imitation import Imitation, ImitationConfig
from training.learning.learners.mappo import PPO, PPOConfig, ReturnScale, advantages_of
from training.learning.log import SCALARS, read_table
from training.learning.recipe import Recipe
from training.learning.run import CHECKPOINT_FILE, METRICS_FILE, POLICY_FILE
from training.learning.validation import ValidationConfig, manner_name

ROOT = Path(__file__).parents[3]
SMALL = asdict(NetworkConfig(hidden=16, rounds=1, own=8, key=4))
RECIPE = """
curve_workflows = 2
imitation_chunk = 2
ppo_chunk = 2
evolution_chunk = 1
last_reward_weights = [1.0, 2.0, 0.2, 0.5]
[network]
hidden = 16
rounds = 1
own = 8
key = 4
[imitation]
updates = 4
[cost_to_go]
updates = 2
candidates = 2
[ppo]
updates = 4
steps = 4
minibatches = 2
critic_updates = 1
[evolution]
updates = 2
[[imitation_groups]]
tier = "simple"
team_size = 3
num_envs = 4
[[evolution_groups]]
tier = "simple"
team_size = 2
num_envs = 2
[[ppo_groups]]
tier = "simple"
team_size = 3
num_envs = 4
[[ppo_groups]]
tier = "medium"
team_size = 2
num_envs = 2
begin = 1
[validation]
num_workflows = 2
tiers = ["simple"]
team_sizes = [2]
thresholds = [0.2, 0.5]
temperatures = [0.0, 1.0]
drawn = true
"""


# --- estimates by hand -----------------------------------------------------------------------------------------


def test_advantages_by_hand():
    rewards = torch.tensor([[1.0], [2.0], [3.0]])
    values = torch.tensor([[0.5], [1.0], [1.5]])
    ends = torch.tensor([[False], [True], [False]])
    # gamma 0.5, lambda 0.5: the last step bootstraps from 4, the second ends its episode
    third = 3.0 + 0.5 * 4.0 - 1.5
    second = 2.0 - 1.0
    first = 1.0 + 0.5 * 1.0 - 0.5 + 0.25 * second
    found = advantages_of(rewards, values, torch.tensor([4.0]), ends, 0.5, 0.5)
    assert found[:, 0].tolist() == pytest.approx([first, second, third])


class Constant(torch.nn.Module):
    """A critic that says the same of every state."""

    def __init__(self, value):
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))

    def forward(self, encoded, tokens):
        return self.value.expand(encoded.context.shape[:2])


def test_time_that_is_up_is_bootstrapped_and_the_end_of_the_task_is_not():
    torch.manual_seed(0)
    group = Group("simple", 2, 3, seed=1, config=EnvConfig(horizon=6))
    config = PPOConfig(steps=7, discount=0.9, trace=0.0)
    ppo = PPO(config, Actor(**SMALL), Constant(10.0), [group])
    rollout = ppo.play(0)
    # with lambda 0 a return is r + 0.9 * 10, also where time is up
    rewards = rollout.returns - 9.0
    assert len(group.episodes) == 3
    assert not any(episode["success"] for episode in group.episodes)
    assert rewards.abs().max() < 1.0  # without the bootstrap the last one would be about -9


def test_return_scale_is_the_mean_and_deviation_of_what_it_saw():
    scale = ReturnScale()
    assert scale.natural(torch.tensor(2.0)) == 2.0
    scale.note(torch.tensor([1.0, 3.0]))
    assert (scale.centre, scale.spread) == pytest.approx((2.0, 1.0))
    assert scale.normal(torch.tensor(4.0)) == pytest.approx(2.0)
    assert scale.natural(scale.normal(torch.tensor(4.0))) == pytest.approx(4.0)


def test_reward_is_the_team_s_or_each_its_own():
    group = Group("simple", 3, 4, seed=5)
    actor = Actor(**SMALL)
    ppo = PPO(PPOConfig(steps=4, discount=0.0), actor, Constant(0.0), [group])
    shared = ppo.play(0).returns
    assert torch.allclose(shared, shared.mean(dim=2, keepdim=True).expand_as(shared), atol=1e-6)
    own = PPO(
        PPOConfig(steps=4, discount=0.0, credit=CreditConfig(individual=1.0)), actor, Constant(0.0), [group]
    ).play(0)
    assert (own.returns.std(dim=2) > 1e-4).any()


@pytest.mark.parametrize("critic", ["central", "own"])
def test_update_of_unchanged_weights_has_ratio_one_and_moves_them(critic):
    torch.manual_seed(0)
    groups = [Group("simple", 3, 4, seed=1), Group("medium", 2, 2, seed=2)]
    actor = Actor(**SMALL)
    config = PPOConfig(updates=2, steps=4, epochs=1, minibatches=1, critic_updates=0, critic=critic)
    ppo = PPO(config, actor, Critic(16, critic == "central"), groups)
    before = [parameter.clone() for parameter in actor.parameters()]
    logged = ppo.update(0)
    assert logged["kl"] == pytest.approx(0.0, abs=1e-6)
    assert logged["clipped"] == 0.0
    assert any(not torch.equal(a, b) for a, b in zip(before, actor.parameters(), strict=True))


def test_only_the_critic_learns_at_first():
    groups = [Group("simple", 2, 2, seed=1)]
    actor, critic = Actor(**SMALL), Critic(16)
    ppo = PPO(PPOConfig(updates=2, steps=4, critic_updates=1), actor, critic, groups)
    before = [[p.clone() for p in net.parameters()] for net in (actor, critic)]
    ppo.update(0)
    same = [all(map(torch.equal, old, net.parameters())) for old, net in zip(before, (actor, critic), strict=True)]
    assert same == [True, False]


@pytest.mark.slow
def test_imitation_learns_what_the_teacher_does():
    torch.manual_seed(0)
    group = Group("simple", 3, 32, seed=1)
    stage = Imitation(ImitationConfig(updates=200, learning_rate=3e-3, teacher_updates=50), Actor(32, 2), [group])
    logged = [stage.update(number) for number in range(200)]

    def mean(name, rows):
        return sum(row[name] for row in rows) / len(rows)

    for loss in ("work_loss", "message_loss"):  # over five seeds their ratios were .47 to .59
        assert mean(loss, logged[-20:]) < 0.7 * mean(loss, logged[:5])


def share_of(choice, what):
    """Share of environments in which the manager does not work, or of agents that speak."""
    chosen = choice.work[:, :1] == 0 if what == "plan" else choice.message > 0
    return chosen.float().mean(dim=1)


@pytest.mark.slow
@pytest.mark.parametrize("critic", ["central", "own"])
@pytest.mark.parametrize("what", ["plan", "message"])
def test_ppo_learns_what_is_rewarded(critic, what, monkeypatch):
    """With the reward for a certain choice of a plan or of messages, that choice becomes the rule."""
    torch.manual_seed(0)
    group = Group("simple", 3, 32, seed=1)
    step = group.step

    def rewarded(choice):
        own, terminated, truncated = step(choice)
        return share_of(choice, what)[:, None].expand_as(own), terminated, truncated

    monkeypatch.setattr(group, "step", rewarded)
    config = PPOConfig(updates=30, steps=16, learning_rate=1e-2, discount=0.5, entropy=0.0, critic=critic)
    actor = Actor(**SMALL)
    with torch.no_grad():
        actor.silence.bias -= 4.0
    ppo = PPO(config, actor, Critic(16, critic == "central"), [group])

    def share():
        steps = ppo.play(0).steps
        ready = steps.features.board.ready.any(dim=-1)
        return torch.stack([share_of(one, what) for one in unstacked(steps.choice)])[ready].mean().item()

    before = share()
    for number in range(30):
        ppo.update(number)
    assert before < 0.6
    assert share() > before + 0.2


def unstacked(choice):
    return [type(choice)(*(take(part, t) for part in choice)) for t in range(len(choice.work))]


def take(part, t):
    return part[t] if isinstance(part, torch.Tensor) else type(part)(*(one[t] for one in part))


@pytest.mark.parametrize("kind", ["F4", "F6_E2M3", "F8_E5M2", "C64", "new"])
def test_weights_of_any_other_type_are_one_clear_line(kind, tmp_path):
    bits = {"F4": 4, "F6_E2M3": 6, "C64": 64}.get(kind, 8)
    about = json.dumps({"kind": "policy", "format": WEIGHTS_FORMAT})
    tensor = {"dtype": kind, "shape": [8], "data_offsets": [0, bits]}
    header = json.dumps({"__metadata__": {"about": about}, "x": tensor}).encode()
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(struct.pack("<Q", len(header)) + header + bytes(bits))
    with pytest.raises(WeightsError, match=r"no complete safetensors file|of another type"):
        weights.load_policy(bad)


@pytest.mark.parametrize("length", [0, 100, 2**22 + 1, 10**8, 2**63, 2**64 - 1])
def test_a_header_of_a_wrong_length_is_refused_before_it_is_read(length, tmp_path, monkeypatch):
    if length > 100:
        monkeypatch.setattr(weights, "load", lambda _: pytest.fail("it was read"))
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(struct.pack("<Q", length) + b"{}")
    with pytest.raises(WeightsError, match="no complete safetensors file"):
        weights.load_policy(bad)


# --- files of weights ----------------------------------------------------------------------------------------------


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.safetensors"
    sizes = NetworkConfig(**SMALL)
    weights.save_policy(path, Actor(**SMALL), sizes, Manner(0.25, 0.5)._asdict())
    return path


def test_policy_comes_back_bit_for_bit(policy, tmp_path):
    actor, manner = weights.load_policy(policy)
    assert manner == Manner(threshold=0.25, temperature=0.5)
    weights.save_policy(tmp_path / "again.safetensors", actor, NetworkConfig(**SMALL), manner._asdict())
    assert (tmp_path / "again.safetensors").read_bytes() == policy.read_bytes()


def test_wrong_files_are_refused_with_one_clear_line(policy, tmp_path):
    whole = policy.read_bytes()
    tensors = load_file(policy)
    bad = tmp_path / "bad.safetensors"

    def refused(pattern):
        with pytest.raises(WeightsError, match=pattern):
            weights.load_policy(bad)

    refused("cannot read policy .*: No such file")
    bad.mkdir()
    refused("it is a folder")
    bad.rmdir()
    os.mkfifo(bad)
    refused("it is a FIFO")
    bad.unlink()
    for size in (0, 5, 100, len(whole) - 1):
        bad.write_bytes(whole[:size])
        refused("no complete safetensors file")
    torch.save(tensors, bad)  # a pickle
    refused("no complete safetensors file")
    save_file(tensors, bad)
    refused("is of kind None, expected 'policy'")
    about = {"kind": "policy", "format": 99, "network": SMALL, "card": {}}
    weights.write_tensors(bad, tensors, about)
    refused(f"has format 99, this version reads {WEIGHTS_FORMAT}")
    about["format"] = WEIGHTS_FORMAT
    weights.write_tensors(bad, tensors, {**about, "network": {**SMALL, "hidden": 10**9}})
    refused("network sizes")
    weights.write_tensors(bad, tensors, {**about, "network": {**SMALL, "rounds": 2}})
    refused("tensors for 1 rounds, expected 2")
    weights.write_tensors(bad, tensors, {**about, "network": {**SMALL, "hidden": True}})
    refused("hidden is True, expected an integer")
    weights.write_tensors(bad, {name: tensor.half() for name, tensor in tensors.items()}, about)
    refused("is of type torch.float16, expected torch.float32")
    for temperature in (float("nan"), -1, "hot", None, 1e-300, True):
        weights.write_tensors(bad, tensors, {**about, "card": {"temperature": temperature}})
        refused("temperature is .*, expected 0 or a number")
    for threshold in (float("nan"), -0.1, 1.5, "loud", True):
        weights.write_tensors(bad, tensors, {**about, "card": {"threshold": threshold}})
        refused("threshold is .*, expected a number in")
    for card in (None, [], "hot", 1.0):
        weights.write_tensors(bad, tensors, {**about, "card": card})
        refused("the card of .* expected a table")
    weights.write_tensors(bad, {**tensors, "more": torch.zeros(1)}, about)
    refused("more is not known")
    name = next(iter(tensors))
    weights.write_tensors(bad, {**tensors, name: torch.zeros(3)}, about)
    refused(f"{name} has shape \\[3\\]")
    weights.write_tensors(bad, {**tensors, name: tensors[name] * float("nan")}, about)
    refused("not finite")


def test_a_small_file_that_claims_large_layers_costs_nothing(tmp_path, monkeypatch):
    """Tensors are made on torch's meta device, which has no memory, until the file's own have been compared."""
    path = tmp_path / "policy.safetensors"
    sizes = asdict(NetworkConfig(hidden=4096, rounds=0, own=4096, key=4096))
    devices = []
    real = Actor.__init__

    def watched(self, **given):
        real(self, **given)
        devices.extend({parameter.device.type for parameter in self.parameters()})

    monkeypatch.setattr(Actor, "__init__", watched)
    about = {"kind": "policy", "format": WEIGHTS_FORMAT, "card": {}}
    for rounds, tensors in ((1, {}), (1, {"encoder.rounds.0.x": torch.zeros(1)})):
        weights.write_tensors(path, tensors, {**about, "network": {**sizes, "rounds": rounds}})
        with pytest.raises(WeightsError):
            weights.load_policy(path)
    assert devices == ["meta"]


@pytest.mark.parametrize(
    "text",
    ["a,b\n1\n", "stage,update\nppo,x\n", "\0\n1\n", "x" * 200_000 + "\n1\n", "stage,update\n1,2,3\n", "a\n1\n"],
)
def test_a_garbled_table_of_scalars_is_one_clear_line(text, tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"metrics.csv is not the table that a run writes \(.{3,200}\); move it away"):
        read_table(path)


def test_learned_policy_without_a_file_is_an_error(capsys, tmp_path):
    words = ["benchmark", "--quick", "--policies", "learned:nowhere.safetensors", "--out", str(tmp_path)]
    assert main(words) == 2
    assert "cannot read policy 'nowhere.safetensors': No such file" in capsys.readouterr().err


# --- whole runs ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def whole(recipe_file, tmp_path_factory):
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    threads = torch.get_num_threads()
    assert main(["train", str(recipe_file), "--out", str(out), "--no-onnx"]) == 0
    torch.set_num_threads(threads)
    return out


def test_run_leaves_a_policy_that_the_benchmark_plays(whole, tmp_path):
    words = [
        "--policies",
        f"no_communication,learned:{whole / POLICY_FILE}",
        "--workflows",
        "csv-import-tool",
        "--figures",
        "none",
    ]
    assert main(["benchmark", *words, "--seeds", "1", "--team-sizes", "3", "--out", str(tmp_path)]) == 0
    assert "learned" in (tmp_path / "results.csv").read_text()


def test_every_manner_is_validated_and_the_card_states_one_of_them(whole):
    _, about = weights.read_tensors(whole / POLICY_FILE, "policy")
    card = about["card"]
    names = {row["policy"] for row in card["validation"]} - {"proactive", "oracle"}
    manners = ValidationConfig(thresholds=(0.2, 0.5), temperatures=(0.0, 1.0), drawn=True).manners
    assert names == {manner_name(manner) for manner in manners}
    assert len(names) == 6
    assert Manner(card["threshold"], card["temperature"], card["rise"]) in manners
    assert weights.load_policy(whole / POLICY_FILE)[1] == Manner(card["threshold"], card["temperature"])


def test_checkpoints_keep_every_optimiser_under_its_name():
    groups = [Group("simple", 2, 2, seed=1)]
    actor, critic = Actor(**SMALL), Critic(16)
    ppo = PPO(PPOConfig(updates=2, steps=4, critic_updates=0), actor, critic, groups)
    ppo.update(0)
    tensors = optimizer_tensors(ppo)
    places = {name.split(".")[1] for name in tensors if name.split(".")[0] == "optimizer"}
    assert len(places) == len([*actor.parameters(), *critic.parameters()])
    again = PPO(PPOConfig(updates=2, steps=4), actor, critic, groups)
    put_optimizer_tensors(again, tensors)
    assert all(torch.equal(value, tensors[name]) for name, value in optimizer_tensors(again).items())
    assert optimizer_tensors(again).keys() == tensors.keys()
    imitation = Imitation(ImitationConfig(), actor, groups)
    imitation.update(0)
    assert {name.split(".")[0] for name in optimizer_tensors(imitation)} == {"optimizer"}


def test_every_logged_scalar_is_explained(whole):
    with open(whole / METRICS_FILE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["stage"], row["update"]) for row in rows] == [
        ("imitation", "2"), ("imitation", "4"), ("cost_to_go", "2"), ("ppo", "2"), ("ppo", "4"),
        ("evolution", "1"), ("evolution", "2"),
    ]  # fmt: skip
    steps = [float(row["env_steps"]) for row in rows]
    assert steps[:5] == [8.0, 16.0, 8.0, 40.0, 88.0]
    assert 0.0 < steps[5] < steps[6]  # episodes take as long as they take
    assert all(-1000.0 < float(rows[4][f"{kind}/reduction"]) < 100.0 for kind in ("simple-3", "medium-2"))
    names = {name.rpartition("/")[2] for name in rows[0]} - {"stage", "update"}
    assert names <= set(SCALARS)


def test_another_seed_comes_to_other_weights(recipe_file, whole, tmp_path):
    assert main(["train", str(recipe_file), "--out", str(tmp_path), "--seed", "2", "--no-onnx"]) == 0
    tensors = [load_file(folder / POLICY_FILE) for folder in (tmp_path, whole)]
    assert not all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])


def untimed(path):
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    return [{name: value for name, value in row.items() if name != "rows_per_second"} for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", ["imitation", "cost_to_go", "ppo", "evolution"])
def test_killed_run_goes_on_to_the_same_weights(recipe_file, whole, tmp_path, stop_at):
    words = [sys.executable, "-m", "training", "train", str(recipe_file), "--out", str(tmp_path), "--no-onnx"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / METRICS_FILE
    kill_when(process, lambda: metrics.exists() and stop_at in metrics.read_text())
    assert not (tmp_path / POLICY_FILE).exists()
    if stop_at == "ppo":  # a checkpoint is there by now
        refused = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert refused.returncode == 2
        assert "holds a run already; add --resume" in refused.stderr
    assert subprocess.run([*words, "--resume"], cwd=ROOT, capture_output=True).returncode == 0
    tensors = [load_file(folder / POLICY_FILE) for folder in (tmp_path, whole)]
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    assert untimed(tmp_path / METRICS_FILE) == untimed(whole / METRICS_FILE)


def test_weights_that_are_not_finite_any_more_stop_the_run(recipe_file, tmp_path, capsys, monkeypatch):
    update = Imitation.update

    def burst(self, number):
        scalars = update(self, number)
        if number == 3:
            with torch.no_grad():
                next(self.actor.parameters()).fill_(float("nan"))
        return scalars

    monkeypatch.setattr(Imitation, "update", burst)
    assert main(["train", str(recipe_file), "--out", str(tmp_path)]) == 2
    assert "error: the weights are not finite any more" in capsys.readouterr().err
    assert weights.read_tensors(tmp_path / CHECKPOINT_FILE, "checkpoint")  # the one before


def test_checkpoint_of_another_recipe_is_refused(recipe_file, whole, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text(RECIPE.replace("steps = 4", "steps = 5"))
    assert main(["train", str(other), "--out", str(whole), "--resume"]) == 2
    assert "is of another recipe (ppo.steps: 4 there, 5 here)" in capsys.readouterr().err


def test_a_run_killed_before_its_first_checkpoint_begins_anew(recipe_file, whole, tmp_path, capsys):
    leftover, notes = temporary_name(tmp_path / POLICY_FILE), tmp_path / "notes.tmp"
    leftover.touch()
    notes.touch()
    assert main(["train", str(recipe_file), "--out", str(tmp_path), "--resume", "--no-onnx"]) == 0
    assert f"{tmp_path} has no checkpoint yet; the run begins at the beginning" in unwrapped(capsys.readouterr().err)
    assert list(tmp_path.glob("*.tmp")) == [notes]
    tensors = [load_file(folder / POLICY_FILE) for folder in (tmp_path, whole)]
    assert all(torch.equal(tensors[0][name], tensors[1][name]) for name in tensors[0])  # the same seed


def unwrapped(text):
    return " ".join(text.split())


def test_no_such_device(recipe_file, tmp_path, capsys):
    assert main(["train", str(recipe_file), "--out", str(tmp_path), "--device", "tpu9"]) == 2
    assert "--device is 'tpu9', expected cpu, cuda or cuda:N" in capsys.readouterr().err


def test_recipes_differ_by_a_seed():
    assert replace(Recipe(), seed=3) != Recipe()
