"""`benchmark --intervene`: every team once more for each intervention, on the same seeds and luck."""

from __future__ import annotations

import csv

import pytest

from c2c_env.interventions import Intervention
from training.__main__ import main, make_parser
from training.benchmark import choose_cells
from training.benchmark.play_cell import policy_seed, run_cell

SMALL = ["--policies", "no_communication,random,proactive", "--workflows", "csv-import-tool", "--team-sizes", "3"]


def make_cells(*words):
    return choose_cells.choose_cells(make_parser(["benchmark"]).parse_args(["benchmark", *SMALL, *words]))


def test_every_team_that_speaks_is_played_under_every_intervention():
    cells = make_cells("--intervene", "off,delayed:2,off")
    assert [cell.player for cell in cells] == [
        "no_communication",
        *("random", "random / off", "random / delayed:2"),
        *("proactive", "proactive / off", "proactive / delayed:2"),
    ]
    assert cells[-1].config.chat.latency == cells[0].config.chat.latency + 2
    assert len({cell.name for cell in cells}) == len(cells)
    assert len({policy_seed(cell) for cell in cells if cell.policy == "random"}) == 1
    assert cells[1].config == cells[2].config
    assert "proactive / off / csv-import-tool / 3 agents" in {cell.title for cell in cells}


def test_cells_are_played_under_it():
    *_, plain, off = make_cells("--intervene", "off", "--seeds", "2")
    silent = make_cells("--seeds", "2")[0]
    assert sum(row["messages"] for row in run_cell(plain)) > 0
    assert [row["messages"] for row in run_cell(off)] == [0, 0]
    times = [[row["completion_time"] for row in run_cell(cell)] for cell in (off, silent)]
    assert times[0] == times[1]  # what it does without messages is the common schedule


def test_command_writes_a_row_for_each(tmp_path, capsys):
    words = ["benchmark", *SMALL, "--seeds", "1", "--intervene", "off,lossy:0.5", "--workers", "1"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as file:
        played = [row["policy"] for row in csv.DictReader(file)]
    assert played == [cell.player for cell in make_cells("--seeds", "1", "--intervene", "off,lossy:0.5")]
    assert "proactive / off" in capsys.readouterr().out
    assert (tmp_path / "out" / "figures").is_dir()


@pytest.mark.parametrize(
    ("word", "fault"),
    [("mute", "unknown intervention 'mute'"), ("delayed", "behind the colon is ''"), (",", "--intervene is ','")],
)
def test_wrong_words_are_one_clear_error(word, fault, tmp_path, capsys):
    assert main(["benchmark", *SMALL, "--intervene", word, "--out", str(tmp_path / "out")]) == 2
    assert fault in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_amounts_are_written_as_they_were_given():
    assert [str(Intervention.parse(word)) for word in ("lossy:0.25", "lossy:1", "delayed:10")] == [
        *("lossy:0.25", "lossy:1", "delayed:10"),
    ]
