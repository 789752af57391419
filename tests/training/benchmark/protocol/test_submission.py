"""Submissions: an honest one is verified, and whatever is changed in one is found, also when its manifest fits."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from c2c_env import Batch, EnvConfig, Team
from c2c_env.episodes.episode import StepChecks, take_step
from c2c_env.episodes.episode_file import read_episode, write_episode
from training.__main__ import main
from training.benchmark.protocol import pinning, published
from training.benchmark.protocol.leaderboard import leaderboard_text, read_entries
from training.benchmark.protocol.pinning import write_pin
from training.benchmark.protocol.published import PROTOCOLS
from training.benchmark.protocol.submission import SubmissionError, entry_of, write_submission
from training.benchmark.protocol.verification import verify_submission

GENERATED = PROTOCOLS["c2c-generated-v2"]
POLICIES = "proactive,cost_aware"


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory):
    """A protocol of two episodes of three agents, published for these tests alone."""
    seen = GENERATED.tracks[0]
    track, test = replace(seen, team_sizes=(3,)), replace(GENERATED.test, episodes=2)
    protocol = replace(GENERATED, id="c2c-tiny-v1", tiers=("simple",), test=test, tracks=(track,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinning, "PIN_FOLDER", tmp_path_factory.mktemp("pins"))
        patch.setattr(published, "PROTOCOLS", {**PROTOCOLS, protocol.id: protocol})
        write_pin(protocol)
        yield protocol


def played(folder, policies, *more):
    words = ["benchmark", "--protocol", "c2c-tiny-v1", "--policies", policies, "--record", "--out", str(folder)]
    assert main([*words, "--figures", "none", "--workers", "1", *more]) == 0
    return folder


@pytest.fixture(scope="module")
def honest(tiny, tmp_path_factory):
    folder = played(tmp_path_factory.mktemp("run"), POLICIES)
    write_submission(folder, "mine", "me", "https://example.org/paper")
    return folder


@pytest.fixture
def copy(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "copy")


def test_an_honest_submission_is_verified(honest, capsys, tmp_path):
    counted = []
    verified = verify_submission(honest, ask_again=True, on_episode=lambda done, total: counted.append((done, total)))
    assert (verified.episodes, verified.asked, counted[-1]) == (6, 0, (6, 6))
    assert list(verified.figures["policy"]) == ["no_communication", "proactive", "cost_aware"]
    assert main(["verify", str(honest), "--entry", str(tmp_path / "new" / "mine.json")]) == 0
    assert "Verified: 6 episodes came out as they were recorded." in capsys.readouterr().out
    (entry,) = read_entries(tmp_path / "new")
    assert (entry["name"], entry["digest"]) == ("mine", verified.submission.digest)


# --- tampering -----------------------------------------------------------------------------------------------------


def change_results(change):
    def edit(folder):
        table = pd.read_csv(folder / "results.csv")
        change(table).to_csv(folder / "results.csv", index=False)

    return edit


def faster(table):
    chosen = table["policy"] == "proactive"
    return table.assign(completion_time=table["completion_time"].where(~chosen, table["completion_time"] - 0.5))


def of(folder, policy):
    return sorted(path for path in (folder / "episodes").iterdir() if path.name.startswith(policy))


def change_episode(change, policy="proactive"):
    def edit(folder):
        path = of(folder, policy)[0]
        write_episode(change(read_episode(path)), path)

    return edit


def simulated(episode):
    """The same decisions with checks that fit, so that the episode is whole: only its ends may not."""
    batch, checks, found = episode.batch(), StepChecks(), []
    for actions, factors in zip(episode.actions, episode.factors, strict=True):
        if batch.terminated[0] or batch.truncated[0]:
            break
        take_step(batch, actions, factors)
        found.append(checks.next(batch))
    while not (batch.terminated[0] or batch.truncated[0]):
        nothing = np.zeros_like(episode.actions[0])
        take_step(batch, nothing, np.ones(len(nothing)))
        found.append(checks.next(batch))
    actions = np.concatenate([episode.actions, np.zeros((999, *episode.actions.shape[1:]), dtype=np.int32)])
    factors = np.concatenate([episode.factors, np.ones((999, episode.factors.shape[1]))])
    return replace(episode, actions=actions[: len(found)], factors=factors[: len(found)], checks=tuple(found))


def idle_at_first(episode):
    actions = episode.actions.copy()
    actions[:3] = 0
    return simulated(replace(episode, actions=actions))


def free_chat(episode):
    chat = replace(episode.config.chat, send_hours=0.0, read_hours=0.0)
    return simulated(replace(episode, config=replace(episode.config, chat=chat)))


def less_work(episode):
    first, *others = episode.workflow.subtasks
    subtasks = (replace(first, effort=0.9 * first.effort), *others)
    return simulated(replace(episode, workflow=replace(episode.workflow, subtasks=subtasks)))


def better_team(episode):
    return simulated(replace(episode, team=Team(tuple((1.0,) * len(row) for row in episode.team.skills))))


def judged(episode):
    return simulated(replace(episode, factors=np.full_like(episode.factors, 0.5)))


def remove_episode(folder):
    of(folder, "proactive")[0].unlink()


def add_episode(folder):
    path = of(folder, "proactive")[0]
    episode = read_episode(path)
    write_episode(replace(episode, policies=("another",) * 3), path.with_name(f"zz-{path.name}"))


def double_episode(folder):
    path = of(folder, "proactive")[0]
    shutil.copy(path, path.with_name(f"zz-{path.name}"))


def swap_policies(folder):
    """Put what cost_aware played in the place of what proactive played."""
    for mine, theirs in zip(of(folder, "proactive"), of(folder, "cost_aware"), strict=True):
        write_episode(replace(read_episode(theirs), policies=("proactive",) * 3), mine)


def break_file(folder):
    path = of(folder, "proactive")[0]
    path.write_bytes(path.read_bytes()[:-20])


def change_figures(folder):
    table = pd.read_csv(folder / "protocol.csv")
    table.assign(time_saved=table["time_saved"] + 1.0).to_csv(folder / "protocol.csv", index=False)


TAMPERED = {
    "a better time": (change_results(faster), r"completion_time is .* in the results, and .* when it is played again"),
    "a row left out": (change_results(lambda table: table.iloc[:-1]), "there is no row of results"),
    "a row twice": (
        change_results(lambda table: pd.concat([table, table.iloc[:1]])),
        "2 rows of results, expected one",
    ),
    "another seed": (
        change_results(lambda table: table.assign(seed=table["seed"].replace(1, 7))),
        "the protocol prescribes no such episode",
    ),
    "another protocol": (
        change_results(lambda table: table.assign(protocol="c2c-generated-v2")),
        "rows that are not of c2c-tiny-v1",
    ),
    "an episode left out": (remove_episode, "its episode is not there"),
    "an episode too many": (add_episode, "the protocol prescribes no such episode"),
    "an episode twice": (double_episode, r"zz-.*: its episode is there twice, also as proactive"),
    "a broken episode": (break_file, "damaged or cut"),
    "another action": (change_episode(idle_at_first), "when it is played again"),
    "cheaper talk": (change_episode(free_chat), "its constants are not those of the protocol"),
    "less work": (change_episode(less_work), "its workflow is not that of the protocol"),
    "a better team": (change_episode(better_team), "its team is not that of the protocol"),
    "words that count less": (change_episode(judged), "its words count less, as if a judge had looked at them"),
    "a luckier episode of the seed": (
        change_episode(lambda episode: simulated(replace(episode, number=1))),
        "it is not the first episode of its seed",
    ),
    "another bound": (
        change_results(lambda table: table.assign(lower_bound=2.0 * table["lower_bound"])),
        "lower_bound is .* in the results",
    ),
    "another return": (
        change_results(lambda table: table.assign(episode_return=table["episode_return"] + 0.01)),
        "episode_return is .* in the results",
    ),
    "checks that do not fit": (
        change_episode(lambda episode: replace(episode, checks=("0" * 8, *episode.checks[1:]))),
        "step 1 does not come out as it was recorded",
    ),
    "better figures": (change_figures, r"protocol.csv, line 1: time_saved is .*, and computed"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_changed_is_found_though_the_manifest_fits(copy, name):
    tamper, error = TAMPERED[name]
    tamper(copy)
    write_submission(copy, "mine", "me")
    with pytest.raises(SubmissionError, match=error):
        verify_submission(copy)


def test_what_another_policy_played_is_found_when_the_policy_is_asked_again(copy):
    swap_policies(copy)
    write_submission(copy, "mine", "me")
    with pytest.raises(SubmissionError, match="when it is played again"):
        verify_submission(copy)
    # with results that fit, it takes the policy to know that it did not play this
    table = pd.read_csv(copy / "results.csv")
    numbers = [name for name in table if name not in ("policy", "split", "protocol", "partners")]
    theirs = table.loc[table["policy"] == "cost_aware", numbers].to_numpy()
    table.loc[table["policy"] == "proactive", numbers] = theirs
    table.to_csv(copy / "results.csv", index=False)
    (copy / "protocol.csv").unlink()
    write_submission(copy, "mine", "me")
    with pytest.raises(SubmissionError, match="policy 'proactive' of manager_0 cannot be asked again: in step"):
        verify_submission(copy, ask_again=True)


@pytest.mark.parametrize(
    ("tamper", "error"),
    [
        (remove_episode, "is missing"),
        (change_results(faster), r"results\.csv was changed"),
        (double_episode, "is not named"),
        (lambda folder: (folder / "submission.json").unlink(), "cannot read submission"),
        (lambda folder: (folder / "submission.json").write_text("[]"), "is no manifest"),
        (lambda folder: (folder / "submission.json").write_text('{"format": 1, "nam": 2}'), "did you mean 'name'"),
    ],
)
def test_what_does_not_fit_the_manifest_is_found(copy, tamper, error):
    tamper(copy)
    with pytest.raises(SubmissionError, match=error):
        verify_submission(copy)


def test_another_split_is_found(copy):
    manifest = json.loads((copy / "submission.json").read_text())
    (copy / "submission.json").write_text(json.dumps(manifest | {"split": "validation"}))
    with pytest.raises(SubmissionError, match=r"validation-seen-sizes, .* there is no row of results"):
        verify_submission(copy)


def test_a_run_that_was_not_recorded_cannot_be_submitted(tiny, tmp_path, capsys):
    words = ["benchmark", "--protocol", tiny.id, "--policies", "proactive", "--out", str(tmp_path)]
    assert main([*words, "--figures", "none", "--workers", "1"]) == 0
    assert main(["submit", str(tmp_path), "--name", "mine", "--by", "me"]) == 2
    assert "has no folder 'episodes'; play the same again with --record" in " ".join(capsys.readouterr().err.split())


def refusal(folder, capsys):
    assert main(["submit", str(folder), "--name", "mine", "--by", "me"]) == 2
    return " ".join(capsys.readouterr().err.split())


def test_episodes_that_do_not_fit_the_results_are_not_submitted(copy, capsys):
    (copy / "submission.json").unlink()
    double_episode(copy)
    assert "its episode is there twice, also as proactive" in refusal(copy, capsys)
    for path in of(copy, "proactive"):
        path.unlink()
    assert "proactive, seen-sizes, simple-2000001, 3 agents, seed 1: its episode is not there" in refusal(copy, capsys)
    assert not (copy / "submission.json").exists()


def test_episodes_that_an_earlier_run_left_are_not_submitted(tiny, tmp_path, capsys):
    played(tmp_path, "proactive,cost_aware")
    assert main(["submit", str(tmp_path), "--name", "mine", "--by", "me"]) == 0
    (tmp_path / "submission.json").unlink()
    played(tmp_path, "proactive")
    said = refusal(tmp_path, capsys)
    assert said.count("the protocol prescribes no such episode") == 2
    assert "cost_aware" in said


# --- language models -----------------------------------------------------------------------------------------------


def test_answers_of_language_models_are_read_again(server, options, tmp_path):
    folder, policy = tmp_path / "run", "prompted:direct@rule"
    played(
        folder,
        policy,
        "--llm",
        *(f"{key}={value}" for key, value in options.items() if key in ("base_url", "key_variable")),
    )
    server.close()
    write_submission(folder, "mine", "me")
    verified = verify_submission(folder)
    assert verified.asked == 2
    changed = shutil.copytree(folder, tmp_path / "changed")
    path = changed / "results.csv"
    table = pd.read_csv(path)
    table.assign(answers_valid=table["answers_valid"] + 1).to_csv(path, index=False)
    write_submission(changed, "mine", "me")
    with pytest.raises(SubmissionError, match=r"answers_valid is \d+ in the results, and \d+ in the transcript"):
        verify_submission(changed)
    without = shutil.copytree(folder, tmp_path / "without")
    next(iter((without / "transcripts").glob("*.jsonl.gz"))).unlink()
    write_submission(without, "mine", "me")
    with pytest.raises(SubmissionError, match="its transcript is not there"):
        verify_submission(without)


# --- the leaderboard -----------------------------------------------------------------------------------------------


def test_the_leaderboard_is_sorted_and_shows_names_as_text(honest):
    verified = verify_submission(honest)
    figures = entry_of(verified.submission, verified.figures.to_dict("records"))["figures"]
    json.dumps(figures, allow_nan=False)
    figures[1] |= {"retention": 91.25, "solo_gap": -4.0, "tokens": 12345.6}
    entry = {"protocol": "c2c-generated-v2", "split": "test", "digest": "0123456789abcdef", "figures": figures}
    evil = entry | {"name": "<b>x</b> | [y](javascript:z)", "by": "`me`", "link": "javascript:alert(1)"}
    fine = entry | {"name": "fine", "by": "me", "link": "https://example.org/paper"}
    text = leaderboard_text([evil, fine], "c2c-env leaderboard FOLDER")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "0123456789ab" in line]
    saved = [float(row.split(" | ")[2].split()[0]) for row in rows]
    assert saved == sorted(saved, reverse=True)
    assert len(rows) == 4
    assert all(row.count(" | ") == 15 for row in rows)
    assert sorted(row.split(" | ")[9:11] for row in rows) == [["-", "-"]] * 2 + [["91.2", "-4.0"]] * 2
    assert sorted(row.split(" | ")[11] for row in rows) == ["-", "-", "12,346", "12,346"]
    assert "[fine](https://example.org/paper)" in text
    assert "<b>" not in text
    assert "](javascript" not in text
    assert "no_communication" not in "".join(rows)


def test_entries_of_the_validation_split_do_not_count():
    entry = {"protocol": "c2c-generated-v2", "split": "validation", "figures": []}
    assert "##" not in leaderboard_text([entry], "x")


def test_the_environment_of_the_protocol_is_that_of_the_benchmark(honest, tiny):
    """What the episodes were played with is what a batch of the protocol's constants is."""
    episode = read_episode(of(honest, "proactive")[0])
    batch = Batch(episode.workflow, Team.default(3), EnvConfig())
    assert episode.config.chat == batch.config.chat
    assert tiny.config == EnvConfig()


def test_a_mixed_team_is_verified_seat_by_seat(tiny, tmp_path):
    name = "team(manager=cost_aware, worker=proactive)"
    folder = played(tmp_path / "run", name)
    write_submission(folder, "mixed", "me")
    assert verify_submission(folder, ask_again=True).episodes == 4
    (path, *_) = [one for one in (folder / "episodes").iterdir() if one.name.startswith("team")]
    episode = read_episode(path)
    assert episode.policies == ("cost_aware", "proactive", "proactive")
    write_episode(replace(episode, policies=("proactive",) * 3), path)
    write_submission(folder, "mixed", "me")
    with pytest.raises(SubmissionError, match="its episode is not there"):
        verify_submission(folder)


def test_a_mixed_team_of_a_file_cannot_be_verified(copy):
    change_results(lambda table: table.assign(policy=table["policy"].replace("proactive", "team(mine.toml)")))(copy)
    write_submission(copy, "mine", "me")
    with pytest.raises(SubmissionError, match=r"team\(mine.toml\) names a file, expected the seats themselves"):
        verify_submission(copy)
