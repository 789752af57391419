"""c2c_env: the collaboration workflow of *Communication to Completion* as a PettingZoo environment."""

from c2c_env.config import Channel, EnvConfig, Team
from c2c_env.envs.batch import Batch
from c2c_env.envs.device_batch import DeviceBatch
from c2c_env.envs.parallel_env import C2CParallelEnv, env, parallel_env
from c2c_env.episodes.recorder import Recorder
from c2c_env.make import PRESETS
from c2c_env.metrics import METRICS
from c2c_env.registration import register_all
from c2c_env.team_file import load_team
from c2c_env.version import __version__
from c2c_env.workflows import (
    TEST_SEEDS,
    TRAIN_SEEDS,
    VALIDATION_SEEDS,
    Generated,
    Subtask,
    Workflow,
    builtin_names,
    generate,
    load_builtin,
    load_real,
    load_workflow,
    real_names,
)

__all__ = [
    "METRICS",
    "PRESETS",
    "TEST_SEEDS",
    "TRAIN_SEEDS",
    "VALIDATION_SEEDS",
    "Batch",
    "C2CParallelEnv",
    "Channel",
    "DeviceBatch",
    "EnvConfig",
    "Generated",
    "Recorder",
    "Subtask",
    "Team",
    "Workflow",
    "__version__",
    "builtin_names",
    "env",
    "generate",
    "load_builtin",
    "load_real",
    "load_team",
    "load_workflow",
    "parallel_env",
    "real_names",
]

register_all()
