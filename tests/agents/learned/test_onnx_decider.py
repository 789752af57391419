"""Weights play the same through onnxruntime and torch, need no torch to play, and bad graphs are one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from agents.learned import onnx_decider, torch_decider
from agents.learned.card import WEIGHTS_FORMAT, Manner, WeightsError
from agents.learned.learned_team import SHIPPED, LearnedTeam
from agents.learned.network import Actor
from agents.play import play
from agents.policy import PolicyContext
from c2c_env import Batch, EnvConfig, Generated, Team
from training.learning.export import export_policy

ROOT = Path(__file__).parents[3]


def make_batch(tier, team_size, num_envs=2, **changes):
    changes = {"relations": "index", "horizon": 60, **changes}
    batch = Batch(Generated(tier), Team.default(team_size), EnvConfig(**changes), num_envs=num_envs)
    batch.reset(range(num_envs))
    return batch


def actions_of(batch, decider, manner):
    """All actions of the episodes."""
    taken, team = [], LearnedTeam(PolicyContext.of(batch, 5), decider, manner)
    play(batch, team, on_step=lambda: taken.append(batch.action_buffer.copy()))
    return np.stack(taken)


def same_actions(decider, other, manner, *where, **changes):
    found = [actions_of(make_batch(*where, **changes), one, manner) for one in (decider, other)]
    np.testing.assert_array_equal(*found)
    assert found[0][..., 1].any()  # and they did speak


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        (("simple", 5), {}),
        (("simple", 1), {"relations": "onehot"}),
        (("medium", 8), {"max_agents": 11, "max_subtasks": 20}),
        (("complex", 17), {"horizon": 16}),  # in the 18th step two recipients are equally likely, to the last bit
    ],
)
def test_shipped_weights_act_the_same_with_and_without_torch(where, changes):
    graph, manner = onnx_decider.load_decider(SHIPPED)
    tensors, stated = torch_decider.load_decider(SHIPPED.with_suffix(".safetensors"))
    assert manner == stated
    found = [actions_of(make_batch(*where, **changes), one, manner) for one in (graph, tensors)]
    np.testing.assert_array_equal(*found)
    assert found[0][..., 1].any() == (where[1] > 1)


@pytest.mark.slow
def test_an_exported_actor_draws_as_it_does_in_torch(tmp_path):
    torch.manual_seed(3)
    actor = Actor(hidden=16, rounds=1, own=8, key=4).requires_grad_(False)
    actor.silence.bias -= 5.0
    path = tmp_path / "policy.onnx"
    export_policy(path, actor, {"threshold": None, "temperature": 0.7})
    graph, manner = onnx_decider.load_decider(path)
    assert manner == Manner(None, 0.7)
    assert path.stat().st_size < 4 * sum(p.numel() for p in actor.parameters()) + 100_000
    for played in (manner, Manner(0.2, 0.0), Manner(None, 1.0)):
        same_actions(graph, torch_decider.TorchDecider(actor), played, "simple", 4)


def test_a_learned_team_plays_without_torch():
    code = """
import sys
sys.modules["torch"] = None  # importing it is an error now
import c2c_env
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
batch = c2c_env.Batch("csv-import-tool", c2c_env.Team.default(3), c2c_env.EnvConfig(), num_envs=1)
batch.reset([0])
print(play(batch, make_policy("learned", PolicyContext.of(batch)))[0]["success"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1.0\n", "")


def graph_of(about=None, name="x"):
    """A graph that is valid and no policy."""
    number = helper.make_tensor_value_info(name, TensorProto.FLOAT, [])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    graph = helper.make_graph([helper.make_node("Identity", [name], ["y"])], "g", [number], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if about is not None:
        helper.set_model_props(model, {"about": about})
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no complete ONNX file"),
        (b"no graph", "no complete ONNX file"),
        (graph_of(), "is no policy, as this project writes it"),
        (graph_of("[]"), "is no policy, as this project writes it"),
        (graph_of("{"), "the metadata of .* is no JSON|the metadata of"),
        (graph_of('{"kind": "policy", "format": 1}'), f"has format 1, this version reads {WEIGHTS_FORMAT}"),
        (graph_of(f'{{"kind": "policy", "format": {WEIGHTS_FORMAT}}}'), "has inputs and outputs .*, expected"),
    ],
)
def test_wrong_graphs_are_refused_with_one_clear_line(content, fault, tmp_path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=fault) as caught:
        onnx_decider.load_decider(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_graph_is_refused(share, tmp_path):
    whole = SHIPPED.read_bytes()
    path = tmp_path / "bad.onnx"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WeightsError, match="no complete ONNX file"):
        onnx_decider.load_decider(path)


def test_a_card_that_cannot_be_played_is_refused(tmp_path):
    model = onnx.load(SHIPPED)
    path = tmp_path / "bad.onnx"
    about = f'{{"kind": "policy", "format": {WEIGHTS_FORMAT}, "card": {{"threshold": 2}}}}'
    helper.set_model_props(model, {"about": about})
    path.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="threshold is 2, expected a number in"):
        onnx_decider.load_decider(path)


def test_a_graph_says_whether_it_has_learned_in_silence(tmp_path):
    model = onnx.load(SHIPPED)
    about = json.loads(model.metadata_props[0].value)
    helper.set_model_props(model, {"about": json.dumps(about | {"silent": True})})
    path = tmp_path / "silent.onnx"
    path.write_bytes(model.SerializeToString())
    assert onnx_decider.load_decider(path)[0].silent
    assert not onnx_decider.load_decider(SHIPPED)[0].silent


def test_a_graph_never_reads_another_file(tmp_path):
    """Weights that a graph keeps in a file beside it are not looked for."""
    model = onnx.load(SHIPPED)
    beside = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save_model(model, str(tmp_path / "bad.onnx"), **beside)
    with pytest.raises(WeightsError, match="no complete ONNX file"):
        onnx_decider.load_decider(tmp_path / "bad.onnx")
