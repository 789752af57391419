"""Runs of the real command line on small cells: interrupted, damaged, failing, with one worker or two."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import c2c_env
from agents import registry
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import METRICS, TEST_SEEDS, Channel, EnvConfig
from c2c_env.errors import ConfigError, WorkflowError
from training import arguments
from training.__main__ import main, make_parser
from training.arguments import parse_config
from training.benchmark import choose_cells, results, run_cells
from training.benchmark.cell_files import CorruptCellError, read_cell, write_cell
from training.benchmark.figures.every_figure import draw_figures
from training.benchmark.play_cell import EPISODE_COLUMNS, cell_batch, run_cell
from training.benchmark.run_cells import run_and_write
from training.executors.base import DIED
from training.executors.processes import LocalPool
from training.executors.threads import Threads
from training.files import Claims

ROOT = Path(__file__).parents[3]
SMALL = ["--policies", "no_communication,cost_aware,random", "--workflows", "simple", "--seeds", "2"]
SMALL += ["--team-sizes", "2,3", "--figures", "none"]
CELLS = 3 * 5 * 2


def words_of(*words):
    return ["benchmark", *SMALL, *words]


def make_cells(*words):
    return choose_cells.choose_cells(make_parser(["benchmark"]).parse_args(["benchmark", *words]))


def snapshot(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (folder / "cells").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run with two workers."""
    out = tmp_path_factory.mktemp("whole")
    assert main(words_of("--out", str(out), "--workers", "2")) == 0
    return out


# --- results ---------------------------------------------------------------------------------------------------


