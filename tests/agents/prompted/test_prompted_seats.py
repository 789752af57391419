"""Mixed teams by name: every seat by any policy, and what prompted members say, cost and leave behind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from prompted_team import Lines, small_batch
from rule_server import answer_by_rule, choice, form_of, name_in

from agents.member_env import MemberEnv
from agents.play import decide_actions, play
from agents.policy import PolicyContext
from agents.prompted.prompted_seats import PromptedSeats
from agents.prompted.replay import ReplayError, replay, replayed_episode
from agents.prompted.transcript import TranscriptWriter, read_transcript
from agents.registry import asks_model, make_policy, policy_files
from agents.seats import agent_policies, split_names
from c2c_env import Batch, EnvConfig, Team
from c2c_env.errors import ConfigError
from c2c_env.interventions import Intervention
from training.arguments import split_list
from training.episodes.sources import play_episode

MIXED = "team(manager=prompted:c2c@rule, worker=proactive)"
TWO_MODELS = "team(manager=prompted:direct@rule, worker_1=prompted:c2c@rule, worker=prompted:react@rule)"
MARK = "Words with a mark."


def mixed_team(batch, name, options=None):
    return make_policy(name, PolicyContext.of(batch, 0, options))


def asked_names(server):
    """Who was asked, in order."""
    return [prompt.rpartition("\nYou are ")[2].partition(".")[0] for prompt in server.prompts]


# --- names -------------------------------------------------------------------------------------------------------


def test_commas_inside_the_brackets_survive_the_splitting_of_lists():
    text = f"random,{MIXED}, team(a=own.py:Some(1,2),b=c),learned:odd(1,oracle"
    words = ["random", MIXED, "team(a=own.py:Some(1,2),b=c)", "learned:odd(1", "oracle"]
    assert split_list(text) == split_names(text) == words


def test_the_more_exact_seat_wins():
    name = "team(worker=solo, worker_2=random, manager=learned)"
    assert agent_policies(name, 4) == ("learned", "solo", "random", "solo")
    assert agent_policies("team(manager_0=solo,manager=random,worker=oracle)", 2) == ("solo", "oracle")
    assert agent_policies("solo", 3) == ("solo",) * 3


def test_a_file_says_the_same(tmp_path):
    file = tmp_path / "mixed.toml"
    file.write_text('worker = "solo"\nworker_2 = "random"\nmanager = "learned:net.pt"\n')
    assert agent_policies(f"team({file})", 4) == ("learned:net.pt", "solo", "random", "solo")


def test_all_faults_of_a_name_are_told_at_once():
    name = "team(worker_9=solo, manger=random, worker_1=lerned, worker_1=solo, worker_2, worker_2=team(worker=solo))"
    with pytest.raises(ConfigError) as raised:
        mixed_team(small_batch(), name)
    told = raised.value.faults
    assert len(told) == 6
    assert "got 'worker_2', expected SEAT=POLICY" in told[0]
    assert "unknown seat 'worker_9'; did you mean 'worker_2'? (valid: manager, manager_0, worker, worker_1," in told[1]
    assert "unknown seat 'manger'; did you mean 'manager'?" in told[2]
    assert "seat 'worker_1' is given 2 times, expected once" in told[3]
    assert "seat 'worker_2' is 'team(worker=solo)', expected a policy that is no mixed team" in told[4]
    assert "nobody decides for manager_0; expected a policy for every agent" in told[5]
    with pytest.raises(ConfigError, match=r"1 fault\n.*unknown policy 'lerned'; did you mean 'learned'\?"):
        mixed_team(small_batch(), "team(manager=lerned, worker=solo)")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("team(manager=solo", "expected a closing bracket at its end"),
        ("team()", "expected a policy for every agent"),
        ("team(none.toml)", "none.toml"),
        ("teams(manager=solo)", "team\\(SEAT=POLICY, ...\\)"),
    ],
)
def test_names_that_are_no_teams_say_what_is_expected(name, told):
    with pytest.raises(ConfigError, match=told):
        mixed_team(small_batch(), name)


def test_files_of_seats_are_checked(tmp_path):
    file = tmp_path / "mixed.toml"
    file.write_text('worker = 3\nmanager = "solo"\n')
    with pytest.raises(ConfigError, match=r"mixed.toml: worker is 3, expected the name of a policy"):
        agent_policies(f"team({file})", 2)


def test_the_files_of_a_team_are_those_of_its_members_and_its_own(tmp_path):
    own, file = tmp_path / "net.npz", tmp_path / "mixed.toml"
    own.write_text("x")
    file.write_text(f'worker = "learned:{own}"\nmanager = "solo"\n')
    assert policy_files(f"team({file})") == [file, own]
    assert policy_files(f"team(manager=solo,worker=learned:{own})") == [own]


def test_whether_a_model_is_asked_depends_on_the_seats_that_are_there():
    name = "team(manager=solo,worker=random,worker_4=prompted:c2c@A)"
    assert asks_model(name)
    assert asks_model(name, 5)
    assert not asks_model(name, 4)
    assert not asks_model("team(manager=solo,worker=prompt)")


# --- playing -----------------------------------------------------------------------------------------------------


def test_without_models_each_seat_decides_as_its_own_policy_does():
    batch = small_batch()
    team = mixed_team(batch, "team(manager=proactive, worker_1=oracle, worker=cost_aware)")
    team.reset(np.arange(3))
    decided = decide_actions(batch, team, np.arange(1))[0]
    for agent, name in enumerate(("proactive", "oracle", "cost_aware")):
        alone = mixed_team(batch, name)
        alone.reset(np.arange(3))
        assert decided[agent].tolist() == decide_actions(batch, alone, np.arange(1))[0, agent].tolist()
    assert not isinstance(team, PromptedSeats)


@pytest.mark.parametrize("word", ["off", "unheard"])
def test_interventions_reach_the_members_of_a_team(word):
    """A team all of whose seats follow one policy plays as that policy does, also where nothing is heard."""
    chosen, metrics = Intervention.parse(word), []
    config = chosen.constants(EnvConfig(volatility=0.3))
    for name in ("proactive", "team(manager=proactive,worker=proactive)"):
        batch = Batch("csv-import-tool", Team.default(4), config, num_envs=4)
        batch.reset(range(4))
        metrics.append(play(batch, mixed_team(batch, name), intervention=chosen))
    np.testing.assert_equal(metrics[1], metrics[0])


def test_only_prompted_seats_are_asked(server, options):
    batch = small_batch(2)
    team = mixed_team(batch, MIXED, options)
    metrics = play(batch, team)
    assert [one["success"] for one in metrics] == [1.0, 1.0]
    assert set(asked_names(server)) == {"manager_0"}
    assert team.episode_columns(0)["answers"] == team.episode_columns(0)["answers_valid"] == metrics[0]["steps"]
    assert team.num_asked == 1


def test_a_learned_team_follows_a_prompted_manager(server, options):
    batch = small_batch()
    [metrics] = play(batch, mixed_team(batch, "team(manager=prompted:direct@rule,worker=learned)", options))
    assert metrics["success"] == 1.0


def test_sums_are_those_of_all_prompted_members(server, options):
    server.rule = lambda body: (
        "no JSON" if name_in(body["messages"][-1]["content"]) == "worker_2" else answer_by_rule(body)
    )
    batch = small_batch()
    team = mixed_team(batch, TWO_MODELS, {**options, "price_in": 1.0, "price_out": 4.0})
    [metrics] = play(batch, team)
    columns, steps = team.episode_columns(0), metrics["steps"]
    assert (columns["answers"], columns["answers_invalid"]) == (3 * steps, steps)
    assert sum(json.loads(columns["invalid_reasons"]).values()) == steps
    assert columns["prompt_tokens"] == 3 * 100 * steps
    assert columns["cost"] == pytest.approx(3 * steps * (100 * 1 + 10 * 4) / 1e6)
    assert (columns["failed"], columns["failure"]) == (0.0, "")


def test_two_models_read_each_others_words(server, options):
    """The manager's words, sent in the first step by chat, are read before the third question."""
    said = []

    def rule(body):
        view = body["messages"][-1]["content"]
        said.append((name_in(view), MARK in view))
        if form_of(body) == "choice" and len(said) == 1:
            return json.dumps(choice(None, "chat_tell", "team", "s0", MARK))
        return answer_by_rule(body)

    server.rule = rule
    batch = small_batch(horizon=3)
    play(batch, mixed_team(batch, TWO_MODELS, {**options, "concurrency": 1}))
    assert said[0] == ("manager_0", False)
    assert {n for n, one in enumerate(said) if one[1]} == {7, 8}  # third step, worker_1 and worker_2


