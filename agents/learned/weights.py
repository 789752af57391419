"""Files of weights: safetensors, with what belongs to them as JSON in the header. Loading one executes no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from agents.learned.network import Actor
from c2c_env.disk import write_whole
from c2c_env.errors import C2CError, raise_faults

WEIGHTS_FORMAT = 1  # of what the network reads and of how a policy file is written
Tensors = Mapping[str, Tensor]


class WeightsError(C2CError, ValueError):
    """A file of weights is missing, broken, or not what is expected."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the entity network.

    Attributes:
        hidden: of a token of the board.
        rounds: of exchange between subtasks and agents.
        own: of a subtask as one agent sees it.
        key: of the vectors by which a message is pointed at.
    """

    hidden: int = 64
    rounds: int = 2
    own: int = 32
    key: int = 16


def write_tensors(path: Path, tensors: Tensors, about: Mapping[str, Any]) -> None:
    """Write a file whole or not at all, whenever the process is killed or the machine fails; see `write_whole`."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, metadata={"about": json.dumps(about, sort_keys=True)})
    write_whole(path, content, durable=True)


def read_tensors(path: Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and what was written about them.

    Args:
        path: of the file.
        kind: what it has to be, for example "policy".

    Raises:
        WeightsError: no such file, truncated, of another format or kind, or with numbers that are not finite.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise WeightsError(f"there is no file {str(path)!r}") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{str(path)!r} is no complete safetensors file: {error}") from error
    if not isinstance(about, dict) or about.get("kind") != kind:
        got = about.get("kind") if isinstance(about, dict) else None
        raise WeightsError(f"{str(path)!r} is of kind {got!r}, expected {kind!r}, as this project writes it")
    if about.get("format") != WEIGHTS_FORMAT:
        raise WeightsError(f"{str(path)!r} has format {about.get('format')!r}, this version reads {WEIGHTS_FORMAT}")
    faulty = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    raise_faults(WeightsError, f"{str(path)!r} has numbers that are not finite", faulty)
    return tensors, about


def save_policy(path: Path, actor: Actor, network: NetworkConfig, card: Mapping[str, Any]) -> None:
    """Write a policy that `load_policy` reads.

    Args:
        path: of the file.
        actor: the weights.
        network: their sizes.
        card: how they came about; "temperature" says how they are played.
    """
    about = {"kind": "policy", "format": WEIGHTS_FORMAT, "network": asdict(network), "card": dict(card)}
    write_tensors(path, actor.state_dict(), about)


def load_policy(path: Path) -> tuple[Actor, dict[str, Any]]:
    """An actor and its card.

    Raises:
        WeightsError: see `read_tensors`; or weights of other names or shapes.
    """
    tensors, about = read_tensors(path, "policy")
    actor = Actor(**_network(path, about))
    put_tensors(actor, tensors, str(path))
    actor.requires_grad_(False)
    card = about.get("card")
    return actor, card if isinstance(card, dict) else {}


def _network(path: Path, about: Mapping[str, Any]) -> dict[str, int]:
    sizes: Any = about.get("network")
    names = {field.name for field in fields(NetworkConfig)}
    valid = isinstance(sizes, dict) and set(sizes) == names
    if not valid or not all(isinstance(size, int) and 0 < size <= 4096 for size in sizes.values()):
        raise WeightsError(
            f"{str(path)!r} has network sizes {sizes!r}, expected integers for {', '.join(sorted(names))}"
        )
    return dict(sizes)


def put_tensors(module: torch.nn.Module, tensors: Tensors, where: str) -> None:
    """Load tensors into a module of the same names and shapes.

    Raises:
        WeightsError: lists every name and shape that differs.
    """
    wanted = module.state_dict()
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not known" for name in tensors if name not in wanted]
    faults += [
        f"{name} has shape {list(tensors[name].shape)}, expected {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    raise_faults(WeightsError, f"the weights of {where} do not fit the network", faults)
    module.load_state_dict(dict(tensors))
