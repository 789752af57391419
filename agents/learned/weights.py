"""Files of weights: safetensors, with what belongs to them as JSON in the header. Loading one executes no code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from agents.learned.card import LARGEST_FILE, WEIGHTS_FORMAT, Manner, WeightsError, manner_of
from agents.learned.communication import METHODS, WITH_SYMBOLS, Method
from agents.learned.network import Actor
from c2c_env.checks import BOOL, fault, integer_in, one_of, only_faults
from c2c_env.disk import parse_json, read_bounded, write_whole
from c2c_env.errors import raise_faults

LARGEST_HEADER = 2**22  # bytes of names, shapes and the card; the shipped policy has 10 kB
_SIZES = {  # by the names of `NetworkConfig`
    "hidden": integer_in(8, 4096),
    "rounds": integer_in(1, 32),
    "own": integer_in(1, 4096),
    "key": integer_in(1, 4096),
    "vocab_size": integer_in(0, 4096),
    "hidden_facts": integer_in(0, 4096),
    "communication": one_of(*METHODS),
    "schedule": BOOL,
}
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the entity network; see `size_faults` for their ranges.

    Attributes:
        hidden: of a token of the board, a multiple of 8.
        rounds: of exchange between subtasks and agents.
        own: of a subtask as one agent sees it.
        key: of the vectors by which a message is pointed at.
        vocab_size: V, symbols that a message can carry, as in the environment.
        hidden_facts: F, variants of every subtask, as in the environment.
        communication: how messages and their symbols are used, see `agents.learned.communication`.
        schedule: whether the public schedule is read, see `agents.public_schedule`.
    """

    hidden: int = 64
    rounds: int = 2
    own: int = 32
    key: int = 16
    vocab_size: int = 0
    hidden_facts: int = 0
    communication: Method = "plain"
    schedule: bool = False


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
        WeightsError: no such file, truncated, larger than `LARGEST_FILE`, of another format or kind, or with tensors
            that are not of type float32 or not finite.
    """
    content = read_bounded(path, kind, WeightsError, LARGEST_FILE)
    where = repr(str(path))
    length = int.from_bytes(content[:8], "little")
    if length > min(LARGEST_HEADER, len(content)):  # a million tensors would take gigabytes and a minute to refuse
        raise WeightsError(
            f"{where} is no complete safetensors file: it states a header of {length:,} bytes, expected at most"
            f" {LARGEST_HEADER:,} and no more than there are"
        )
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:  # a `KeyError` for a type unknown to torch
        raise WeightsError(f"{where} is no complete safetensors file: {error}") from error
    header = parse_json(content[8 : 8 + length], f"the header of {where}", WeightsError)
    about = parse_json(header.get("__metadata__", {}).get("about", "{}"), f"the metadata of {where}", WeightsError)
    if not isinstance(about, dict) or about.get("kind") != kind:
        got = about.get("kind") if isinstance(about, dict) else None
        raise WeightsError(f"{str(path)!r} is of kind {got!r}, expected {kind!r}, as this project writes it")
    if about.get("format") != WEIGHTS_FORMAT:
        raise WeightsError(f"{str(path)!r} has format {about.get('format')!r}, this version reads {WEIGHTS_FORMAT}")
    faults = [
        f"{name} is of type {x.dtype}, expected {torch.float32}"
        for name, x in tensors.items()
        if x.dtype != torch.float32
    ]
    raise_faults(WeightsError, f"{str(path)!r} has tensors of another type", faults)
    faulty = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    raise_faults(WeightsError, f"{str(path)!r} has numbers that are not finite", faulty)
    return tensors, about


def save_policy(path: Path, actor: Actor, network: NetworkConfig, card: Mapping[str, Any]) -> None:
    """Write a policy that `load_policy` reads.

    Args:
        path: of the file.
        actor: the weights.
        network: their sizes.
        card: how they came about; "threshold", "temperature" and "rise" say how they are played, see `card.Manner`.
    """
    about = {"kind": "policy", "format": WEIGHTS_FORMAT, "network": asdict(network), "card": dict(card)}
    write_tensors(path, actor.state_dict(), about)


def load_policy(path: Path) -> tuple[Actor, Manner]:
    """An actor and how it is played. Nothing is built that is larger than the file.

    Raises:
        WeightsError: see `read_tensors`; or weights of other names or shapes; or a card that cannot be played.
    """
    tensors, about = read_tensors(path, "policy")
    sizes = _network(path, about, tensors)
    with torch.device("meta"):  # names and shapes alone, without memory
        actor = Actor(**sizes)
    _check_tensors(actor, tensors, str(path))
    actor.load_state_dict(tensors, assign=True)
    actor.requires_grad_(False)
    return actor, manner_of(about.get("card"), repr(str(path)))


def size_faults(sizes: Mapping[str, Any]) -> list[str]:
    """What is wrong with the sizes of a network, by the names of `NetworkConfig`."""
    found = only_faults([fault(name, sizes[name], check) for name, check in _SIZES.items()])
    if found:
        return found
    if sizes["hidden"] % 8:
        found.append(f"hidden is {sizes['hidden']}, expected a multiple of 8")
    if (sizes["communication"] in WITH_SYMBOLS) != (sizes["vocab_size"] > 1):
        found.append(
            f"communication is {sizes['communication']!r} with a vocab_size of {sizes['vocab_size']}; expected at least"
            f" 2 symbols for {', '.join(WITH_SYMBOLS)}, and 0 otherwise"
        )
    if sizes["hidden_facts"] == 1:
        found.append("hidden_facts is 1, expected 0 or at least 2")
    return found


def _network(path: Path, about: Mapping[str, Any], tensors: Tensors) -> dict[str, Any]:
    """The stated sizes of the network, if the tensors of the file have them."""
    sizes: Any = about.get("network")
    if isinstance(sizes, dict):
        sizes = {"schedule": False, **sizes}  # older files do not say it
    if not isinstance(sizes, dict) or set(sizes) != set(_SIZES):
        expected = ", ".join(sorted(_SIZES))
        raise WeightsError(f"{str(path)!r} has network sizes {sizes!r}, expected values for {expected}")
    raise_faults(WeightsError, f"{str(path)!r} has wrong network sizes", size_faults(sizes))
    rounds = {name.split(".")[2] for name in tensors if re.match(r"encoder\.rounds\.\d+\.", name)}
    if len(rounds) != sizes["rounds"]:
        raise WeightsError(f"{str(path)!r} has tensors for {len(rounds)} rounds, expected {sizes['rounds']}")
    return dict(sizes)


def put_tensors(module: torch.nn.Module, tensors: Tensors, where: str) -> None:
    """Load tensors into a module of the same names and shapes.

    Raises:
        WeightsError: lists every name and shape that differs.
    """
    _check_tensors(module, tensors, where)
    module.load_state_dict(dict(tensors))


def _check_tensors(module: torch.nn.Module, tensors: Tensors, where: str) -> None:
    wanted = module.state_dict()
    faults = [f"{name} is missing" for name in wanted if name not in tensors]
    faults += [f"{name} is not known" for name in tensors if name not in wanted]
    faults += [
        f"{name} has shape {list(tensors[name].shape)}, expected {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in tensors and tensors[name].shape != tensor.shape
    ]
    raise_faults(WeightsError, f"the weights of {where} do not fit the network", faults)
