"""Whatever a user can hand in is checked before compiled code sees it: snapshots, factors, pickles, forks, sizes."""

from __future__ import annotations

import os
import pickle
import signal
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulate import arrays_of, random_snapshot

from c2c_env import Batch, Channel, EnvConfig, Generated, Subtask, Team, Workflow, parallel_env
from c2c_env.config import MAX_SIZE
from c2c_env.core import constants as c
from c2c_env.core.arrays import Outputs, State, array_specs
from c2c_env.envs import batch_checks
from c2c_env.errors import ActionError, ConfigError, SnapshotError

WORKFLOW = Workflow(
    "w",
    "complex",
    (
        Subtask("a", "data", 2.0, 1.0),
        Subtask("gate", "data", 0.0, 1.0, ("a",)),
        Subtask("b", "backend", 1.0, 2.0, ("gate",)),
        Subtask("c", "quality", 0.5, 1.5, ("a", "b")),
    ),
)
FIELDS = {"max_agents": 6, "max_subtasks": 5, "vocab_size": 3, "hidden_facts": 3, "horizon": 40,
          "rework_probability": 1.0, "reward_weights": (1.0, 0.5, 0.5, 0.5, 0.4, 0.3)}  # fmt: skip


def make(relations="onehot", **more):
    return parallel_env(WORKFLOW, 3, relations=relations, **FIELDS, **more)


class Careful(np.ndarray):
    """An array that refuses what compiled code would not: negative and too large indices, and wrong lengths."""

    def __getitem__(self, key):
        self.check(key)
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        self.check(key)
        super().__setitem__(key, value)

    def check(self, key):
        for axis, index in enumerate(key if isinstance(key, tuple) else (key,)):
            if isinstance(index, int | np.integer) and not 0 <= index < self.shape[axis]:
                raise IndexError(f"index {index} on axis {axis} of length {self.shape[axis]}")


def careful(relations="onehot"):
    """An interpreted environment all of whose arrays check every index."""
    env = make(relations, backend="interpreted")
    batch = env.batch
    for kind in ("state", "out", "params"):
        arrays = getattr(batch, kind)._asdict()
        guarded = {name: a.view(Careful) if isinstance(a, np.ndarray) else a for name, a in arrays.items()}
        setattr(batch, kind, type(getattr(batch, kind))(**guarded))
    batch._actions = batch._actions.view(Careful)
    batch._connect()
    return env


def test_the_careful_array_catches_what_numpy_lets_pass():
    array = np.zeros((2, 3)).view(Careful)
    assert array[1, 2] == 0.0
    for key in ((-1, 0), (0, 3), 2, (0, -1)):
        with pytest.raises(IndexError):
            array[key]
        with pytest.raises(IndexError):
            array[key] = 1.0


def test_every_array_of_state_and_outputs_says_what_its_values_are():
    env = make()
    limits = batch_checks.limits_of(env.batch.params, np.zeros(1, dtype=int), [0], 5, 1)
    specs = array_specs(State) | array_specs(Outputs)
    assert {spec.values for spec in specs.values()} <= set(limits)
    unlimited = {name for name, spec in specs.items() if limits[spec.values] is None}
    assert unlimited == {"seed", "key", "observation", "reward", "reward_terms"}


EXTREME = [-(2**63), -(2**31), -(2**15), -129, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 39, 40, 41, 127, 2**15 - 1, 2**31 - 1,
           2**31 - 40, 2**63 - 1]  # fmt: skip
NUMBERS = [float("nan"), float("inf"), -float("inf"), -1.0, -0.0, 5e-324, 0.5, 1.0, 1.0 + 1e-9, 3.0, 1e14, 1e300, 1e308]


def spoil(snapshot, data):
    """Change a few entries of a snapshot to anything."""
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(snapshot)))
        array = snapshot[name]
        if array.dtype.names:
            part = data.draw(st.sampled_from(array.dtype.names))
            array = array[part]
        place = data.draw(st.integers(0, array.size - 1))
        value = data.draw(st.sampled_from(NUMBERS if array.dtype.kind == "f" else EXTREME))
        if array.dtype.kind in "iub":
            wide = array.astype(object)
            wide.flat[place] = value
            low, high = (0, 1) if array.dtype.kind == "b" else (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max)
            array[...] = np.array([min(max(v, low), high) for v in wide.flat], dtype=array.dtype).reshape(array.shape)
        else:
            array.flat[place] = value
    if data.draw(st.booleans()):  # a consistent one gets further
        t = int(snapshot["t"])
        snapshot["done"] = snapshot["status"] == c.DONE
        snapshot["request_age"] = np.where(snapshot["request_topic"] >= 0, t - snapshot["request_step"], -1)


