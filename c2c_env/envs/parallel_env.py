"""The PettingZoo environment, which is a batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

from c2c_env.checks import is_integer
from c2c_env.config import EnvConfig, Team
from c2c_env.core.arrays import Array
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.envs.batch import Batch
from c2c_env.envs.infos import start_info, step_info
from c2c_env.envs.spaces import action_space, mask_is_tuple, observation_space, part_names, part_slices, with_mask
from c2c_env.envs.state_vector import state_size, state_vector
from c2c_env.errors import ActionError, ConfigError, ResetNeededError, raise_faults, unknown_name
from c2c_env.make import make_batch
from c2c_env.registration import ENV_ID
from c2c_env.render import ENV_MODES, Screen, check_mode, draw, draw_text, take_scene, warn_without_mode
from c2c_env.team_file import TeamLike
from c2c_env.workflows.pool import WorkflowLike

Actions = Mapping[str, Any]
Infos = dict[str, dict[str, Any]]
# the api_test and parallel_api_test of PettingZoo reset with these options, only to see that options are taken
_PROBE = {"options": 1}


class C2CParallelEnv(ParallelEnv[str, Any, Any]):
    """
    ## Description

    A team completes a workflow of dependent subtasks in steps of half an hour. At every step each agent may work
    on a ready subtask and may send one message about a subtask: tell or ask by chat or email, call a meeting, or
    (the manager) assign. Communication costs working time. It raises the recipient's **Alignment Factor**, which
    scales how fast that agent works. After *Communication to Completion* (C2C, arXiv 2510.19995); the formula that
    stands for the paper's language-model judge, and most constants, are this project's own (`EnvConfig`).

    Agents are `manager_0, worker_1, ..., worker_{N-1}`. All act at once, none leaves early, all end together.

    Every subtask belongs to a domain, and every agent has a skill in each. The domains are those of the workflow, by
    default five (backend, frontend, data, infrastructure, quality); all workflows of an environment have the same. In
    the default team of D domains the manager has 0.4 in all; worker i has 1.0 in domain (i-1) mod D, 0.7 in the one two
    further on (mod D) and 0.4 in the others (this project's own). A team file gives other skills.

    `hidden_facts=F` (off by default; this project's own and not the paper's) makes what messages say matter. Every
    subtask can be built in F variants, of which one is wanted: its fact. At reset each fact is drawn uniformly; the
    manager alone knows it. Work in another variant makes no progress and teaches nothing: its hours are spent, and
    `wasted_hours` counts them. Whoever makes progress on a subtask has found its fact out and knows it from then on. No
    message changes who knows a fact, so only symbols (`vocab_size`) can tell it to the others.

    ## Action Space

    `MultiDiscrete([1+K, 7, N+1, K])` for N agents and K subtasks:

    | index | part | min | max | meaning |
    |---|---|---|---|---|
    | 0 | work | 0 | K | 0 = no work, k+1 = work on subtask k |
    | 1 | speech | 0 | 6 | silent, chat_tell, chat_ask, email_tell, email_ask, meet, assign |
    | 2 | recipient | 0 | N | agent index, N = the whole team |
    | 3 | topic | 0 | K-1 | subtask index |
    | 4 | symbol | 0 | V-1 | only with `vocab_size=V` |
    | 5 | variant | 0 | F-1 | only with `hidden_facts=F` (index 4 without symbols): the variant to build in |

    `action_format="discrete"` offers one `Discrete(1 + K + 5(N+1) + K N)`: wait; work on k; each of the speeches 1-5
    to each recipient (speech-major) while going on with one's own subtask, the topic inferred; assign k to j (k-major).

    `info["action_mask"]` (int8, 1 = legal) is a tuple with one mask for each part, or with `mask_format="flat"` their
    concatenation; `action_space(agent).sample` takes either. An illegal choice raises nothing: illegal work is no work,
    an illegal message is silence, and `info["invalid_action"]` is True.

    ## Observation Space

    `Box(0, 1, (D,), float32)` with named fields: `env.layout` gives the slice and the reading of each. First what
    everybody sees (time, skills, every subtask's status, remaining effort, domain, owner, who worked on what), then
    what only this agent knows (its understanding and Alignment Factor, its debt, requests and messages). With
    `hidden_facts=F` it ends with `known_fact`, K x F flags.
    `relations="index"` writes relations as compact scaled indices. `mask_in_observation=True` makes it a
    `Dict(observation, action_mask)` with the flat mask. `state()` is the global state, a float32 vector in [0, 1].

    ## Rewards

    `1 * d(progress) + 0.5 * d(alignment) - 0.5 * communication hours / total effort - 0.5 * dt / lower bound`, the
    same for every agent (`reward_sharing="team"`); "individual" gives each agent its own share with the same mean;
    a number in [0, 1] mixes the two. `info["reward_terms"]` has all six terms; they add up to the reward.

    Two more terms have the weight 0 unless `reward_weights` gives them another one as its fifth and sixth number. Both
    are changes of a potential of the team, so over an episode they add up to the difference between its end and its
    start, and every agent gets the same, whatever `reward_sharing` is:

    - `forecast`: `-d(H) / lower bound`, where H are the hours to the end with today's owners and Alignment Factors
      (this project's own). An unfinished subtask k takes `h_k = remaining_k / max(skill * Alignment Factor, 0.001)` of
      its owner, else of the agent with the largest product; `H = max(longest chain of h, sum of h / N)`, as the lower
      bound, so H is 0 at the end.
    - `information`: `d(Phi)` with `Phi = sum_k effort_k / E * log p_k` and
      `log p_k = sum_f weight_kf * log(max(understanding_kf, alignment_floor))` of the agent whose alignment counts for
      k (its owner, else the most skilled); 0 for what is done. It is the information gain of IGPO (arXiv 2510.14967),
      exact here if an understanding is read as the probability of giving the true facet.

    ## Starting State

    Every subtask has all its effort left and no owner. A milestone, a subtask of effort 0, is never ready: it is done
    as soon as its prerequisites are, at the start too, by nobody and for nothing. Understanding begins with intent 0.95
    for the manager and 0.2 for the others, interface 0.1, the squared skill for constraints, and context 0. A list of
    workflows or a `Generated` source draws one at every reset. `reset(seed=s)` fixes everything that follows; `reset()`
    goes on to the next episode of the seed. `reset(options={"workflow": name})` chooses a workflow of the list.

    ## Episode End

    - Termination: every subtask is done.
    - Truncation: the horizon is reached, by default `ceil(5 * lower bound / dt)` steps. Where the work is finer than a
      step, it is 5 steps for each subtask of the longest chain or of one agent's equal share of them, milestones aside.

    The last info of every agent has `episode_metrics`, see `c2c_env.METRICS`, and `TimeLimit.truncated`, True at a
    truncation. `info_format="flat"` gives numbers only, under the same keys always: `reward_*` for the terms and
    `metric_*`, which are nan before the end. `max_steps` is the longest horizon of the workflows.

    ## Arguments

    See `c2c_env.parallel_env`. A `preset` sets those of the interface for a library that trains on it:

    | preset | fields |
    |---|---|
    | `agilerl` | `action_format="discrete"`; for its IPPO also `mask_in_info=False` |
    | `benchmarl`, `epymarl`, `torchrl` | `action_format="discrete"`, `mask_format="flat"`, `info_format="flat"` |
    | `cleanrl`, `sb3` | `mask_format="flat"` |
    | `rllib` | `mask_in_observation=True`, `observation_key="observations"`, `mask_in_info=False` |
    | `skrl` | `mask_format="flat"`, `mask_in_observation=True` |
    | `tianshou` | `action_format="discrete"`, `mask_in_observation=True` |

    ## Version History

    - v0: first version.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": ENV_ID,
        "render_modes": list(ENV_MODES),
        "is_parallelizable": True,
        "render_fps": 2,
    }

    def __init__(self, batch: Batch, render_mode: str | None = None) -> None:
        if render_mode is not None:
            check_mode(render_mode, ENV_MODES)
        self.batch, self.render_mode = batch, render_mode
        self._screen = Screen() if render_mode == "human" else None
        self.config: EnvConfig = batch.config
        self.team: Team = batch.team
        self.layout: ObservationLayout = batch.layout
        self.possible_agents = batch.team.agents
        self.agents: list[str] = []
        self._sizes = [int(n) for n in batch.action_sizes]
        self._choices = np.tile(batch.action_sizes.astype(np.uint64), (batch.num_agents, 1))  # [N, parts]
        self._parts = part_slices(self._sizes)
        dimensions = (batch.max_agents, batch.max_subtasks)
        self.action_spaces = {a: action_space(self.config, *dimensions) for a in self.possible_agents}
        self.observation_spaces = {
            a: observation_space(self.config, self.layout.size, *dimensions) for a in self.possible_agents
        }
        self._discrete = self.config.action_format == "discrete"
        self._tuple_masks = mask_is_tuple(self.config) and not self._discrete
        self._started = False

    # --- PettingZoo ------------------------------------------------------------------------------------------

    @cached_property
    def state_space(self) -> spaces.Box:
        """Space of `state`; made when it is asked for, since its length grows with the square of the subtasks."""
        return spaces.Box(0.0, 1.0, shape=(state_size(self.batch),), dtype=np.float32)

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Space of an agent's observations; the same object at every call."""
        return self._of_agent(self.observation_spaces, agent)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Space of an agent's actions; the same object at every call."""
        return self._of_agent(self.action_spaces, agent)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Infos]:
        """Start an episode.

        Args:
            seed: an integer in [0, 2**64), which fixes everything that follows. None goes on from the stream of the
                current seed, or at the very first reset from fresh entropy.
            options: `{"workflow": name}` chooses among the workflows of this environment.
        """
        workflows = None if options is None else chosen_workflow(self.batch, options)
        if seed is None and not self._started:
            seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        self.batch.reset(None if seed is None else [seed], workflows=workflows)
        self._started = True
        self.agents = list(self.possible_agents)
        self._show()
        return self._observations(), self._start_infos()

    def step(
        self, actions: Actions
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Step with one action for every agent.

        Raises:
            ResetNeededError: it is called before `reset` or after the end of the episode.
            ActionError: agents are missing or unknown, or an action has a wrong shape, type or value.
        """
        self._need_episode("step")
        self._write_actions(actions)
        batch, agents = self.batch, self.agents
        batch.step_written()
        terminated, truncated = bool(batch.terminated[0]), bool(batch.truncated[0])
        rewards = dict(zip(agents, batch.rewards[0].tolist(), strict=True))
        infos = self._step_infos(terminated or truncated)
        if terminated or truncated:
            self.agents = []
        observations = self._observations()
        self._show()
        return observations, rewards, dict.fromkeys(agents, terminated), dict.fromkeys(agents, truncated), infos

    def state(self) -> Array:
        """The full global state as a float32 vector in [0, 1]; see `c2c_env.envs.state_vector`."""
        self._need_reset("state")
        vector: Array = state_vector(self.batch)[0]
        return vector

    def render(self) -> str | Array | None:
        """Draw the board, alignment and messages.

        Returns:
            Text with "ansi", in colours if standard output is a terminal, a uint8 array [height, width, 3] with
            "rgb_array", and None with "human", where `reset` and `step` have drawn already.
        """
        self._need_reset("render")
        if self.render_mode is None:
            warn_without_mode()
        return None if self.render_mode in (None, "human") else draw(self.batch, self.render_mode)

    def close(self) -> None:
        """Do nothing, since nothing is held open."""

    # --- more ------------------------------------------------------------------------------------------------

    @property
    def max_steps(self) -> int:
        """The steps of the longest possible episode, see `Batch.max_steps`."""
        return self.batch.max_steps

    def snapshot(self) -> dict[str, Array]:
        """Copy everything that the episode needs to go on into a dict of arrays.

        `t, understanding[N,K,4], remaining[K], done[K], owner[K]` (-1 is nobody), `debt[N]`, `request_topic[N,N]` (-1
        is none; the row asks the column), `request_age[N,N]`, `mailbox[L,N]`, `random_state`, and the rest.
        """
        self._need_reset("snapshot")
        return self.batch.snapshot(0)

    def restore(self, snapshot: Mapping[str, Array]) -> tuple[dict[str, Any], Infos]:
        """Go back to a snapshot; the episode continues identically. Returns observations and infos as `reset` does.

        Raises:
            SnapshotError: the snapshot does not fit this environment.
        """
        self.batch.restore(snapshot, 0)
        self._started = True
        ended = bool(self.batch.terminated[0] or self.batch.truncated[0])
        self.agents = [] if ended else list(self.possible_agents)
        return self._observations(), self._start_infos()

    def episode_metrics(self) -> dict[str, float]:
        """Metrics of the episode so far, see `c2c_env.METRICS`."""
        self._need_reset("episode_metrics")
        return self.batch.metrics(0)

    # --- inside ----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        if self._screen is not None:
            self._screen.show(draw_text(take_scene(self.batch)), self.metadata["render_fps"])

    def _need_reset(self, what: str) -> None:
        if not self._started:
            raise ResetNeededError(f"{what}() was called before reset()")

    def _need_episode(self, what: str) -> None:
        self._need_reset(what)
        if not self.agents:
            raise ResetNeededError(f"{what}() was called after the end of the episode; call reset() first")

    def _of_agent(self, spaces_: Mapping[str, spaces.Space[Any]], agent: str) -> spaces.Space[Any]:
        if agent not in self.possible_agents:
            raise ConfigError(unknown_name("agent", agent, self.possible_agents))
        return spaces_[agent]

    def _rows(self) -> Array:
        """What the agents see, float32 [N, D]."""
        rows: Array = self.batch.observations[0].copy()
        return rows

    def _observations(self) -> dict[str, Any]:
        rows = self._rows()
        if not self.config.mask_in_observation:
            return dict(zip(self.possible_agents, rows, strict=False))  # strict would ask the array for its end: slow
        pairs = zip(self.possible_agents, rows, self.batch.action_masks[0].copy(), strict=True)
        return {agent: with_mask(self.config, row, mask) for agent, row, mask in pairs}

    def _masks(self) -> list[Any]:
        flat = self.batch.action_masks[0].copy()
        if not self._tuple_masks:
            return list(flat)
        return list(zip(*[flat[:, part] for part in self._parts], strict=False))  # as above, of each part

    def _start_infos(self) -> Infos:
        rows = zip(self.possible_agents, self._masks(), strict=True)
        return {agent: start_info(self.config, mask) for agent, mask in rows}

    def _step_infos(self, ended: bool) -> Infos:
        batch, config = self.batch, self.config
        metrics, truncated = self.episode_metrics() if ended else None, bool(batch.truncated[0])
        invalid = batch.invalid[0].astype(bool).tolist()
        happened = zip(self._masks(), batch.reward_terms[0].tolist(), invalid, strict=True)
        infos = [step_info(config, mask, terms, invalid, metrics, truncated) for mask, terms, invalid in happened]
        return dict(zip(self.agents, infos, strict=True))

    def _write_actions(self, actions: Actions) -> None:
        buffer = self.batch.action_buffer[0]
        try:
            given = np.array([actions[agent] for agent in self.agents])
        except (IndexError, KeyError, TypeError, ValueError):
            raise_faults(ActionError, "bad actions", self._action_faults(actions))
            raise
        expected = buffer.shape[:1] if self._discrete else buffer.shape
        fits = given.shape == expected and given.dtype.kind in "iu" and len(actions) == len(self.agents)
        if fits:
            given = given.reshape(buffer.shape)
            beyond = given.astype(np.uint64) >= self._choices  # what is negative becomes very large
            fits = np.count_nonzero(beyond) == 0
        if not fits:
            raise_faults(ActionError, "bad actions", self._action_faults(actions))
        buffer[...] = given.reshape(buffer.shape)

    def _action_faults(self, actions: Actions) -> list[str]:
        if not isinstance(actions, Mapping):
            return [f"actions are of type {type(actions).__name__}, expected a dict from agents to actions"]
        faults = [f"there is no action for {agent}" for agent in self.agents if agent not in actions]
        faults += [unknown_name("agent", agent, self.agents) for agent in actions if agent not in self.agents]
        shape = () if self._discrete else (len(self._sizes),)
        for agent in self.agents:
            if agent in actions:
                faults += [f"{agent}: {fault}" for fault in self._one_action_faults(actions[agent], shape)]
        return faults

    def _one_action_faults(self, action: Any, shape: tuple[int, ...]) -> list[str]:
        expected = f"integers of shape {shape}" if shape else "one integer"
        try:
            given = np.asarray(action)
        except (TypeError, ValueError):
            return [f"action is {action!r}, expected {expected}"]
        if given.shape != shape:
            return [f"action {action!r} has shape {given.shape}, expected {expected}"]
        if given.dtype.kind not in "iu":
            return [f"action {action!r} has type {given.dtype}, expected {expected}"]
        return [
            f"{name} is {value}, expected an integer in [0, {size - 1}]"
            for name, value, size in zip(part_names(self.config), given.reshape(-1).tolist(), self._sizes, strict=True)
            if not 0 <= value < size
        ]


def chosen_workflow(batch: Batch, options: Mapping[str, Any]) -> list[int] | None:
    """The index in the pool of the workflow that the options of a reset name, as a list; None if they name none.

    Raises:
        ConfigError: they are no dict, or have other keys.
        WorkflowError: there is no such workflow.
    """
    if not isinstance(options, Mapping):
        raise ConfigError(f"options is {options!r}, expected a dict such as {{'workflow': name}}")
    if is_integer(options.get("options")) and options == _PROBE:
        return None
    unknown = [unknown_name("reset option", key, ["workflow"]) for key in options if key != "workflow"]
    raise_faults(ConfigError, "bad reset options", unknown)
    return [batch.pool.index(options["workflow"])] if "workflow" in options else None


def parallel_env(
    workflow: WorkflowLike | list[WorkflowLike] = "simple",
    team_size: int | None = None,
    *,
    team: TeamLike | None = None,
    config: EnvConfig | None = None,
    preset: str | None = None,
    render_mode: str | None = None,
    backend: str = "numba",
    **fields: Any,
) -> C2CParallelEnv:
    """Make the environment in PettingZoo's parallel form; `C2CParallelEnv` describes it.

    Args:
        workflow: the name of a built-in (`c2c_env.builtin_names()`) or of a real task graph (`c2c_env.real_names()`),
            a tier ("simple", "medium", "complex": generated from the training seeds), a path to a TOML file, a
            `Workflow`, a `Generated(tier=, seeds=)`, or a list of these, of which one is drawn at every reset.
        team_size: N agents with default skills in the domains of the workflow (5 if neither it nor `team` is given).
        team: a team given explicitly, instead of `team_size`: a `Team` or a path to a TOML file.
        config: every constant; None stands for `EnvConfig()`.
        preset: the name of a library ("rllib", "sb3", "torchrl" ..., see `c2c_env.PRESETS`), which sets the fields
            that suit it.
        render_mode: None, "human" (standard output shows every step; a terminal at the pace of
            `metadata["render_fps"]`), "ansi" or "rgb_array".
        backend: "numba", or "interpreted" to debug the simulator in plain Python.
        **fields: fields of `EnvConfig` to change, for example `action_format="discrete"`.

    Raises:
        ConfigError: a keyword is unknown or a value out of range, or a team file is faulty; all faults are listed at
            once. Or the team has skills in other domains than the workflows.
        WorkflowError: a workflow is unknown or faulty; all faults are listed at once. Or two have different domains.
    """
    batch = make_batch(workflow, team_size, team=team, config=config, preset=preset, backend=backend, **fields)
    return C2CParallelEnv(batch, render_mode)


def env(*args: Any, **kwargs: Any) -> AECEnv[str, Any, Any]:
    """Make the environment in PettingZoo's turn-based (AEC) form; the arguments are those of `parallel_env`."""
    from pettingzoo.utils import parallel_to_aec, wrappers

    return wrappers.OrderEnforcingWrapper(parallel_to_aec(parallel_env(*args, **kwargs)))
