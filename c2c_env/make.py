"""What users hand in, made into a batch: workflows, a team, constants, and a preset for the library that trains.

A preset is what the library takes without further code, with masks where it honours them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c2c_env.checks import fault
from c2c_env.config import EnvConfig, Team
from c2c_env.envs.batch import Batch
from c2c_env.envs.batch_checks import A_CONFIG, A_TEAM
from c2c_env.errors import ConfigError, unknown_name
from c2c_env.team_file import TeamLike, as_team
from c2c_env.workflows.pool import WorkflowPool

DEFAULT_TEAM_SIZE = 5
_CATALOGUE = {"action_format": "discrete"}
_FLAT = {"mask_format": "flat", "info_format": "flat"}
_MASK_IN_OBSERVATION = {"mask_in_observation": True}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "agilerl": _CATALOGUE,  # MADDPG takes masks from infos; its IPPO needs mask_in_info=False
    "benchmarl": _CATALOGUE | _FLAT,
    "cleanrl": {"mask_format": "flat"},
    "epymarl": _CATALOGUE | _FLAT,
    "rllib": _MASK_IN_OBSERVATION | {"observation_key": "observations", "mask_in_info": False},
    "sb3": {"mask_format": "flat"},
    "skrl": _MASK_IN_OBSERVATION | {"mask_format": "flat"},
    "tianshou": _CATALOGUE | _MASK_IN_OBSERVATION,
    "torchrl": _CATALOGUE | _FLAT,
}


def make_batch(
    workflow: Any = "simple",
    team_size: int | None = None,
    *,
    team: TeamLike | None = None,
    config: EnvConfig | None = None,
    preset: str | None = None,
    num_envs: int = 1,
    num_threads: int = 1,
    backend: str = "numba",
    **fields: Any,
) -> Batch:
    """Make a batch; see `c2c_env.parallel_env` for the arguments and errors, and `Batch` for the numbers."""
    chosen = make_config(config, preset, fields)
    given = given_team(team_size, team)
    pool = WorkflowPool(workflow)
    size = DEFAULT_TEAM_SIZE if team_size is None else team_size
    who = Team.default(size, len(pool.domains)) if given is None else given
    return Batch(pool, who, chosen, num_envs, num_threads=num_threads, backend=backend)


def given_team(team_size: int | None, team: TeamLike | None) -> Team | None:
    """Return the team that is given, or None where `team_size` asks for a default one."""
    if team is None:
        return None
    if wrong := fault("team", team, A_TEAM):
        raise ConfigError(wrong)
    given = as_team(team)
    if team_size is not None and team_size != given.size:
        raise ConfigError(f"team_size is {team_size!r}, but the given team has {given.size} agents; give one of them")
    return given


def make_config(config: EnvConfig | None, preset: str | None, fields: Mapping[str, Any]) -> EnvConfig:
    """Make the configuration with the fields of a preset and, over them, keyword changes applied."""
    if config is not None and (wrong := fault("config", config, A_CONFIG)):
        raise ConfigError(wrong)
    if preset is not None and preset not in PRESETS:
        raise ConfigError(unknown_name("preset", preset, PRESETS))
    return (config or EnvConfig()).with_fields(**{**(PRESETS[preset] if preset else {}), **fields})