def test_nobody_without_words_is_quoted(server, options):
    """Proactive workers send messages, and the prompted manager reads that they came and no words."""
    batch = small_batch(volatility=0.3)
    [metrics] = play(batch, mixed_team(batch, MIXED, options))
    assert metrics["messages"] > 0
    assert not any(line.startswith("| ") for prompt in server.prompts for line in prompt.splitlines())


def test_the_judge_weighs_the_words_of_prompted_members_only(server, options):
    server.rule = lambda body: (
        json.dumps({"score": 0.25})
        if form_of(body) == "score"
        else json.dumps(
            choice(None, "chat_tell", "team", "s0", MARK) | {"intention": "work", "expected_gain": 0, "cost_hours": 0}
        )
    )
    batch = small_batch(horizon=2)
    team = mixed_team(batch, MIXED, {**options, "judge": True})
    factors = []
    play(batch, team, on_step=lambda: factors.append(batch.message_factors[0].tolist()))
    assert factors[0] == [0.25, 1.0, 1.0]
    assert team.episode_columns(0)["judged"] == 2


def test_when_one_model_fails_nobody_is_asked_any_more(server, options):
    server.fault = lambda number, body: "status_400" if name_in(body["messages"][-1]["content"]) == "worker_1" else None
    batch = small_batch(horizon=5)
    team = mixed_team(batch, TWO_MODELS, {**options, "concurrency": 1, "attempts": 1})
    play(batch, team)
    assert asked_names(server) == ["manager_0", "worker_1"]  # and worker_2 is not, whose model comes after
    columns = team.episode_columns(0)
    assert columns["failed"] == 1.0
    assert "context too long" in columns["failure"] == team.model_failure(0)


