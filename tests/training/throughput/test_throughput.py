import argparse
import dataclasses
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from c2c_env import Batch, EnvConfig, Team
from c2c_env.errors import MissingExtraError
from training.__main__ import main
from training.commands import throughput
from training.throughput import measure, own_loops, rows, scaling, tables, worker
from training.throughput.clock import Loop, rate
from training.throughput.peer_loops import PEER_NAMES, Peer
from training.throughput.rows import read_config
from training.throughput.startup import seconds_of
from training.throughput.worker import Measurement, measure_apart

TINY = ("--rounds", "1", "--runs", "2", "--seconds", "0.001", "--cores", "1")


def job(maker, **arguments):
    return Measurement(
        "row", f"test_throughput:{maker}", arguments, cores=1, seconds=0.001, runs=2, packages=("numpy",)
    )


@pytest.fixture
def makers_here(monkeypatch):
    """Lets the fresh processes import the makers of this file."""
    monkeypatch.setenv("PYTHONPATH", __file__.rpartition("/")[0])


def raises():
    raise RuntimeError("no such luck")


def dies():
    os.kill(os.getpid(), 9)


def talks():
    import atexit

    atexit.register(print, "bye")
    return sleeps()


def not_installed():
    import no_such_library  # noqa: F401


def sleeps():
    """Steps of two environments, in which nothing happens."""
    return Loop(agents=3, envs=2, observation_bytes=40, choose=lambda: None, step=lambda _: None)


# --- the clock -----------------------------------------------------------------------------------------------


def test_only_steps_are_timed_and_every_environment_counts(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("training.throughput.clock.time.perf_counter", lambda: now[0])

    def spend(seconds):
        now[0] += seconds

    loop = Loop(5, 8, 0, choose=lambda: spend(100.0), step=lambda _: spend(0.5), steps_a_call=3)
    assert rate(loop, seconds=2.0) == pytest.approx(3 * 8 / 0.5)
    assert now[0] == 4 * 100.5
    assert rate(loop, seconds=2.0, max_calls=1) == pytest.approx(3 * 8 / 0.5)
    assert now[0] == 5 * 100.5


def test_drawn_actions_are_legal_and_differ():
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig(), num_envs=40)
    batch.reset(range(40))
    own_loops.spread_out(batch, 10, np.random.default_rng(0))
    assert sorted(set(batch.state.t.tolist())) == list(range(10))
    seen = set()
    for _ in range(30):
        own_loops.write_random_legal(batch, np.arange(40), np.random.default_rng(len(seen)))
        seen |= set(batch.action_buffer[..., 0].ravel().tolist())
        batch.step_written()
        assert not batch.invalid.any()
        batch.autoreset()
    assert len(seen) > 3


def test_only_the_chosen_rows_get_actions():
    batch = Batch("csv-import-tool", Team.default(3), EnvConfig(), num_envs=4)
    batch.reset(range(4))
    batch.action_buffer[...] = -7
    own_loops.write_random_legal(batch, np.array([1, 3]), np.random.default_rng(0))
    assert (batch.action_buffer[[0, 2]] == -7).all()
    assert (batch.action_buffer[[1, 3]] >= 0).all()


# --- processes of their own ----------------------------------------------------------------------------------


def test_a_row_tells_everything(makers_here):
    found = measure_apart(job("sleeps"))
    assert len(found["rates"]) == 2
    assert min(found["rates"]) > 0
    assert (found["agents"], found["envs"], found["observation_bytes"]) == (3, 2, 40)
    assert found["versions"] == {"numpy": np.__version__}
    row = rows.measured_row(job("sleeps"), "peer", found | {"rates": [30.0, 10.0, 20.0]})
    assert (row["steps_per_second"], row["lowest"], row["highest"]) == (20.0, 10.0, 30.0)
    assert row["agent_steps_per_second"] == 60.0
    assert row["observation_mb_per_second"] == pytest.approx(20 * 40 / 1e6)


def test_a_fault_a_death_and_a_hang_are_told(makers_here, monkeypatch):
    assert measure_apart(job("raises")) == {"fault": "RuntimeError: no such luck"}
    assert "cannot be read" in measure_apart(job("talks"))["fault"]
    assert measure_apart(job("dies")) == {"fault": "its process was ended by SIGKILL"}
    assert measure_apart(job("not_installed")) == {"skipped": "no_such_library is not installed"}
    monkeypatch.setattr(worker, "TIMEOUT", 0.001)
    assert "not finished" in measure_apart(job("sleeps"))["fault"]


def test_the_next_interpreter_is_asked_only_if_the_library_is_missing(monkeypatch):
    answers = {"a": {"skipped": "x is not installed"}, "b": {"fault": "broken"}, "c": {"rates": [1.0]}}
    monkeypatch.setattr(rows, "measure_apart", lambda job, python: answers[python])
    errors = rows.Console(stderr=True)
    assert rows.measured(job("sleeps"), ["a", "b", "c"], errors, "") == {"fault": "broken"}
    assert rows.measured(job("sleeps"), ["a", "c"], errors, "") == {"rates": [1.0]}


