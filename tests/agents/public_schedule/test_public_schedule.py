"""The public schedule: placed as by hand, from the board alone, and close to what the oracle knows."""

from __future__ import annotations

import numpy as np
import pytest

import c2c_env
from agents.learned.features import NUM_SCHEDULE_FEATURES, Reader
from agents.learned.memory import Memory
from agents.oracle.oracle_team import OracleRule
from agents.oracle.rule import Rule
from agents.oracle.schedule import NEVER
from agents.play import play
from agents.public_schedule import board_hours
from agents.public_schedule.board_hours import estimate_tasks
from agents.public_schedule.list_schedule import find_dependences, schedule_rows, start_over
from agents.public_schedule.schedule_arrays import Desk, Schedule, Tasks
from agents.public_schedule.scheduler import FORESIGHT, Scheduler
from c2c_env import Batch, EnvConfig, Generated, Team
from c2c_env.core import constants as c
from c2c_env.core.arrays import allocate_apart
from c2c_env.core.compile import cpu
from c2c_env.errors import ConfigError
from c2c_env.workflows import TIERS
from training.learning.validation import ValidationSet, play_named, time_change, validation_batch


def make_batch(tier="medium", team_size=4, count=3, **config):
    batch = Batch(Generated(tier), Team.default(team_size), EnvConfig(**config), num_envs=count)
    batch.reset(range(count))
    return batch


def board_of(batch):
    return batch.observations[:, 0, : batch.layout.board_size].copy()


def unseen(batch):
    """Pace and worked hours where nobody has worked."""
    return (np.zeros((batch.num_envs, batch.max_agents, batch.max_subtasks)) for _ in range(2))


def by_hand(hours, inside, before=(-1, -1, -1, -1), **changes):
    """The schedule of two agents with a subtask, one that depends on it, a third one, and padding."""
    rows = {
        "num_agents": [2], "status": [[c.READY, c.BLOCKED, c.READY, c.DONE]], "prerequisites_left": [[0, 1, 0, 0]],
        "dependents_left": [[1, 0, 0, 0]], "least": [[4.0, 2.0, 3.0, 0.0]], "path": [[0.6, 0.2, 0.3, 0.0]],
        "hours": [hours], "inside": [inside],
    } | changes  # fmt: skip
    sizes = {"E": 1, "A": 2, "K": 4}
    tasks = allocate_apart(Tasks, sizes)
    for name, numbers in rows.items():
        tasks[name][:] = numbers
    schedule = Schedule(**allocate_apart(Schedule, sizes))
    schedule.worker[:] = before
    cpu.load("interpreted", schedule_rows)(Tasks(**tasks), Desk(**allocate_apart(Desk, sizes)), schedule)
    return Schedule(*(part[0] for part in schedule))


def test_subtasks_are_placed_as_by_hand():
    """The first takes the path of 6 hours, the second what is left; the first knows the interface of what follows."""
    hours, inside = [[4, 2, 3, 0], [8, 4, 3.1, 0]], [[4, 1, 3, 0], [8, 2, 3.1, 0]]
    worker, start, worth = by_hand(hours, inside)
    assert worker.tolist() == [0, 0, 1, -1]
    assert start[:3].tolist() == [0.0, 4.0, 0.0]
    # the end is at 5; the third subtask is done at 3.1, which leaves 1.9 of 8 hours of slack
    np.testing.assert_allclose(worth, [1.0, 1.0, 1.0 - 1.9 / 8.0, 0.0])


def test_who_was_expected_is_kept_unless_somebody_is_much_faster():
    for other, worker in ((0.9, 0), (0.8, 1)):
        hours = [[1.0] * 4, [other] * 4]
        ready = {"status": [[c.READY, c.DONE, c.DONE, c.DONE]]}
        assert by_hand(hours, hours, before=(0, -1, -1, -1), dependents_left=0, **ready).worker[0] == worker
        assert by_hand(hours, hours, dependents_left=0, **ready).worker[0] == 1


def test_what_waits_for_unknown_prerequisites_is_placed_later():
    """Nothing has a path that the blocked one could stand on, so four hours are taken for each of its prerequisites."""
    hours = [[4, 2, 3, 0], [8, 4, 3.1, 0]]
    found = by_hand(hours, hours, path=[[0.7, 0.2, 0.3, 0.0]], prerequisites_left=[[0, 3, 0, 0]])
    assert found.start[1] == 12.0
    assert found.worker[1] == 0