def test_results_are_tidy(whole):
    with open(whole / "results.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["policy", "tier", "workflow", "split", "team_size", "seed", *METRICS, *EPISODE_COLUMNS]
    assert len(rows) == 2 * CELLS
    keys = [(row["policy"], row["workflow"], row["team_size"], row["seed"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row["split"] for row in rows} == {"built-in"}
    assert {row["answered_share"] for row in rows if row["policy"] == "no_communication"} == {""}


def test_the_return_is_the_sum_of_the_rewards_of_the_team_and_the_bound_is_that_of_the_score():
    words = ["--policies", "proactive", "--workflows", "csv-import-tool", "--seeds", "3", "--team-sizes", "3"]
    (cell,) = make_cells(*words)
    rows = run_cell(cell)
    assert len({row["steps"] for row in rows}) > 1  # the shorter episodes wait for the longest one
    for seed, row in enumerate(rows):
        batch = cell_batch(replace(cell, seeds=(seed,)))
        policy, total, ended = make_policy("proactive", PolicyContext.of(batch)), 0.0, False
        policy.reset(np.arange(3))
        while not ended:
            batch.step(policy.act(batch.observations[0], batch.action_masks[0], np.arange(3))[None])
            total += sum(batch.rewards[0].tolist()) / 3
            ended = bool(batch.terminated[0])
        assert row["episode_return"] == pytest.approx(total, abs=1e-5)
        assert row["lower_bound"] == pytest.approx(row["score"] * row["completion_time"])


def test_an_answer_out_of_range_fails_the_cell_with_a_message(tmp_path, monkeypatch):
    class Odd:
        name = "odd"

        def reset(self, rows):
            pass

        def act(self, observations, action_masks, rows):
            return np.full((len(rows), 4), 99)

    monkeypatch.setitem(registry.POLICIES, "odd", lambda context, argument: Odd())
    cells = make_cells("--policies", "odd", "--workflows", "csv-import-tool", "--team-sizes", "2")
    faults = run_cells.run_and_write(cells, tmp_path, Threads(1, lambda: None), lambda cell, fault: None)
    error = "policy odd chose work 99 for manager_0 in environment 0, expected an integer in [0, "
    assert error in run_cells.describe_faults(cells, faults)
    assert list(tmp_path.iterdir()) == []


def test_run_json_tells_how_to_repeat_it(whole):
    run = json.loads((whole / "run.json").read_text())
    assert run["policies"] == ["no_communication", "cost_aware", "random"]
    assert run["team_sizes"] == [2, 3]
    assert run["seeds"] == [0, 1]
    assert run["config"]["dt"] == 0.5
    assert run["config"]["chat"]["richness"] == 0.45
    assert set(run["versions"]) == {"python", "numpy", "numba", "gymnasium", "pettingzoo", "c2c_env", "sources"}
    assert run["arguments"]["workflows"] == "simple"
    assert run["platform"]
    assert run["command"].startswith("c2c-env")


def test_number_of_workers_does_not_matter(whole, tmp_path):
    assert main(words_of("--out", str(tmp_path), "--workers", "1")) == 0
    assert (tmp_path / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    assert (tmp_path / "report.txt").read_bytes() == (whole / "report.txt").read_bytes()


def test_rerun_redoes_nothing_and_rebuilds_the_results(whole, capsys):
    before, results = snapshot(whole), (whole / "results.csv").read_bytes()
    (whole / "results.csv").write_bytes(b"damaged")
    assert main(words_of("--out", str(whole))) == 0
    assert snapshot(whole) == before
    assert (whole / "results.csv").read_bytes() == results
    assert f"{CELLS} of {CELLS} cells are there already" in capsys.readouterr().err


# --- interruptions ---------------------------------------------------------------------------------------------


def start(out, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "training", *words_of("--out", str(out), "--workers", "2", *words)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_cells(out, process):
    """Until some are finished and others are not."""
    deadline = time.monotonic() + 120
    while not list((out / "cells").glob("*.json")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "no cell was finished in two minutes"
        time.sleep(0.0005)


def children(group):
    """Processes of a session that are still alive."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdecimal() else []
        except OSError:
            continue
        if fields and int(fields[3]) == group and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def wait_until_gone(group):
    deadline = time.monotonic() + 20
    while children(group):
        assert time.monotonic() < deadline, "worker processes outlive the benchmark"
        time.sleep(0.02)


def test_killed_run_is_resumed_and_loses_nothing(whole, tmp_path):
    process = start(tmp_path)
    wait_for_cells(tmp_path, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    if sys.platform == "linux":
        wait_until_gone(process.pid)
    finished = {name: was for name, was in snapshot(tmp_path).items() if name.endswith(".json")}
    assert 0 < len(finished) < CELLS
    assert not (tmp_path / "results.csv").exists()
    assert main(words_of("--out", str(tmp_path), "--workers", "2")) == 0
    after = snapshot(tmp_path)
    assert {name: after[name] for name in finished} == finished
    assert (tmp_path / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


def test_ctrl_c_ends_with_one_line(tmp_path):
    process = start(tmp_path)
    wait_for_cells(tmp_path, process)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.strip().splitlines()[-1] == "interrupted; the same command goes on from here"


# --- damage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["truncated", "empty", "edited", "of another cell", "not text"])
def test_damaged_cell_is_moved_aside_and_run_again(whole, damage, capsys):
    before = {name: was for name, was in snapshot(whole).items() if name.endswith(".json")}
    results = (whole / "results.csv").read_bytes()
    name, other = sorted(before)[:2]
    good = before[name][1]
    bad = {
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "edited": good.replace(b'"success": 1.0', b'"success": 0.0', 1),
        "of another cell": before[other][1],
        "not text": b"\xff\xfe\x00",
    }[damage]
    path = whole / "cells" / name
    path.write_bytes(bad)
    assert main(words_of("--out", str(whole))) == 0
    warning = capsys.readouterr().err
    assert str(path) in warning
    aside = re.search(rf"moved to ({re.escape(name)}\.corrupt\d*)", warning)[1]
    assert (whole / "cells" / aside).read_bytes() == bad
    assert path.read_bytes() == good
    after = snapshot(whole)
    assert all(after[one] == before[one] for one in before if one != name)
    assert (whole / "results.csv").read_bytes() == results


@pytest.mark.parametrize("flag", ["--policies", "--team-sizes", "--workflows"])
@pytest.mark.parametrize("text", ["", " ", ",", "\n, ,"])
def test_words_that_choose_nothing_are_an_error(flag, text, tmp_path, capsys):
    assert main(["benchmark", "--quick", flag, text, "--out", str(tmp_path)]) == 2
    assert f"{flag} is {text!r}, expected at least one word" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "FIFO", "loop"])
def test_what_is_no_file_is_moved_aside_however_often(kind, tmp_path, capsys):
    words = [
        "--policies",
        "no_communication",
        "--workflows",
        "csv-import-tool",
        "--team-sizes",
        "2",
        "--figures",
        "none",
    ]
    words = ["benchmark", *words, "--seeds", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    results = (tmp_path / "results.csv").read_bytes()
    (path,) = (tmp_path / "cells").glob("*.json")
    for _ in range(3):
        path.unlink()
        if kind == "folder":
            path.mkdir()
            (path / "something").touch()
        elif kind == "FIFO":
            os.mkfifo(path)
        else:
            path.symlink_to(path)
        capsys.readouterr()
        assert main(words) == 0
        assert capsys.readouterr().err.count("is damaged") == (kind != "loop")
        assert (tmp_path / "results.csv").read_bytes() == results
    assert len(list((tmp_path / "cells").glob("*.corrupt*"))) == (0 if kind == "loop" else 3)


def test_written_cell_reads_back_exactly(tmp_path):
    (cell,) = make_cells("--policies", "no_communication", "--workflows", "csv-import-tool", "--team-sizes", "2")
    rows, path = run_cell(cell), tmp_path / f"{cell.name}.json"
    write_cell(path, rows)
    assert repr(read_cell(path, cell)) == repr(rows)  # NaN is equal in text
    json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN in the file itself
    write_cell(path, rows[:3])
    with pytest.raises(CorruptCellError, match="4 episodes"):
        read_cell(path, cell)


# --- failures --------------------------------------------------------------------------------------------------


def failing(cell):
    """Stands in for `run_cell`: one policy raises, another one takes its process with it."""
    if cell.policy == "solo":
        raise ZeroDivisionError(f"cannot divide among {cell.team_size}")
    if cell.policy == "broadcast":
        os.kill(os.getpid(), signal.SIGKILL)
    return run_cell(cell)


@pytest.fixture
def mixed(tmp_path):
    policies = "solo,no_communication,broadcast,cost_aware"
    words = ["--policies", policies, "--workflows", "csv-import-tool,nightly-backup-job"]
    words += ["--seeds", "1", "--team-sizes", "2"]
    return make_cells(*words)


def test_others_go_on_when_a_policy_raises_or_its_process_dies(mixed, tmp_path):
    over = []
    faults = run_cells.run_and_write(
        mixed, tmp_path, LocalPool(2), lambda cell, fault: over.append((cell.name, fault)), failing
    )
    bad = {cell.name: cell.policy for cell in mixed if cell.policy in ("solo", "broadcast")}
    assert set(faults) == set(bad)
    assert {faults[name] for name, policy in bad.items() if policy == "broadcast"} == {DIED}
    (text,) = {faults[name] for name, policy in bad.items() if policy == "solo"}
    assert text.startswith("ZeroDivisionError: cannot divide among 2 (test_run_cells.py, line ")
    finished = {path.stem for path in tmp_path.glob("*.json")}
    assert finished == {cell.name for cell in mixed} - set(bad)
    assert sorted(name for name, _ in over) == sorted(cell.name for cell in mixed)
    message = run_cells.describe_faults(mixed, faults)
    assert message.startswith("error: 4 of 8 cells failed")
    assert "  - solo / csv-import-tool / 2 agents: ZeroDivisionError" in message


def test_failed_cells_give_status_1_and_only_they_are_run_again(tmp_path, monkeypatch, capsys):
    words = ["benchmark", "--policies", "solo,no_communication", "--workflows", "csv-import-tool"]
    words += ["--team-sizes", "2", "--figures", "none", "--out", str(tmp_path)]
    monkeypatch.setattr(run_cells, "run_and_write", lambda *given: run_and_write(*given, failing))
    assert main(words) == 1
    shown = capsys.readouterr()
    assert "error: 1 of 2 cells failed" in shown.err
    assert "ZeroDivisionError" in shown.err
    assert "no_communication" in shown.out
    assert "\nsolo " not in shown.out
    before = snapshot(tmp_path)
    monkeypatch.undo()
    assert main(words) == 0
    assert {name: snapshot(tmp_path)[name] for name in before} == before
    assert "\nsolo " in capsys.readouterr().out


# --- cells and their names -------------------------------------------------------------------------------------


def test_name_depends_on_everything_that_determines_the_result(monkeypatch):
    (cell,) = make_cells("--policies", "fixed_steps:4", "--workflows", "csv-import-tool", "--team-sizes", "5")
    first, *others = cell.workflows[0].subtasks
    changed = replace(cell.workflows[0], subtasks=(replace(first, effort=first.effort + 1), *others))
    variants = [
        replace(cell, policy="fixed_steps:5"),
        replace(cell, team_size=6),
        replace(cell, seeds=(0, 1, 2)),
        replace(cell, config=EnvConfig(dt=0.25)),
        replace(cell, workflows=(changed,)),
    ]
    assert cell.name.startswith("fixed_steps_4--csv-import-tool--n5--")
    assert len({cell.name, *(variant.name for variant in variants)}) == 6
    assert replace(cell).name == cell.name
    monkeypatch.setattr(c2c_env, "__version__", "9.9.9")
    assert replace(cell).name != cell.name


def test_weights_behind_a_policy_name_count(tmp_path):
    (cell,) = make_cells("--policies", "no_communication", "--workflows", "csv-import-tool", "--team-sizes", "5")
    weights = tmp_path / "weights.bin"
    learned = replace(cell, policy=f"learned:{weights}")
    weights.write_bytes(b"one")
    before = replace(learned).name
    weights.write_bytes(b"two")
    assert replace(learned).name != before


# --- arguments -------------------------------------------------------------------------------------------------


def test_default_plan_is_the_whole_benchmark():
    cells = make_cells()
    assert len(cells) == 9 * 15 * 3
    assert {cell.seeds for cell in cells} == {(0, 1, 2, 3)}
    assert [cell.tier for cell in cells] == ["simple"] * 135 + ["medium"] * 135 + ["complex"] * 135


def test_generated_test_workflows_are_added_with_one_seed_each():
    cells = make_cells("--policies", "solo", "--workflows", "csv-import-tool", "--generated", "3", "--team-sizes", "2")
    assert [(cell.label, cell.split) for cell in cells] == [
        ("csv-import-tool", "built-in"),
        ("generated-simple", "generated"), ("generated-medium", "generated"), ("generated-complex", "generated"),
    ]  # fmt: skip
    rows = run_cell(cells[1])
    assert [(row["workflow"], row["seed"]) for row in rows] == [(f"simple-{TEST_SEEDS[m]}", m) for m in range(3)]


def test_a_file_is_a_workflow(tmp_path):
    source = Path(c2c_env.__file__).parent / "workflows" / "library" / "csv-import-tool.toml"
    file = tmp_path / "mine.toml"
    file.write_text(source.read_text().replace('name = "csv-import-tool"', 'name = "mine"'))
    (cell,) = make_cells("--policies", "solo", "--workflows", str(file), "--team-sizes", "2")
    assert (cell.label, cell.split, cell.tier) == ("mine", "file", "simple")
    file.write_text(source.read_text().replace("effort = ", "effort = 1"))
    with pytest.raises(WorkflowError, match="two different workflows are named 'csv-import-tool'"):
        choose_cells.choose_workflows(["csv-import-tool", str(file)])


@pytest.fixture
def device(tmp_path):
    """A workflow of two domains, and a team for it."""
    workflow, team = tmp_path / "device.toml", tmp_path / "pair of people.toml"
    task = '[[subtasks]]\nid = "a"\ndomain = "y"\neffort = 1.0\ncomplexity = 1.0'
    workflow.write_text(f'name = "device"\ntier = "simple"\ndomains = ["x", "y"]\n{task}\n')
    team.write_text(
        'domains = ["y", "x"]\n[[members]]\nskills = {x = 0.3, y = 0.4}\n[[members]]\nskills = {x = 1, y = 0.9}\n'
    )
    return workflow, team


def test_a_team_of_a_file_plays_and_is_named(device):
    workflow, team = device
    words = ["--policies", "proactive", "--workflows", str(workflow), "--seeds", "2"]
    (cell,) = make_cells(*words, "--team", str(team))
    assert cell.team == c2c_env.load_team(team)
    assert cell.name.startswith("proactive--device--pair_of_people--n2--")
    assert cell.title == "proactive / device / 2 agents (pair of people)"
    assert [row["success"] for row in run_cell(cell)] == [1.0, 1.0]
    (default,) = make_cells(*words, "--team-sizes", "2")
    assert default.name.startswith("proactive--device--n2--")
    assert [row["success"] for row in run_cell(default)] == [1.0, 1.0]
    team.write_text(team.read_text().replace("0.9", "0.8"))
    (changed,) = make_cells(*words, "--team", str(team))
    assert changed.name != cell.name


def test_a_team_of_other_domains_is_refused_before_anything_is_played(device, capsys):
    words = ["benchmark", "--policies", "proactive", "--team", str(device[1])]
    assert main([*words, "--workflows", "csv-import-tool"]) == 2
    assert (
        "the team has skills for 2 domains (y, x), expected 5 for workflow 'csv-import-tool'" in capsys.readouterr().err
    )
    assert main([*words, "--workflows", f"{device[0]},csv-import-tool"]) == 2
    assert "expected 5 for workflow 'csv-import-tool'" in capsys.readouterr().err
    assert main(["benchmark", "--policies", "learned", "--workflows", str(device[0]), "--team-sizes", "2"]) == 2
    assert "the workflows have 2 domains, but learned teams" in capsys.readouterr().err
    assert main([*words, "--team-sizes", "2"]) == 2
    assert "--team-sizes: not allowed with argument --team" in capsys.readouterr().err


def test_config_values_are_toml_and_words_need_no_quotes():
    given = ["dt=0.25", "horizon = 40", "relations=index", "volatility=none", "exclusive_actions=true"]
    config = arguments.parse_config([*given, "facet_weights=[1, 0, 0, 0]", "chat.richness=0.5", "chat.latency=2"])
    assert (config.dt, config.horizon, config.relations, config.volatility) == (0.25, 40, "index", None)
    assert config.exclusive_actions is True
    assert config.facet_weights == (1, 0, 0, 0)
    assert config.chat == Channel(send_hours=0.05, read_hours=0.05, latency=2, richness=0.5)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("dt", "--config has 'dt', expected key=value, such as dt=0.25"),
        ("=1", "--config has '=1', expected key=value"),
        ("dt=[1", "dt is '[1', expected a number in [1e-06, 1e+06]"),
        ("relations=one-hot", "relations is 'one-hot', expected 'onehot' or 'index'"),
        ("dt.x=1", "dt is {'x': 1}, expected a number in [1e-06, 1e+06]"),
        ("dtt=1", "did you mean 'dt'"),
        ("dt=-1", "dt is -1, expected a number in [1e-06, 1e+06]"),
        ("chat.richnes=1", "did you mean 'chat.richness'"),
        ("chat=3", "chat is 3, expected a Channel"),
    ],
)
def test_faults_of_the_configuration(assignment, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        arguments.parse_config([assignment])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("none", None),
        ("None", None),
        ("0.5", 0.5),
        ("true", True),
        ('"a b"', "a b"),
        ("[1, 2]", [1, 2]),
        ("json-schema", "json-schema"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("1\ny = 2", "1\ny = 2"),
        ("", ""),
    ],
)
def test_values_are_read_alike_behind_every_flag(text, value):
    assert arguments.read_assignments("--config", [f" key = {text}"], "dt=0.25") == [("key", value)]


def test_wrong_options_get_the_message_of_the_options():
    with pytest.raises(ConfigError, match="answer_format is 'json-schema', expected 'json_schema', "):
        arguments.read_options(["answer_format=json-schema"], None)


def test_words_that_are_no_options_are_not_shown():
    with pytest.raises(ConfigError, match="2 faults") as caught:
        arguments.read_options(["sk-secret-1", "=sk-secret-2", "temperature=0.7"], None)
    assert "--llm has something else, expected key=value, such as temperature=0.7" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--policies", "cost_awar"], "did you mean 'cost_aware'"),
        (["--policies", "fixed_steps:x"], "fixed_steps"),
        (["--workflows", "csv-import"], "did you mean 'csv-import-tool'"),
        (["--workflows", "missing.toml"], "cannot read workflow file"),
        (["--team-sizes", "5,two"], "--team-sizes has 'two', expected integers in [1, 32767]"),
        (["--team-sizes", "0"], "--team-sizes has '0', expected integers in [1, 32767]"),
        (["--seeds", "0"], "--seeds is 0, expected an integer in [1, 2147483647]"),
        (["--generated", "-1"], "--generated is -1, expected an integer in [0, 2147483647]"),
        (["--seeds", "many"], "--seeds is 'many', expected an integer in [1, 2147483647]"),
        (["--seeds", "9" * 5000], "--seeds is '999"),
        (["--llm-file", "/dev/zero"], "it is a device, expected a regular file"),
        (["--workflows", "/dev/zero.toml"], "cannot read workflow file"),
        (["--workflows", "/dev/zero"], "it is a device, expected a regular file"),
        (["--sedes", "1"], "unrecognized arguments: --sedes 1"),
        (["--workers", "0"], "--workers is 0, expected an integer in [1, 4096]"),
        (["--config", "max_subtasks=2"], "max_subtasks is 2, but a workflow has"),
    ],
)
def test_wrong_arguments_give_status_2_and_a_message_before_anything_is_run(words, message, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["benchmark", *words, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not out.exists()


def test_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["benchmark", "--quick", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "cannot make the folder" in capsys.readouterr().err


def test_help_of_a_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["benchmark", "--help"])
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "--generated" in text


# --- figures ---------------------------------------------------------------------------------------------------


def test_figures_are_drawn_for_whatever_was_run(tmp_path):
    words = ["--policies", "no_communication,cost_aware", "--workflows", "csv-import-tool", "--generated", "2"]
    cells = make_cells(*words, "--seeds", "1", "--team-sizes", "3")
    folder = arguments.output_folder(tmp_path / "cells")
    opener = partial(run_cells.executor_for, None, 2)
    with Claims(tmp_path) as claims:
        assert run_cells.complete(cells, folder, opener, Console(quiet=True), claims) == {}
    written = results.write_results(cells, folder, tmp_path)
    draw_figures(written, cells, tmp_path, ["png", "pdf"], Console(quiet=True))
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {Path(name).stem for name in names if name.endswith(".pdf")} == {Path(name).stem for name in names}
    assert (tmp_path / "figures" / "frontier.pdf").read_bytes().startswith(b"%PDF")
    assert {"completion_time.png", "frontier.png", "alignment.png", "message_graph.png"} <= names
    assert {"completion_time_generated.png", "frontier_generated.png"} <= names


def test_all_faults_of_the_configuration_are_told_at_once():
    words = ["relations=one-hot", "chat.richnes=1", "email.latency=0", "hurry=3"]
    with pytest.raises(ConfigError) as raised:
        parse_config(words)
    told = "\n".join(raised.value.faults)
    assert len(raised.value.faults) == 4
    for fault in ("relations is 'one-hot'", "'chat.richnes'", "email.latency is 0", "'hurry'"):
        assert fault in told
