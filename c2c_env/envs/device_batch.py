"""A batch whose arrays live on a GPU, where it steps and restarts without a copy to the host.

It needs the extra `cuda`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from c2c_env.config import EnvConfig
from c2c_env.core.arrays import Array, Outputs, Params, State, allocate_apart, array_specs, zeros_of
from c2c_env.core.observation.layout import ObservationLayout
from c2c_env.envs.batch import Batch
from c2c_env.envs.batch_checks import checked_seeds, indices
from c2c_env.envs.starts import make_starts
from c2c_env.errors import ActionError, ConfigError, ResetNeededError, missing_extra
from c2c_env.metrics import episode_metrics
from c2c_env.team_file import TeamLike
from c2c_env.workflows.pack_generated import Table


class HostCopy(NamedTuple):
    """The arrays of a batch as numpy arrays."""

    params: Params
    state: State
    out: Outputs


class DeviceBatch:
    """B environments on one CUDA device, played like those of a `Batch` with the same seeds, episode for episode.

    All arrays have `__cuda_array_interface__`: ``torch.as_tensor(batch.observations, device="cuda")`` shares the
    memory, so do it only once. The kernels run on the default stream of CUDA, as torch does unless told otherwise. A
    call returns before the device is done; only `synchronize`, `to_host` and `metrics` wait. Observations are flat:
    only a `Batch` has the option `shared_board`.

    Attributes:
        observations: float32 [B, N, D], written at every reset and step.
        action_masks: int8 [B, N, M], 1 = legal. The parts of a multi-discrete action stand side by side.
        rewards: float32 [B, N]; reward_terms: float32 [B, N, 6], in the order of `REWARD_TERMS`.
        terminated, truncated: int8 [B].
        invalid: int8 [B, N], 1 where the last action was illegal (its first axis is the fastest in memory).
        workflow_index: int64 [B], the workflow of each environment as an index of the pool.
        action_buffer: int32 [B, N, parts]: write actions here, then call `step_written`.
        layout: the named layout of an observation.

    Args:
        workflow: as for `Batch`; generated ones are drawn and packed on the device.
        team: as for `Batch`.
        config: every constant.
        num_envs: B.
        device: index of the CUDA device.
        write_observations: False leaves the observations out.

    Raises:
        MissingExtraError: numba-cuda is not installed.
        ConfigError: there is no such device, or `Batch` refuses the arguments.
        WorkflowError: a workflow is unknown or faulty.
    """

    def __init__(
        self,
        workflow: Any,
        team: TeamLike,
        config: EnvConfig,
        num_envs: int = 1,
        *,
        device: int = 0,
        write_observations: bool = True,
    ) -> None:
        Batch.check_types(team, config, num_envs, num_threads=1)
        # one environment on the host: it checks the arguments and makes the parameters
        self._host = Batch(workflow, team, config, backend="interpreted", write_observations=write_observations)
        self._cuda = load_cuda(device)
        self.team, self.config, self.num_envs, self.device = self._host.team, config, num_envs, device
        self.num_agents = self.team.size
        self._has_episodes = False
        with self._cuda.on(device):
            self._allocate()
        self._kernels: Any = import_module("c2c_env.envs.device_kernels")
        entries = (self._kernels.step_kernel, self._kernels.start_kernel, self._kernels.choose_kernel)
        self._step, self._start, self._choose = (self._cuda.DeviceKernel(entry, num_envs) for entry in entries)

    def _allocate(self) -> None:
        cuda, host = self._cuda, self._host
        sizes = host.axes(self.num_envs)
        self.params: Any = cuda.copy_to_device(host.params._replace(**_tables(host, sizes)))
        self.state: Any = State(**allocate_apart(State, sizes, cuda.zeros_rows_fastest))
        zeros = {True: cuda.zeros, False: cuda.zeros_rows_fastest}  # what is apart is for learners
        outputs = {name: zeros_of(spec, sizes, zeros[spec.apart]) for name, spec in array_specs(Outputs).items()}
        self.out: Any = Outputs(**outputs)
        starts = make_starts(self.params, self.state, host.pool, self.team, self.config)
        self._starts = cuda.copy_to_device(starts._replace(streams=np.asfortranarray(starts.streams)))
        self.action_buffer = cuda.zeros((self.num_envs, *host.action_buffer.shape[1:]), np.int32)
        self._action_sizes = cuda.copy_to_device(host.action_sizes)

    # --- what learners read ----------------------------------------------------------------------------------

    @property
    def observations(self) -> Any:
        return self._host.form.rows(self.out.observation)

    @property
    def action_masks(self) -> Any:
        return self.out.action_mask

    @property
    def rewards(self) -> Any:
        return self.out.reward

    @property
    def reward_terms(self) -> Any:
        return self.out.reward_terms

    @property
    def terminated(self) -> Any:
        return self.out.terminated

    @property
    def truncated(self) -> Any:
        return self.out.truncated

    @property
    def invalid(self) -> Any:
        return self.state.invalid[:, : self.num_agents]

    @property
    def workflow_index(self) -> Any:
        return self.state.workflow_index

    @property
    def layout(self) -> ObservationLayout:
        return self._host.layout

    @property
    def action_sizes(self) -> Array:
        """Number of choices of each part of an action (on the host)."""
        return self._host.action_sizes

    # --- reset and step --------------------------------------------------------------------------------------

    def reset(self, seeds: Sequence[int] | Array | None = None) -> None:
        """Start an episode in every environment, with one seed for each; None goes on to the next episode of each."""
        with self._cuda.on(self.device):
            if seeds is not None:
                self.state.seed.copy_to_device(checked_seeds(seeds, self.num_envs))
                self.state.episode.copy_to_device(np.full(self.num_envs, -1))  # the next one is the first
            self._begin(everywhere=1)
        self._has_episodes = True

    def step(self, actions: Any) -> None:
        """Step all environments; results are in the attributes.

        Args:
            actions: integers [B, N, parts], or [B, N] with the discrete format, on the device; anything with
                `__cuda_array_interface__` will do. Illegal ones become no work or silence and are flagged in `invalid`.
        """
        with self._cuda.on(self.device):
            self._cuda.launch(self._kernels.take_kernel, self.num_envs, self._checked(actions), self.action_buffer)
        self.step_written()

    def _checked(self, actions: Any) -> Any:
        """The actions as a device array [B, N, parts], not copied."""
        wanted = self.action_buffer.shape
        if not self._cuda.is_on_device(actions):
            expected = "an array on the device (__cuda_array_interface__)"
            raise ActionError(f"actions are of type {type(actions).__name__}, expected {expected}")
        given = self._cuda.view(actions)
        if tuple(given.shape) != wanted and (*given.shape, 1) != wanted:
            expected = wanted[:2] if self.config.action_format == "discrete" else wanted
            shape = tuple(given.shape)
            raise ActionError(f"actions have shape {shape}, expected {expected} (environments, agents, parts)")
        if given.dtype.kind not in "iu":
            raise ActionError(f"actions have type {given.dtype}, expected integers")
        if given.ndim < len(wanted) and not given.is_c_contiguous():
            raise ActionError("actions [B, N] are not contiguous in memory")
        return given if given.ndim == len(wanted) else given.reshape(wanted)

    def step_written(self) -> None:
        """Step with the actions already written into `action_buffer`."""
        self._need_reset()
        with self._cuda.on(self.device):
            self._step(self.params, self.state, self.out, self.action_buffer)

    def autoreset(self) -> None:
        """Start the next episode in every environment whose episode has ended, without asking the host which.

        Rewards and reward terms stay those of the last step. Observations and masks become those of the new episode,
        and `terminated` and `truncated` are cleared, so read the final ones before.
        """
        self._need_reset()
        with self._cuda.on(self.device):
            self._begin(everywhere=0)

    def sample_actions(self) -> None:
        """Write random legal actions into `action_buffer`; the same episode and step get the same ones."""
        self._need_reset()
        with self._cuda.on(self.device):
            self._choose(self.state, self.out, self.action_buffer, self._action_sizes)

    def _begin(self, everywhere: int) -> None:
        self._start(self.params, self.state, self.out, self.action_buffer, self._starts, everywhere)

    def _need_reset(self) -> None:
        if not self._has_episodes:
            raise ResetNeededError("the batch has no episodes yet; call reset() first")

    # --- back to the host ------------------------------------------------------------------------------------

    def synchronize(self) -> None:
        """Wait until the device has done everything asked so far."""
        with self._cuda.on(self.device):
            self._cuda.synchronize()

    def to_host(self) -> HostCopy:
        """Copies of the parameters, the state and the outputs, each as a `Batch` has it."""
        with self._cuda.on(self.device):
            copied: HostCopy = self._cuda.copy_to_host(HostCopy(self.params, self.state, self.out))
        return copied

    def metrics(self, rows: Sequence[int] | None = None) -> list[dict[str, float]]:
        """Metrics of the episodes so far in `rows` (default: all), see `c2c_env.METRICS`."""
        self._need_reset()
        chosen = range(self.num_envs) if rows is None else indices("rows", rows, self.num_envs).tolist()
        copy = self.to_host()
        return [episode_metrics(*copy, row) for row in chosen]


def _tables(host: Batch, sizes: dict[str, int]) -> dict[str, Any]:
    """Make the packed arrays with a row for every environment, the first axis fastest, single workflows in place."""
    shared = len(host.pool.sources)
    arrays = allocate_apart(Params, sizes, partial(np.zeros, order="F"))
    for name in Table._fields:
        arrays[name][:shared] = getattr(host.params, name)[:shared]
    return {name: arrays[name] for name in Table._fields}


def load_cuda(device: int) -> ModuleType:
    """Import the module that compiles kernels, if it can be used and there is such a device."""
    try:
        from c2c_env.core.compile import cuda
    except ImportError as error:
        raise missing_extra("DeviceBatch", "numba-cuda", "cuda") from error
    count = cuda.num_devices()
    if count == 0:
        raise ConfigError("there is no CUDA device, or no driver for it; c2c_env.Batch runs on the CPU")
    if isinstance(device, bool) or not isinstance(device, int) or not 0 <= device < count:
        raise ConfigError(f"device is {device!r}, expected an integer in [0, {count})")
    return cuda
