"""Learning with networks on another device than the simulator, tried without one.

Tensors are torch's fake ones, which know shape, type and device but no numbers, and which take another device amiss
as a GPU does. The device "meta" stands for the GPU. What needs numbers gets zeros.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from agents.learned.communication import WITH_SYMBOLS
from agents.learned.network import Actor, Critic
from c2c_env import EnvConfig
from training.learning.credit import CreditConfig
from training.learning.learners.environments import Group
from training.learning.learners.mappo import PPO, PPOConfig

ELSEWHERE = torch.device("meta")
to_numpy = Tensor.numpy


def numpy_of(tensor: Tensor) -> np.ndarray:
    if not isinstance(tensor, FakeTensor):
        return to_numpy(tensor)
    if tensor.device.type != "cpu":
        raise TypeError(f"can't convert a tensor on {tensor.device} to numpy")
    return np.zeros(tuple(tensor.shape), dtype=str(tensor.dtype).removeprefix("torch."))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Tensor, "numpy", numpy_of)
    monkeypatch.setattr(Tensor, "item", lambda tensor: 0.5)
    monkeypatch.setattr(Tensor, "__float__", lambda tensor: 0.5)
    monkeypatch.setattr(Tensor, "__int__", lambda tensor: 1)
    monkeypatch.setattr(Tensor, "__bool__", lambda tensor: False)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def moved(module: nn.Module) -> nn.Module:
    """The module with new weights on the other device; `to` swaps tensors, which fake ones cannot do."""
    for part in module.modules():
        for name, weights in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty(weights.shape, device=ELSEWHERE)))
    return module


def test_the_device_that_stands_for_a_gpu_is_told_from_the_processor():
    with pytest.raises(RuntimeError, match="two devices"):
        torch.ones(2) + torch.ones(2, device=ELSEWHERE)
    with pytest.raises(TypeError, match="meta"):
        torch.ones(2, device=ELSEWHERE).numpy()
    with pytest.raises(RuntimeError, match="two devices"):
        moved(nn.Linear(2, 2))(torch.ones(2))


@pytest.mark.parametrize("measure", ["reward", "value"])
def test_ppo_plays_rehearses_and_learns_on_another_device(measure, monkeypatch):
    credit = CreditConfig(
        individual=0.5, information_gain=0.1, forecast=0.1, counterfactual=1.0, measure=measure, messages=2, horizon=2
    )  # fmt: skip
    ppo = learner(PPOConfig(updates=2, steps=2, minibatches=2, normalise="step", credit=credit))
    [rehearsal], looked_at = ppo.rehearsals, np.array([0, 1])
    monkeypatch.setattr(rehearsal, "drawn", lambda choice, count: (looked_at, looked_at))  # somebody speaks
    assert ppo.update(1)["messages"] == 0.5


@pytest.mark.parametrize("communication", WITH_SYMBOLS)
def test_symbols_and_variants_are_learned_on_another_device(communication):
    sizes = {"communication": communication, "vocab_size": 4, "hidden_facts": 2}
    ppo = learner(PPOConfig(updates=2, steps=2, minibatches=2, hindsight=0.5), **sizes)
    assert ppo.update(1)["messages"] == 0.5


def learner(config: PPOConfig, **sizes) -> PPO:
    actor, critic = moved(Actor(**sizes)), moved(Critic())
    facts = {name: sizes[name] for name in ("vocab_size", "hidden_facts") if name in sizes}
    ppo = PPO(config, actor, critic, [Group("simple", 3, 2, 1, EnvConfig(**facts), ELSEWHERE)])
    ppo.optimizer = torch.optim.SGD(ppo.parameters, 1e-3)  # the fused one knows no "meta"
    return ppo