@pytest.mark.parametrize("relations", ["onehot", "index"])
@settings(max_examples=200, suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_a_spoilt_snapshot_is_refused_or_plays_within_bounds(relations, data, seed):
    rng = np.random.default_rng(seed)
    env, slow = make(relations), careful(relations)
    for one in (env, slow):
        one.reset(seed=seed)
    snapshot = random_snapshot(env, rng) if data.draw(st.booleans()) else env.snapshot()
    snapshot = {name: np.array(array) for name, array in snapshot.items()}
    spoil(snapshot, data)
    before = env.snapshot()
    try:
        env.restore(snapshot)
    except SnapshotError:
        np.testing.assert_equal(env.snapshot(), before)
        with pytest.raises(SnapshotError):
            slow.restore(snapshot)
        return
    slow.restore(snapshot)
    for _ in range(6):
        if not env.agents:
            break
        actions = rng.integers(0, env.batch.action_sizes, size=(3, 6))
        for one in (env, slow):
            one.step(dict(zip(one.agents, actions, strict=True)))
        assert np.isfinite(env.batch.observations).all()
        assert (env.batch.action_masks[0, :, 0] == 1).all()
        for one in (env, slow):
            one.restore(one.snapshot())  # what it leads to is a good snapshot again
    others = arrays_of(slow.batch)
    for name, array in arrays_of(env.batch).items():
        assert array[..., :3].tobytes() == np.asarray(others[name])[..., :3].tobytes(), name


def put(**changes):
    def change(snapshot):
        for name, (place, value) in changes.items():
            if "__" in name:
                name, part = name.split("__")
                snapshot[name][part][place] = value
            else:
                snapshot[name][place] = value
        snapshot["done"] = snapshot["status"] == c.DONE

    return change


def all_done(snapshot):
    snapshot["status"][...] = c.DONE


IMPOSSIBLE = {
    "a padded recipient": (put(mailbox__speech=((0, 0), 1), mailbox__recipient=((0, 0), 4)), "the whole team"),
    "a message to oneself": (put(mailbox__speech=((0, 1), 1), mailbox__recipient=((0, 1), 1)), "to itself"),
    "a meeting in the mailbox": (put(mailbox__speech=((0, 1), c.MEET)), "at once"),
    "a worker assigns": (put(mailbox__speech=((0, 1), c.ASSIGN)), "not the manager"),
    "a request to oneself": (put(request_topic=((1, 1), 0), request_age=((1, 1), 0)), "to itself"),
    "late t": (put(t=((), 2**31 - 1)), "outside [0, 2000000000]"),
    "late step": (put(read_step=((0, 1), 1)), "outside [0, 0]"),
    "done with effort left": (put(status=(0, c.DONE)), "remaining disagrees"),
    "done by nobody": (put(status=(0, c.DONE), remaining=(0, 0.0)), "owner is nobody"),
    "all done, but": (all_done, "subtasks_left is"),
    "ready too soon": (put(status=(2, c.READY)), "status disagrees"),
    "a ready milestone": (put(status=(1, c.READY)), "status disagrees"),
    "nothing left to do": (put(remaining=(0, 0.0)), "remaining disagrees"),
    "prerequisites": (put(prerequisites_left=(3, 1)), "prerequisites_left disagrees"),
    "dependents": (put(dependents_left=(0, 1)), "dependents_left disagrees"),
    "huge tally": (put(tally=(0, 1e308)), "outside [0, 1e+25]"),
    "huge debt": (put(debt=(0, 1e300)), "outside [0, 1e+25]"),
    "more aligned than worked": (put(worked_hours=(0, 1.0), aligned_hours=(0, 2.0)), "aligned_hours are more"),
    "finished, but not done": (put(finished_step=(0, 0)), "finished_step disagrees"),
    "terminated": (put(terminated=((), 1)), "terminated is 1"),
    "truncated": (put(truncated=((), 1)), "truncated is 1"),
    "episode": (put(random_state=(1, 2**63)), "random_state (episode)"),
    "action": (put(action=((0, c.TOPIC), 4)), "action has 4"),
    "chosen variant": (put(action=((0, c.VARIANT), 3)), "action has 3"),
    "fact": (put(fact=(0, 3)), "fact has 3 at [0], outside [0, 2]"),
    "knows": (put(knows=((1, 2), 2)), "knows has 2 at [1, 2], outside [0, 1]"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_snapshot_is_refused(name):
    change, message = IMPOSSIBLE[name]
    env = make()
    env.reset(seed=0)
    snapshot = env.snapshot()
    env.restore(snapshot)
    change(snapshot)
    with pytest.raises(SnapshotError) as raised:
        env.restore(snapshot)
    assert message in str(raised.value)


@pytest.mark.parametrize("max_agents", [6, 2500])
def test_a_snapshot_cannot_write_into_another_environment(max_agents):
    config = EnvConfig(max_agents=max_agents)
    batch = Batch(WORKFLOW, Team.default(3), config, num_envs=2, write_observations=max_agents < 100)
    batch.reset([0, 1])
    other = batch.observations[1].copy()
    for recipient in (3, max_agents - 1):
        snapshot = batch.snapshot(0)
        snapshot["mailbox"]["speech"][:, 1], snapshot["mailbox"]["recipient"][:, 1] = c.CHAT_TELL, recipient
        with pytest.raises(SnapshotError, match="recipient"):
            batch.restore(snapshot, row=0)
    batch.step(np.zeros((2, 3, 4), dtype=np.int64), rows=[0])
    np.testing.assert_array_equal(batch.observations[1], other)


def test_a_refusal_of_any_kind_leaves_the_workflow():
    class Broken(dict):
        def __getitem__(self, key):
            if key == "mailbox":
                raise RuntimeError("no such page")
            return super().__getitem__(key)

    batch = Batch([Generated("simple", range(9))], Team.default(3), EnvConfig())
    batch.reset([0])
    before, index = batch.snapshot(), int(batch.workflow_index[0])
    with pytest.raises(RuntimeError):
        batch.restore(Broken({**before, "workflow": np.array((index + 1) % 9)}))
    np.testing.assert_equal(batch.snapshot(), before)


# --- factors, pickles, forks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [np.nan, np.inf, -np.inf, -1.0, 1.0000001, 1e300])
def test_a_factor_outside_its_range_is_refused_before_the_step(factor):
    batch = Batch(WORKFLOW, Team.default(3), EnvConfig(), num_envs=2)
    batch.reset([0, 1])
    batch.message_factors[1, 2] = factor
    actions = np.zeros((2, 3, 4), dtype=np.int64)
    with pytest.raises(ActionError, match=r"message_factors\[1, 2\] is .*, expected a number in \[0, 1\]"):
        batch.step(actions)
    assert batch.state.t.tolist() == [0, 0]
    batch.message_factors[1, 2] = 0.5
    batch.step(actions)


def pickled_out_of_band(batch):
    """As joblib and Ray do: arrays come back as views of memory that cannot be written."""
    buffers = []
    data = pickle.dumps(batch, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(buffer.raw()) for buffer in buffers])


def test_a_batch_of_read_only_arrays_steps():
    batch = Batch([WORKFLOW, "simple"], Team.default(3), EnvConfig(), num_envs=4)
    batch.reset(range(4))
    actions = np.random.default_rng(0).integers(0, batch.action_sizes, size=batch.action_buffer.shape)
    batch.step(actions)
    twin = pickled_out_of_band(batch)
    assert all(array.flags.writeable for array in (*twin.state, *twin.out, twin.action_buffer))
    for one in (batch, twin):
        one.step(actions)
        one.reset(rows=[1, 2])
        one.step(actions)
    for name, array in arrays_of(batch).items():
        np.testing.assert_array_equal(array, arrays_of(twin)[name], err_msg=name)


def test_a_batch_without_episodes_is_pickled():
    twin = pickle.loads(pickle.dumps(Batch("simple", Team.default(3), EnvConfig(), num_threads=2)))
    assert twin.num_threads == 2
    twin.reset([0])


DAMAGE = {"mail_recipient": 99, "owner": 7, "t": 2**31 - 1, "shown_topic": 5000, "changed": 77, "workflow_index": 5,
          "understanding": np.nan, "tally": 1e308, "participants": -1, "forecast_value": np.nan,
          "information_value": -5.0, "chain_hours": np.inf, "fact": 1, "knows": 2}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_pickle_is_refused(name):
    batch = Batch(WORKFLOW, Team.default(3), EnvConfig(), num_envs=2)
    batch.reset([0, 1])
    make_anew, _, kept = batch.__reduce__()
    array = kept[name].copy()
    array.flat[-1] = DAMAGE[name]
    with pytest.raises((SnapshotError, ConfigError), match=name):
        make_anew().__setstate__({**kept, name: array})


@pytest.mark.parametrize("used_before", [True, False])
def test_a_batch_with_threads_steps_in_a_child(used_before):
    batch = Batch(WORKFLOW, Team.default(3), EnvConfig(), num_envs=4, num_threads=2)
    batch.reset(range(4))
    actions = np.zeros((4, 3, 4), dtype=np.int64)
    if used_before:
        batch.step(actions)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        batch.step(actions)
        batch.autoreset()
        os._exit(int(batch.state.t[0]))
    status = os.waitpid(child, 0)[1]
    assert os.WIFEXITED(status)
    assert os.WEXITSTATUS(status) == 1 + used_before
    batch.step(actions)  # the parent's threads are still there


# --- sizes ---------------------------------------------------------------------------------------------------------


def test_more_subtasks_than_an_index_can_count_are_refused():
    many = Workflow("many", "simple", tuple(Subtask(str(k), "data", 1.0, 1.0) for k in range(MAX_SIZE + 1)))
    with pytest.raises(ConfigError, match="max_subtasks is 32768, expected at most 32767"):
        Batch(many, Team.default(2), EnvConfig())


def test_a_team_has_an_upper_limit():
    with pytest.raises(ConfigError, match="a team has 32768 agents, expected 1 to 32767"):
        Team(((1.0,) * 5,) * (MAX_SIZE + 1))


@pytest.mark.parametrize(
    ("fields", "num_envs", "message"),
    [
        ({"max_agents": MAX_SIZE, "max_subtasks": MAX_SIZE}, 1, "observations of .* numbers, expected at most"),
        ({"max_agents": 5000, "max_subtasks": 5000}, 2**40, "do not fit into the memory"),
        ({}, 2**60, "do not fit into the memory"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(fields, num_envs, message):
    with pytest.raises(ConfigError, match=message):
        Batch(WORKFLOW, Team.default(2), EnvConfig(**fields), num_envs=num_envs)


@pytest.mark.parametrize(
    "seeds",
    [np.array(5), range(10**12), range(2**70), b"ab", np.zeros((2, 1), dtype=int), [[1], 2], {1: 2, 3: 4}],
    ids=str,
)
def test_seeds_of_any_other_form_are_refused(seeds):
    batch = Batch(WORKFLOW, Team.default(2), EnvConfig(), num_envs=2)
    with pytest.raises(ConfigError, match="seed"):
        batch.reset(seeds)


def test_actions_that_are_no_array_are_refused():
    batch = Batch(WORKFLOW, Team.default(2), EnvConfig())
    batch.reset([0])
    with pytest.raises(ActionError, match="no array"):
        batch.step([[1], [2, 3]])


def test_more_threads_than_environments_are_never_made():
    batch = Batch(WORKFLOW, Team.default(2), EnvConfig(), num_envs=3, num_threads=10**30)
    batch.reset(range(3))
    batch.step(np.zeros((3, 2, 4), dtype=int))
    assert batch.state.t.tolist() == [1, 1, 1]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_fault_in_one_chunk_is_raised_after_the_others_have_ended(failing):
    """What still ran would write into arrays that the caller takes for its own again."""
    batch, ended = Batch("simple", Team.default(3), EnvConfig(), 3, num_threads=3), []

    def work(chunk):
        if chunk[0] == failing:
            raise ValueError("no such luck")
        time.sleep(0.05)
        ended.append(int(chunk[0]))

    with pytest.raises(ValueError, match="no such luck"):
        batch._share(batch._split(np.arange(3)), work)
    assert sorted(ended) == [row for row in range(3) if row != failing]


def test_the_workflow_of_an_environment_is_read_only():
    batch = Batch(WORKFLOW, Team.default(2), EnvConfig())
    with pytest.raises(ValueError, match="read-only"):
        batch.workflow_index[0] = 5


# --- what play leads to is accepted -------------------------------------------------------------------------------


def test_who_steps_on_after_the_end_keeps_snapshots_and_pickles():
    batch = Batch(WORKFLOW, Team.default(3), EnvConfig(horizon=1), num_envs=2)
    batch.reset([0, 1])
    actions = np.zeros((2, 3, 4), dtype=np.int64)
    actions[:, 0] = 0, c.CHAT_ASK, 1, 0
    for _ in range(4):
        batch.step(actions)
    twin = pickle.loads(pickle.dumps(batch))
    batch.restore(batch.snapshot(0), row=1)
    assert twin.state.t.tolist() == batch.state.t.tolist() == [4, 4]


def test_a_pickle_in_which_something_was_read_later_than_now_is_refused():
    batch = Batch(WORKFLOW, Team.default(3), EnvConfig(horizon=10**9))
    batch.reset([0])
    make_anew, _, kept = batch.__reduce__()
    for name in ("read_step", "request_step", "finished_step", "asking_due", "answer_due"):
        late = np.full_like(kept[name], 10**6)
        with pytest.raises(SnapshotError, match=name):
            make_anew().__setstate__({**kept, name: late})


def test_a_snapshot_is_read_once():
    class Changing(dict):
        """Gives what is valid when it is asked first, and something else from then on."""

        def __init__(self, given):
            super().__init__(given)
            self.asked = set()

        def __getitem__(self, name):
            value = super().__getitem__(name)
            if name in self.asked and name == "owner":
                return np.full_like(value, 30000)
            self.asked.add(name)
            return value

    env = make()
    env.reset(seed=0)
    snapshot = env.snapshot()
    env.restore(Changing(snapshot))
    np.testing.assert_equal(env.snapshot(), snapshot)


# --- numbers of other types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.longdouble, np.float64, Fraction])
def test_numbers_of_other_types_become_those_of_python(kind):
    half, one = kind(0.5), kind(1)
    config = EnvConfig(
        dt=half,
        constraints_exponent=half,
        answer_exponent=half,
        facet_weights=(half,) * 4,
        reward_weights=(half,) * 4,
        horizon=np.int8(9),
        chat=Channel(half, half, np.int8(1), half),
    )
    subtasks = (Subtask("a", "data", half, one), Subtask("b", "data", half, one, ("a",), {"intent": half}))
    workflow, team = Workflow("w", "complex", subtasks), Team(((half,) * 5, (one,) * 5))
    numbers = (*team.skills[0], config.dt, *config.facet_weights, *config.reward_weights, config.chat.richness,
               subtasks[0].effort, subtasks[1].facet_weights["intent"])  # fmt: skip
    assert {type(number) for number in numbers} == {float}
    assert type(config.horizon) is type(config.chat.latency) is int
    twin = Batch(
        Workflow(
            "w", "complex", (Subtask("a", "data", 0.5, 1.0), Subtask("b", "data", 0.5, 1.0, ("a",), (0.5, 0, 0, 0)))
        ),
        Team(((0.5,) * 5, (1.0,) * 5)),
        EnvConfig(
            dt=0.5,
            constraints_exponent=0.5,
            answer_exponent=0.5,
            facet_weights=(0.5,) * 4,
            reward_weights=(0.5,) * 4,
            horizon=9,
            chat=Channel(0.5, 0.5, 1, 0.5),
        ),
    )
    batch = Batch([workflow, Generated("simple")], team, config)
    for one_batch in (batch, twin):
        one_batch.reset([3], workflows=[0])
        one_batch.step(np.array([[[1, 1, 1, 0], [0, 0, 0, 0]]]))
    assert batch.rewards.tolist() == twin.rewards.tolist()
    batch.reset([3], workflows=[1])
