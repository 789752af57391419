"""What a policy answers is checked before the simulator takes it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.mixed_team import MixedTeam
from agents.play import play
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import Batch, EnvConfig, Subtask, Team, Workflow
from c2c_env.errors import C2CError, PolicyError

TWO = Workflow("two", "simple", (Subtask("a", "backend", 1.0, 1.0), Subtask("b", "data", 0.7, 1.0, ("a",))))


class Answering:
    """Answers what a function makes of the usual answer, int64 [R, parts], from the second step on."""

    name = "odd"

    def __init__(self, change, parts=4):
        self.change, self.parts, self.asked = change, parts, 0

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        self.asked += 1
        usual = np.zeros((len(rows), self.parts), dtype=np.int64)
        return self.change(usual) if self.asked > 1 else usual


def batch_of(size=3, count=2, **fields):
    batch = Batch(TWO, Team.default(size), EnvConfig(horizon=4, **fields), count)
    batch.reset(range(count))
    return batch


def put(row, part, value):
    def change(usual):
        usual[row, part] = value
        return usual

    return change


@pytest.mark.parametrize(
    ("change", "error"),
    [
        # two environments of three agents: row 4 is worker_1 of environment 1; of two subtasks, work is 0, 1 or 2
        (put(4, 0, 3), r"policy odd chose work 3 for worker_1 in environment 1, expected an integer in \[0, 2\]"),
        (put(0, 1, -1), r"chose speech -1 for manager_0 in environment 0, expected an integer in \[0, 6\]"),
        (put(5, 2, 4), r"chose recipient 4 for worker_2 in environment 1, expected an integer in \[0, 3\]"),
        (put(0, 3, 2**40), r"chose topic 1099511627776 for manager_0 .* \[0, 1\]"),
        (lambda usual: usual.astype(float), "policy odd answered with type float64, expected integers"),
        (lambda usual: usual[:, :3], r"answered with shape \(6, 3\), expected \(6, 4\): a row for each agent"),
        (lambda usual: usual[:4], r"answered with shape \(4, 4\), expected \(6, 4\)"),
        (lambda usual: usual.T, r"answered with shape \(4, 6\), expected \(6, 4\)"),
        (lambda usual: [[0], [0, 1]], "policy odd answered with list and no array"),
    ],
)
def test_an_answer_of_the_wrong_form_or_range_is_refused(change, error):
    with pytest.raises(PolicyError, match=error) as raised:
        play(batch_of(), Answering(change))
    assert isinstance(raised.value, C2CError)


def test_an_illegal_answer_in_range_is_masked_and_counted():
    # subtask b waits for a: from the second of four steps on, row 1 wants to work on it and may not
    metrics = play(batch_of(), Answering(put(1, 0, 2)))
    assert [row["invalid_actions"] for row in metrics] == [3, 0]


def test_a_policy_without_a_name_is_named_by_its_class():
    class Nameless(Answering):
        name = property()

    with pytest.raises(PolicyError, match="policy Nameless chose work 9"):
        play(batch_of(), Nameless(put(0, 0, 9)))


def test_a_policy_that_sees_the_state_is_checked_as_well():
    class Seeing(Answering):
        def act_batch(self, batch, rows):
            return self.act(None, None, range(6)).reshape(2, 3, 4)

    with pytest.raises(PolicyError, match="chose work 3 for worker_2 in environment 1"):
        play(batch_of(), Seeing(put(5, 0, 3)))


def test_a_member_among_partners_is_named_in_its_place():
    batch = batch_of()
    partners = make_policy("no_communication", PolicyContext.of(batch))
    with pytest.raises(PolicyError, match="policy odd chose work 7 for worker_2 in environment 1"):
        play(batch, MixedTeam(Answering(put(1, 0, 7)), partners, 2, 3))


def test_entries_of_the_discrete_format_are_checked():
    batch = batch_of(action_format="discrete")
    most = int(batch.action_sizes[0])
    with pytest.raises(PolicyError, match=rf"chose action {most} for manager_0 .* \[0, {most - 1}\]"):
        play(batch, Answering(lambda usual: usual + most, 1))
