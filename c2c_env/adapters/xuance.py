"""The environment for XuanCe: `REGISTRY_MULTI_AGENT_ENV["c2c"] = XuanCeEnv`, and `env_name: "c2c"` in the settings.

`tests/consumers/xuance_mappo.py` trains with it. Masks need `use_actions_mask: True` there.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import numpy as np
from xuance.environment import RawMultiAgentEnv

from c2c_env.adapters.catalogue import catalogue_env, legal_actions
from c2c_env.core.arrays import Array


class XuanCeEnv(RawMultiAgentEnv):
    """What XuanCe asks of a multi-agent environment.

    Args:
        config: the settings of XuanCe: `env_id` is the workflow, `env_seed` the seed of the first episode, and
            `env_arguments`, if there is one, a dict of other arguments of `c2c_env.parallel_env`. Actions are those of
            the discrete catalogue.

    Raises:
        ConfigError: an argument is wrong; see also `c2c_env.parallel_env`.
    """

    def __init__(self, config: Namespace) -> None:
        super().__init__()
        self.env = catalogue_env("XuanCe", config.env_id, dict(getattr(config, "env_arguments", {})))
        self._seed = getattr(config, "env_seed", None)
        self.agents, self.num_agents = list(self.env.possible_agents), len(self.env.possible_agents)
        self.agent_groups = [self.agents]
        self.state_space = self.env.state_space
        self.observation_space = {agent: self.env.observation_space(agent) for agent in self.agents}
        self.action_space = {agent: self.env.action_space(agent) for agent in self.agents}
        self.max_episode_steps = self.env.max_steps
        self._returns = dict.fromkeys(self.agents, 0.0)

    def reset(self, **kwargs: Any) -> tuple[dict[str, Array], dict[str, Any]]:
        """Start an episode; keywords are those of `C2CParallelEnv.reset`."""
        observations, infos = self.env.reset(**{"seed": self._seed, **kwargs})
        self._seed, self._returns = None, dict.fromkeys(self.agents, 0.0)
        return observations, self._told(infos)

    def step(
        self, action_dict: dict[str, Any]
    ) -> tuple[dict[str, Array], dict[str, float], dict[str, bool], bool, dict[str, Any]]:
        """Step with one integer for each agent; XuanCe wants one `truncated` for the team."""
        actions = {agent: int(action) for agent, action in action_dict.items()}
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._returns = {agent: self._returns[agent] + rewards[agent] for agent in self.agents}
        return observations, rewards, terminated, any(truncated.values()), self._told(infos)

    def _told(self, infos: dict[str, Any]) -> dict[str, Any]:
        return {"infos": infos, "individual_episode_rewards": dict(self._returns)}

    def state(self) -> Array:
        """Return the global state, float32 [S]."""
        return self.env.state()

    def avail_actions(self) -> dict[str, Array]:
        """Return the legal actions of each agent, bool [M]."""
        return dict(zip(self.agents, legal_actions(self.env).astype(np.bool_), strict=True))

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the episode, see `C2CParallelEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
