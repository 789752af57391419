"""Gymnasium's vector environment: what `SyncVectorEnv` makes of Team-v0, step by step and info by info."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import DictInfoToList, NormalizeObservation, RecordEpisodeStatistics
from playing import assert_same

from c2c_env import Generated
from c2c_env.adapters.gymnasium import TeamVectorEnv
from c2c_env.errors import ActionError, ConfigError, ResetNeededError

WORKFLOW = "csv-import-tool"
ENV_ID = "c2c_env/Team-v0"
MODES = list(AutoresetMode)
FORMS = {
    "flat": {"mask_format": "flat"},
    "discrete": {"action_format": "discrete", "mask_format": "flat"},
    "flat-infos": {"info_format": "flat"},
    "no-mask": {"mask_in_info": False, "reward_sharing": 0.3},
    "in-observation": {"mask_in_observation": True, "mask_format": "flat"},
}


def make(num_envs=3, **fields):
    return gymnasium.make_vec(ENV_ID, num_envs=num_envs, **{"workflow": WORKFLOW, "team_size": 3, **fields})


def make_sync(mode, num_envs=3, **fields):
    return SyncVectorEnv(
        [lambda: gymnasium.make(ENV_ID, **{"workflow": WORKFLOW, "team_size": 3, **fields})] * num_envs,
        autoreset_mode=mode,
    )


def legal_or_not(env, rng):
    """Actions for all environments, nine in ten of them legal."""
    masks, space = env.action_masks(), env.single_action_space
    space.seed(int(rng.integers(2**31)))
    return np.stack([space.sample(mask if rng.random() < 0.9 else None) for mask in masks])


@pytest.mark.parametrize("mode", MODES, ids=[mode.value for mode in MODES])
@pytest.mark.parametrize("form", FORMS)
def test_equal_to_the_synchronous_one(form, mode):
    fields = {"workflow": [Generated("simple", range(50)), WORKFLOW], "horizon": 25, "vocab_size": 0, **FORMS[form]}
    one, other = make(autoreset_mode=mode, **fields), make_sync(mode, **fields)
    assert one.observation_space == other.observation_space
    assert one.action_space == other.action_space
    assert one.single_action_space == other.single_action_space
    assert one.metadata["autoreset_mode"] is mode
    for left, right in zip(one.reset(seed=7), other.reset(seed=7), strict=True):
        assert_equal(left, right)
    rng, ends = np.random.default_rng(1), 0
    for _ in range(90):
        actions = legal_or_not(one, rng)
        left, right = one.step(actions), other.step(actions)
        for a, b in zip(left, right, strict=True):
            assert_equal(a, b)
        ended = left[2] | left[3]
        ends += ended.sum()
        if mode == AutoresetMode.DISABLED and ended.any():
            for a, b in zip(*(env.reset(options={"reset_mask": ended.copy()}) for env in (one, other)), strict=True):
                assert_equal(a, b)
    assert ends >= 9


def assert_equal(left, right):
    """Equal arrays of equal types, and dicts of them whatever their order."""
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert_equal(value, right[name])
    elif left.dtype == object:
        assert left.shape == right.shape
        for a, b in zip(left, right, strict=True):
            assert_same(a, b) if a is None or b is None else assert_equal(a, b)
    else:
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("seed", [[3, 9, 4], 11])
def test_seeds_fix_what_follows_and_none_goes_on(seed):
    plays = []
    for _ in range(2):
        env = make(workflow="simple")
        first, _ = env.reset(seed=seed)
        second, _ = env.reset()
        plays.append((first, second))
    assert_equal(*(play[0] for play in plays))
    assert_equal(*(play[1] for play in plays))
    assert (plays[0][0] != plays[0][1]).any()


def test_without_a_seed_environments_differ():
    env = make(num_envs=4, workflow="simple")
    env.reset()
    assert len(np.unique(env.batch.state.key)) == 4


def test_threads_change_nothing():
    envs = [make(num_envs=5, num_threads=threads, horizon=20) for threads in (1, 3)]
    rng = np.random.default_rng(0)
    for env in envs:
        env.reset(seed=2)
    for _ in range(50):
        actions = legal_or_not(envs[0], rng)
        for a, b in zip(*(env.step(actions) for env in envs), strict=True):
            assert_equal(a, b)


def test_a_workflow_can_be_chosen():
    env = make(workflow=[WORKFLOW, "password-reset-flow"])
    env.reset(seed=0, options={"workflow": "password-reset-flow"})
    assert {env.batch.workflow(row).name for row in range(3)} == {"password-reset-flow"}


@pytest.mark.parametrize("wrapper", [RecordEpisodeStatistics, NormalizeObservation, DictInfoToList])
def test_gymnasiums_wrappers_take_it(wrapper):
    env = wrapper(make(horizon=4, mask_format="flat"))
    env.reset(seed=0)
    for _ in range(6):
        *_, infos = env.step(env.action_space.sample())
    assert infos is not None


def test_it_draws_every_environment():
    env = make(render_mode="ansi")
    env.reset(seed=0)
    pictures = env.render()
    assert len(pictures) == 3
    assert all("manager_0" in picture for picture in pictures)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert make().render() is None
    assert env.metadata["render_modes"] == ["ansi", "rgb_array"]


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"autoreset_mode": "SameStp"}, "unknown autoreset_mode 'SameStp'; did you mean 'SameStep'"),
        ({"preset": "cleanlr"}, "did you mean 'cleanrl'"),
        ({"horizn": 3}, "did you mean 'horizon'"),
        ({"num_threads": 0}, "num_threads is 0"),
        ({"render_mode": "human"}, "render_mode"),
    ],
)
def test_wrong_arguments_are_named(fields, fault):
    with pytest.raises(ConfigError, match=fault):
        TeamVectorEnv(2, **fields)


def test_wrong_actions_are_named():
    env = make()
    with pytest.raises(ResetNeededError, match="environment 0 has to be reset"):
        env.step(np.zeros((3, 12), dtype=int))
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"shape \(3, 11\), expected integers of shape \(3, 12\)"):
        env.step(np.zeros((3, 11), dtype=int))
    with pytest.raises(ActionError, match="type float64"):
        env.step(np.zeros((3, 12)))
    actions = np.zeros((3, 12), dtype=int)
    actions[1, 5] = 7
    with pytest.raises(ActionError, match=r"actions\[1, 5\] is 7, expected an integer in \[0, 6\]"):
        env.step(actions)
    assert env.batch.state.t.tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", [[1, 2], "abc", 1.5])
def test_wrong_seeds_are_named(seed):
    with pytest.raises(ConfigError, match="seed is"):
        make().reset(seed=seed)


@pytest.mark.parametrize("mask", [[True], np.ones(3), np.ones((3, 1), dtype=bool)])
def test_wrong_reset_masks_are_named(mask):
    with pytest.raises(ConfigError, match="reset_mask is"):
        make().reset(options={"reset_mask": mask})


def test_a_disabled_autoreset_asks_for_a_reset():
    env = make(autoreset_mode="Disabled", horizon=1)
    env.reset(seed=0)
    env.step(np.zeros((3, 12), dtype=int))
    with pytest.raises(ResetNeededError, match="environment 0 has to be reset"):
        env.step(np.zeros((3, 12), dtype=int))
