"""What a protocol has played, by the real command line and by its cells."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from agents.member_env import PARTNERS, MemberEnv
from agents.policy import PolicyContext
from agents.registry import make_policy
from c2c_env import TEST_SEEDS, Generated, generate
from c2c_env.errors import ConfigError
from training.__main__ import main
from training.benchmark.play_cell import run_cell
from training.benchmark.protocol import PROTOCOLS, find_protocol, pinning, published
from training.benchmark.protocol.pinning import write_pin
from training.benchmark.protocol.prescribed_cells import prescribed_cells
from training.benchmark.protocol.protocol_tables import (
    count_episodes,
    reported_figures,
    reported_table,
    show_protocol,
    strata_of,
)
from training.learning.recipe import load_recipe, shipped_recipes

GENERATED, BUILT_IN, AMONG = map(find_protocol, ("c2c-generated-v2", "c2c-builtin-v2", "c2c-partners-v1"))


def cells_of(protocol, split="test", policies=("proactive", "solo"), **more):
    return prescribed_cells(protocol, policies, split, protocol.tracks_of(split), **more)


# --- what is prescribed ------------------------------------------------------------------------------------------


def test_generated_workflows_are_played_once_each_by_teams_of_every_size():
    cells = cells_of(GENERATED)
    assert len(cells) == 2 * 3 * 7  # policies, tiers, sizes
    assert Counter(cell.split for cell in cells) == {"seen-sizes": 18, "unseen-sizes": 18, "alone": 6}
    [one] = [cell for cell in cells if (cell.policy, cell.tier, cell.team_size) == ("solo", "medium", 24)]
    assert one.seeds == tuple(range(64))
    assert one.workflows[63] == generate("medium", TEST_SEEDS[63])
    assert count_episodes(GENERATED) == 64 * 3 * 7


def test_built_in_workflows_are_played_with_four_seeds():
    cells = cells_of(BUILT_IN)
    assert len(cells) == 2 * 15 * 3  # policies, workflows, sizes
    assert {cell.seeds for cell in cells} == {(0, 1, 2, 3)}
    assert count_episodes(BUILT_IN) == 15 * 3 * 4


def test_partners_take_turns_so_that_each_policy_meets_all_on_the_same_episodes():
    cells = cells_of(AMONG)
    for policy in ("proactive", "solo"):
        own = [cell for cell in cells if (cell.policy, cell.tier, cell.split) == (policy, "simple", "unseen-partners")]
        assert [cell.partners for cell in own] == list(PARTNERS["test"])
        assert [cell.seeds[:2] for cell in own] == [(0, 4), (1, 5), (2, 6), (3, 7)]
        assert own[1].workflows[1] == generate("simple", TEST_SEEDS[5])
        assert sum(len(cell.seeds) for cell in own) == 64
        assert {cell.role for cell in own} == {"worker_1"}


def test_validation_leaves_out_what_is_for_the_test_alone():
    for protocol in PROTOCOLS.values():
        cells = cells_of(protocol, "validation")
        assert {cell.split for cell in cells} == {f"validation-{t.name}" for t in protocol.tracks if t.seen}
        names = {workflow.name for cell in cells for workflow in cell.workflows}
        assert len(names) == 3 * 64
        assert all(1_000_000 <= int(name.partition("-")[2]) < 1_010_000 for name in names)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_nothing_that_is_learned_with_is_called_unseen(protocol):
    recipes = [load_recipe(name) for name in shipped_recipes()]
    learned = {group.team_size for recipe in recipes for group in (*recipe.imitation_groups, *recipe.ppo_groups)}
    unseen = [track for track in protocol.tracks if not track.seen]
    if not protocol.train_partners:
        assert learned <= set(protocol.train_team_sizes)
        assert not set(protocol.train_team_sizes) & {size for track in unseen for size in track.team_sizes}
    assert not set(protocol.train_partners) & {name for track in unseen for name in track.partners}
    ranges = [protocol.train_seeds, protocol.validation.seeds, *([protocol.test.seeds] if protocol.test.seeds else [])]
    assert all(not set(a[:100]) & set(b) for a in ranges for b in ranges if a is not b)


@pytest.mark.parametrize("policy", ["proactive", "oracle"])
def test_a_member_among_its_like_makes_the_team_of_them(policy):
    [cell] = [
        replace(cell, policy=policy, partners=policy)
        for cell in cells_of(AMONG, policies=("x",), most=4)
        if (cell.tier, cell.partners) == ("simple", "cost_aware")
    ]
    assert run_cell(cell) == run_cell(replace(cell, partners="", role=""))
    assert cell.name != replace(cell, partners="", role="").name
    assert cell.title.endswith(f"/ 5 agents / worker_1 among {policy}")


def test_a_member_plays_as_in_the_member_environment():
    [cell] = [
        cell
        for cell in cells_of(AMONG, policies=("proactive",), most=4)
        if (cell.tier, cell.partners) == ("medium", "fixed_steps:8")
    ]
    [row], [seed] = run_cell(cell), cell.seeds
    env = MemberEnv(Generated("medium", [TEST_SEEDS[seed]]), team_size=5, partners="fixed_steps:8", role="worker_1")
    policy = make_policy("proactive", PolicyContext.of(env.team_env.batch))
    observation, info = env.reset(seed=seed)
    ended = False
    while not ended:
        action = policy.act(observation[None], env.action_masks()[None], np.array([1]))[0]
        observation, _, terminated, truncated, info = env.step(action)
        ended = terminated or truncated
    assert info["episode_metrics"]["steps"] == row["steps"]
    assert info["episode_metrics"]["communication_hours"] == row["communication_hours"]


# --- runs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A protocol of four episodes a row among two lists of partners, published for this test alone."""
    monkeypatch.setattr(pinning, "PIN_FOLDER", tmp_path / "pins")
    few = {"test": replace(AMONG.test, episodes=4), "validation": replace(AMONG.validation, episodes=4)}
    protocol = replace(AMONG, id="c2c-tiny-v1", tiers=("simple",), **few)
    monkeypatch.setattr(published, "PROTOCOLS", {**PROTOCOLS, protocol.id: protocol})
    write_pin(protocol)
    return protocol


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def play(out, *words):
    command = ["benchmark", "--protocol", "c2c-tiny-v1", "--figures", "none", "--workers", "1", "--out", str(out)]
    return main([*command, *words])