def test_rows_take_turns_and_one_that_fails_is_measured_no_more(monkeypatch):
    asked = []

    def measure(job, python):
        asked.append(job.label)
        if job.label == "broken":
            return {"fault": "broken"}
        return {"rates": [float(len(asked))], "memory_mb": 100.0 - len(asked), "agents": 5}

    monkeypatch.setattr(rows, "measure_apart", measure)
    jobs = [(dataclasses.replace(job("sleeps"), label=label), ["a"]) for label in ("first", "broken", "last")]
    first, broken, last = rows.measure_in_turn(jobs, 3, rows.Console(stderr=True))
    assert asked == ["first", "broken", "last", "first", "last", "first", "last"]
    assert first == {"rates": [1.0, 4.0, 6.0], "memory_mb": 99.0, "agents": 5}
    assert last["rates"] == [3.0, 5.0, 7.0]
    assert broken == {"fault": "broken"}


def test_a_fault_in_a_later_round_stands_for_the_row(monkeypatch):
    answers = iter([{"rates": [1.0], "memory_mb": 1.0}, {"fault": "not finished after 600 s"}])
    monkeypatch.setattr(rows, "measure_apart", lambda job, python: next(answers))
    (found,) = rows.measure_in_turn([(job("sleeps"), ["a"])], 2, rows.Console(stderr=True))
    assert rows.note_of(found) == "failed: not finished after 600 s"


# --- the command ---------------------------------------------------------------------------------------------


def test_table_and_files(tmp_path, capsys, monkeypatch, makers_here):
    peers = [("mpe2", Peer(name, "", {}, ("numpy",))) for name in ("raises", "dies", "not_installed", "sleeps")]
    monkeypatch.setattr(rows, "peer_rows", lambda: iter(peers))
    made = rows.peer_jobs

    def from_here(args):
        for one in made(args):
            yield dataclasses.replace(one, maker=f"test_throughput:{one.label}")

    monkeypatch.setattr(measure, "peer_jobs", from_here)
    status = main(["throughput", *TINY, "--batch-sizes", "2", "--peers", "mpe2", "--out", str(tmp_path)])
    printed = capsys.readouterr()
    assert status == 1
    assert "2 of 11 rows failed" in printed.err
    results = pd.read_csv(tmp_path / "results.csv", keep_default_na=False, na_values=[""]).fillna({"note": ""})
    assert list(results.columns) == rows.ROW_COLUMNS
    check_own_rows(results[results["kind"] == "own"])
    noted = dict(zip(results["row"], results["note"], strict=True))
    assert noted["raises"] == "failed: RuntimeError: no such luck"
    assert noted["not_installed"] == "skipped: no_such_library is not installed"
    assert noted["sleeps"] == ""
    table = (tmp_path / "table.txt").read_text(encoding="utf-8")
    assert [line.rstrip() for line in printed.out.splitlines()][: len(table.splitlines())] == table.splitlines()
    assert "PettingZoo, simple" in table
    assert "…" not in table
    assert "raises failed: RuntimeError: no such luck" in table
    described = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert described["config"]["batch_sizes"] == [2]
    assert described["versions"]["numpy"] == np.__version__
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")


def check_own_rows(own):
    assert (own["note"] == "").all()
    assert len(own) == 7  # the face, and simple and complex with and without observations and with the board once
    assert (own["agent_steps_per_second"] / own["steps_per_second"]).tolist() == pytest.approx(own["agents"].tolist())
    assert (own["lowest"] <= own["steps_per_second"]).all()
    assert (own["steps_per_second"] <= own["highest"]).all()
    assert ((own["observation_mb_per_second"] > 0) == own["observations"]).all()
    assert set(own["agents"]) == {5, 17}


def test_growth(tmp_path, capsys):
    sizes = ("--agents", "2,4", "--subtasks", "3", "--batch-sizes", "1,8")
    assert main(["throughput", "--growth", *TINY, *sizes, "--out", str(tmp_path)]) == 0
    results = pd.read_csv(tmp_path / "growth.csv")
    assert len(results) == 3 * 2 + 3 * 2
    assert (results["ns_per_agent_step"] > 0).all()
    of_sizes, of_batches = (results[results["grows"] == grows] for grows in ("sizes", "batch"))
    assert set(zip(of_sizes["agents"], of_sizes["subtasks"], strict=True)) == {(2, 3), (4, 3)}
    assert set(of_batches["envs"]) == {1, 8}
    out = capsys.readouterr().out
    assert out.count("exponent in agents") == 3
    assert "exponent in envs" in out
    assert {path.suffix for path in tmp_path.iterdir()} == {".txt", ".csv", ".json", ".png"}
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_growth_says_which_row_failed_and_draws_the_others(tmp_path, capsys, monkeypatch):
    made = rows.growth_jobs

    def one_fails(config):
        for one in made(config):
            fails = one.arguments.get("num_envs") == 8 and one.arguments["relations"] == "onehot"
            yield dataclasses.replace(one, maker="no_such_module:loop") if fails else one

    monkeypatch.setattr(measure, "growth_jobs", one_fails)
    sizes = ("--agents", "2", "--subtasks", "3", "--batch-sizes", "1,8")
    assert main(["throughput", "--growth", *TINY, *sizes, "--out", str(tmp_path)]) == 0
    assert "5 agents, 8 subtasks, 8 envs, onehot skipped: no_such_module is not installed" in capsys.readouterr().out
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_startup(tmp_path, monkeypatch, capsys):
    seconds = iter([20.0, 0.5, 0.7, 0.6, 0.2, 0.1, 0.3])
    monkeypatch.setattr("training.throughput.startup.seconds_of", lambda statement, cache: next(seconds))
    assert main(["throughput", "--startup", "--rounds", "3", "--runs", "1", "--out", str(tmp_path)]) == 0
    assert pd.read_csv(tmp_path / "startup.csv")["seconds"].tolist() == [20.0, 0.6, 0.2]
    assert "cached" in capsys.readouterr().out


