"""What is to be done: workflows from data, from Python or from a generator."""

from c2c_env.workflows.generator import TEST_SEEDS, TRAIN_SEEDS, VALIDATION_SEEDS, Generated, generate
from c2c_env.workflows.loader import builtin_names, load_builtin, load_real, load_workflow, real_names
from c2c_env.workflows.schema import DOMAINS, FACETS, TIERS, Subtask, Workflow

__all__ = [
    "DOMAINS",
    "FACETS",
    "TEST_SEEDS",
    "TIERS",
    "TRAIN_SEEDS",
    "VALIDATION_SEEDS",
    "Generated",
    "Subtask",
    "Workflow",
    "builtin_names",
    "generate",
    "load_builtin",
    "load_real",
    "load_workflow",
    "real_names",
]
