"""One table of ids, entered in PettingZoo's and Gymnasium's registries where the installed versions have them."""

from __future__ import annotations

import gymnasium

PETTINGZOO_IDS = {
    ("parallel", "c2c_env/team-v0"): "c2c_env.envs.parallel_env:parallel_env",
    ("aec", "c2c_env/team-v0"): "c2c_env.envs.parallel_env:env",
}
GYMNASIUM_IDS = {"c2c_env/Team-v0": "c2c_env.envs.team_env:TeamEnv"}


def register_all() -> None:
    """Enter every id; PettingZoo before 1.27 has no registry and is left alone."""
    for id_, entry_point in GYMNASIUM_IDS.items():
        if id_ not in gymnasium.registry:
            gymnasium.register(id_, entry_point=entry_point)
    try:
        from pettingzoo.env_registry import registration
    except ImportError:
        return
    for (api, id_), entry_point in PETTINGZOO_IDS.items():
        if id_ not in getattr(registration, f"{api}_registry"):
            registration.register(api, id_, entry_point=entry_point)