def test_gpu_without_numba_cuda_or_with_wrong_numbers_says_so(tmp_path, monkeypatch, capsys):
    def without_extra(device):
        raise MissingExtraError("needs numba-cuda")

    monkeypatch.setattr("c2c_env.envs.device_batch.load_cuda", without_extra)
    words = ["throughput", "--gpu", "--out", str(tmp_path / "out")]
    for change, message in (
        ([], "needs numba-cuda"),
        (["--steps", "0"], "--steps is 0, expected an integer in [1, "),
        (["--num-envs", "0"], "--num-envs is 0"),
        (["--tier", "simpel"], "did you mean 'simple'"),
    ):
        assert main([*words, *change]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_seconds_of_a_fresh_interpreter(tmp_path):
    assert seconds_of("time.sleep(0.2)", tmp_path) >= 0.2


def test_bad_arguments_are_all_named_with_status_2(capsys):
    words = [
        "--runs",
        "0",
        "--rounds",
        "1001",
        "--batch-sizes",
        "4,x",
        "--cores",
        "100000",
        "--peers",
        "mpe3",
        "--peers-python",
        "/none",
    ]
    assert main(["throughput", *words]) == 2
    err = capsys.readouterr().err
    numbers = ("--runs is 0", "--rounds is 1001", "--batch-sizes is '4,x'", "--cores is 100000")
    for fault in (*numbers, "'mpe3'", "mpe2", "--peers-python"):
        assert fault in err


def test_what_is_given_wins_over_quick():
    parser = argparse.ArgumentParser()
    throughput.add_arguments(parser)
    args = parser.parse_args(["--peers-python", os.path.relpath(sys.executable), "--quick", "--runs", "3"])
    config = read_config(args)
    assert (config.runs, config.batch_sizes) == (3, (1, 64))
    assert config.peers == PEER_NAMES
    assert config.pythons == (sys.executable, os.path.abspath(sys.executable))


# --- growth and numbers --------------------------------------------------------------------------------------


def test_exponent():
    sizes = [5, 8, 17, 64]
    assert scaling.exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)
    assert scaling.exponent(sizes, [7.0] * 4) == pytest.approx(0.0)
    assert scaling.exponent(sizes, [4.0, float("nan"), float("nan"), 2.0]) < 0
    assert np.isnan(scaling.exponent([5, 8], [float("nan"), 1.0]))


@pytest.mark.parametrize("subtasks", [1, 8, 34])
def test_growth_workflows_have_exactly_so_many_subtasks(subtasks):
    workflow = scaling.make_workflow(subtasks)
    assert len(workflow.subtasks) == subtasks
    assert workflow == scaling.make_workflow(subtasks)
    for k, prerequisites in enumerate(workflow.prerequisite_indices()):
        assert len(prerequisites) <= scaling.MAX_PREREQUISITES
        assert all(k - scaling.LOOK_BACK <= p < k for p in prerequisites)
    if subtasks > 8:
        assert any(workflow.prerequisite_indices())


def test_environments_that_fit_stay_within_the_memory():
    for agents, subtasks in ((5, 8), (64, 128), (256, 128)):
        config = EnvConfig(relations="onehot")
        count = scaling.envs_that_fit(agents, subtasks, config)
        small = Batch(scaling.make_workflow(subtasks), Team.default(agents), config)
        arrays = [*small.state, small.observations, small.action_masks]
        assert count == 1 or count * sum(array.nbytes for array in arrays) < 2 * scaling.MEMORY
        assert 1 <= count <= scaling.MOST_ENVS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4, "0"),
        (999.4, "999"),
        (999.6, "1.00 k"),
        (15_263.0, "15.3 k"),
        (268_043.0, "268 k"),
        (1_340_200.0, "1.34 M"),
    ],
)
def test_short_numbers(value, text):
    assert tables.short(value) == text
