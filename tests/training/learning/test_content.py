"""What symbols mean and whether they are acted on: a language of two facts worked out by hand, and the command."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.learned.network import Actor
from agents.learned.weights import NetworkConfig, save_policy
from agents.policy import no_actions
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.core import constants as c
from training.__main__ import main
from training.learning.analysis.content_table import KNEW, TOLD, UNTOLD, ContentCounts, count_content

ONE = Workflow("one", "simple", (Subtask("a", "backend", 4.0, 1.0),))


class Telling:
    """The manager tells the fact of the only subtask in the first step; worker 1 reads that in the second one.

    Until then, and if nobody tells it anything, it builds variant 0. In the first step it says symbol 1, for nothing:
    it knows no fact then.

    Args:
        batch: that is played.
        code: the symbol of each fact; -1 says nothing.
        read: what worker 1 takes each symbol for.
    """

    def __init__(self, batch, code, read):
        self.batch, self.code, self.read = batch, code, read

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        actions = no_actions(self.batch.config, len(rows)).reshape(-1, self.batch.num_agents, 6)
        envs = rows.reshape(-1, self.batch.num_agents)[:, 0] // self.batch.num_agents
        state = self.batch.state
        for action, env in zip(actions, envs, strict=True):
            symbol = self.code[state.fact[env, 0]]
            if state.t[env] == 0 and symbol >= 0:
                action[0] = 0, c.CHAT_TELL, 1, 0, symbol, 0
            if state.t[env] == 0:
                action[1] = 0, c.CHAT_ASK, 0, 0, 1, 0
            action[1, [c.WORK, 5]] = 1, state.fact[env, 0] if state.knows[env, 1, 0] else 0
            if state.read_topic[env, 1, 0] == 0 and not state.knows[env, 1, 0]:
                action[1, 5] = self.read[state.read_symbol[env, 1, 0]]
        return actions.reshape(len(rows), 6)


def counts_of(code, read, num_envs=40):
    batch = Batch(ONE, Team.default(2), EnvConfig(vocab_size=3, hidden_facts=2, horizon=12), num_envs)
    batch.reset(range(num_envs))
    return batch.state.fact[:, 0].copy(), count_content(batch, Telling(batch, code, read))


def test_a_code_that_is_understood():
    fact, counts = counts_of(code=[2, 0], read={2: 0, 0: 1})
    first, second = int((fact == 0).sum()), int((fact == 1).sum())
    assert counts.said.tolist() == [[0, 0, first], [second, 0, 0]]
    share = np.array([first, second]) / len(fact)
    assert counts.information == pytest.approx(-(share * np.log2(share)).sum())
    # variant 0 is right for the first kind at once; the second kind is told after two steps, and known then
    assert counts.built[UNTOLD].tolist() == [2 * second, first]
    assert counts.built[TOLD].tolist() == [0, second]
    assert counts.built[KNEW, 0] == 0 < counts.built[KNEW, 1]


def test_a_code_that_is_misread_and_one_symbol_for_everything():
    fact, counts = counts_of(code=[1, 1], read={1: 0})
    assert counts.information == 0.0
    assert counts.said[:, 1].sum() == counts.said.sum() == len(fact)
    assert counts.built[TOLD, 1] == 0 < counts.built[TOLD, 0]


def test_silence_tells_nothing():
    fact, counts = counts_of(code=[-1, -1], read={})
    assert (counts.said.sum(), counts.information, counts.built[TOLD].sum()) == (0, 0.0, 0)
    assert counts.built[UNTOLD, 0] == 12 * (fact == 1).sum()


def test_information_of_a_table_by_hand():
    """Of fact 0 always symbol 0, of fact 1 either: H(symbol) - H(symbol | fact) = H(3/4, 1/4) - 1/2 bit."""
    counts = ContentCounts(np.array([[2, 0], [1, 1]]), np.zeros((3, 2)))
    entropy = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert counts.information == pytest.approx(entropy - 0.5)


def saved(tmp_path, **sizes):
    config = NetworkConfig(hidden=16, own=8, key=4, **sizes)
    torch.manual_seed(0)
    actor = Actor(
        hidden=16, own=8, key=4, vocab_size=config.vocab_size, hidden_facts=config.hidden_facts,
        communication=config.communication,
    )  # fmt: skip
    with torch.no_grad():
        actor.silence.bias -= 12.0  # so that it speaks
    path = tmp_path / "policy.safetensors"
    save_policy(path, actor, config, {})
    return path


def test_command_prints_what_was_said_and_built(tmp_path, capsys):
    path = saved(tmp_path, vocab_size=3, hidden_facts=2, communication="attention")
    assert main(["content", str(path), "--groups", "simple:3", "--workflows", "2"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in ("simple-3", "fact", "mutual information 0.", "of 1.00 bits", "knew", "had been told", "neither", "%"):
        assert part in shown


def test_command_refuses_what_has_no_content(tmp_path, capsys):
    path = saved(tmp_path)
    assert main(["content", str(path)]) == 2
    assert "has learned with vocab_size=0, so there is no content to show" in capsys.readouterr().err
    assert main(["content", str(path), "--groups", "simpel:5"]) == 2
    assert "did you mean 'simple'" in capsys.readouterr().err