def test_nothing_is_scheduled_when_all_is_done():
    found = by_hand(np.ones((2, 4)), np.ones((2, 4)), status=c.DONE, before=(0, 1, 0, 1))
    assert found.worker.tolist() == [-1] * 4


@pytest.mark.parametrize("tier", TIERS)
def test_most_dependences_are_told_and_few_that_are_none(tier):
    """Paths of equal length are taken for one another, which is rare."""
    batch, config = make_batch(tier, count=24), EnvConfig()
    tasks, p = estimate_tasks(batch.layout, config, board_of(batch), *unseen(batch)), batch.params
    sizes = {"E": batch.num_envs, "A": batch.max_agents, "K": batch.max_subtasks}
    desk, schedule = (kind(**allocate_apart(kind, sizes)) for kind in (Desk, Schedule))
    told = edges = wrong = 0
    for e, w in enumerate(batch.state.workflow):
        start_over(tasks, desk, schedule, e)
        assert find_dependences(tasks, desk, e)
        for k in range(int(p.num_subtasks[w])):
            first = p.first_prerequisite[w, k]
            direct = p.prerequisites[w, first : first + p.num_prerequisites[w, k]]
            found = set(np.flatnonzero(desk.leads[:, k]))
            told, edges = told + len(found & set(direct)), edges + len(direct)
            wrong += len(found - ancestors(p, w, k))
    assert told > 0.55 * edges
    assert wrong < 0.1 * told


def ancestors(p, w, k):
    """All that has to be done before subtask k of packed workflow w."""
    first = p.first_prerequisite[w, k]
    direct = [int(q) for q in p.prerequisites[w, first : first + p.num_prerequisites[w, k]]]
    return set(direct).union(*(ancestors(p, w, q) for q in direct))


@pytest.mark.parametrize("tier", TIERS)
def test_hours_are_those_of_the_oracle_while_nobody_has_said_or_done_anything(tier):
    """Then everybody understands what the public rules say, and there is nothing that only the oracle knows."""
    batch = make_batch(tier, team_size=5, count=1)
    rule = OracleRule(
        Rule(
            trust=board_hours.TRUST, trust_ready=board_hours.TRUST_READY, stick=board_hours.STICK,
            rounding=board_hours.ROUNDING,
        )
    )  # fmt: skip
    rule.act_batch(batch)
    tasks = estimate_tasks(batch.layout, batch.config, board_of(batch), *unseen(batch))
    left = batch.state.status[0] != c.DONE
    left[int(batch.params.num_subtasks[batch.state.workflow[0]]) :] = False
    np.testing.assert_allclose(tasks.inside[0][:, left], rule.scratch.inside[:, left], rtol=1e-4)
    started = [k for k in np.flatnonzero(left) if batch.params.num_prerequisites[batch.state.workflow[0], k] == 0]
    np.testing.assert_allclose(tasks.hours[0][:, started], rule.scratch.hours[:, started], rtol=1e-4)


def test_the_pace_of_work_tells_how_well_it_is_understood():
    batch = make_batch(count=1)
    pace, worked = unseen(batch)
    ready = np.flatnonzero(batch.state.status[0] == c.READY)[0]
    pace[0, 1, ready] = 0.9
    slow, fast = (estimate_tasks(batch.layout, batch.config, board_of(batch), p, worked) for p in (0 * pace, pace))
    assert fast.hours[0, 1, ready] < slow.hours[0, 1, ready]
    others = np.ones_like(fast.hours, dtype=bool)
    others[0, 1, ready] = False
    np.testing.assert_array_equal(fast.hours[others], slow.hours[others])


def with_flag(batch, name, k, i):
    """The board of one environment, with a relation between subtask k and agent i."""
    board = board_of(batch)
    board[0, batch.layout[name].start + k * batch.max_agents + i] = 1.0
    return board


