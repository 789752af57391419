"""Learning curves: what is averaged over what, intervals, and errors that name what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from c2c_env.errors import ConfigError
from training.__main__ import main
from training.learning.analysis.learning_curves import curve, find_runs, interval, last_stage, save_curves
from training.learning.log import table_of


def write_run(folder, values, first=0):
    folder.mkdir(parents=True)
    rows = [
        {"stage": "ppo", "update": n + 1, "env_steps": 100.0 * (n + 1), "simple-5/reduction": value}
        for n, value in enumerate(values) if n >= first
    ]  # fmt: skip
    rows.insert(0, {"stage": "imitation", "update": 1, "env_steps": 100.0, "work_loss": 0.5})
    (folder / "metrics.csv").write_text(table_of(rows))


@pytest.fixture
def runs(tmp_path):
    write_run(tmp_path / "plain" / "seed-1", [1.0, 2.0, 6.0])
    write_run(tmp_path / "plain" / "seed-2", [3.0, 4.0, 8.0, 9.0], first=1)
    write_run(tmp_path / "other" / "seed-1", [0.0, 1.0])
    return find_runs([tmp_path])


def test_runs_that_lie_side_by_side_are_one_curve(runs):
    assert [run.label for run in runs] == ["other", "plain", "plain"]
    points, values = curve(runs[1:], "ppo", "env_steps", "simple-5/reduction")
    assert points.tolist() == [200.0, 300.0]  # what both have logged
    assert values.tolist() == [[2.0, 6.0], [4.0, 8.0]]


def test_points_are_those_after_the_same_update(tmp_path):
    """Episodes that are played to their ends take other numbers of steps with every seed."""
    for seed, factor in ((1, 90.0), (2, 110.0)):
        folder = tmp_path / f"seed-{seed}"
        folder.mkdir()
        rows = [
            {"stage": stage, "update": n, "env_steps": factor * n, "simple-5/reduction": factor + n}
            for stage in ("ppo", "evolution") for n in (1, 2)
        ]  # fmt: skip
        (folder / "metrics.csv").write_text(table_of(rows[seed - 1 :]))
    runs = find_runs([tmp_path])
    points, values = curve(runs, "evolution", "env_steps", "simple-5/reduction")
    assert points.tolist() == [100.0, 200.0]
    assert values.tolist() == [[91.0, 92.0], [111.0, 112.0]]
    assert curve(runs, "evolution", "update", "simple-5/reduction")[0].tolist() == [1.0, 2.0]
    assert last_stage(runs) == "evolution"


def test_interval_by_hand():
    low, high = interval(np.array([[0.0, 5.0], [1.0, 5.0]]))
    assert (low.tolist(), high.tolist()) == ([0.0, 5.0], [1.0, 5.0])  # of two runs, one is drawn twice half of the time
    values = np.random.default_rng(1).normal(size=(400, 1))
    low, high = interval(values)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_figure_is_written(runs, tmp_path):
    for suffix, begins in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        path = tmp_path / f"curves.{suffix}"
        save_curves(runs, ["simple-5/reduction"], "ppo", "env_steps", path)
        assert path.read_bytes().startswith(begins)


def test_command_draws_every_reduction_that_was_logged(runs, tmp_path, capsys):
    path = tmp_path / "new" / "curves.png"
    assert main(["curves", str(tmp_path / "plain"), "-o", str(path)]) == 0
    assert path.exists()
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nowhere"], "nowhere has no metrics.csv"),
        (["{}", "--scalars", "simple-5/reductoin"], "in ppo; did you mean 'simple-5/reduction'?"),
        (["{}", "--across", "env_stebs"], "has logged no 'env_stebs' in ppo; did you mean 'env_steps'?"),
        (["{}", "--out", "curves.gif"], "--out is 'curves.gif', expected a name that ends in .png, .pdf or .svg"),
        (["{}/other", "--stage", "imitation"], "has logged no 'simple-5/reduction' in imitation"),
    ],
)  # fmt: skip
def test_wrong_words_are_one_clear_error(words, fault, runs, tmp_path, capsys):
    assert main(["curves", *(word.format(tmp_path) for word in words)]) == 2
    assert fault in " ".join(capsys.readouterr().err.split())


def test_runs_without_validation_say_how_to_have_it(tmp_path, capsys):
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-1" / "metrics.csv").write_text(table_of([{"stage": "ppo", "update": 1, "entropy": 1.0}]))
    assert main(["curves", str(tmp_path)]) == 2
    assert "set curve_workflows in the recipe" in capsys.readouterr().err

    with pytest.raises(ConfigError, match="expected the folder of a run"):
        find_runs([tmp_path / "empty"])
