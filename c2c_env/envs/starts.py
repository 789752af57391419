"""What a batch hands to the start of its episodes: its arrays, and where its workflows come from."""

from __future__ import annotations

import numpy as np

from c2c_env.config import EnvConfig, Team
from c2c_env.core.arrays import Params, State
from c2c_env.envs.episode_start import Starts
from c2c_env.workflows.pack_generated import Table
from c2c_env.workflows.packing_rules import make_packing_rules
from c2c_env.workflows.pool import WorkflowPool
from c2c_env.workflows.random_stream import STREAM_LENGTH


def make_starts(params: Params, state: State, pool: WorkflowPool, team: Team, config: EnvConfig) -> Starts:
    """Views of the arrays of a batch, and the tables that its workflows are made from."""
    return Starts(
        seed=state.seed,
        episode=state.episode,
        key=state.key,
        workflow=state.workflow,
        workflow_index=state.workflow_index,
        table=Table(**{name: getattr(params, name) for name in Table._fields}),
        sources=pool.arrays,
        rules=make_packing_rules(team, config),
        streams=np.zeros((len(state.seed), STREAM_LENGTH), dtype=np.uint64),
    )
