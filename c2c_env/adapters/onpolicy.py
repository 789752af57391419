"""The environment in the shape of `on-policy`, the repository of the authors of MAPPO.

It is a repository, not a package: make its `ShareDummyVecEnv` or `ShareSubprocVecEnv` of functions that return
`OnPolicyEnv(...)`, and give it to `onpolicy.runner.shared.smac_runner.SMACRunner`, whose masks and time limits it
serves. `tests/consumers/onpolicy_mappo.py` does so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from c2c_env.adapters.catalogue import catalogue_env, legal_actions, observations_of, step_agents
from c2c_env.core.arrays import Array


class OnPolicyEnv:
    """One team; all that it returns has a row for each agent.

    Args:
        workflow: as `c2c_env.parallel_env` takes it.
        **arguments: others of `c2c_env.parallel_env`; actions are those of the discrete catalogue.

    Raises:
        ConfigError: an argument is wrong; see also `c2c_env.parallel_env`.

    Attributes:
        observation_space, share_observation_space, action_space: a list with the space of each agent.
        n_agents: N.
    """

    def __init__(self, workflow: Any = "simple", **arguments: Any) -> None:
        self.env = catalogue_env("on-policy", workflow, arguments)
        agents = self.env.possible_agents
        self.n_agents = len(agents)
        self._seed: int | None = None
        self.observation_space = [self.env.observation_space(agent) for agent in agents]
        self.action_space = [self.env.action_space(agent) for agent in agents]
        self.share_observation_space = [self.env.state_space] * self.n_agents

    def seed(self, seed: int | None = None) -> None:
        """Choose the seed of the next episode; those after it go on from its stream."""
        self._seed = seed

    def reset(self) -> tuple[Array, Array, Array]:
        """Start an episode.

        Returns:
            The observations [N, D], the global state of each agent [N, S], and the legal actions [N, M].
        """
        self.env.reset(self._seed)
        self._seed = None
        return self._seen()

    def step(self, actions: Any) -> tuple[Array, Array, list[list[float]], list[bool], list[dict[str, Any]], Array]:
        """Step with the actions of all agents, integers [N] or [N, 1].

        Returns:
            The observations [N, D], states [N, S], rewards [N, 1], ends [N], infos and legal actions [N, M]. The infos
            have `bad_transition`, this library's name of a truncation, after which the value of the state counts.
        """
        infos = step_agents(self.env, np.asarray(actions).reshape(-1))
        batch = self.env.batch
        truncated, rewards = bool(batch.truncated[0]), batch.rewards[0]
        ended = truncated or bool(batch.terminated[0])
        told = [{**infos[agent], "bad_transition": truncated} for agent in self.env.possible_agents]
        observations, states, legal = self._seen()
        return observations, states, rewards[:, None].tolist(), [ended] * self.n_agents, told, legal

    def _seen(self) -> tuple[Array, Array, Array]:
        states = np.repeat(self.env.state()[None], self.n_agents, axis=0)
        return observations_of(self.env), states, legal_actions(self.env)

    def render(self, mode: str | None = None) -> Any:
        """Draw the episode, see `C2CParallelEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