def test_a_run_plays_the_test_split_and_says_by_what(tiny, tmp_path, capsys):
    assert play(tmp_path, "--policies", "proactive") == 0
    rows = read(tmp_path / "results.csv")
    assert Counter((row["policy"], row["split"]) for row in rows) == {
        (policy, track): 4
        for policy in ("no_communication", "proactive")
        for track in ("seen-partners", "unseen-partners")
    }
    assert {row["protocol"] for row in rows} == {"c2c-tiny-v1"}
    assert {row["partners"] for row in rows} == {*PARTNERS["train"], *PARTNERS["test"]}
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["protocol"]["id"] == "c2c-tiny-v1"
    assert run["protocol"]["split"] == "test"
    assert run["first_generated_seed"] == 2_000_000
    reported = read(tmp_path / "protocol.csv")
    assert [(row["track"], row["policy"], row["episodes"]) for row in reported][1] == (
        "seen-partners",
        "proactive",
        "4",
    )
    assert "c2c-tiny-v1: what to report" in capsys.readouterr().out
    assert "c2c-tiny-v1: what to report" in (tmp_path / "report.txt").read_text()


def test_a_run_of_a_track_on_validation_workflows(tiny, tmp_path):
    words = ["--policies", "solo", "--split", "validation", "--tracks", "seen-partners"]
    assert play(tmp_path, *words) == 0
    rows = read(tmp_path / "results.csv")
    assert {row["split"] for row in rows} == {"validation-seen-partners"}
    assert {row["workflow"] for row in rows} == {f"simple-{1_000_000 + m}" for m in range(4)}
    assert json.loads((tmp_path / "run.json").read_text())["first_generated_seed"] == 1_000_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--team-sizes", "5"], "--team-sizes is given, expected nothing: c2c-tiny-v1 fixes it"),
        (["--workflows", "simple", "--seeds", "3"], "--seeds is given, expected nothing"),
        (["--generated", "4", "--quick"], "--quick is given, expected nothing"),
        (["--config", "dt=0.25"], "--config is given, expected nothing"),
        (["--intervene", "off"], "--intervene is given, expected nothing"),
        (["--split", "tests"], "unknown split 'tests'; did you mean 'test'"),
        (["--tracks", "seen-partner"], "unknown track of c2c-tiny-v1 'seen-partner'; did you mean 'seen-partners'"),
        (["--tracks", ","], "--tracks is ',', expected at least one word"),
        (["--split", "validation", "--tracks", "unseen-partners"], "unseen-partners is for the test alone"),
        (["--protocol", "c2c-tiny-v2"], "unknown protocol 'c2c-tiny-v2'; did you mean 'c2c-tiny-v1'"),
        (["--policies", "proactiv"], "unknown policy 'proactiv'; did you mean 'proactive'"),
        (["--policies", "prompted:c2c@m"], "prompted:c2c@m asks a language model, which plays whole teams only"),
    ],
)
def test_what_would_change_the_protocol_is_refused(tiny, words, message, tmp_path, capsys):
    assert play(tmp_path / "out", *words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--split", "test"], ["--tracks", "seen-sizes"]])
def test_options_of_protocols_need_one(words, tmp_path, capsys):
    assert main(["benchmark", "--out", str(tmp_path / "out"), *words]) == 2
    assert f"{words[0]} needs --protocol ID" in capsys.readouterr().err


def test_a_retired_protocol_is_not_played(tiny, monkeypatch, tmp_path, capsys):
    old = replace(tiny, retired="teams of five say too little; use c2c-tiny-v2")
    monkeypatch.setattr(published, "PROTOCOLS", {old.id: old})
    assert play(tmp_path / "out") == 2
    assert "c2c-tiny-v1 is retired: teams of five say too little; use c2c-tiny-v2" in capsys.readouterr().err


def test_what_is_no_longer_as_published_is_not_played(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(published, "PROTOCOLS", {tiny.id: replace(tiny, test=replace(tiny.test, episodes=5))})
    assert play(tmp_path / "out") == 2
    assert "rules.test.episodes is 5, pinned 4" in capsys.readouterr().err


# --- the command protocol ----------------------------------------------------------------------------------------


def test_protocols_are_listed_and_shown(capsys):
    assert main(["protocol"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in PROTOCOLS)
    assert main(["protocol", "c2c-partners-v1"]) == 0
    shown = capsys.readouterr().out
    pin = pinning.read_pin(AMONG)["rules"]
    wanted = ["seen-partners", "worker_1, among", *pin["test"]["workflows"].values(), "communication_per_effort"]
    assert [text for text in wanted if text not in shown] == []


def test_a_protocol_is_checked_and_pinned(tiny, capsys):
    assert main(["protocol", "c2c-tiny-v1", "--check"]) == 0
    assert capsys.readouterr().out == "c2c-tiny-v1: as published\n"
    assert main(["protocol", "c2c-tiny-v1", "--pin"]) == 0
    assert main(["protocol", "--pin"]) == 2
    assert main(["protocol", "c2c-tinny-v1"]) == 2
    assert "did you mean 'c2c-tiny-v1'" in capsys.readouterr().err


def test_faults_of_a_protocol_are_named_at_once():
    with pytest.raises(ConfigError, match=r"2 faults\n.*id is 'mine'.*\n.*two tracks are named 'seen-sizes'"):
        replace(GENERATED, id="mine", tracks=GENERATED.tracks[:1] * 2)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_tables_fit_the_page(protocol):
    stream = io.StringIO()
    Console(file=stream, width=100, color_system=None).print(show_protocol(protocol))
    assert "…" not in stream.getvalue()


# --- what is reported --------------------------------------------------------------------------------------------

HOURS = {"work_hours": 8.0, "communication_hours": 1.0, "wasted_hours": 1.0, "efficiency": 0.5}


def episode(policy, time, *, seed=0, workflow="a", size=5, **more):
    where = {"split": "t", "tier": "simple", "workflow": workflow, "team_size": size, "seed": seed}
    rest = {
        "success": 1.0,
        "score": 0.5,
        "lower_bound": 4.0,
        "episode_return": 0.25,
        "invalid_actions": 0.0,
        "partners": "",
        "protocol": "c2c-x-v1",
    }
    return {"policy": policy, "completion_time": time, **where, **rest, **HOURS, **more}


def test_figures_are_those_of_the_formulas():
    times = {"a": 10.0, "b": 8.0, "c": 6.0, "d": 2.0}  # against 10: 0, 20, 40 and 80 % saved
    played = [episode("no_communication", 10.0, workflow=name) for name in times]
    played += [episode("mine", time, workflow=name) for name, time in times.items()]
    played[-1] |= {"success": 0.0, "invalid_actions": 6.0, "communication_hours": 3.0, "efficiency": 0.25}
    figures = reported_figures(pd.DataFrame(played)).set_index("policy").loc["mine"]
    assert figures["time_saved"] == pytest.approx(30.0)  # (20 + 40) / 2
    assert figures["time_saved_mean"] == pytest.approx(35.0)  # 140 / 4
    assert figures["time_saved_low"] < 30.0 < figures["time_saved_high"]
    assert figures["success"] == 75.0
    assert figures["invalid_actions"] == 1.5  # 6 / 4
    assert figures["communication_per_effort"] == pytest.approx(1 / 3)  # (1 + 1 + 1 + 3) / (3 * 5 + 0.25 * 12)


def test_retention_compares_a_team_with_its_policy_alone_on_the_same_episodes():
    played = [episode(name, 20.0, size=1, split="alone", lower_bound=16.0) for name in ("no_communication", "mine")]
    played += [episode("mine", 16.0, size=1, split="alone", workflow="b", lower_bound=16.0)]
    played += [episode("no_communication", 10.0, workflow=name) for name in "ab"]
    played += [episode("mine", 8.0, workflow="a"), episode("mine", 5.0, workflow="b"), episode("mine", 4.0, size=8)]
    figures = reported_figures(pd.DataFrame(played)).set_index(["track", "policy"])
    mine = figures.loc["t", "mine"]
    # team: 4 / 8, 4 / 5 and 4 / 4, mean 23 / 30; alone: 16 / 20 for both teams of workflow a, 16 / 16, mean 26 / 30
    assert mine["retention"] == pytest.approx(100 * 23 / 26)
    assert mine["solo_gap"] == pytest.approx(10.0)
    assert figures.loc["alone"][["retention", "solo_gap"]].isna().all(axis=None)
    # the silent team was alone in workflow a only: 4 / 10 against 16 / 20
    assert figures.loc["t", "no_communication"]["retention"] == pytest.approx(50.0)


def test_means_of_episodes_and_what_language_models_took_are_reported():
    asked = {"answers": 4.0, "answers_valid": 2.0, "answers_repaired": 1.0, "prompt_tokens": 90.0, "cost": 0.5}
    played = [episode("no_communication", 10.0, workflow=name) for name in "ab"]
    played += [episode("prompted:x", 8.0, **asked, completion_tokens=10.0)]
    played += [episode("prompted:x", 5.0, workflow="b", episode_return=0.75, **asked, completion_tokens=30.0)]
    played[-1] |= {"answers": 6.0, "answers_valid": 6.0, "answers_repaired": 0.0, "communication_hours": 3.0}
    figures = reported_figures(pd.DataFrame(played)).set_index("policy")
    model = figures.loc["prompted:x"]
    assert model["completion_time"] == 6.5  # (8 + 5) / 2
    assert model["score"] == pytest.approx(0.65)  # (4 / 8 + 4 / 5) / 2
    assert (model["episode_return"], model["communication_hours"]) == (0.5, 2.0)
    assert (model["tokens"], model["money"]) == (110.0, 0.5)  # (100 + 120) / 2
    assert model["valid_answers"] == 90.0  # 3 of 4 and 6 of 6
    assert figures.loc["no_communication"][["tokens", "money", "valid_answers"]].isna().all()


def test_without_episodes_alone_there_is_no_retention_and_the_table_says_so():
    figures = reported_figures(pd.DataFrame([episode("no_communication", 10.0), episode("mine", 5.0)]))
    assert figures[["retention", "solo_gap"]].isna().all(axis=None)
    stream = io.StringIO()
    Console(file=stream, width=100, color_system=None).print(reported_table(figures))
    assert stream.getvalue().splitlines()[-1].split()[-3:] == ["-", "-", "1"]


def test_generated_workflows_are_drawn_within_a_row_and_seeds_within_a_workflow():
    once = pd.DataFrame([episode("x", 1.0, workflow=name, size=size) for name in "ab" for size in (5, 8)])
    assert len(set(strata_of(once))) == 2  # a stratum a size
    often = pd.DataFrame([episode("x", 1.0, workflow=name, seed=seed) for name in "ab" for seed in (0, 1, 2)])
    assert len(set(strata_of(often))) == 2  # a stratum a workflow
    among = pd.DataFrame([episode("x", 1.0, workflow=name, partners=f"p{name}") for name in "ab"])
    assert len(set(strata_of(among))) == 2  # a stratum a list of partners


def test_the_table_of_what_is_reported_has_long_names_whole():
    played = [episode("no_communication", 10.0, seed=seed, split="unseen-partners") for seed in range(3)]
    played += [episode("proactive", 5.0 + seed, seed=seed, split="unseen-partners") for seed in range(3)]
    stream = io.StringIO()
    Console(file=stream, width=100, color_system=None).print(reported_table(reported_figures(pd.DataFrame(played))))
    assert "unseen-partners  no_communication" in stream.getvalue()
    assert "40.0 [" in stream.getvalue()  # 5, 6, 7 of 10
