"""Where episodes come from, and the commands that keep and show them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from c2c_env import METRICS
from c2c_env.episodes.episode import EpisodeError
from c2c_env.episodes.episode_file import read_episode, write_episode
from c2c_env.episodes.history import simulate
from c2c_env.make import make_batch
from training.__main__ import main
from training.benchmark.choose_cells import BUILT_IN
from training.episodes.sources import load_episodes, play_episode


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The file of an episode of a scripted team."""
    folder = tmp_path_factory.mktemp("episodes")
    assert main(["episode", "--workflow", "csv-import-tool", "--team-size", "3", "--record", str(folder)]) == 0
    (path,) = folder.iterdir()
    return path


def test_what_the_command_played_is_kept(kept):
    episode = read_episode(kept)
    assert episode.policies == ("cost_aware",) * 3
    again = play_episode(make_batch("csv-import-tool", 3), "cost_aware", 0)
    assert (again.checks, again.version) == (episode.checks, episode.version)


def test_a_file_is_shown_in_words(kept, capsys):
    assert main(["replay", str(kept)]) == 0
    shown = capsys.readouterr().out
    assert "cost_aware, 3 agents, seed 0" in shown
    assert f"{read_episode(kept).length} steps replayed, every one as it was." in shown


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "got nothing to show; expected the FILE of an episode, or --workflow"),
        (["FILE", "--workflow", "simple", "--seed", "1"], "got files and --workflow, --seed; expected files, or"),
        (["FILE", "FILE", "FILE"], "got 3 episodes, expected one, or two to compare"),
        (["FILE", "FILE", "-o", "two.gif"], "'two.gif' can show one episode, got 2; a page (.html) compares two"),
        (["page.html"], "'page.html' is no episode by its name, expected one that ends in .episode.json.gz"),
        (["none.episode.json.gz"], "cannot read episode file 'none.episode.json.gz'"),
        (["--workflow", "simple", "--policies", "proactiv"], "did you mean 'proactive'"),
        (["--workflow", "simple", "--policies", "a,b,c"], "got 3 episodes, expected one, or two"),
    ],
)
def test_wrong_words_are_explained(kept, words, error, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["replay", *[str(kept) if word == "FILE" else word for word in words]]) == 2
    assert error in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_told_by_the_step(kept, tmp_path, capsys):
    episode = read_episode(kept)
    path = tmp_path / "edited.episode.json.gz"
    write_episode(replace(episode, checks=(*episode.checks[:4], "0" * 8, *episode.checks[5:])), path)
    assert main(["replay", str(path)]) == 2
    assert "step 5 does not come out as it was recorded" in " ".join(capsys.readouterr().err.split())


# --- export ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_tables_agree_with_the_episode(kept, tmp_path, suffix, capsys):
    out = tmp_path / f"study{suffix}"
    assert main(["export", str(kept.parent), "-o", str(out)]) == 0
    read = pd.read_parquet if suffix == ".parquet" else pd.read_csv
    steps, messages = read(out), read(tmp_path / f"study_messages{suffix}")
    assert f"study{suffix}: {len(steps)} lines" in capsys.readouterr().out
    history = simulate(read_episode(kept))
    metrics = history.metrics
    assert len(steps) == 3 * metrics["steps"]
    assert steps["hours_working"].sum() == pytest.approx(metrics["work_hours"])
    talk = steps[["hours_sending", "hours_reading", "hours_meeting"]].sum().sum()
    assert talk == pytest.approx(metrics["communication_hours"])
    assert messages["message"].nunique() == metrics["messages"]
    sender_hours = messages.drop_duplicates("message")["sender_hours"].sum()
    assert sender_hours + messages["reader_hours"].sum() == pytest.approx(metrics["communication_hours"])
    assert set(messages["policy"]) == {"cost_aware"}
    first = history.messages[0]
    line = messages.iloc[0]
    assert (line["sent"], line["sender"]) == (first.step, history.episode.team.agents[first.sender])
    assert line["topic"] == history.episode.workflow.subtasks[first.topic].id
    assert line["intent_after"] == pytest.approx(first.readings[0].after[0])
    by_term = steps[[name for name in steps if name.startswith("reward_")]].sum(axis=1)
    assert by_term.to_numpy() == pytest.approx(steps["reward"].to_numpy(), abs=1e-6)


def test_all_damaged_files_are_named_at_once(kept, tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / f"{name}.episode.json.gz").write_bytes(b"no")
    write_episode(read_episode(kept), tmp_path / "good.episode.json.gz")
    assert main(["export", str(tmp_path), "-o", str(tmp_path / "out.csv")]) == 2
    error = capsys.readouterr().err
    assert "2 faults" in error
    assert "one.episode.json.gz" in error
    assert "two.episode.json.gz" in error
    assert not (tmp_path / "out.csv").exists()
    assert main(["export", str(tmp_path / "empty")]) == 2


def test_files_of_one_name_in_several_folders_are_kept_apart(kept, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_episode(read_episode(kept), tmp_path / folder / "same.episode.json.gz")
    second = tmp_path / "two" / "same.episode.json.gz"
    assert list(load_episodes([str(tmp_path / "one"), str(tmp_path / "two")])) == ["same", str(second)]


def test_transcripts_in_a_folder_are_found(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl", "c.txt", "d.jsonl.gz.0123456789abcdef.tmp"):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(EpisodeError, match=r"(?s)2 faults.*a\.jsonl\.gz.*b\.jsonl"):
        load_episodes([str(tmp_path)])


def test_the_columns_are_explained(capsys):
    assert main(["export", "--columns"]) == 0
    shown = capsys.readouterr().out
    assert "hours_meeting" in shown
    assert "constraints_before" in shown


# --- the benchmark -----------------------------------------------------------------------------------------------


def test_a_benchmark_keeps_every_episode_also_of_cells_that_were_played_before(tmp_path, capsys):
    words = ["benchmark", "--quick", "--policies", "proactive,no_communication", "--workflows", "csv-import-tool"]
    words += ["--figures", "none", "--out", str(tmp_path), "--workers", "1"]
    assert main(words) == 0
    assert not (tmp_path / "episodes").exists()
    table = pd.read_csv(tmp_path / "results.csv")
    assert main([*words, "--record"]) == 0
    files = sorted((tmp_path / "episodes").iterdir())
    assert len(files) == 4
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results.csv"), table)
    for path in files:
        episode = read_episode(path)
        policy = episode.policies[0]
        row = table[(table["policy"] == policy) & (table["seed"] == episode.seed)].iloc[0]
        metrics = simulate(episode).metrics
        for name in METRICS:
            assert metrics[name] == pytest.approx(row[name], nan_ok=True)
        assert row["split"] == BUILT_IN
    capsys.readouterr()
    assert main([*words, "--record"]) == 0
    assert "2 of 2 cells are there already" in capsys.readouterr().err
