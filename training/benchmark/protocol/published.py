"""The protocols that numbers are published by. To change one, add its next version and retire it, or keep both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agents.member_env import PARTNERS
from c2c_env import TEST_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS
from c2c_env.errors import ConfigError, unknown_name
from c2c_env.workflows import TIERS
from training.benchmark.protocol.definition import Protocol, Track, WorkflowChoice

TRAIN_TEAM_SIZES = (3, 5, 8, 12)
_GENERATED_TEST = WorkflowChoice(64, TEST_SEEDS)
_GENERATED_VALIDATION = WorkflowChoice(64, VALIDATION_SEEDS)
_ALONE = Track("alone", "One agent does everything, so that there is nobody to coordinate with.", (1,), seen=True)
_WITHOUT_ALONE = "it does not have policies play alone, which coordination retention is told by; use {}"

_WHOLE_TEAMS = (
    Protocol(
        id="c2c-generated-v2",
        summary="A policy plays whole teams on generated workflows that nobody has learned from.",
        tracks=(
            Track("seen-sizes", "Teams as large as those that are learned with.", (5, 8, 12), seen=True),
            Track("unseen-sizes", "Teams that are larger than all that are learned with.", (17, 24, 32), seen=False),
            _ALONE,
        ),
        tiers=TIERS,
        test=_GENERATED_TEST,
        validation=_GENERATED_VALIDATION,
        train_seeds=TRAIN_SEEDS,
        train_team_sizes=TRAIN_TEAM_SIZES,
    ),
    Protocol(
        id="c2c-builtin-v2",
        summary="A policy plays whole teams on the built-in workflows, whose subtasks have texts.",
        tracks=(
            Track("built-in", "The built-in workflows, which are for the test alone.", (5, 8), seen=True),
            _ALONE,
        ),
        tiers=TIERS,
        test=WorkflowChoice(4),
        validation=_GENERATED_VALIDATION,
        train_seeds=TRAIN_SEEDS,
        train_team_sizes=TRAIN_TEAM_SIZES,
    ),
)
_FIRST_VERSIONS = tuple(
    replace(
        protocol, id=f"{protocol.id[:-1]}1", tracks=protocol.tracks[:-1], retired=_WITHOUT_ALONE.format(protocol.id)
    )
    for protocol in _WHOLE_TEAMS
)
_ALL = (
    *_WHOLE_TEAMS,
    Protocol(
        id="c2c-partners-v1",
        summary="A policy plays one member of a team whose others follow policies of their own (ad hoc teamwork).",
        tracks=(
            Track(
                "seen-partners", "Partners that are learned with.", (5,), seen=True,
                partners=PARTNERS["train"], role="worker_1",
            ),
            Track(
                "unseen-partners", "Partners that nobody has learned with.", (5,), seen=False,
                partners=PARTNERS["test"], role="worker_1",
            ),
        ),
        tiers=TIERS,
        test=_GENERATED_TEST,
        validation=_GENERATED_VALIDATION,
        train_seeds=TRAIN_SEEDS,
        train_team_sizes=(5,),
        train_partners=PARTNERS["train"],
    ),
    *_FIRST_VERSIONS,
)  # fmt: skip
PROTOCOLS: Mapping[str, Protocol] = {protocol.id: protocol for protocol in _ALL}


def find_protocol(name: str) -> Protocol:
    """The protocol of an id.

    Raises:
        ConfigError: there is none; the message has the nearest id.
    """
    if name not in PROTOCOLS:
        raise ConfigError(unknown_name("protocol", name, PROTOCOLS))
    return PROTOCOLS[name]
