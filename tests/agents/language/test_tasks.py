"""Tasks: the same for everybody, and no test workflow among those to train with."""

from __future__ import annotations

import pytest

from agents.language.tasks import TASK_SEEDS, TextTask, list_tasks
from c2c_env import EnvConfig, generate
from c2c_env.errors import ConfigError


def test_a_name_says_all_of_a_task():
    task = TextTask("validation", "medium", 8, 41)
    assert task.name == "validation/medium/n8/41"
    assert TextTask.named(task.name) == task


def test_a_task_is_the_workflow_of_its_split_with_its_seed():
    batch = TextTask("train", "simple", 4, 3).batch(EnvConfig())
    assert batch.workflow(0) == generate("simple", TASK_SEEDS["train"][3])
    assert (batch.num_agents, int(batch.state.seed[0]), int(batch.state.t[0])) == (4, 3, 0)


def test_splits_share_no_workflow():
    ranges = list(TASK_SEEDS.values())
    assert all(one.stop <= other.start or other.stop <= one.start for one in ranges for other in ranges if one != other)


def test_tiers_and_sizes_take_turns():
    names = [task.name for task in list_tasks("train", 5, tiers=("simple", "complex"), team_sizes=(3, 5), first=7)]
    assert names == [
        "train/simple/n3/7", "train/complex/n3/7", "train/simple/n5/7", "train/complex/n5/7", "train/simple/n3/8"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("train/simple/5/17", "expected SPLIT/TIER/nTEAM_SIZE/INDEX"),
        (17, "expected SPLIT/TIER/nTEAM_SIZE/INDEX"),
        ("trian/simple/n5/17", "did you mean 'train'"),
        ("train/simpel/n5/17", "did you mean 'simple'"),
        ("train/simple/n0/17", r"team_size is 0, expected an integer in \[1, "),
        ("train/simple/n5/99999999999", "index is 99999999999, expected an integer in"),
    ],
)
def test_wrong_names_are_explained(name, error):
    with pytest.raises(ConfigError, match=error):
        TextTask.named(name)


def test_no_kinds_of_tasks_are_an_error():
    with pytest.raises(ConfigError, match="got no tiers or no team sizes"):
        list_tasks("train", 3, tiers=())
