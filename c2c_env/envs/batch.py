"""The batch owns the arrays of many environments and calls the compiled functions, which alone know the rules."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from c2c_env.checks import fault, integer_from, only_faults
from c2c_env.config import MAX_SIZE, EnvConfig
from c2c_env.core import constants, transition
from c2c_env.core.arrays import Array, Outputs, Params, State, allocate
from c2c_env.core.compile import cpu
from c2c_env.core.observation.forms import ObservationForm
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.envs import episode_start, snapshots
from c2c_env.envs.batch_checks import A_CONFIG, A_TEAM, checked_seeds, distinct_rows, indices, kept_faults
from c2c_env.envs.spaces import action_sizes, mask_size
from c2c_env.envs.starts import make_starts
from c2c_env.errors import ActionError, ConfigError, ResetNeededError, SnapshotError, raise_faults
from c2c_env.metrics import episode_metrics
from c2c_env.team_file import TeamLike, as_team
from c2c_env.workflows.pack import pack
from c2c_env.workflows.packing_rules import most_steps
from c2c_env.workflows.pool import WorkflowPool
from c2c_env.workflows.schema import Workflow

MAX_LENGTH = 2**31 - 1  # of an observation, since its indices have 32 bits


class Batch:
    """B environments of one team and configuration, stepped together.

    Attributes:
        observations: float32 [B, N, D], read-only. A step writes into the same memory, so copy what you keep.
        board: float32 [B, D_board], read-only, the part of the observations that is the same for all agents.
        own: float32 [B, N, D_own], read-only, the rest of each agent's observation. The row of an agent is the board,
            then its own part.
        action_masks: int8 [B, N, M], read-only, 1 = legal. The parts of a multi-discrete action stand side by side.
        rewards: float32 [B, N]; reward_terms: float32 [B, N, 6], in the order of `REWARD_TERMS`.
        terminated, truncated: int8 [B].
        invalid: int8 [B, N], 1 where the last action was illegal.
        workflow_index: int64 [B], read-only, the workflow of each environment as an index of `pool`.
        layout: the named layout of an observation.
        form: how the observations of an environment lie in memory.
        begun: int64 [B], how often each environment was reset or went back to a snapshot.

    Args:
        workflow: see `c2c_env.parallel_env`.
        team: who works, with skills in the domains of the workflows; a `Team` or a path to a TOML file.
        config: every constant.
        num_envs: B.
        num_threads: threads that share the batch; results do not depend on it.
        backend: "numba", or "interpreted", which is slow and meant for debugging.
        write_observations: False leaves the observations out, for planners that only need the dynamics.
        shared_board: True writes the board once and not into the row of every agent, which takes less memory. Then
            `board` and `own` are there and `observations` is not.

    Raises:
        ConfigError: sizes do not fit, a workflow is larger than `config.max_subtasks`, or the team has other domains
            than the workflows.
        WorkflowError: a workflow is unknown or faulty.
    """

    def __init__(
        self,
        workflow: Any,
        team: TeamLike,
        config: EnvConfig,
        num_envs: int = 1,
        *,
        num_threads: int = 1,
        backend: str = "numba",
        write_observations: bool = True,
        shared_board: bool = False,
    ) -> None:
        self.check_types(team, config, num_envs, num_threads)
        self._write_observations, self._shared_board = write_observations, shared_board
        self.pool = workflow if isinstance(workflow, WorkflowPool) else WorkflowPool(workflow)
        self.team = as_team(team).for_domains(self.pool.domains, self.pool.domains_of)
        self.config, self.num_envs, self.num_threads = config, num_envs, num_threads
        self.backend = backend
        self.num_agents = self.team.size
        self.max_agents = config.max_agents or self.num_agents
        self.max_subtasks = config.max_subtasks or self.pool.max_subtasks
        self._check_sizes()
        sizes = (self.max_agents, self.max_subtasks, len(self.pool.domains), config.vocab_size)
        self.layout = ObservationLayout.build(*sizes, config.relations, config.hidden_facts)
        self.form = ObservationForm(self.layout, self.num_agents, shared_board)
        self._sizes = self.axes(num_envs)
        self._action_sizes = np.array(action_sizes(config, self.max_agents, self.max_subtasks))
        self._allocate()
        self._pack_shared()
        self._has_episodes = False
        self.begun = np.zeros(num_envs, dtype=np.int64)
        self._connect()

    @staticmethod
    def check_types(team: TeamLike, config: EnvConfig, num_envs: int, num_threads: int) -> None:
        """Raise a `ConfigError` that lists what is of the wrong type."""
        found = [
            fault("team", team, A_TEAM),
            fault("config", config, A_CONFIG),
            fault("num_envs", num_envs, integer_from(1)),
            fault("num_threads", num_threads, integer_from(1)),
        ]
        raise_faults(ConfigError, "the environment cannot be built", only_faults(found))

    def _check_sizes(self) -> None:
        config, faults = self.config, []
        if self.max_agents < self.num_agents:
            faults.append(f"max_agents is {config.max_agents}, smaller than the team of {self.num_agents}")
        if self.max_subtasks < self.pool.max_subtasks:
            faults.append(
                f"max_subtasks is {config.max_subtasks}, but a workflow has {self.pool.max_subtasks} subtasks"
            )
        for name, size in (("max_agents", self.max_agents), ("max_subtasks", self.max_subtasks)):
            if size > MAX_SIZE:
                faults.append(f"{name} is {size}, expected at most {MAX_SIZE}, since indices have 16 bits")
        if self.backend not in cpu.BACKENDS:
            faults.append(f"backend is {self.backend!r}, expected one of {', '.join(cpu.BACKENDS)}")
        if self._shared_board and not self._write_observations:
            faults.append("shared_board is True, but with write_observations=False there is no board to share")
        raise_faults(ConfigError, "the environment cannot be built", faults)

    def axes(self, num_envs: int) -> dict[str, int]:
        """Length of every named axis (see `c2c_env.core.arrays`) with this many environments."""
        config = self.config
        return {
            "B": num_envs,
            "A": self.max_agents,
            "N": self.num_agents,
            "K": self.max_subtasks,
            "K+1": self.max_subtasks + 1,
            "L": max(channel.latency for channel in config.channels),
            "DOMAINS": len(self.pool.domains),
            "C": 4 * self.max_agents,
            "CONTACTS": 8 * self.max_agents,
            "F": config.hidden_facts,
            "AGES": constants.NUM_RELATIONS * self.max_agents,
            "O": constants.NUM_OBS_FIELDS,
            "T": constants.NUM_TALLIES,
            "S": self.form.size,
            "M": mask_size(config, self.max_agents, self.max_subtasks),
            "E": self.pool.max_edges,
            "Z": self.pool.max_milestones,
            "W": len(self.pool.sources) + num_envs * self.pool.generates,
        }

    def _allocate(self) -> None:
        """Make all arrays.

        Raises:
            ConfigError: they do not fit into the memory, or an observation is too long for its 32-bit indices.
        """
        sizes = f"{self.num_envs} environments, {self.max_agents} agents and {self.max_subtasks} subtasks"
        if self.layout.size > MAX_LENGTH:
            raise ConfigError(f"{sizes} make observations of {self.layout.size} numbers, expected at most {MAX_LENGTH}")
        try:
            self.state = State(**allocate(State, self._sizes))
            self.out = Outputs(**allocate(Outputs, self._sizes))
            self.params = self._make_params()
            self._actions = np.zeros((self.num_envs, self.num_agents, len(self._action_sizes)), dtype=np.int32)
        except (MemoryError, OverflowError, ValueError) as error:  # numpy has each of them for what is too large
            raise ConfigError(f"{sizes} do not fit into the memory: {error}") from error

    def _make_params(self) -> Params:
        config = self.config
        arrays = allocate(Params, self._sizes)
        n = self.num_agents
        arrays["skill"][:n] = self.team.skills
        arrays["expertise"][:n] = np.round(arrays["skill"][:n] ** config.constraints_exponent, 12)
        for row, channel in enumerate(config.channels):
            arrays["send_hours"][row] = channel.send_hours
            arrays["read_hours"][row] = channel.read_hours
            arrays["latency"][row] = channel.latency
        arrays["reward_weights"][:] = config.reward_weights
        arrays["topic_value"][1:] = 1.0
        if config.relations == "index":
            arrays["topic_value"][:] = np.arange(self.max_subtasks + 1) / self.max_subtasks
        arrays["obs_offset"][:] = self.layout.offsets()
        return Params(
            num_agents=n,
            max_agents=self.max_agents,
            max_subtasks=self.max_subtasks,
            vocab_size=int(config.vocab_size),
            hidden_facts=int(config.hidden_facts),
            max_latency=self._sizes["L"],
            dt=float(config.dt),
            rework_probability=float(config.rework_probability),
            rework_share=float(config.rework_share),
            intent_retention=float(config.intent_retention),
            alignment_floor=float(config.alignment_floor),
            manager_intent=float(config.manager_intent),
            initial_intent=float(config.initial_intent),
            initial_interface=float(config.initial_interface),
            initial_context=float(config.initial_context),
            context_rate=float(config.context_rate),
            request_expiry=int(config.request_expiry),
            sharing=config.sharing,
            discrete=int(config.action_format == "discrete"),
            exclusive=int(config.exclusive_actions),
            index_relations=int(config.relations == "index"),
            topic_stride=0 if config.relations == "index" else self.max_agents,
            write_observations=int(self._write_observations),
            num_boards=self.form.num_boards,
            row_stride=self.form.row_stride,
            **arrays,
        )

    def _pack_shared(self) -> None:
        """Pack the single workflows of the pool, each into the row of its source."""
        for row, source in enumerate(self.pool.sources):
            if isinstance(source, Workflow):
                for name, values in pack(source, self.team, self.config).items():
                    getattr(self.params, name)[(row, *map(slice, values.shape))] = values

    def _connect(self) -> None:
        """Make what belongs to this process: compiled functions, threads, and read-only views of the arrays."""
        self._starts = make_starts(self.params, self.state, self.pool, self.team, self.config)
        seen, self._action_masks = map(_read_only, (self.out.observation, self.out.action_mask))
        self._board: Array = self.form.board(seen)
        self._own: Array = self.form.own(seen)
        self._observations: Array | None = None if self.form.shared else self.form.rows(seen)
        self._start_rows = cpu.load(self.backend, episode_start.start_rows)
        self._run_rows = cpu.load(self.backend, transition.run_rows)
        self._threads: ThreadPoolExecutor | None = None
        self._threads_of = 0  # the process in which they run
        self._chunks = self._split(np.arange(self.num_envs))
        self._judged = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments, from which the batch is made anew, and its arrays if it has episodes."""
        arguments: dict[str, Any] = {
            "workflow": list(self.pool.sources),
            "team": self.team,
            "config": self.config,
            "num_envs": self.num_envs,
            "num_threads": self.num_threads,
            "backend": self.backend,
            "write_observations": self._write_observations,
            "shared_board": self._shared_board,
        }
        return partial(type(self), **arguments), (), self._arrays() if self._has_episodes else None

    def __setstate__(self, kept: Mapping[str, Array]) -> None:
        """Copy pickled arrays into those of a batch that was just made.

        They come from outside: they may be read-only, mapped from a file, or damaged, and compiled code would write
        into them all the same.
        """
        self._place(np.arange(self.num_envs), indices("workflow_index", kept["workflow_index"], len(self.pool)))
        faults = kept_faults(self.params, self._arrays(), kept, self.state.workflow, len(self.pool))
        raise_faults(SnapshotError, "the pickled batch is damaged", faults)
        for name, array in self._arrays().items():
            array[...] = kept[name]
        self._has_episodes = True

    def _arrays(self) -> dict[str, Array]:
        return {"actions": self._actions, **self.state._asdict(), **self.out._asdict()}

    # --- what environments read ------------------------------------------------------------------------------

    @property
    def observations(self) -> Array:
        if self._observations is None:
            wanted = [self.num_envs, self.num_agents, self.layout.size]
            raise ConfigError(
                f"this batch has no observations {wanted}, as it was made with shared_board=True; read board"
                f" {list(self._board.shape)} and own {list(self._own.shape)}, or make it with shared_board=False"
            )
        return self._observations

    @property
    def board(self) -> Array:
        return self._board

    @property
    def own(self) -> Array:
        return self._own

    @property
    def action_masks(self) -> Array:
        return self._action_masks

    @property
    def rewards(self) -> Array:
        return self.out.reward

    @property
    def reward_terms(self) -> Array:
        return self.out.reward_terms

    @property
    def terminated(self) -> Array:
        return self.out.terminated

    @property
    def truncated(self) -> Array:
        return self.out.truncated

    @property
    def invalid(self) -> Array:
        return self.state.invalid[:, : self.num_agents]

    @property
    def workflow_index(self) -> Array:
        return _read_only(self.state.workflow_index)

    def workflow(self, row: int = 0) -> Workflow:
        """The workflow that an environment plays."""
        return self.pool[int(self.workflow_index[self._started(row)])]

    def _started(self, row: int) -> int:
        """The row, if there is such an environment and it has an episode."""
        (checked,) = indices("row", [row], self.num_envs)
        self._need_reset()
        return int(checked)

    def _need_reset(self) -> None:
        if not self._has_episodes:
            raise ResetNeededError("the batch has no episodes yet; call reset() first")

    # --- reset and step --------------------------------------------------------------------------------------

    def reset(
        self,
        seeds: Sequence[int] | Array | None = None,
        *,
        rows: npt.ArrayLike | None = None,
        workflows: Sequence[int] | Array | None = None,
    ) -> None:
        """Start episodes in `rows` (default: all).

        Args:
            seeds: one for each row, which fixes everything that follows. None goes on to the next episode of the row's
                seed.
            rows: indices of environments.
            workflows: one index into the pool for each row; None draws them.
        """
        chosen = np.arange(self.num_envs) if rows is None else distinct_rows(rows, self.num_envs)
        if seeds is not None:
            given = checked_seeds(seeds, len(chosen))
        if workflows is not None:
            self.state.workflow_index[chosen] = indices("workflows", workflows, len(self.pool), len(chosen))
        if seeds is not None:
            self.state.seed[chosen], self.state.episode[chosen] = given, -1  # the start counts it up to 0
        self._begin(chosen, episode_start.DRAWN if workflows is None else episode_start.NAMED)

    def _begin(self, rows: Array, task: int) -> None:
        """Start the next episode in rows."""
        self.begun[rows] += 1
        self._has_episodes = True
        self.out.terminated[rows] = self.out.truncated[rows] = 0
        self._share(self._split(rows), lambda chunk: self._begin_chunk(chunk, task))

    def _begin_chunk(self, rows: Array, task: int) -> None:
        self._start(rows, task)
        self._run(rows, constants.RESET)

    def step(self, actions: Array, *, rows: npt.ArrayLike | None = None) -> None:
        """Step environments; results are in the attributes.

        Args:
            actions: integers [B, N, parts], or [B, N] with the discrete format. Illegal ones become no work
                or silence and are flagged in `invalid`.
            rows: indices of the environments to step (default: all); the others stay as they are.
        """
        wanted = self._actions.shape
        try:
            given = np.asarray(actions)
        except (TypeError, ValueError) as error:
            raise ActionError(f"actions are of type {type(actions).__name__} and no array: {error}") from error
        if given.shape != wanted and (*given.shape, 1) != wanted:
            expected = wanted[:2] if self.config.action_format == "discrete" else wanted
            raise ActionError(f"actions have shape {given.shape}, expected {expected} (environments, agents, parts)")
        if given.dtype.kind not in "iu":
            raise ActionError(f"actions have type {given.dtype}, expected integers")
        if not np.can_cast(given.dtype, np.int32) and not (given.astype(np.int32) == given).all():
            raise ActionError(f"actions range from {given.min()} to {given.max()}, expected 32-bit integers")
        self._actions[...] = given.reshape(wanted)
        self.step_written(rows)

    def step_written(self, rows: npt.ArrayLike | None = None) -> None:
        """Step with the actions already written into `action_buffer`."""
        self._need_reset()
        if self._judged:
            self._check_factors()
        chunks = self._chunks
        if rows is not None:
            chunks = self._split(distinct_rows(rows, self.num_envs))
        self._share(chunks, lambda chunk: self._run(chunk, constants.STEP))

    def _split(self, rows: Array) -> list[Array]:
        """Split rows into a chunk for each thread; there are never more threads than environments."""
        return np.array_split(rows, min(self.num_threads, self.num_envs))

    def _share(self, chunks: list[Array], job: Callable[[Array], None]) -> None:
        """Do a job for every chunk of the rows, the first one in this thread and each other one in its own."""
        if len(chunks) == 1:
            job(chunks[0])
            return
        if self._threads is None or self._threads_of != os.getpid():  # a child made by fork has none of our threads
            self._threads, self._threads_of = ThreadPoolExecutor(len(self._chunks) - 1), os.getpid()
        others = [self._threads.submit(job, chunk) for chunk in chunks[1:]]
        try:
            job(chunks[0])
        finally:
            wait(others)  # nobody may write into the arrays any more once this returns or raises
        for done in others:
            done.result()

    def autoreset(self) -> Array:
        """Start the next episode in every environment whose episode has ended.

        Rewards and reward terms stay those of the last step. Observations and masks become those of the new episode,
        and `terminated` and `truncated` are cleared, so read the final ones before.

        Returns:
            Indices of these environments, ascending (int64).
        """
        ended: Array = np.flatnonzero(self.terminated | self.truncated)
        if len(ended):
            self._begin(ended, episode_start.DRAWN)
        return ended

    def _run(self, rows: Array, task: int) -> None:
        self._run_rows(self.params, self.state, self.out, self._actions, rows, task)

    def _start(self, rows: Array, task: int) -> None:
        self._start_rows(self._starts, rows, task)

    @property
    def action_buffer(self) -> Array:
        """int32 [B, N, parts]: write actions here, then call `step_written`."""
        return self._actions

    @property
    def message_factors(self) -> Array:
        """float64 [B, N] in [0, 1]: how much of the usual effect the words of each agent have in the next steps.

        It is 1 from the start of an episode on. A judge of messages may write another number before a step; the step
        raises an `ActionError` if that is not in [0, 1].
        """
        self._judged = True  # from now on somebody may write into it
        return self.state.judged[:, : self.num_agents]

    def _check_factors(self) -> None:
        factors = self.state.judged[:, : self.num_agents]
        wrong = ~((factors >= 0.0) & (factors <= 1.0))
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            raise ActionError(f"message_factors{list(place)} is {factors[place]}, expected a number in [0, 1]")

    @property
    def max_steps(self) -> int:
        """The steps of the longest possible episode: the largest horizon; of generated workflows an upper bound."""
        horizon, rules = self.params.horizon, self._starts.rules
        return max(
            int(horizon[row]) if isinstance(source, Workflow) else most_steps(rules, source.tier)
            for row, source in enumerate(self.pool.sources)
        )

    @property
    def action_sizes(self) -> Array:
        """Number of choices of each part of an action."""
        return self._action_sizes

    # --- snapshots -------------------------------------------------------------------------------------------

    def snapshot(self, row: int = 0) -> dict[str, Array]:
        """Copy everything that an episode needs to go on; see `c2c_env.envs.snapshots`."""
        row = self._started(row)
        return snapshots.take_snapshot(self.params, self.state, self.out, row)

    def metrics(self, row: int = 0) -> dict[str, float]:
        """Metrics of an environment's episode so far, see `c2c_env.METRICS`."""
        return episode_metrics(self.params, self.state, self.out, self._started(row))

    def restore(self, snapshot: Mapping[str, Array], row: int = 0) -> None:
        """Go back to a snapshot, of this batch or of one with the same workflows, team and configuration.

        Raises:
            SnapshotError: a key is missing or unknown, an array does not fit, or they contradict each other.
        """
        rows = indices("row", [row], self.num_envs)
        before = self.workflow_index[rows]
        self._place(rows, snapshots.workflow_of(snapshot, len(self.pool)))
        try:
            snapshots.put_snapshot(self.params, self.state, self.out, int(rows[0]), snapshot, len(self.pool))
        except Exception:
            self._place(rows, before)
            raise
        self._has_episodes = True
        self.begun[rows] += 1
        self._run(rows, constants.SHOW)

    def _place(self, rows: Array, index: Any) -> None:
        """Have environments play the workflow of an index in the pool."""
        self.state.workflow_index[rows] = index
        self._start(rows, episode_start.PLACED)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