def test_whoever_holds_the_interface_or_was_at_it_is_expected_to_be_faster():
    batch = make_batch(count=1)
    pace, worked = unseen(batch)
    k, i = int(np.flatnonzero(batch.params.num_prerequisites[batch.state.workflow[0]])[0]), 2
    plain = estimate_tasks(batch.layout, batch.config, board_of(batch), pace, worked)
    holding = estimate_tasks(batch.layout, batch.config, with_flag(batch, "interface_holders", k, i), pace, worked)
    assert plain.inside[0, i, k] < plain.hours[0, i, k]
    assert holding.inside[0, i, k] == holding.hours[0, i, k] < plain.hours[0, i, k]
    working = estimate_tasks(batch.layout, batch.config, with_flag(batch, "working_on", k, i), pace, worked)
    assert working.hours[0, i, k] == pytest.approx(board_hours.STICK * plain.hours[0, i, k])
    worked[0, i, k] = 6.0
    learned = estimate_tasks(batch.layout, batch.config, board_of(batch), pace, worked)
    assert learned.hours[0, i, k] < plain.hours[0, i, k]
    others = np.ones_like(plain.hours, dtype=bool)
    others[0, i, k] = False
    for one in (holding, working, learned):
        np.testing.assert_array_equal(one.hours[others], plain.hours[others])


class GoesBySchedule:
    """The oracle's rule, for a team that goes by the public schedule."""

    name = "goes_by_schedule"

    def __init__(self, batch):
        self.rule = OracleRule()
        self.memory = Memory(Reader(batch.layout), batch.config, batch.num_envs, batch.num_agents, with_schedule=True)

    def reset(self, rows):
        pass

    def act(self, observations, action_masks, rows):
        raise AssertionError("it sees the true state")

    def act_batch(self, batch, rows):
        self.memory.see(board_of(batch)[rows], rows)
        return self.rule.act_batch(batch, rows, self.memory.scheduler.schedule)[rows]


def test_a_team_that_goes_by_it_is_nearly_as_fast_as_the_oracle():
    where = ValidationSet("complex", 8, 16)
    batch = validation_batch(where)
    mine, oracle = play(batch, GoesBySchedule(batch)), play_named("oracle", where)
    assert all(m["success"] for m in mine)
    assert time_change(mine, oracle) < 0.05  # 2 % more hours when this was written


def test_the_oracle_decides_the_same_by_its_own_schedule():
    batch = make_batch("complex", 5, 1)
    rule, other = OracleRule(), OracleRule()
    for _ in range(20):
        own = rule.act_batch(batch)
        given = Schedule(*(np.array(getattr(rule.scratch, name))[None] for name in Schedule._fields))
        np.testing.assert_array_equal(other.act_batch(batch, schedule=given), own)
        assert own.any()
        batch.step(own)


@pytest.mark.parametrize("name", c2c_env.real_names())
def test_all_that_is_to_be_done_has_a_worker_also_where_milestones_come_last(name):
    batch = Batch(name, Team.default(5), EnvConfig(), num_envs=1)
    batch.reset([0])
    memory = Memory(Reader(batch.layout), batch.config, 1, 5, with_schedule=True)
    rule = OracleRule()
    for _ in range(12):
        memory.see(board_of(batch))
        worker, start, _ = (part[0] for part in memory.scheduler.schedule)
        left = batch.state.status[0] != c.DONE
        assert ((worker >= 0) == left).all()
        assert (start[left] < 1e6).all()
        batch.step(rule.act_batch(batch, schedule=memory.scheduler.schedule))


def test_the_unit_of_paths_is_told_by_what_only_milestones_follow():
    """The padding of the case by hand is a milestone now, on which the last two depend."""
    hours, inside = [[4, 2, 3, 0], [8, 4, 3.1, 0]], [[4, 1, 3, 0], [8, 2, 3.1, 0]]
    found = by_hand(
        hours, inside, status=[[c.READY, c.BLOCKED, c.READY, c.BLOCKED]], dependents_left=[[1, 1, 1, 0]],
        prerequisites_left=[[0, 1, 0, 2]],
    )  # fmt: skip
    assert found.worker[:3].tolist() == [0, 0, 1]
    assert found.start.tolist() == [0.0, 4.0, 0.0, 5.0]


