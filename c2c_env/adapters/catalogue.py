"""Environments for libraries whose agents choose one action of a list, and their arrays."""

from __future__ import annotations

from typing import Any

from c2c_env.core.arrays import Array
from c2c_env.envs.parallel_env import C2CParallelEnv, parallel_env
from c2c_env.errors import ActionError, ConfigError, raise_faults

# such a library asks for observations and for masks apart
_NEEDED = {"action_format": "discrete", "mask_in_observation": False}


def catalogue_env(library: str, workflow: Any, arguments: dict[str, Any]) -> C2CParallelEnv:
    """Make an environment with the discrete catalogue of actions.

    Raises:
        ConfigError: arguments ask for another form than the library takes; see also `c2c_env.parallel_env`.
    """
    env = parallel_env(workflow, **{**_NEEDED, **arguments})
    found = {name: getattr(env.config, name) for name in _NEEDED}
    faults = [
        f"{name} is {found[name]!r}, but {library} needs {needed!r}"
        for name, needed in _NEEDED.items()
        if found[name] != needed
    ]
    raise_faults(ConfigError, "bad arguments", faults)
    return env


def observations_of(env: C2CParallelEnv) -> Array:
    """Return the observations of all agents without masks, float32 [N, D]."""
    rows: Array = env.batch.observations[0].copy()
    return rows


def legal_actions(env: C2CParallelEnv) -> Array:
    """Return the legal actions of all agents, int8 [N, M], 1 = legal."""
    masks: Array = env.batch.action_masks[0].copy()
    return masks


def step_agents(env: C2CParallelEnv, actions: Any) -> dict[str, dict[str, Any]]:
    """Step with one integer for each agent; return the infos.

    Raises:
        ActionError: there are more or fewer; see also `C2CParallelEnv.step`.
    """
    agents = env.possible_agents
    if len(actions) != len(agents):
        raise ActionError(f"got {len(actions)} actions, expected one for each of {len(agents)} agents")
    return env.step({agent: int(action) for agent, action in zip(agents, actions, strict=True)})[4]
