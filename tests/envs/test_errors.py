"""Bad input: the error's class, and a message that says what was got and what is expected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from playing import assert_same

from c2c_env import Batch, Channel, EnvConfig, Generated, Team, parallel_env
from c2c_env.errors import (
    ActionError,
    C2CError,
    ConfigError,
    MissingExtraError,
    ResetNeededError,
    SnapshotError,
    WorkflowError,
)

WORKFLOW = "csv-import-tool"  # 8 subtasks
WAIT = [0, 0, 0, 0]
NOT_NUMBERS = [None, "x", True, math.nan, math.inf, 10**400, [], {}, 1j, np.array([1.0, 2.0])]


def short(value):
    return repr(value)[:20]


def refused(error, *parts, call):
    with pytest.raises(error) as raised:
        call()
    assert type(raised.value) is error
    for part in parts:
        assert part in str(raised.value), f"{part!r} is not in: {raised.value}"


# --- configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ConfigError, ValueError),
        (WorkflowError, ValueError),
        (ActionError, ValueError),
        (SnapshotError, ValueError),
        (ResetNeededError, RuntimeError),
        (MissingExtraError, ImportError),
    ],
)
def test_the_family_is_caught_as_one_and_as_python_would(error, builtin):
    assert issubclass(error, C2CError)
    assert issubclass(error, builtin)


def test_an_unknown_keyword_names_the_nearest():
    refused(
        ConfigError,
        "unknown configuration field 'rework_probabilty'; did you mean 'rework_probability'?",
        call=lambda: parallel_env(WORKFLOW, rework_probabilty=0.1),
    )


def test_all_faults_are_listed_at_once():
    def call():
        parallel_env(WORKFLOW, horizn=3, dt=-1, alignment_floor="low", mask_format="list")

    parts = ["4 faults", "'horizn'; did you mean 'horizon'?", "dt is -1, expected a number in [1e-06, 1e+06]"]
    parts += [
        "alignment_floor is 'low', expected a number in [1e-06, 0.999999]",
        "mask_format is 'list', expected 'tuple' or 'flat'",
    ]
    refused(ConfigError, *parts, call=call)


@pytest.mark.parametrize("name", EnvConfig.__dataclass_fields__)
@pytest.mark.parametrize("value", [object(), "x", math.nan, 10**400, -1, [], {}, np.array([1.0, 2.0])], ids=short)
def test_no_field_takes_nonsense(name, value):
    refused(ConfigError, f"{name} is ", "expected ", call=lambda: EnvConfig(**{name: value}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rework_share": 0}, "rework_share is 0, expected a number in [1e-06, 1]"),
        ({"horizon": 0}, "horizon is 0, expected an integer in [1, 1000000000] or None"),
        ({"horizon": 2.0}, "horizon is 2.0, expected an integer"),
        ({"max_agents": 2**15}, "max_agents is 32768, expected an integer in [1, 32767] or None"),
        ({"facet_weights": (0, 1, 1, 1)}, "four numbers in [0, 1e+06] (intent at least 1e-06)"),
        ({"facet_weights": (1, 1, 1)}, "facet_weights is (1, 1, 1), expected four numbers"),
        ({"reward_weights": "abcd"}, "reward_weights is 'abcd', expected 4 to 6 numbers"),
        ({"reward_weights": (1, 2, 3)}, "reward_weights is (1, 2, 3), expected 4 to 6 numbers"),
        ({"reward_weights": (1,) * 7}, "reward_weights is (1, 1, 1, 1, 1, 1, 1), expected 4 to 6 numbers"),
        ({"reward_weights": (1, 1, 1, 1, "x")}, "one for each of progress, alignment, communication, time, forecast, "),
        ({"reward_sharing": "teams"}, "reward_sharing is 'teams', expected 'team', 'individual' or a number in [0, 1]"),
        ({"reward_sharing": 1.5}, "reward_sharing is 1.5"),
        ({"action_format": "box"}, "action_format is 'box', expected 'multi_discrete' or 'discrete'"),
        ({"mask_in_observation": 1}, "mask_in_observation is 1, expected True or False"),
        ({"chat": 0.1}, "chat is 0.1, expected a Channel"),
        ({"chat": Channel(0.1, 0.1, 0, 0.5)}, "chat.latency is 0, expected an integer in [1, "),
        ({"meeting": Channel(0.1, 0.1, 1, 0.5)}, "meeting.latency is 1, expected 0"),
        ({"email": Channel(0.1, 0.1, 1, 0.0)}, "email.richness is 0.0, expected a number in [1e-06, 1]"),
        ({"email": Channel(-1, "x", 1, 1)}, "email.read_hours is 'x', expected a number in [0, 1e+06]"),
        ({"vocab_size": 4, "action_format": "discrete"}, "vocab_size > 0 needs action_format='multi_discrete'"),
        ({"hidden_facts": 2, "action_format": "discrete"}, "hidden_facts > 0 needs action_format='multi_discrete'"),
        ({"hidden_facts": 1}, "hidden_facts is 1, expected 0 or an integer in [2, 32767]"),
        ({"hidden_facts": -2}, "hidden_facts is -2, expected 0 or an integer in [2, 32767]"),
        ({"hidden_facts": True}, "hidden_facts is True, expected 0 or"),
        ({"hidden_facts": 2.0}, "hidden_facts is 2.0, expected 0 or"),
        ({"hidden_facts": 2**15}, "hidden_facts is 32768, expected 0 or"),
        ({"max_subtasks": 7}, "max_subtasks is 7, but a workflow has 8 subtasks"),
        ({"max_agents": 2}, "max_agents is 2, smaller than the team of 3"),
    ],
    ids=str,
)
def test_bad_fields(fields, message):
    refused(ConfigError, message, call=lambda: parallel_env(WORKFLOW, 3, **fields))


@pytest.mark.parametrize("config", [3, {}, {"dt": 1}, "x"], ids=short)
def test_config_must_be_one(config):
    refused(ConfigError, f"config is {config!r}, expected", call=lambda: parallel_env(WORKFLOW, config=config))


@pytest.mark.parametrize("mode", ["humn", "", 3, [], {}, np.array([1, 2])], ids=short)
def test_unknown_render_mode(mode):
    refused(
        ConfigError,
        "unknown render_mode",
        "ansi, human, rgb_array",
        call=lambda: parallel_env(WORKFLOW, render_mode=mode),
    )


@pytest.mark.parametrize("backend", ["cuda", None, []], ids=short)
def test_unknown_backend(backend):
    refused(ConfigError, f"backend is {backend!r}", "numba, interpreted", call=lambda: parallel_env(backend=backend))


def test_horizon_of_extreme_numbers_stays_in_range():
    env = parallel_env(WORKFLOW, 2, horizon_factor=1e6, dt=1e-6)
    env.reset(seed=0)
    assert env.batch.params.horizon[0] == 10**9
    assert parallel_env(WORKFLOW, 2, horizon_factor=1e-6, dt=1e6).batch.params.horizon[0] == 1


# --- team ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", *NOT_NUMBERS[2:]], ids=short)
def test_bad_team_size(size):
    refused(ConfigError, "team_size is ", "expected an integer in [1, ", call=lambda: parallel_env(WORKFLOW, size))


@pytest.mark.parametrize(
    ("skills", "message"),
    [
        ((), "a team has 0 agents, expected 1 to 32767"),
        (None, "skills is None, expected a list with one row for each agent, of one number for each domain"),
        ([3], "skills is [3], expected a list with one row for each agent, of one number for each domain"),
        ([[1] * 4, [1] * 3], "skills[1] has 3 values, expected 4 (one for each domain)"),
        ([[]], "skills[0] has 0 values, expected 1 to 64 (one for each domain)"),
        ([[1] * 65], "skills[0] has 65 values, expected 1 to 64 (one for each domain)"),
        ([[1] * 5, [0.5, 0, 0.5, 0.5, 0.5]], "skills[1][1] is 0, expected a number in [1e-06, 1]"),
        ([[math.nan] * 5], "skills[0][4] is nan"),
        ([["1"] * 5], "skills[0][0] is '1'"),
        ([[True] * 5], "skills[0][0] is True"),
        (["abcde"], "skills[0][0] is 'a'"),
    ],
    ids=str,
)
def test_bad_skills(skills, message):
    refused(ConfigError, message, call=lambda: Team(skills))


def test_every_bad_skill_is_listed():
    refused(
        ConfigError,
        "3 faults",
        "[0][0]",
        "[1][4]",
        "[2] has",
        call=lambda: Team(((2,) + (1,) * 4, (1,) * 4 + (-1,), ())),
    )


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("team", [3, b"team", [[1] * 5]], ids=short)
def test_team_must_be_one(team, size):
    refused(
        ConfigError, f"team is {team!r}, expected a c2c_env.Team", call=lambda: parallel_env(team=team, team_size=size)
    )


def test_team_and_another_size_contradict():
    refused(ConfigError, "team_size is 3", "2 agents", call=lambda: parallel_env(team=Team.default(2), team_size=3))


# --- workflow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workflow", "message"),
    [
        ("csv-import-tol", "did you mean 'csv-import-tool'?"),
        ("simpel", "did you mean 'simple'?"),
        ("", "unknown workflow ''; expected a built-in"),
        ([], "workflow is an empty list, expected at least one"),
        (None, "workflow is None, expected a built-in's name, a path"),
        ([WORKFLOW, 3], "workflow is 3, expected"),
        (b"simple", "workflow is b'simple', expected"),
        ({"a": 1}, "workflow is {'a': 1}, expected"),
        ("nowhere.toml", "cannot read workflow file 'nowhere.toml': No such file"),
        ("nul\0.toml", "cannot read workflow file 'nul\\x00.toml'"),
    ],
    ids=short,
)
def test_bad_workflow(workflow, message):
    refused(WorkflowError, message, call=lambda: parallel_env(workflow))


# --- actions ---------------------------------------------------------------------------------------------------


def started(**fields):
    env = parallel_env(WORKFLOW, 3, **fields)
    env.reset(seed=0)
    return env


def refused_unchanged(env, actions, *parts):
    """Refuse the actions and stay as it was."""
    before = env.snapshot()
    refused(ActionError, *parts, call=lambda: env.step(actions))
    assert_same(env.snapshot(), before)
    env.step(dict.fromkeys(env.agents, 0 if env.config.action_format == "discrete" else WAIT))


MULTI_FAULTS = [
    (None, "action None has shape (), expected integers of shape (4,)"),
    ("x", "action 'x' has shape ()"),
    (3, "action 3 has shape (), expected integers of shape (4,)"),
    ([0, 0, 0], "has shape (3,), expected integers of shape (4,)"),
    ([0] * 5, "has shape (5,)"),
    ([[0] * 4], "has shape (1, 4)"),
    ([0.0, 0, 0, 0], "has type float64, expected integers"),
    ([math.nan] * 4, "has type float64"),
    ([None] * 4, "has type object"),
    (["0"] * 4, "has type <U1"),
    ([[0], 0, 0, 0], "expected integers of shape (4,)"),
    ([0, 0, 0, 2**70], "has type object"),
    ([9, 0, 0, 0], "work is 9, expected an integer in [0, 8]"),
    ([0, 7, 0, 0], "speech is 7, expected an integer in [0, 6]"),
    ([0, 0, 4, 0], "recipient is 4, expected an integer in [0, 3]"),
    ([0, 0, 0, -1], "topic is -1, expected an integer in [0, 7]"),
    ([2**40, 0, 0, 0], "work is 1099511627776"),
]
DISCRETE_FAULTS = [
    (None, "action None has type object, expected one integer"),
    ("x", "has type <U1"),
    (1.0, "has type float64, expected one integer"),
    (math.nan, "has type float64"),
    ([0], "has shape (1,), expected one integer"),
    (WAIT, "has shape (4,), expected one integer"),
    (-1, "action is -1, expected an integer in [0, 52]"),
    (53, "action is 53, expected an integer in [0, 52]"),
    (2**40, "action is 1099511627776"),
]


@pytest.mark.parametrize("everybody", [False, True], ids=["one", "everybody"])
@pytest.mark.parametrize(("action", "message"), MULTI_FAULTS, ids=short)
def test_bad_multi_discrete_action(action, message, everybody):
    env = started()
    actions = {agent: action if everybody or agent == "worker_1" else WAIT for agent in env.agents}
    refused_unchanged(env, actions, f"{3 if everybody else 1} fault", "worker_1: ", message)


@pytest.mark.parametrize("everybody", [False, True], ids=["one", "everybody"])
@pytest.mark.parametrize(("action", "message"), DISCRETE_FAULTS, ids=short)
def test_bad_discrete_action(action, message, everybody):
    env = started(action_format="discrete")
    actions = {agent: action if everybody or agent == "worker_1" else 0 for agent in env.agents}
    refused_unchanged(env, actions, "worker_1: action", message)


def test_actions_of_the_same_size_in_another_shape_are_refused():
    env = started()
    refused_unchanged(env, dict.fromkeys(env.agents, np.zeros((2, 2), int)), "has shape (2, 2)")
    env = started(action_format="discrete")
    refused_unchanged(env, dict.fromkeys(env.agents, np.zeros((1, 1), int)), "has shape (1, 1)")


def test_missing_and_unknown_agents_are_all_listed():
    actions = {"manager_0": WAIT, "worker1": WAIT, 7: WAIT, "worker_2": [0, 9, 0, 0]}
    parts = [
        "4 faults",
        "there is no action for worker_1",
        "unknown agent 'worker1'; did you mean 'worker_1'?",
        "unknown agent 7",
    ]
    refused_unchanged(started(), actions, *parts, "worker_2: speech is 9")


def test_an_extra_agent_is_refused():
    actions = dict.fromkeys(["manager_0", "worker_1", "worker_2", "worker_3"], WAIT)
    refused_unchanged(started(), actions, "1 fault", "unknown agent 'worker_3'")


@pytest.mark.parametrize(
    "actions", [None, [], [WAIT] * 3, "abc", 3, np.zeros((3, 4), int)], ids=lambda x: type(x).__name__
)
def test_actions_must_be_a_dict(actions):
    refused_unchanged(
        started(), actions, f"actions are of type {type(actions).__name__}, expected a dict from agents to actions"
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int8, np.int64])
def test_every_integer_type_is_taken(kind):
    env = started(action_format="discrete")
    env.step({"manager_0": kind(0), "worker_1": 0, "worker_2": np.array(1, dtype=kind)})
    assert env.batch.state.last_work[0].tolist() == [-1, -1, 0]


# --- reset, order of calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["step", "state", "render", "snapshot", "episode_metrics"])
def test_reset_comes_first(name):
    env = parallel_env(WORKFLOW, 2)
    arguments = ({},) if name == "step" else ()
    refused(ResetNeededError, f"{name}() was called before reset()", call=lambda: getattr(env, name)(*arguments))


def test_no_step_after_the_end():
    env = parallel_env(WORKFLOW, 1, horizon=1)
    env.reset(seed=0)
    env.step({"manager_0": WAIT})
    refused(ResetNeededError, "after the end of the episode; call reset()", call=lambda: env.step({"manager_0": WAIT}))
    env.reset()
    env.step({"manager_0": WAIT})


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "x", True, [1], math.nan, np.float64(3)], ids=short)
def test_bad_seed(seed):
    env = parallel_env(WORKFLOW, 2)
    refused(ConfigError, f"seed is {seed!r}, expected an integer in [0, 2**64)", call=lambda: env.reset(seed=seed))
    refused(ResetNeededError, "before reset()", call=env.state)  # it was no reset


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ConfigError, {"workflw": 1}, "unknown reset option 'workflw'; did you mean 'workflow'? (valid: workflow)"),
        (ConfigError, {"options": 2}, "unknown reset option 'options'"),
        (ConfigError, {"options": np.arange(2)}, "unknown reset option 'options'"),
        (ConfigError, {"a": 1, "b": 2}, "2 faults"),
        (ConfigError, 3, "options is 3, expected a dict"),
        (ConfigError, ["workflow"], "options is ['workflow'], expected a dict"),
        (WorkflowError, {"workflow": "csv"}, "'csv' is not among those of this environment"),
        (WorkflowError, {"workflow": "csv-import-tol"}, "did you mean 'csv-import-tool'?"),
        (WorkflowError, {"workflow": []}, "workflow [] is not among"),
        (WorkflowError, {"workflow": None}, "workflow None is not among"),
    ],
    ids=str,
)
def test_bad_reset_options(error, options, message):
    env = started()
    before = env.snapshot()
    refused(error, message, call=lambda: env.reset(seed=1, options=options))
    assert_same(env.snapshot(), before)


@pytest.mark.parametrize("agent", ["worker_9", "worker1", None, []], ids=short)
def test_spaces_of_an_unknown_agent(agent):
    env = parallel_env(WORKFLOW, 2)
    for space in (env.action_space, env.observation_space):
        refused(ConfigError, f"unknown agent {agent!r}", "(valid: manager_0, worker_1)", call=lambda s=space: s(agent))


# --- batch -----------------------------------------------------------------------------------------------------


def batch(**changes):
    arguments = {"workflow": [WORKFLOW, "medium"], "team": Team.default(2), "config": EnvConfig(), "num_envs": 3}
    return Batch(**{**arguments, **changes})


@pytest.mark.parametrize("name", ["num_envs", "num_threads"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, math.nan, [], {}, np.array([1, 2])], ids=short)
def test_bad_batch_size(name, value):
    refused(ConfigError, f"{name} is ", "expected an integer >= 1", call=lambda: batch(**{name: value}))


def test_batch_takes_only_a_team_and_a_config():
    parts = ["2 faults", "team is 3, expected a c2c_env.Team", "config is None, expected a c2c_env.EnvConfig"]
    refused(ConfigError, *parts, call=lambda: batch(team=3, config=None))


@pytest.mark.parametrize("name", ["step", "snapshot", "metrics", "workflow"])
def test_batch_is_reset_first(name):
    made = batch()
    arguments = (np.zeros((3, 2, 4), int),) if name == "step" else ()
    refused(ResetNeededError, "call reset() first", call=lambda: getattr(made, name)(*arguments))


@pytest.mark.parametrize(
    "rows", [[3], [-1], [0, 7], 5, "x", [0.5], [True, False, True], [[0]], [None], [[0], [1, 2]]], ids=short
)
def test_rows_outside_the_batch_are_refused(rows):
    made = batch()
    made.reset([1, 2, 3])
    for call in (lambda: made.reset(rows=rows), lambda: made.step(np.zeros((3, 2, 4), int), rows=rows)):
        refused(ConfigError, f"rows is {rows!r}, expected indices in [0, 3)", call=call)


def test_rows_named_twice_are_refused():
    made = batch()
    made.reset([1, 2, 3])
    for call in (lambda: made.reset(rows=[1, 1]), lambda: made.step(np.zeros((3, 2, 4), int), rows=[1, 1])):
        refused(ConfigError, "rows is [1, 1], expected indices that are all different", call=call)


@pytest.mark.parametrize("seeds", [[], [1], [1, 2, 3, 4], 3, "abc"], ids=short)
def test_batch_needs_a_seed_a_row(seeds):
    refused(ConfigError, f"seeds is {seeds!r}, expected 3 integers", call=lambda: batch().reset(seeds))


@pytest.mark.parametrize("seeds", [[1, 2, None], [-1, 2, 3], [0, 1, 2**64], np.array([1.0, 2, 3])], ids=short)
def test_batch_needs_good_seeds(seeds):
    refused(ConfigError, "seed is ", "expected an integer in [0, 2**64)", call=lambda: batch().reset(seeds))


@pytest.mark.parametrize(
    "workflows", [[0], [0, 1, 2, 3], 0, "x", [0.5] * 3, [None] * 3, [-1, 0, 0], [0, 0, 10**7]], ids=short
)
def test_bad_workflow_indices(workflows):
    made = batch()
    made.reset([1, 2, 3])
    before = [made.snapshot(row) for row in range(3)]
    parts = [f"workflows is {workflows!r}", "expected 3 indices in [0, 1000001)"]
    refused(ConfigError, *parts, call=lambda: made.reset([7, 8, 9], workflows=workflows))
    assert_same([made.snapshot(row) for row in range(3)], before)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (None, "shape ()"),
        (np.zeros((3, 2), int), "shape (3, 2), expected (3, 2, 4)"),
        (np.zeros((3, 2, 5), int), "shape (3, 2, 5)"),
        (np.zeros((3, 2, 4)), "type float64, expected integers"),
        (np.zeros((3, 2, 4), bool), "type bool"),
        (np.full((3, 2, 4), 2**32), "range from 4294967296 to 4294967296, expected 32-bit integers"),
    ],
    ids=["None", "parts", "five", "floats", "bools", "wide"],
)
def test_bad_batch_actions(actions, message):
    made = batch()
    made.reset([1, 2, 3])
    refused(ActionError, message, call=lambda: made.step(actions))
    assert made.state.t.tolist() == [0, 0, 0]


@pytest.mark.parametrize("action_format", ["multi_discrete", "discrete"])
@pytest.mark.parametrize("value", [-(2**31), -1, 1000, 2**31 - 1])
def test_a_batch_flags_what_is_out_of_range(action_format, value):
    made = batch(config=EnvConfig(action_format=action_format))
    made.reset([1, 2, 3])
    shape = (3, 2) if action_format == "discrete" else (3, 2, 4)
    made.step(np.full(shape, value))
    assert made.invalid.all()
    assert (made.state.last_work == -1).all()


@pytest.mark.parametrize("seeds", [[-1], [2**63], [1.5], "12", [], 3, None, [True], np.array(1.0)], ids=short)
def test_bad_seeds_of_generated_workflows(seeds):
    refused(WorkflowError, "seeds is ", "expected ", call=lambda: Generated("simple", seeds))
