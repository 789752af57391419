"""The client of a server that runs somewhere else."""

from __future__ import annotations

from typing import Any

from openenv.core.client_types import StepResult
from openenv.core.env_client import EnvClient

from c2c_openenv.models import C2CAction, C2CObservation, C2CState


class C2CEnv(EnvClient[C2CAction, C2CObservation, C2CState]):
    """Plays episodes on a server, in a session of its own.

    The arguments of `reset` are those of `C2CEnvironment.reset`.

    Example:
        >>> with C2CEnv(base_url="http://localhost:8000").sync() as env:
        ...     result = env.reset(split="train", index=17)
        ...     result = env.step(C2CAction(answer=ask_model(result.observation.prompts["worker_1"])))
    """

    def _step_payload(self, action: C2CAction) -> dict[str, Any]:
        return action.model_dump(exclude_none=True)

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[C2CObservation]:
        reward, done = payload.get("reward"), bool(payload.get("done", False))
        observation = C2CObservation(**{**payload["observation"], "reward": reward, "done": done})
        return StepResult(observation, reward, done, payload.get("metadata"))

    def _parse_state(self, payload: dict[str, Any]) -> C2CState:
        return C2CState(**payload)
