"""Weights played by onnxruntime, without torch.

The file is one graph, from features to actions, which `training.learning.export` writes. A graph can only compute; it
reads no other file, since the library is given its bytes.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import onnxruntime

from agents.learned.card import LARGEST_FILE, WEIGHTS_FORMAT, Manner, WeightsError, manner_of
from agents.learned.features import Board, Features, LegalMasks, Own
from agents.learned.learned_team import TeamDecision, TeamLuck
from c2c_env.disk import parse_json, read_bounded

INPUTS = (
    *(f"board_{name}" for name in Board._fields),
    *(f"own_{name}" for name in Own._fields),
    *(f"legal_{name}" for name in LegalMasks._fields),
    "picks", "speak", "what", "temperature",
)  # fmt: skip
OUTPUTS = ("actions", "plan")
ERRORS_ONLY = 3  # severity of what the library logs


def load_decider(path: Path) -> tuple[OnnxDecider, Manner]:
    """Load the graph of a file, and how it is played.

    Raises:
        WeightsError: no such file, too large, no graph of the expected inputs and outputs, or a card that cannot be
            played.
    """
    content, where = read_bounded(path, "policy", WeightsError, LARGEST_FILE), repr(str(path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # cells run side by side
    options.log_severity_level = ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a dozen kinds and no common base
        raise WeightsError(f"{where} is no complete ONNX file: {_first_line(error)}") from error
    about = parse_json(
        session.get_modelmeta().custom_metadata_map.get("about", "{}"), f"the metadata of {where}", WeightsError
    )
    if not isinstance(about, dict) or about.get("kind") != "policy":
        raise WeightsError(f"{where} is no policy, as this project writes it")
    if about.get("format") != WEIGHTS_FORMAT:
        raise WeightsError(f"{where} has format {about.get('format')!r}, this version reads {WEIGHTS_FORMAT}")
    names = (tuple(x.name for x in session.get_inputs()), tuple(x.name for x in session.get_outputs()))
    if names != (INPUTS, OUTPUTS):
        raise WeightsError(f"{where} has inputs and outputs {names}, expected {(INPUTS, OUTPUTS)}")
    silent, schedule = (about.get(name) is True for name in ("silent", "schedule"))
    return OnnxDecider(session, where, silent, schedule), manner_of(about.get("card"), where)


class OnnxDecider:
    """See `learned_team.Decider`. Graphs have no symbols and no variants."""

    vocab_size = hidden_facts = 0

    def __init__(
        self, session: onnxruntime.InferenceSession, where: str, silent: bool = False, schedule: bool = False
    ) -> None:
        self.session, self.where, self.silent, self.schedule = session, where, silent, schedule

    def decide(self, features: Features, luck: TeamLuck, temperature: float) -> TeamDecision:
        """See `learned_team.Decider`.

        Raises:
            WeightsError: the graph does not take what it is given.
        """
        read = chain(features.board, features.own, features.legal)
        numbers = (*read, luck.picks, luck.speak, luck.what, np.array(temperature, dtype=np.float32))
        try:
            actions, plan = self.session.run(OUTPUTS, dict(zip(INPUTS, numbers, strict=True)))
        except Exception as error:  # see `load_decider`
            raise WeightsError(f"the graph of {self.where} cannot be played: {_first_line(error)}") from error
        return TeamDecision(actions, plan, np.zeros((*actions.shape[:2], 2), dtype=np.int32))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
