"""A batch with one board for all agents hands out the numbers of a flat one, to the bit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from simulate import random_team, random_workflow

from agents.copies import Copies
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.errors import ConfigError

ROUGH = {"volatility": 0.05, "rework_probability": 1.0, "horizon": 12}
CASES = {
    "onehot": {},
    "index": {"relations": "index"},
    "padded": {"max_agents": 6, "max_subtasks": 14, "vocab_size": 3},
    "padded_index": {"max_agents": 6, "max_subtasks": 14, "relations": "index", "hidden_facts": 3},
    "facts": {"hidden_facts": 2, "vocab_size": 2},
    "discrete": {"action_format": "discrete"},
}
NUM_ENVS, NUM_AGENTS = 5, 3


def both(name, rng, **fields):
    """A flat batch and a shared one, with the same episodes; `fields` are of the shared one."""
    pool = [random_workflow(rng, most=9), Generated("simple", range(20))]
    config = EnvConfig(**{**ROUGH, "max_subtasks": 10, **CASES[name]})
    arguments = (pool, random_team(rng, NUM_AGENTS), config, NUM_ENVS)
    flat, shared = Batch(*arguments), Batch(*arguments, shared_board=True, **fields)
    for batch in (flat, shared):
        batch.reset(range(NUM_ENVS))
    return flat, shared


def joined(batch):
    """Everybody's whole observations, put together from the board and the own parts."""
    boards = np.repeat(batch.board[:, None], NUM_AGENTS, axis=1)
    return np.concatenate((boards, batch.own), axis=-1)


def assert_alike(flat, shared):
    assert joined(shared).tobytes() == flat.observations.tobytes()
    assert joined(flat).tobytes() == flat.observations.tobytes()
    for name in ("action_masks", "rewards", "terminated", "truncated", "invalid"):
        assert getattr(shared, name).tobytes() == getattr(flat, name).tobytes(), name


def step_both(flat, shared, rng):
    actions = rng.integers(0, flat.action_sizes, flat.action_buffer.shape)
    rows = np.flatnonzero(rng.random(NUM_ENVS) < 0.7) if rng.random() < 0.4 else None
    for batch in (flat, shared):
        batch.step(actions, rows=rows)


@pytest.mark.parametrize("fields", [{}, {"num_threads": 2}, {"backend": "interpreted"}], ids=["one", "two", "slow"])
@pytest.mark.parametrize("name", CASES)
def test_the_board_and_the_own_parts_are_the_flat_observations(name, fields):
    rng = np.random.default_rng(len(name))
    flat, shared = both(name, rng, **fields)
    assert_alike(flat, shared)
    ended = 0
    for _ in range(30):
        step_both(flat, shared, rng)
        assert_alike(flat, shared)
        ended += len(flat.autoreset())
        shared.autoreset()
        assert_alike(flat, shared)
    assert ended >= NUM_ENVS  # 30 steps, of which each environment takes at least half, in episodes of 12


@pytest.mark.parametrize("name", CASES)
def test_a_snapshot_of_either_form_is_restored_into_the_other(name):
    rng = np.random.default_rng(1)
    flat, shared = both(name, rng)
    for _ in range(6):
        step_both(flat, shared, rng)
    kept = flat.snapshot(1), shared.snapshot(1)
    np.testing.assert_equal(*kept)
    flat.restore(kept[1], row=3)
    shared.restore(kept[0], row=3)
    assert_alike(flat, shared)
    for _ in range(4):
        step_both(flat, shared, rng)
        assert_alike(flat, shared)


def test_a_shared_batch_is_pickled_with_its_form():
    rng = np.random.default_rng(2)
    flat, shared = both("index", rng)
    step_both(flat, shared, rng)
    again = pickle.loads(pickle.dumps(shared))
    assert_alike(flat, again)
    step_both(flat, again, rng)
    assert_alike(flat, again)


def test_copies_of_a_shared_batch_are_of_its_form():
    rng = np.random.default_rng(3)
    flat, shared = both("index", rng)
    copies = Copies(shared, observed=True)
    copies.take(np.array([2, 0]), shared.state.key[[2, 0]])
    np.testing.assert_array_equal(
        shared.form.board(copies.out.observation), flat.observations[[2, 0], 0, : flat.board.shape[1]]
    )
    np.testing.assert_array_equal(
        shared.form.own(copies.out.observation), flat.observations[[2, 0], :, flat.board.shape[1] :]
    )


def test_the_board_stands_once_in_memory():
    flat, shared = both("index", np.random.default_rng(4))
    board, own = shared.board.shape[1], shared.own.shape[2]
    assert board + own == flat.layout.size
    assert board == flat.layout.board_size
    assert shared.out.observation.shape == (NUM_ENVS, board + NUM_AGENTS * own)
    assert flat.out.observation.shape == (NUM_ENVS, NUM_AGENTS * (board + own))
    for view in (shared.board, shared.own, flat.board, flat.own):
        assert not view.flags.owndata
        assert not view.flags.writeable


def test_observations_of_a_shared_batch_are_refused_with_what_to_read():
    batch = Batch("simple", Team.default(3), EnvConfig(), 2, shared_board=True)
    board, own = batch.board.shape[1], batch.own.shape[2]
    with pytest.raises(ConfigError) as raised:
        batch.observations  # noqa: B018
    assert str(raised.value) == (
        f"this batch has no observations [2, 3, {board + own}], as it was made with shared_board=True; read board"
        f" [2, {board}] and own [2, 3, {own}], or make it with shared_board=False"
    )


def test_a_shared_board_that_is_not_written_is_refused():
    with pytest.raises(ConfigError, match="shared_board is True, but with write_observations=False"):
        Batch("simple", Team.default(3), EnvConfig(), write_observations=False, shared_board=True)
