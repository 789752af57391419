from __future__ import annotations

import json

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from training.report.exports import write_exports
from training.report.score_matrices import RIVAL, blocks_of, with_rival, with_tasks


def played(*rows):
    """Rows of policy, tier, workflow, seed and time, of one split and team size."""
    frame = pd.DataFrame(rows, columns=["policy", "tier", "workflow", "seed", "completion_time"])
    return frame.assign(split="built-in", team_size=5, score=0.5)


def by_task(*rows):
    """Rows of task, seed and reduction, of one workflow a task."""
    frame = pd.DataFrame(rows, columns=["task", "seed", "reduction"])
    return frame.assign(split="built-in", workflow=frame["task"], team_size=5)


def test_a_workflow_with_several_seeds_is_a_task():
    rows = [("no_communication", "simple", name, seed, 10.0) for name in ("one", "two") for seed in (0, 1)]
    tasks = with_tasks(played(*rows, ("no_communication", "simple", "three", 0, 10.0)))["task"]
    assert tasks.tolist() == ["simple one 5"] * 2 + ["simple two 5"] * 2 + ["simple three 5"]


def test_a_tier_whose_workflows_were_played_once_is_a_task():
    rows = [("no_communication", tier, f"{tier}-{n}", n, 10.0) for tier in ("simple", "complex") for n in (0, 1)]
    assert with_tasks(played(*rows))["task"].tolist() == ["simple 5"] * 2 + ["complex 5"] * 2


def test_tiers_decide_for_themselves():
    rows = [("no_communication", "simple", name, 0, 10.0) for name in ("one", "two")]
    rows += [("no_communication", "complex", "three", seed, 10.0) for seed in (0, 1)]
    assert with_tasks(played(*rows))["task"].tolist() == ["simple 5"] * 2 + ["complex three 5"] * 2


def test_an_episode_is_compared_with_the_same_one_of_the_baseline():
    found = with_tasks(
        played(
            ("no_communication", "simple", "one", 0, 20.0),
            ("no_communication", "simple", "one", 1, 40.0),
            ("quick", "simple", "one", 1, 10.0),  # 1 - 10 / 40
            ("quick", "simple", "one", 2, 10.0),  # nobody to compare with
        )
    )
    assert found["reduction"].tolist()[:3] == [0.0, 0.0, 75.0]
    assert np.isnan(found["reduction"].iloc[3])


def test_tasks_with_equally_many_runs_share_a_block():
    episodes = by_task(("b", 0, 3.0), ("a", 1, 2.0), ("a", 0, 1.0), ("c", 0, 4.0), ("d", 0, 5.0), ("d", 1, 6.0))
    single, double = blocks_of(episodes, episodes["reduction"])
    assert single.tolist() == [[3.0, 4.0]]  # one run of b and c
    assert double.tolist() == [[1.0, 5.0], [2.0, 6.0]]  # two runs of a and d


@settings(max_examples=30)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_blocks_hold_every_episode_once(counts):
    names = [(f"task{place}", seed) for place, count in enumerate(counts) for seed in range(count)]
    episodes = by_task(*[(task, seed, float(value)) for value, (task, seed) in enumerate(names)])
    values = np.concatenate([block.ravel() for block in blocks_of(episodes, episodes["reduction"])])
    assert sorted(values) == list(range(len(names)))


def test_the_rival_stands_beside_the_same_episode():
    mine = by_task(("a", 0, 1.0), ("a", 1, 2.0), ("a", 2, 3.0))
    rival = by_task(("a", 3, 40.0), ("a", 2, 30.0), ("a", 0, 10.0))
    assert with_rival(mine, rival)[["reduction", RIVAL]].to_numpy().tolist() == [[1.0, 10.0], [3.0, 30.0]]


def scores(*rows):
    """Rows of policy, task, seed and score, of one workflow a task."""
    frame = pd.DataFrame(rows, columns=["policy", "task", "seed", "score"])
    extra = dict.fromkeys(("episode_return", "reduction", "success"), 1.0)
    return frame.assign(split="built-in", workflow=frame["task"], team_size=5, **extra)


def test_exports_hold_what_all_policies_have_played_in_the_order_of_the_tasks(tmp_path):
    episodes = scores(
        ("mine", "B 5", 1, 0.2), ("mine", "B 5", 0, 0.1), ("mine", "a 5", 0, 0.3), ("mine", "a 5", 1, 0.4),
        ("base", "a 5", 1, 0.8), ("base", "a 5", 0, 0.7), ("base", "B 5", 0, 0.5), ("base", "B 5", 1, 0.6),
        ("mine", "c 5", 0, 0.9),
    )  # fmt: skip
    paths = write_exports({"built-in": episodes.assign(reduction=100 * episodes["score"])}, tmp_path)
    assert [path.name for path in paths] == ["rliable.json", "marl_eval.json"]
    matrices, raw = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    assert matrices == {
        "c2c_env built-in": {
            "tasks": ["B 5", "a 5"],
            "scores": {"mine": [[10.0, 30.0], [20.0, 40.0]], "base": [[50.0, 70.0], [60.0, 80.0]]},
        }
    }
    assert {task: list(algorithms) for task, algorithms in raw["c2c_env built-in"].items()} == {
        "b 5": ["mine", "base"],
        "a 5": ["mine", "base"],
    }
    run = raw["c2c_env built-in"]["a 5"]["base"]["run_1"]
    assert list(run) == ["step_0", "absolute_metrics"]  # the absolute metrics are looked for at the end
    metrics = {"return": [1.0], "score": [0.8], "reduction": [80.0], "success": [1.0]}
    assert run == {"step_0": {"step_count": 0, **metrics}, "absolute_metrics": metrics}


def test_tasks_with_other_numbers_of_runs_are_exported_as_another_environment(tmp_path):
    rows = [(policy, "a", 0, 0.5) for policy in ("mine", "base")]
    rows += [(policy, "b", seed, 0.5) for policy in ("mine", "base") for seed in (0, 1)]
    matrices, _ = (json.loads(path.read_text()) for path in write_exports({"real": scores(*rows)}, tmp_path))
    assert {name: block["tasks"] for name, block in matrices.items()} == {
        "c2c_env real, 1 runs": ["a"],
        "c2c_env real, 2 runs": ["b"],
    }