def test_a_recorded_episode_names_the_policy_of_each_agent(server, options):
    episode = play_episode(small_batch(), MIXED, 0, options)
    assert episode.policies == ("prompted:c2c@rule", "proactive", "proactive")
    assert len(episode.texts) == episode.length
    assert {text.agents for text in episode.texts} == {(0,)}


def test_partners_may_be_a_mixed_team_that_is_not_asked_for_the_seat_of_the_member(server, options):
    env = MemberEnv("simple", 3, partners=TWO_MODELS, role="worker_1", policy_options=options)
    env.reset(seed=0)
    env.step(np.zeros(4, dtype=int))
    assert set(asked_names(server)) == {"manager_0", "worker_2"}


# --- transcripts -------------------------------------------------------------------------------------------------


def transcribed(tmp_path, name, options, **fields):
    """The path of a transcript, and the metrics of its episode."""
    batch = small_batch(volatility=0.3, **fields)
    team = mixed_team(batch, name, options)
    lines = Lines()
    recorder = TranscriptWriter(batch, team, name, [0], [lines], team.names)
    [metrics] = play(batch, team, on_step=recorder.record)
    path = tmp_path / "mixed.jsonl"
    path.write_text(lines.text)
    return path, metrics


@pytest.mark.parametrize(
    "name", [MIXED, TWO_MODELS, "team(manager=prompted:spp@rule,worker_1=prompted:spp@rule,worker=random)"]
)
@pytest.mark.parametrize("judge", [False, True])
def test_transcripts_are_replayed_without_models_and_without_the_other_policies(server, options, tmp_path, name, judge):
    path, metrics = transcribed(tmp_path, name, {**options, "judge": judge})
    server.close()
    np.testing.assert_equal(replay(read_transcript(path)).batch.metrics(), metrics)
    assert replayed_episode(str(path)).policies == agent_policies(name, 3)


def test_a_transcript_of_a_failed_episode_is_replayed(server, options, tmp_path):
    server.fault = lambda number, body: "status_400" if number == 7 else None
    path, metrics = transcribed(tmp_path, TWO_MODELS, {**options, "attempts": 1}, horizon=6)
    np.testing.assert_equal(replay(read_transcript(path)).batch.metrics(), metrics)
    assert "context too long" in replayed_episode(str(path)).failure


def test_changed_actions_of_seats_without_a_model_are_found_out(server, options, tmp_path):
    path, _ = transcribed(tmp_path, MIXED, options)
    head, first, *rest = path.read_text().splitlines()
    step = json.loads(first)
    step["actions"][1][0] = 0 if step["actions"][1][0] else 1
    path.write_text("\n".join([head, json.dumps(step), *rest]))
    with pytest.raises(ReplayError, match="step 1: "):
        replay(read_transcript(path))


@pytest.mark.parametrize(
    ("seats", "told"), [(["solo"] * 3, "at least one prompted"), (["solo"], "no list of 3"), (3, "no list")]
)
def test_damaged_seats_are_refused(server, options, tmp_path, seats, told):
    path, _ = transcribed(tmp_path, MIXED, options)
    head, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(head), "seats": seats}), *rest]))
    with pytest.raises(ConfigError, match=told):
        replay(read_transcript(path))
