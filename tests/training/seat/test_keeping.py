"""Finished games among the results of a folder, and beside the teams of a benchmark."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from game_parts import own_work, play_on, small_game, small_setting

from c2c_env.errors import ConfigError
from training.__main__ import main
from training.benchmark.results import RESULT_COLUMNS
from training.benchmark.run_folders import finished_runs
from training.report.read_results import read_results_table
from training.seat.choices import Move
from training.seat.game import Game
from training.seat.keeping import keeper_of, replay_html
from training.seat.setting import GameSetting


def test_a_finished_game_is_a_row_of_human(tmp_path):
    folder = tmp_path / "games"
    game = play_on(small_game(keep=keeper_of(str(folder))))
    table = pd.read_csv(folder / "results.csv")
    assert list(table.columns) == [*RESULT_COLUMNS, "role", "partners"]
    row = table.iloc[0]
    assert (row["policy"], row["workflow"], row["split"], row["team_size"]) == ("human", "seat-small", "file", 3)
    assert (row["role"], row["partners"], row["seed"]) == ("worker_1", "proactive", 0)
    assert row["completion_time"] == game.metrics["completion_time"] == game.step * 0.5
    assert row["lower_bound"] == pytest.approx(0.8 + 0.5 / 0.7)
    assert row["episode_return"] == pytest.approx(game.trace.reward_terms.sum(axis=2).mean(axis=1).sum(), abs=1e-5)
    assert game.as_data()["result"]["note"] == f"The game was added to {folder / 'results.csv'}."
    described = json.loads((folder / "run.json").read_text())
    assert (described["policies"], described["roles"]) == (["human"], ["worker_1"])
    assert [run.folder for run in finished_runs(tmp_path)] == [folder]


def test_games_are_added_and_the_first_of_an_episode_counts(tmp_path):
    keep = keeper_of(str(tmp_path))
    play_on(small_game(keep=keep))
    play_on(Game(small_setting("worker_2"), keep))
    play_on(Game(small_setting(seed=1), keep))
    before = (tmp_path / "results.csv").read_text()
    again = small_game(keep=keep)
    again.take(Move())
    play_on(again)
    assert (tmp_path / "results.csv").read_text() == before
    assert again.note.startswith("The game was not added to ")
    assert before.count("\nhuman,") == 3


def test_a_game_that_is_not_played_to_its_end_leaves_nothing(tmp_path):
    game = small_game(keep=keeper_of(str(tmp_path)))
    game.take(Move(own_work(game)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_results_is_refused_before_the_game(tmp_path, capsys):
    (tmp_path / "results.csv").write_text("policy,seed\nproactive,1\n")
    with pytest.raises(ConfigError, match="has other results than people's games, expected the policy 'human'"):
        keeper_of(str(tmp_path))
    assert main(["play", "--terminal", "--results", str(tmp_path)]) == 2
    assert (tmp_path / "results.csv").read_text() == "policy,seed\nproactive,1\n"


@pytest.mark.parametrize("option", ["--results", "--record"])
def test_a_folder_that_cannot_be_made_is_an_error_before_the_game(tmp_path, capsys, option):
    (tmp_path / "file").write_text("")
    assert main(["play", "--terminal", option, str(tmp_path / "file" / "games")]) == 2
    assert f"games' ({option}): Not a directory" in capsys.readouterr().err


def test_a_result_that_cannot_be_written_is_said_at_the_end(tmp_path):
    keep = keeper_of(str(tmp_path / "games"))
    (tmp_path / "games").rmdir()
    (tmp_path / "games").write_text("a file")
    game = play_on(small_game(keep=keep))
    assert game.note.startswith("The result could not be written: ")
    assert game.as_data()["result"]["rows"]


def test_a_tier_is_the_workflow_of_the_benchmark_with_that_seed():
    from c2c_env import TEST_SEEDS, generate

    setting = GameSetting.named("simple", role="worker_1", partners="proactive", seed=3)
    assert (setting.workflow, setting.split) == (generate("simple", TEST_SEEDS[3]), "generated")
    with pytest.raises(ConfigError, match="--seed is 99999999, expected less than"):
        GameSetting.named("simple", role="worker_1", partners="proactive", seed=99999999)


def test_the_replay_shows_the_game_beside_a_whole_team_or_alone_where_that_cannot_play(monkeypatch):
    game = play_on(small_game())
    assert "worker_1" in replay_html(game)
    assert "<title>seat-small: human with proactive and proactive</title>" in replay_html(game)

    def fail(*given):
        raise RuntimeError("made for two agents only")

    monkeypatch.setattr("training.seat.keeping.play_episode", fail)
    assert "<title>seat-small: human with proactive</title>" in replay_html(game)


@pytest.mark.slow
def test_compare_shows_people_beside_teams(tmp_path, capsys):
    games, teams = tmp_path / "games", tmp_path / "teams"
    words = ["--policies", "no_communication,proactive", "--workflows", "csv-import-tool", "--team-sizes", "5"]
    assert main(["benchmark", *words, "--seeds", "2", "--workers", "1", "--figures", "none", "--out", str(teams)]) == 0
    for role in ("worker_1", "manager_0"):
        for seed in (0, 1):
            named = GameSetting.named("csv-import-tool", role=role, partners="proactive", seed=seed)
            play_on(Game(named, keeper_of(str(games))))
    capsys.readouterr()
    paths = [str(games), str(teams)]
    assert main(["compare", *paths, "--resamples", "20", "--figures", "none", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert "human / worker_1 among proactive" in words  # the last word stands in the next line of its cell
    assert re.search(r"human / manager_0 +\n among proactive ", shown)
    scores = json.loads((tmp_path / "out" / "rliable.json").read_text())
    assert "human / manager_0 among proactive" in json.dumps(scores)
    table = read_results_table(teams / "results.csv").set_index(["policy", "seed"])
    people = read_results_table(games / "results.csv")
    # the same episodes, so the same bounds
    assert people["lower_bound"].tolist() == [table.loc[("proactive", s), "lower_bound"] for s in (0, 1, 0, 1)]


def test_compare_names_the_files_that_do_not_fit_together(tmp_path, capsys):
    play_on(small_game(keep=keeper_of(str(tmp_path))))
    assert main(["compare", str(tmp_path)]) == 2
    assert "no_communication is not among its policies (human / worker_1 among proactive)" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    assert "an episode stands there twice (human / worker_1 among proactive, " in capsys.readouterr().err
