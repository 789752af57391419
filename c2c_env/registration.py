"""The one id of the environment, entered in Gymnasium's registry and, where it has one, in PettingZoo's."""

from __future__ import annotations

import gymnasium

# Gymnasium's pattern, which PettingZoo's registry takes as well: namespace/Name-vVersion
ENV_ID = "c2c_env/Team-v0"
MEMBER_ID = "c2c_env/Member-v0"  # one member of a team, for Gymnasium alone
GYMNASIUM_ENTRY_POINT = "c2c_env.envs.team_env:TeamEnv"
MEMBER_ENTRY_POINT = "c2c_env.laboratory:MemberEnv"  # with the policies, and loaded when it is asked for
VECTOR_ENTRY_POINT = "c2c_env.adapters.gymnasium:TeamVectorEnv"
PETTINGZOO_ENTRY_POINTS = {
    "parallel": "c2c_env.envs.parallel_env:parallel_env",
    "aec": "c2c_env.envs.parallel_env:env",
}


def register_all() -> None:
    """Enter the id everywhere; PettingZoo before 1.27 does not have a registry and is left alone."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(ENV_ID, entry_point=GYMNASIUM_ENTRY_POINT, vector_entry_point=VECTOR_ENTRY_POINT)
    if MEMBER_ID not in gymnasium.registry:
        gymnasium.register(MEMBER_ID, entry_point=MEMBER_ENTRY_POINT)
    try:
        from pettingzoo.env_registry import registration
    except ImportError:
        return
    for api, entry_point in PETTINGZOO_ENTRY_POINTS.items():
        if ENV_ID not in getattr(registration, f"{api}_registry"):
            registration.register(api, ENV_ID, entry_point=entry_point)
