"""Writes a trained actor as an ONNX graph, so that it plays without torch."""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from onnxscript import opset18 as opset
from torch import Tensor, nn

from agents.learned import features as f
from agents.learned.actions import Luck, choose_action, join_parts
from agents.learned.card import WEIGHTS_FORMAT
from agents.learned.features import Board, Features, LegalMasks, Own
from agents.learned.network import Actor
from agents.learned.onnx_decider import INPUTS, OUTPUTS
from c2c_env.disk import write_whole

OPSET = 18
INPUT_AXES = (  # of every input in the order of `INPUTS`; R is A + 1, P the pair features, and numbers are lengths
    f"E K {f.NUM_SUBTASK_FEATURES}", f"E A {f.NUM_AGENT_FEATURES}", "E A K P",
    f"E {f.NUM_SITUATION_FEATURES}", "E K bool", "E A bool", "E K bool", "E A bool",
    f"E N K {f.NUM_OWN_SUBTASK_FEATURES}", f"E N A {f.NUM_CONTACT_FEATURES}", f"E N A K {f.NUM_OWN_PAIR_FEATURES}",
    f"E N {f.NUM_OWN_FEATURES}", "E N int",
    f"E N {1 + f.NUM_SPOKEN} bool", "E N R bool", "E N K bool",
    "E A", "E N", "E N 2", "",
)  # fmt: skip
EXAMPLE = {"E": 3, "N": 2, "A": 4, "R": 5, "K": 6}  # all different, so that none is taken for another
LENGTHS: dict[str, Any] = {name: torch.export.Dim(name) for name in "ENAK"}
LENGTHS["R"] = LENGTHS["A"] + 1


class Deciding(nn.Module):
    """A whole decision, from features side by side to actions."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, *numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions int32 [E, N, 4] and the plan [E, A] for numbers in the order of `INPUTS`."""
        ends = [len(Board._fields), len(Own._fields), len(LegalMasks._fields)]
        board, own = Board(*numbers[: ends[0]]), Own(*numbers[ends[0] : sum(ends[:2])])
        legal = LegalMasks(*numbers[sum(ends[:2]) : sum(ends)])
        picks, speak, what, temperature = numbers[sum(ends) :]
        features = Features(board, own, legal, symbols=what[..., None, :0])
        choice, _, _ = choose_action(self.actor, features, Luck(picks, speak, what, what), temperature)
        return join_parts(choice.work, choice.message, board.ready.shape[1]), choice.plan.work


def export_policy(path: Path, actor: Actor, card: Mapping[str, Any]) -> None:
    """Write the graph of an actor with its card, whole or not at all."""
    with _quiet():
        pairs = f.NUM_PAIR_FEATURES + (f.NUM_SCHEDULE_FEATURES if actor.schedule else 0)
        examples = tuple(_example(axes, {**EXAMPLE, "P": pairs}) for axes in INPUT_AXES)
        program = torch.onnx.export(
            Deciding(actor).eval(), examples, dynamo=True, opset_version=OPSET, verbose=False,
            input_names=list(INPUTS), output_names=list(OUTPUTS), dynamic_shapes=(tuple(map(_dynamic, INPUT_AXES)),),
            custom_translation_table={torch.ops.aten.sym_stride.int: _stride},
        )  # fmt: skip
    assert program is not None  # with `dynamo=True` there always is one
    for node in program.model.graph.all_nodes():  # where each came from takes as much room as the weights
        node.metadata_props.clear()
    program.model.graph.metadata_props.clear()
    about = {"kind": "policy", "format": WEIGHTS_FORMAT, "card": dict(card)}
    about |= {"silent": actor.silent, "schedule": actor.schedule}
    program.model.metadata_props["about"] = json.dumps(about, sort_keys=True)
    write_whole(path, program.model_proto.SerializeToString(), durable=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter says of itself from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def _stride(tensor: Any, axis: int) -> Any:
    """The stride of a contiguous tensor, which the tracer writes for a length that is the same number."""
    return opset.ReduceProd(opset.Shape(tensor, start=axis + 1), keepdims=0)


def _example(axes: str, lengths: Mapping[str, int]) -> Tensor:
    """Numbers of the shape and type of an input."""
    names = axes.split()
    kind = {"bool": torch.bool, "int": torch.long}.get(names[-1] if names else "", torch.float32)
    shape = [lengths.get(name) or int(name) for name in names if name not in ("bool", "int")]
    return torch.ones(shape, dtype=kind) if kind != torch.float32 else torch.full(shape, 0.5)


def _dynamic(axes: str) -> dict[int, Any]:
    """The axes of an input that may have any length, the same in all inputs."""
    return {place: LENGTHS[name] for place, name in enumerate(axes.split()) if name in LENGTHS}