def test_a_schedule_that_the_oracle_cannot_go_by_is_refused():
    batch = make_batch(count=2)
    memory = Memory(Reader(batch.layout), batch.config, 2, 4, with_schedule=True)
    with pytest.raises(ConfigError, match=r"has worker -1 for subtask 0 of environment 1, .* an agent below 4"):
        OracleRule().act_batch(batch, [1], memory.scheduler.schedule)  # nothing was seen yet
    memory.see(board_of(batch))
    schedule = memory.scheduler.schedule
    assert OracleRule().act_batch(batch, schedule=schedule).any()
    schedule.worker[0, 0] = 4
    with pytest.raises(ConfigError, match="has worker 4 for subtask 0 of environment 0"):
        OracleRule().act_batch(batch, schedule=schedule)
    with pytest.raises(ConfigError, match=r"of the shape \(1, "):
        OracleRule().act_batch(batch, schedule=Schedule(*(part[:1] for part in schedule)))


def test_compiled_and_interpreted_schedules_are_the_same():
    batch = make_batch("complex", 6, 4)
    sizes = {"E": 4, "A": batch.max_agents, "K": batch.max_subtasks}
    found = []
    for backend in ("numba", "interpreted"):
        schedule = Schedule(**allocate_apart(Schedule, sizes))
        schedule.worker[:] = c.NOBODY
        tasks = estimate_tasks(batch.layout, batch.config, board_of(batch), *unseen(batch))
        cpu.load(backend, schedule_rows)(tasks, Desk(**allocate_apart(Desk, sizes)), schedule)
        found.append(schedule)
    for compiled, plain in zip(*found, strict=True):
        np.testing.assert_array_equal(compiled, plain)
    assert (found[0].worker >= 0).any()


def test_an_environment_is_scheduled_the_same_beside_any_others():
    batch = make_batch("medium", 5, 3)
    together, alone = (Scheduler(batch.layout, batch.config, 3) for _ in range(2))
    rule = OracleRule()
    for _ in range(10):
        board = board_of(batch)
        pace, _ = unseen(batch)
        together.see(board, pace, slice(None))
        for row in range(3):
            alone.see(board[row : row + 1], pace[row : row + 1], np.array([row]))
        for one, other in zip(together.schedule, alone.schedule, strict=True):
            np.testing.assert_array_equal(one, other)
        batch.step(rule.act_batch(batch))


def test_features_name_the_worker_how_soon_and_the_worth():
    batch = make_batch(count=2)
    memory = Memory(Reader(batch.layout), batch.config, 2, batch.num_agents, with_schedule=True)
    memory.see(board_of(batch))
    features, schedule = memory.remembered().schedule, memory.scheduler.schedule
    assert features.shape == (2, batch.max_agents, batch.max_subtasks, NUM_SCHEDULE_FEATURES)
    assert features.dtype == np.float32
    e, k = np.argwhere(schedule.worker >= 0)[0]
    assert np.flatnonzero(features[e, :, k, 0]).tolist() == [schedule.worker[e, k]]
    np.testing.assert_allclose(features[e, :, k, 1], FORESIGHT / (FORESIGHT + schedule.start[e, k]), rtol=1e-6)
    np.testing.assert_allclose(features[e, :, k, 2], schedule.worth[e, k], rtol=1e-6)


def test_memory_without_a_schedule_keeps_none_and_with_one_forgets_and_takes_it():
    batch = make_batch(count=3)
    reader = Reader(batch.layout)
    assert Memory(reader, batch.config, 3, 4).remembered().schedule.shape[-1] == 0
    mine, other = (Memory(reader, batch.config, 3, 4, with_schedule=True) for _ in range(2))
    mine.see(board_of(batch))
    assert (mine.scheduler.schedule.worker >= 0).any(axis=1).all()
    other.take(mine, np.array([2, 0, 1]))
    np.testing.assert_array_equal(other.remembered().schedule, mine.remembered().schedule[[2, 0, 1]])
    board, k = board_of(batch), 1
    board[0, batch.layout["working_on"].start + k * batch.max_agents + 3] = 1.0
    for hours in (0.5, 1.0):
        mine.see(board)
        assert mine.scheduler.worked[0, 3, k] == hours == mine.scheduler.worked.sum()
    mine.forget(np.array([0, 1]))
    assert not mine.scheduler.worked.any()
    for part, nothing in zip(mine.scheduler.schedule, (c.NOBODY, NEVER, 0.0), strict=True):
        assert (part[:2] == nothing).all()
    assert (mine.scheduler.schedule.worker[2] >= 0).any()
