"""Settings of the interface for libraries that train on the environment: `parallel_env(preset="rllib")`.

Each one is what the library takes without further code, with masks where it honours them; see the documentation of
consumers. A keyword that is given beside a preset counts instead of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c2c_env.errors import ConfigError, unknown_name

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


def preset_fields(name: str | None) -> dict[str, Any]:
    """The fields of `EnvConfig` that a preset sets; none for None.

    Raises:
        ConfigError: there is no such preset.
    """
    if name is None:
        return {}
    if name not in PRESETS:
        raise ConfigError(unknown_name("preset", name, list(PRESETS)))
    return dict(PRESETS[name])
