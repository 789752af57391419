"""One member of a team learns, the others follow policies: `gymnasium.make("c2c_env/Member-v0", partners=...)`.

Partners that are drawn anew at every reset make it a task of ad hoc teamwork; `PARTNERS` names disjoint sets of them,
to learn with and to be tested with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from agents.play import decide_actions
from agents.policy import Array, Judging, Policy, PolicyContext, Seating, SeesState
from agents.registry import make_policy
from c2c_env.checks import choice_fault
from c2c_env.core.rng import uniform
from c2c_env.envs.infos import Info
from c2c_env.envs.parallel_env import C2CParallelEnv, parallel_env
from c2c_env.errors import ConfigError

STREAM_PARTNERS = 107  # of the counter-based random numbers, see `c2c_env.core.rng`
ANY_ROLE = "any"
PARTNERS: Mapping[str, tuple[str, ...]] = {
    "train": ("no_communication", "fixed_steps:4", "broadcast:4", "proactive"),
    "test": ("cost_aware", "unconstrained", "fixed_steps:8", "broadcast:8"),
}


class MemberEnv(gymnasium.Env[Any, Any]):
    """One agent of a team as a Gymnasium environment; observations, actions, rewards and masks are that agent's.

    Args:
        partners: policies of the others, as the benchmark names them ("cost_aware", "learned", "prompted:c2c@MODEL"),
            or several, of which one is drawn at every reset; "train" and "test" stand for the lists of `PARTNERS`.
        role: the agent that learns, such as "worker_1", or "any", which draws one at every reset.
        policy_options: for policies that take options, such as the endpoint of prompted ones.
        *arguments, **keywords: those of `c2c_env.parallel_env`.

    Raises:
        ConfigError: there is no such agent or policy; see also `c2c_env.parallel_env`.
    """

    metadata = C2CParallelEnv.metadata

    def __init__(
        self,
        *arguments: Any,
        partners: str | Sequence[str] = "cost_aware",
        role: str = "worker_1",
        policy_options: Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        self.team_env = parallel_env(*arguments, **keywords)
        agents = self.team_env.possible_agents
        if wrong := choice_fault("role", role, [*agents, ANY_ROLE]):
            raise ConfigError(wrong)
        self.role, self.render_mode = role, self.team_env.render_mode
        self.partners = partner_names(partners)
        context = PolicyContext.of(self.team_env.batch, options=policy_options)
        self.policies: list[Policy] = [make_policy(name, context) for name in self.partners]
        self.observation_space = self.team_env.observation_space(agents[0])
        self.action_space = self.team_env.action_space(agents[0])
        self.agent, self.partner = agents[0] if role == ANY_ROLE else role, self.partners[0]
        self._place, self._policy = agents.index(self.agent), self.policies[0]

    @property
    def max_steps(self) -> int:
        """The steps of the longest possible episode, see `Batch.max_steps`."""
        return self.team_env.max_steps

    def action_masks(self) -> Array:
        """The legal choices of the member, the parts of an action side by side: int8 [M], 1 = legal."""
        masks: Array = self.team_env.batch.action_masks[0, self._place].copy()
        return masks

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Info]:
        """Start an episode; see `C2CParallelEnv.reset`. The info of a reset names the `partner` and the `agent`."""
        super().reset(seed=seed)
        observations, infos = self.team_env.reset(seed=seed, options=options)
        agents = self.team_env.possible_agents
        self.partner = self.partners[self._draw(0, len(self.partners))]
        if self.role == ANY_ROLE:
            self.agent = agents[self._draw(1, len(agents))]
        self._place = agents.index(self.agent)
        self._policy = self.policies[self.partners.index(self.partner)]
        self._policy.reset(np.arange(len(agents)))
        info = infos[self.agent]
        if self.team_env.config.info_format == "nested":  # flat ones hold numbers only
            info |= {"partner": self.partner, "agent": self.agent}
        return observations[self.agent], info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, Info]:
        """Step with the action of the member; the partner decides for the others."""
        env = self.team_env
        chosen = dict(zip(env.agents, self._decide(), strict=True)) if env.agents else {}
        observations, rewards, terminated, truncated, infos = env.step({**chosen, self.agent: action})
        who = self.agent
        return observations[who], rewards[who], terminated[who], truncated[who], infos[who]

    def render(self) -> Any:
        """See `C2CParallelEnv.render`."""
        return self.team_env.render()

    def _decide(self) -> Array:
        """Actions [N, parts], or [N] with the discrete format, of the others; the member's is nothing."""
        batch, policy = self.team_env.batch, self._policy
        others = np.delete(np.arange(batch.num_agents), self._place)
        actions = np.zeros_like(batch.action_buffer[0])
        if isinstance(policy, Seating):
            actions[others] = decide_actions(batch, policy, np.arange(1), others)[0]
        elif isinstance(policy, SeesState):
            actions[others] = policy.act_batch(batch, np.arange(1))[0, others]
        elif len(others):
            actions[others] = policy.act(batch.observations[0, others], batch.action_masks[0, others], others)
        if isinstance(policy, Judging) and (factors := policy.message_factors(others)) is not None:
            batch.message_factors[0, others] = factors
        chosen: Array = actions[:, 0] if batch.config.action_format == "discrete" else actions
        return chosen

    def _draw(self, place: int, count: int) -> int:
        """An index below `count`, from the random numbers of the episode."""
        with np.errstate(over="ignore"):  # the random numbers count modulo 2**64
            return int(uniform(self.team_env.batch.state.key[0], STREAM_PARTNERS, 0, place) * count)


def partner_names(partners: str | Sequence[str]) -> tuple[str, ...]:
    """The names of policies that `MemberEnv` takes, with the lists that they stand for."""
    given = [partners] if isinstance(partners, str) else partners
    if not isinstance(given, Sequence) or not given or not all(isinstance(name, str) for name in given):
        raise ConfigError(f"partners is {partners!r}, expected the name of a policy or several")
    return tuple(name for one in given for name in PARTNERS.get(one, (one,)))
