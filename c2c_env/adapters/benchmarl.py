"""A task for BenchMARL: `C2CTask.SIMPLE.get_task(config={"team_size": 5})`, which its experiments take as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarl.environments import PettingZooClass, Task
from torchrl.envs import PettingZooWrapper
from torchrl.envs.utils import MarlGroupMapType

from c2c_env.checks import choice_fault
from c2c_env.envs.parallel_env import C2CParallelEnv, parallel_env
from c2c_env.errors import ConfigError

GROUPINGS = {
    "team": MarlGroupMapType.ALL_IN_ONE_GROUP,  # all agents share their weights
    "role": None,  # TorchRL's way, by the beginning of names: the manager, and the workers
}


class C2CClass(PettingZooClass):
    """A task whose `config` holds arguments of `c2c_env.parallel_env`, and `grouping`: "team" (default) or "role".

    Where the config names no workflow, generated ones of the tier that the task is named after are played. Masks, the
    global state and flat infos are handed on; actions are those of the discrete catalogue.
    """

    def get_env_fun(
        self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any
    ) -> Callable[[], PettingZooWrapper]:
        """See `benchmarl.environments.TaskClass`."""
        grouping = self.config.get("grouping", "team")
        if wrong := choice_fault("grouping", grouping, list(GROUPINGS)):
            raise ConfigError(wrong)
        self._make()  # what is wrong with the arguments is told here and not in a worker
        return lambda: PettingZooWrapper(
            self._make(), use_mask=True, categorical_actions=True, return_state=True, group_map=GROUPINGS[grouping],
            seed=seed, device=device,
        )  # fmt: skip

    def _make(self) -> C2CParallelEnv:
        arguments = {name: value for name, value in self.config.items() if name != "grouping"}
        return parallel_env(**{"workflow": self.name.lower(), "preset": "benchmarl", **arguments})

    def supports_continuous_actions(self) -> bool:
        """There are none."""
        return False

    def supports_discrete_actions(self) -> bool:
        """They are the only ones."""
        return True

    def has_state(self) -> bool:
        """The global state is for central critics."""
        return True

    def has_render(self, env: Any) -> bool:
        """Pictures are made outside of BenchMARL."""
        return False

    def max_steps(self, env: Any) -> int:
        """The steps of the longest possible episode."""
        return self._make().max_steps

    @staticmethod
    def env_name() -> str:
        """The name of the environment in BenchMARL's tables."""
        return "c2c"


class C2CTask(Task):
    """Tasks by the tier of their generated workflows."""

    SIMPLE = None
    MEDIUM = None
    COMPLEX = None

    @staticmethod
    def associated_class() -> type[C2CClass]:
        """The class of these tasks."""
        return C2CClass
