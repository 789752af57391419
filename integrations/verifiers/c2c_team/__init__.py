"""The collaboration game of c2c-env as a verifiers environment: every seat of a team is an agent of its own.

Importing it makes the package `agents` of c2c-env importable, which its wheel does not install by itself.
"""

from c2c_env.laboratory import make_importable

make_importable()

from c2c_team.env import TeamEnv, TeamEnvConfig  # noqa: E402
from c2c_team.harness import StepHarness, StepHarnessConfig  # noqa: E402
from c2c_team.taskset import TeamTask, TeamTaskset, TeamTasksetConfig  # noqa: E402

__all__ = [
    "StepHarness", "StepHarnessConfig", "TeamEnv", "TeamEnvConfig", "TeamTask", "TeamTaskset", "TeamTasksetConfig",
]  # fmt: skip
